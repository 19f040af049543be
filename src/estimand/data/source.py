"""Any table a user may hand in, read into one frame."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd

from estimand.core.nearest import did_you_mean
from estimand.data import datasets
from estimand.data.files import exists, read_file
from estimand.data.names import check_names
from estimand.errors import Code, DataError


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A table that has been read.

    Attributes
    ----------
    frame : narwhals.DataFrame
    name : str
        A file's name without its folder, a dataset's name, or the type of the table.
    rows : int
    """

    frame: "nw.DataFrame[Any]"
    name: str
    rows: int


def read_table(data: Any, columns: tuple[str, ...] | None = None) -> Source:
    """Read a table.

    Parameters
    ----------
    data : str, Path, or table
        A path to a .csv, .tsv (either may end in .gz) or .parquet file, the name of a bundled dataset,
        a pandas, polars or pyarrow table, or a DuckDB relation.
    columns : tuple of str, optional
        The columns needed; all by default.

    Raises
    ------
    DataError
        If the table cannot be read, has no rows, repeats a column name, or lacks a column.
    """
    wanted = None if columns is None else tuple(dict.fromkeys(columns))
    if isinstance(data, str | Path):
        return _from_path(data, wanted)
    return _from_table(data, wanted)


def _from_path(data: str | Path, columns: tuple[str, ...] | None) -> Source:
    if str(data) in datasets.names():
        return _from_table(datasets.load(str(data)), columns)
    path = Path(data).expanduser()
    if isinstance(data, str) and not path.suffix and not exists(path):
        raise DataError(
            f"'{shorten(data, 60)}' is neither a file nor a bundled dataset.",
            remedy=did_you_mean(data, datasets.names()),
            code=Code.UNREADABLE_FILE,
            found=shorten(data, 60),
        )
    return _source(nw.from_native(read_file(path, columns), eager_only=True), path.name, columns)


def _from_table(data: Any, columns: tuple[str, ...] | None) -> Source:
    name = _table_name(data)
    try:
        frame = nw.from_native(data)
        if isinstance(frame, nw.LazyFrame):
            check_names(frame.collect_schema().names(), name, columns)
            frame = (frame if columns is None else frame.select(*columns)).collect()
        names = frame.columns
    except nw.exceptions.DuplicateError as error:
        raise DataError.because(
            error,
            f"{name} holds two columns of one name.",
            remedy="Rename or drop one of them.",
            code=Code.INVALID_MAPPING,
        ) from None
    except TypeError:
        raise DataError(
            f"{name} is no table this version reads.",
            remedy="Give a path, a pandas, polars or pyarrow table, or a DuckDB relation.",
            code=Code.UNSUPPORTED,
            found=name,
        ) from None
    except (duckdb.Error, nw.exceptions.NarwhalsError, OSError) as error:
        raise DataError.because(
            error, f"{name} could not be read.", remedy="Check what it reads from.", code=Code.UNREADABLE_FILE
        ) from None
    check_names(names, name, columns)
    return _source(frame, name, columns)


def _table_name(data: Any) -> str:
    if isinstance(data, pd.DataFrame) and isinstance(data.attrs.get("name"), str):
        return str(data.attrs["name"])
    kind = type(data)
    room = kind.__module__.split(".")[0].removeprefix("_")
    return kind.__qualname__ if room == "builtins" else f"{room}.{kind.__qualname__}"


def _source(frame: "nw.DataFrame[Any]", name: str, columns: tuple[str, ...] | None) -> Source:
    if len(frame) == 0:
        raise DataError(f"{name} has no rows.", remedy="Give a table with at least one row for each unit.")
    return Source(frame if columns is None else frame.select(*columns), name, len(frame))
