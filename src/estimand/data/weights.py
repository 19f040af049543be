"""The weight column: positive numbers, whole ones where they count rows."""

import numpy as np

from estimand.core.design import Weights
from estimand.data.column import Labels, Numbers, read_column, refuse_infinite
from estimand.data.extremes import refuse_extreme
from estimand.data.source import Source
from estimand.errors import Code, DataError


def read_weights(source: Source, weights: Weights) -> Numbers:
    """Read the weights.

    Raises
    ------
    DataError
        If a weight is not a positive number, or a frequency not a whole one.
    """
    column = read_column(source, weights.column)
    if isinstance(column, Labels):
        raise _unusable(weights, source, "holds text", "Make it numeric.")
    refuse_infinite(column, source)
    refuse_extreme(column, source)
    values = column.values[column.present]
    if (values <= 0.0).any():
        raise _unusable(weights, source, f"holds {values.min():g}", "Weights are positive; drop rows of weight zero.")
    if weights.kind == "frequency" and (values != np.round(values)).any():
        raise _unusable(weights, source, "holds fractions", "Frequencies are whole; sampling weights need not be.")
    return column


def _unusable(weights: Weights, source: Source, why: str, remedy: str) -> DataError:
    return DataError(
        f"Weight column '{weights.column}' of {source.name} {why}.",
        remedy=remedy,
        code=Code.INVALID_MAPPING,
        found=weights.column,
    )
