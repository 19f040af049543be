"""Open whatever a study calls its data, and build the sample."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from estimand.core.design import DesignFields
from estimand.core.nearest import did_you_mean
from estimand.core.sample import Sample
from estimand.data import datasets
from estimand.data.source import Source, read_table
from estimand.errors import Code, DataError

Build = Callable[[Source, Any], Sample]


def open_source(data: Any, design: DesignFields, build: Build) -> tuple[str, Sample]:
    """Read the data and build the sample; return the data's name and the sample.

    Parameters
    ----------
    data : str, Path or table
        A path, the name of a bundled dataset, or a table in memory. A file wins over a dataset of the
        same name.

    Raises
    ------
    DataError
        If there is neither such a file nor such a dataset, or it cannot be used.
    """
    if isinstance(data, str) and not Path(data).exists():
        refuse_unknown_data(data)
        if data in datasets.names():
            source = read_table(datasets.load(data), design.columns())
            return data, build(source, design)
    source = read_table(data, design.columns())
    return source.name, build(source, design)


def refuse_unknown_data(data: str) -> None:
    """Refuse a bare word that is neither a file nor a bundled dataset.

    Raises
    ------
    DataError
        Naming the nearest dataset.
    """
    if data in datasets.names() or Path(data).exists() or Path(data).suffix:
        return
    raise DataError(
        f"'{data}' is neither a file nor a bundled dataset.",
        remedy=f"Give a path such as data.csv. {did_you_mean(data, datasets.names())}",
        code=Code.UNREADABLE_FILE,
        found=data,
    )
