"""Files read into tables: one reader for each kind of file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from estimand.core.finding import Finding
from estimand.core.nearest import did_you_mean
from estimand.data.foreign import read_excel, read_stata
from estimand.data.names import check_names
from estimand.data.text import read_text
from estimand.errors import Code, DataError, EstimandError

Read: TypeAlias = tuple[Any, tuple[Finding, ...]]
Reader: TypeAlias = Callable[[Path, tuple[str, ...] | None], Read]


def read_file(path: Path, columns: tuple[str, ...] | None) -> Read:
    """Read a file.

    Parameters
    ----------
    path : Path
        Its ending says what it is.
    columns : tuple of str or None
        The columns needed; None for all.

    Returns
    -------
    table : pyarrow.Table or pandas.DataFrame
    findings : tuple of Finding
        What had to be guessed.

    Raises
    ------
    DataError
        If there is no such file, its kind is unknown, it is damaged or empty, it repeats a column name,
        or it lacks a column.
    MissingDependency
        If its kind needs a package that is not installed.
    """
    try:
        return _reader(path)(path, columns)
    except EstimandError:
        raise
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise DataError.because(
            error,
            f"'{path.name}' could not be read as {_ending(path)[1:]}{_why(error)}.",
            remedy="Check that it is complete, and that its ending says what it is.",
            code=Code.UNREADABLE_FILE,
        ) from None


def _why(error: Exception) -> str:
    """What arrow says of a row it cannot parse; its other messages may hold paths."""
    _, found, reason = str(error).partition("parse error: ")
    return f": {shorten(reason, 120).rstrip('.')}" if found else ""


def exists(path: Path) -> bool:
    """Whether there is something at a path; not so where the system refuses the path itself."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file at a path."""
    return exists(path) and path.is_file()


def from_home(path: str | Path) -> Path:
    """Put the home folder for a leading ~, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _reader(path: Path) -> Reader:
    if exists(path) and path.is_dir():
        raise _unreadable(path, "is a folder, not a file.", "Give the path of one file.")
    reader = READERS.get(_ending(path))
    if reader is None:
        raise _unreadable(path, "is of no kind this version reads.", f"Save it as {', '.join(READERS)}.")
    if not exists(path):
        raise _unreadable(path, "does not exist.", _nearest_file(path))
    return reader


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return "".join(suffixes) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def _unreadable(path: Path, what: str, remedy: str) -> DataError:
    return DataError(f"'{path.name or path}' {what}", remedy=remedy, code=Code.UNREADABLE_FILE, found=path.name)


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no folder '{path.parent.name}' either; check the path."
    beside = [file.name for file in path.parent.iterdir() if _ending(file) in READERS]
    return did_you_mean(path.name, beside) if beside else "Check the path; there is no table in that folder."


def _read_parquet(path: Path, columns: tuple[str, ...] | None) -> Read:
    with pyarrow.parquet.ParquetFile(path) as file:
        check_names(file.schema_arrow.names, f"'{path.name}'", columns)
        return file.read(columns=None if columns is None else list(columns)), ()


def _read_json_lines(path: Path, columns: tuple[str, ...] | None) -> Read:
    table = pyarrow.json.read_json(path)
    check_names(table.column_names, f"'{path.name}'", columns)
    return table, ()


READERS: dict[str, Reader] = {
    **{f".{kind}{packed}": partial(read_text, usual=",") for kind in ("csv", "txt") for packed in ("", ".gz")},
    **{f".tsv{packed}": partial(read_text, usual="\t") for packed in ("", ".gz")},
    ".parquet": _read_parquet,
    ".xlsx": read_excel,
    ".dta": read_stata,
    ".jsonl": _read_json_lines,
}
