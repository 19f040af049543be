"""P-values of several tests read together."""

import numpy as np

from estimand.stats.arrays import Floats


def holm(p_values: Floats) -> Floats:
    """Step-down adjusted p-values: rejecting those at most α keeps the familywise error at α.

    Holm (1979), doi:10.2307/4615733.

    Parameters
    ----------
    p_values : ndarray of shape (m,)
    """
    order = np.argsort(p_values, kind="stable")
    size = p_values.shape[0]
    stepped = np.maximum.accumulate(p_values[order] * np.arange(size, 0, -1))
    out = np.empty(size)
    out[order] = np.minimum(1.0, stepped)
    return out
