"""Files read into arrow tables: one reader for each kind of file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from estimand.core.nearest import did_you_mean
from estimand.data.names import check_names
from estimand.errors import Code, DataError

Reader: TypeAlias = Callable[[Path, tuple[str, ...] | None], Any]
HEAD_BYTES = 1 << 16
MISSING_WORDS = ("", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null")


def read_file(path: Path, columns: tuple[str, ...] | None) -> Any:
    """Read a file into a pyarrow table.

    Parameters
    ----------
    path : Path
        Its ending says what it is.
    columns : tuple of str or None
        The columns needed; None for all.

    Raises
    ------
    DataError
        If there is no such file, its kind is unknown, it is damaged or empty, it repeats a column name,
        or it lacks a column.
    """
    try:
        return _reader(path)(path, columns)
    except DataError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError.because(
            error,
            f"'{path.name}' could not be read as {_ending(path)[1:]}.",
            remedy="Check that it is complete, and that its ending says what it is.",
            code=Code.UNREADABLE_FILE,
        ) from None


def exists(path: Path) -> bool:
    """Whether there is something at a path; not so where the system refuses the path itself."""
    try:
        return path.exists()
    except OSError:
        return False


def _reader(path: Path) -> Reader:
    if path.is_dir():
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


def _read_text(path: Path, columns: tuple[str, ...] | None, delimiter: str) -> Any:
    _inspect_head(path)
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with pyarrow.csv.open_csv(path, parse_options=parse) as stream:
        check_names(stream.schema.names, f"'{path.name}'", columns)
    convert = pyarrow.csv.ConvertOptions(include_columns=columns, null_values=MISSING_WORDS, strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=convert)


def _inspect_head(path: Path) -> None:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise DataError(f"'{path.name}' is empty.", remedy="Export it again, with a header and rows.")
    if b"\0" in head:
        raise _unreadable(path, "is not UTF-8 text.", "Save it as text, encoded as UTF-8.")
    if len(head) < HEAD_BYTES and len(head.strip().splitlines()) == 1:
        raise DataError(f"'{path.name}' has a header and no rows.", remedy="Export it again, with its rows.")


def _read_parquet(path: Path, columns: tuple[str, ...] | None) -> Any:
    with pyarrow.parquet.ParquetFile(path) as file:
        check_names(file.schema_arrow.names, f"'{path.name}'", columns)
        return file.read(columns=None if columns is None else list(columns))


READERS: dict[str, Reader] = {
    ".csv": partial(_read_text, delimiter=","),
    ".csv.gz": partial(_read_text, delimiter=","),
    ".tsv": partial(_read_text, delimiter="\t"),
    ".tsv.gz": partial(_read_text, delimiter="\t"),
    ".parquet": _read_parquet,
}
