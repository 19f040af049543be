"""The column names of a table, checked before anything is read."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DataError


def check_names(names: Sequence[Any], table: str, columns: tuple[str, ...] | None) -> None:
    """Refuse a table whose columns cannot be told apart, or which lacks one.

    Parameters
    ----------
    names : sequence
        The columns it has.
    table : str
        What to call it.
    columns : tuple of str or None
        The columns it needs.

    Raises
    ------
    DataError
        If a name is not text or occurs twice, or a column is missing (naming the nearest).
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise _unusable(f"{table} holds two columns named '{name}'.", "Rename or drop one of them.", name)
        if not isinstance(name, str):
            raise _unusable(
                f"A column of {table} is named {name!r}, which is not text.", "Name columns by strings.", name
            )
    for column in columns or ():
        if column not in names:
            raise _unusable(f"{table} has no column '{column}'.", did_you_mean(column, names), column)


def _unusable(message: str, remedy: str, found: Any) -> DataError:
    return DataError(message, remedy=remedy, code=Code.INVALID_MAPPING, found=found)
