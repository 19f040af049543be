"""Open whatever a study calls its data, and build the sample."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from estimand.core.design import DesignFields
from estimand.core.sample import Sample
from estimand.data.files import is_file
from estimand.data.query import Query
from estimand.data.source import Source, read_table

Build = Callable[[Source, Any], Sample]


def open_source(data: Any, design: DesignFields, build: Build) -> tuple[str, Sample]:
    """Read the data and build the sample; return the data's name and the sample.

    Parameters
    ----------
    data : str, Path, mapping or table
        As :func:`estimand.data.source.read_table` takes it.

    Raises
    ------
    DataError
        If it cannot be read, or not used.
    """
    source = read_table(data, design.columns())
    return source.name, build(source, design)


def beside(data: Any, folder: Path) -> Any:
    """Take a relative path, or a query's database, from a folder where it is found there."""
    query = Query.parse(data)
    if query is not None:
        return {"sql": query.sql, "database": _from_folder(str(query.database), folder)}
    return _from_folder(data, folder) if isinstance(data, str) else data


def _from_folder(path: str, folder: Path) -> str:
    return str(folder / path) if is_file(folder / path) else path
