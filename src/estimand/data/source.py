"""Any table a user may hand in, read into one frame."""

from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd

from estimand.core.finding import Finding
from estimand.core.nearest import did_you_mean
from estimand.data import datasets
from estimand.data.files import exists, from_home, read_file
from estimand.data.names import check_names
from estimand.data.query import SCHEME, Query
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
    findings : tuple of Finding
        What had to be guessed to read it.
    """

    frame: "nw.DataFrame[Any]"
    name: str
    rows: int
    findings: tuple[Finding, ...] = ()


def read_table(data: Any, columns: tuple[str, ...] | None = None) -> Source:
    """Read a table.

    Parameters
    ----------
    data : str, Path, mapping or table
        A path to a .csv, .tsv or .txt (each may end in .gz), .parquet, .xlsx, .dta or .jsonl file; the name of
        a bundled dataset; a query, as ``{"sql": "SELECT …", "database": "file.duckdb"}`` or
        ``duckdb://file.duckdb?table=name``; a pandas, polars or pyarrow table; or a DuckDB relation.
    columns : tuple of str, optional
        The columns needed; all by default.

    Raises
    ------
    DataError
        If the table cannot be read, has no rows, repeats a column name, or lacks a column.
    MissingDependency
        If reading it needs a package that is not installed.
    """
    wanted = None if columns is None else tuple(dict.fromkeys(columns))
    query = Query.parse(data)
    if query is not None:
        with query.open() as relation:
            return _from_table(relation, wanted, query.database.name)
    if isinstance(data, str | Path):
        return _from_path(data, wanted)
    return _from_table(data, wanted)


def refuse_unknown_word(data: str) -> None:
    """Refuse a bare word that is neither a file nor a bundled dataset.

    Raises
    ------
    DataError
        Naming the nearest dataset.
    """
    path = from_home(data)
    if data in datasets.names() or path.suffix or data.startswith(SCHEME) or exists(path):
        return
    raise DataError(
        f"'{shorten(data, 60)}' is neither a file nor a bundled dataset.",
        remedy=f"Give a path such as data.csv. {did_you_mean(data, datasets.names())}",
        code=Code.UNREADABLE_FILE,
        found=shorten(data, 60),
    )


def _from_path(data: str | Path, columns: tuple[str, ...] | None) -> Source:
    if str(data) in datasets.names():
        return _from_table(datasets.load(str(data)), columns)
    if isinstance(data, str):
        refuse_unknown_word(data)
    path = from_home(data)
    table, findings = read_file(path, columns)
    return replace(_source(nw.from_native(table, eager_only=True), path.name, columns), findings=findings)


def _from_table(data: Any, columns: tuple[str, ...] | None, named: str | None = None) -> Source:
    name = _table_name(data) if named is None else named
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
    if columns is None or set(columns) == set(frame.columns):
        return Source(frame, name, len(frame))
    return Source(frame.select(*columns), name, len(frame))
