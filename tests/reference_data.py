"""Reference results and tables, read in place from a folder outside the project.

The folder is ``$ESTIMAND_REFERENCES``, or ``shared/data`` beside the repository. A test that needs the folder
where there is none is skipped, and says why.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDER = Path(os.environ.get("ESTIMAND_REFERENCES", _BESIDE))


def _absent(what: str) -> NoReturn:
    """Skip where the folder is absent; where it is there, what it lacks is a failure."""
    if FOLDER.is_dir():
        pytest.fail(what)
    pytest.skip(f"{what} (set ESTIMAND_REFERENCES)")


@cache
def _references() -> dict[str, dict[str, Any]]:
    path = FOLDER / "references.json"
    if not path.is_file():
        _absent(f"no reference results: {path} does not exist")
    return {entry["id"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))}


def reference(key: str) -> dict[str, Any]:
    """Return one reference result by id."""
    return _references()[key]


@cache
def _table(name: str) -> pd.DataFrame:
    for path in (FOLDER / f"{name}.csv", FOLDER / f"{name}.csv.gz"):
        if path.is_file():
            return pd.read_csv(path)
    _absent(f"no table '{name}' in {FOLDER}")


def table(name: str) -> pd.DataFrame:
    """Return a fresh copy of a table by file name, without the ending."""
    return _table(name).copy()


def matches(key: str, *, value: float | None = None, se: float | None = None) -> None:
    """Assert that a value and a standard error agree with a reference, within its own tolerance."""
    entry = reference(key)
    assert value is not None or se is not None
    if value is not None:
        assert value == pytest.approx(entry["value"], rel=entry["tolerance"]["value_rel"], abs=0.0)
    if se is not None:
        assert se == pytest.approx(entry["se"], rel=entry["tolerance"]["se_rel"], abs=0.0)
