"""Who could have seen the change, from a column of a table."""

from estimand.core.triggered import triggered_rows
from estimand.data.column import Numbers, as_labels, read_column
from estimand.data.source import Source


def read_trigger(source: Source, column: str) -> Numbers:
    """Read one where a unit was triggered, else zero.

    Raises
    ------
    DataError
        If a value is missing or neither true nor false, or none is true.
    """
    found = as_labels(read_column(source, column))
    return Numbers(column, triggered_rows(found.levels, found.codes, column))
