"""Fitted models in files: arrays by name under a head that says what they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from estimand.errors import Code, DataError
from estimand.stats.arrays import AnyArray


@dataclass(frozen=True, slots=True)
class Form:
    """What a file of a fitted model is.

    Attributes
    ----------
    name : str
        Such as "causal forest".
    short : str
        The name, or the last of its words.
    version : int
    writer : str
        What writes it, as a user calls it.
    """

    name: str
    short: str
    version: int
    writer: str

    @property
    def format(self) -> str:
        """What the head says."""
        return f"estimand {self.name}"


def store(path: str | Path, form: Form, head: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write arrays under a head that JSON can hold."""
    marked = {"format": form.format, "version": form.version, **head}
    with Path(path).open("wb") as file:
        np.savez(file, head=np.array(json.dumps(marked)), **arrays)


def stored(path: str | Path, form: Form) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Read the head and the arrays of a file that :func:`store` wrote.

    Raises
    ------
    DataError
        If it is of another form or version, or none at all.
    """
    arrays = _arrays(Path(path), form)
    head = json.loads(str(arrays["head"])) if "head" in arrays else {}
    if head.get("format") != form.format or head.get("version") != form.version:
        raise DataError(
            f"'{Path(path).name}' holds no {form.name} of version {form.version}.",
            remedy=f"Give a file that {form.writer} wrote, with a version of the package that knows it.",
            code=Code.UNREADABLE_FILE,
            found=head.get("version"),
            expected=form.version,
        )
    return head, arrays


def _arrays(path: Path, form: Form) -> dict[str, AnyArray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError) as cause:
        raise DataError.because(
            cause,
            f"'{path.name}' could not be read as a {form.short}.",
            remedy=f"Give a file that {form.writer} wrote.",
            code=Code.UNREADABLE_FILE,
        ) from cause
