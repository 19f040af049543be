"""Numbers to codes of one byte: how many cuts lie below each."""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


@compiled
def codes_kernel(features: Floats, cuts: Floats, ends: Ints, missing: int) -> Codes:
    """Code every value by its feature's cuts.

    Parameters
    ----------
    features : ndarray of shape (n, p)
    cuts : ndarray
        Cuts of all features one after the other, ascending within each.
    ends : ndarray of shape (p + 1,)
        Feature j has ``cuts[ends[j]:ends[j + 1]]``.
    missing : int
        Code of not-a-number.

    Returns
    -------
    ndarray of shape (p, n)
        Cuts that lie below the value: a value on a cut is on its left.
    """
    n, p = features.shape
    out = np.empty((p, n), np.uint8)
    for j in range(p):
        start, stop = ends[j], ends[j + 1]
        for i in range(n):
            value = features[i, j]
            if np.isnan(value):
                out[j, i] = missing
                continue
            low, high = start, stop
            while low < high:
                middle = (low + high) // 2
                if cuts[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            out[j, i] = low - start
    return out


def codes_reference(features: Floats, cuts: Floats, ends: Ints, missing: int) -> Codes:
    """Plain twin of :func:`codes_kernel`."""
    out = np.empty(features.shape[::-1], np.uint8)
    for j, column in enumerate(features.T):
        found = np.searchsorted(cuts[ends[j] : ends[j + 1]], column, side="left")
        out[j] = np.where(np.isnan(column), missing, found)
    return out
