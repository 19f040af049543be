"""Where results go: folders made before the work, paths printed as they are, refusals instead of stack traces."""

import json as json_text
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from estimand.errors import Code, DataError


def folder_for(out: Path) -> Path:
    """Make the folder that results are to go to, and return it.

    Raises
    ------
    DataError
        If it cannot be made or written to.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(13, "Permission denied", str(out))
    return out


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the system says against writing there into a refusal.

    Raises
    ------
    DataError
    """
    try:
        yield
    except OSError as error:
        reason = "it is a file, not a folder" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise DataError(
            f"Nothing can be written to '{place}': {reason[:1].lower()}{reason[1:]}.",
            remedy="Name another place, where you may write, with the option that named it (--out, --figure).",
            code=Code.UNREADABLE_FILE,
            found=str(place),
        ) from None


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json_text.dumps(value, allow_nan=False, ensure_ascii=False, indent=1) + "\n")
    sys.stdout.flush()


def tell_places(**places: Path) -> None:
    """Say on standard error what was written where; the first place stands out."""
    line = Text()
    for label, place in places.items():
        line.append(f"{'   ' if line else ''}{label.capitalize()}: ")
        line.append(str(place), style="" if "   " in line.plain else "bold")
    Console(stderr=True).print(line, soft_wrap=True, highlight=False)


def abandon_output() -> None:
    """Let nothing more be tried on a standard output that is broken."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
