"""Order statistics of Walsh averages, without ever forming them.

The Walsh averages of n numbers are the means (x_i + x_j) / 2 of all pairs i ≤ j: n (n + 1) / 2 of them.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]


@compiled
def _at_least(ascending: Floats, threshold: float) -> int:
    """Count the Walsh averages that are no smaller than a threshold, by two pointers."""
    n, count = ascending.shape[0], 0
    partner = n
    for i in range(n):
        while partner > 0 and 0.5 * (ascending[i] + ascending[partner - 1]) >= threshold:
            partner -= 1
        count += n - max(partner, i)
    return count


@compiled
def walsh_rank_kernel(ascending: Floats, rank: int) -> float:
    """Return the ``rank``-th largest Walsh average.

    Parameters
    ----------
    ascending : ndarray of shape (n,)
        Sorted numbers.
    rank : int
        From 1, the largest, to n (n + 1) / 2.
    """
    low, high = ascending[0], ascending[-1]
    if _at_least(ascending, high) >= rank:
        return float(high)
    while True:
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            return float(low)
        if _at_least(ascending, middle) >= rank:
            low = middle
        else:
            high = middle


def walsh_rank_reference(ascending: Floats, rank: int) -> float:
    """Plain twin of :func:`walsh_rank_kernel`."""
    first, second = np.triu_indices(ascending.shape[0])
    averages = 0.5 * (ascending[first] + ascending[second])
    return float(np.sort(averages)[::-1][rank - 1])
