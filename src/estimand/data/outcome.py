"""The outcome columns as numbers."""

from textwrap import shorten

import numpy as np

from estimand.data.column import Kind, Labels, Numbers, is_number_text, read_column, refuse_infinite
from estimand.data.extremes import refuse_extreme
from estimand.data.source import Source
from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats


def read_outcome(source: Source, name: str) -> Numbers:
    """Read an outcome.

    Raises
    ------
    DataError
        If it holds text, times, or a number that is infinite or out of scale.
    """
    column = read_column(source, name)
    if isinstance(column, Labels):
        if not column.present.any():
            return Numbers(name, np.full(column.codes.shape, np.nan))
        raise _not_a_number(column, source)
    if column.kind is Kind.TIME:
        raise DataError(
            f"Outcome '{name}' of {source.name} holds dates or times.",
            remedy="Turn it into a number, such as days since treatment.",
            code=Code.INVALID_MAPPING,
            found=name,
        )
    refuse_infinite(column, source)
    refuse_extreme(column, source)
    return column


def _not_a_number(column: Labels, source: Source) -> DataError:
    wrong = np.array([*(not is_number_text(level) for level in column.levels), False])
    offending = np.flatnonzero(wrong[column.codes] if wrong.any() else column.present)
    row = int(offending[0])
    value = column.levels[column.codes[row]]
    return DataError(
        f"Outcome '{column.name}' of {source.name} is text: row {row + 1:,} holds '{shorten(value, 60)}'.",
        remedy="Make it numeric; code a yes as 1 and a no as 0."
        if wrong.any()
        else "Its texts look like numbers: convert the column to a numeric type.",
        code=Code.INVALID_MAPPING,
        found=value,
    )


def refuse_uninformative(name: str, values: Floats, source: Source) -> None:
    """Refuse an outcome that cannot differ between arms.

    Parameters
    ----------
    name : str
    values : ndarray of shape (n,)
        Of the rows used; not-a-number where missing.
    source : Source

    Raises
    ------
    DataError
    """
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    if np.isnan(low):
        raise DataError(
            f"Outcome '{name}' of {source.name} is missing in every row used.",
            remedy="Name another outcome, or check the column.",
            found=name,
        )
    if low == high:
        raise DataError(
            f"Outcome '{name}' of {source.name} is {low:g} in every row, so no effect on it can be estimated.",
            remedy="Name an outcome that varies.",
            found=float(low),
        )
