"""Numbers so large or so small that what is computed of them leaves the range of floating point."""

import numpy as np

from estimand.data.column import Numbers
from estimand.data.source import Source
from estimand.errors import Code, DataError

LARGEST = 1e30
SMALLEST = 1e-30


def refuse_extreme(column: Numbers, source: Source) -> None:
    """Refuse a column whose largest value is out of scale.

    Squares and fourth powers, summed over rows, must stay finite and above zero, which in double precision they do from
    1e-70 to 1e70; but trees hold features and outcomes in single precision and take 1e-35 for zero, so the line is
    drawn at 1e-30 and 1e30. Small values beside larger ones, and a column of zeros, are left alone.

    Raises
    ------
    DataError
        Naming the row.
    """
    values = column.values
    largest = max(float(np.fmax.reduce(values, initial=0.0)), -float(np.fmin.reduce(values, initial=0.0)))
    if largest == 0.0 or SMALLEST <= largest <= LARGEST:
        return
    row = int(np.nanargmax(np.abs(values)))
    too = "large" if largest > LARGEST else "small"
    raise DataError(
        f"Column '{column.name}' of {source.name} holds numbers too {too} to compute with: its largest is "
        f"{column.values[row]:g}, in row {row + 1:,}.",
        remedy="Rescale the column to other units, or correct the value.",
        code=Code.INVALID_MAPPING,
        found=float(column.values[row]),
        expected=f"a largest value between {SMALLEST:g} and {LARGEST:g}",
    )
