"""Ranks of which ties have equal parts."""

import numpy as np

from estimand.stats.arrays import Floats


def midranks(values: Floats) -> Floats:
    """Rank from 1; equal values have the mean of the ranks they take up.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> midranks(np.array([4.0, 1.0, 4.0, 9.0])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - 0.5 * (count - 1.0))[place])
