"""Distinct values and their codes, by counting where values are whole numbers in a narrow range."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from estimand.stats.arrays import AnyArray, Bools, Ints

N = TypeVar("N", bound=np.generic)
WIDEST = 8
NARROW = 1_024
# One count waits for the one before it in the same place, so few places are sooner compared one by one.
FEW = 4


def numbered(values: npt.NDArray[N]) -> tuple[npt.NDArray[N], Ints]:
    """Distinct values, ascending, and the position of each value among them; as ``np.unique`` gives them.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    levels : ndarray of shape (m,)
    codes : ndarray of shape (n,)
        The very array given, where its values are their own positions.

    Examples
    --------
    >>> numbered(np.array([7.0, 3.0, 7.0]))
    (array([3., 7.]), array([1, 0, 1]))
    """
    found = _offsets(values)
    if found is None:
        levels, codes = np.unique(values, return_inverse=True)
        return levels, codes.astype(np.int64, copy=False)
    first, widest, offsets = found
    seen = occurring(offsets, widest)
    levels = (np.flatnonzero(seen) + first).astype(values.dtype)
    return levels, offsets if seen.all() else (np.cumsum(seen) - 1)[offsets]


def tallied(codes: Ints, levels: int) -> list[int]:
    """Count each of the codes from 0; those below are none.

    Examples
    --------
    >>> tallied(np.array([1, -1, 1, 0]), 3)
    [1, 2, 0]
    """
    if levels <= FEW:
        return [int(np.count_nonzero(codes == level)) for level in range(levels)]
    return [int(count) for count in np.bincount(codes + 1, minlength=levels + 1)[1 : levels + 1]]


def occurring(codes: Ints, largest: int | None = None) -> Bools:
    """Tell which of the numbers from 0 to the largest occur, shape (largest + 1,)."""
    seen = np.zeros((int(codes.max()) if largest is None else largest) + 1, dtype=np.bool_)
    seen[codes] = True
    return seen


def _offsets(values: AnyArray) -> tuple[int, int, Ints] | None:
    """Least of whole numbers, their range and distance from it, where counting is cheaper than sorting; else None."""
    if values.size == 0 or values.dtype.kind not in "iuf":
        return None
    low, high = values.min(), values.max()
    # A not-a-number fails the comparison too.
    if not float(high) - float(low) <= WIDEST * values.size + NARROW or abs(float(low)) > 2.0**52:
        return None
    first = int(low)
    widest = int(high) - first
    if values.dtype.kind == "u":
        return first, widest, np.asarray(values - low).astype(np.int64)
    whole = values.astype(np.int64, copy=False)
    if values.dtype.kind == "f" and not np.array_equal(whole, values):
        return None
    return first, widest, whole if first == 0 else whole - first
