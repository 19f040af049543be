"""Periods as whole steps, and as labels for people."""

import numpy as np

from estimand.data.column import DAY, Kind
from estimand.stats.arrays import Floats, Ints

LARGEST = 2.0**53
# Decimal steps such as 2004.25 are multiples of the least of them but for rounding.
ROUNDING = 1e-6


def clock_of(values: Floats, kind: Kind) -> Ints:
    """Count periods in whole steps.

    Parameters
    ----------
    values : ndarray of shape (T,)
        Distinct, ascending; dates as days since 1970-01-01.
    kind : Kind

    Returns
    -------
    ndarray of shape (T,)
        Months where dates are of one day of the month, at its end, or one in each of evenly spaced months; else
        multiples of the least step, or of what all steps share. Positions where no step fits.
    """
    steps = np.diff(_months(values) if kind is Kind.TIME else values)
    ratio = steps / steps.min()
    if ratio.max() > LARGEST:
        return np.arange(values.shape[0])
    if np.allclose(ratio, np.round(ratio), rtol=ROUNDING, atol=0.0):
        whole = np.round(ratio)
    elif steps.max() < LARGEST and np.array_equal(steps, np.round(steps)):
        whole = steps
    else:
        return np.arange(values.shape[0])
    counts = whole.astype(np.int64)
    return np.concatenate([[0], np.cumsum(counts // np.gcd.reduce(counts))])


def _months(days: Floats) -> Floats:
    """Count dates in months where that is how they are spaced; else return the days themselves."""
    moments = _moments(days)
    midnight = moments.astype("datetime64[D]")
    if np.unique(moments - midnight).size > 1:
        return days
    month = midnight.astype("datetime64[M]")
    day = (midnight - month.astype("datetime64[D]")).astype(np.int64)
    ends = (midnight + 1).astype("datetime64[M]") > month
    count = month.astype(np.int64)
    apart = np.diff(count)
    if (day == day[0]).all() or ends.all() or (apart[0] > 0 and (apart == apart[0]).all()):
        return count.astype(np.float64)
    return days


def _moments(days: Floats) -> "np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]":
    return np.round(days * DAY).astype(np.int64).astype("datetime64[us]")


def label_of_period(value: float, kind: Kind) -> str:
    """Write a period for people: ``2004``, ``2024-03-01``, ``2024-03-01 12:30:00``."""
    if kind is not Kind.TIME:
        return f"{int(value)}" if abs(value) < LARGEST and value == round(value) else str(value)
    (moment,) = _moments(np.array([value]))
    if float(value).is_integer():
        return str(moment.astype("datetime64[D]"))
    whole = moment == moment.astype("datetime64[s]")
    return str(moment.astype("datetime64[s]") if whole else moment).replace("T", " ")
