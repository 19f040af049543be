"""Shares of trials: their intervals, and how surprising a count is."""

import numpy as np
from scipy.special import bdtrc, ndtri

from estimand.stats.arrays import Floats


def wilson_interval(share: Floats, trials: Floats, level: float) -> Floats:
    """Wilson's interval of shares, shape (k, 2).

    Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Parameters
    ----------
    share, trials : ndarray of shape (k,)
    level : float
    """
    z = float(ndtri(0.5 + level / 2.0))
    room = 1.0 + z**2 / trials
    centre = (share + z**2 / (2.0 * trials)) / room
    half = z / room * np.sqrt(share * (1.0 - share) / trials + np.square(z / (2.0 * trials)))
    return np.stack([centre - half, centre + half], axis=1)


def at_least(count: int, trials: int, rate: float) -> float:
    """Probability of ``count`` or more successes in ``trials`` of the given rate.

    Examples
    --------
    >>> at_least(0, 20, 0.05), round(at_least(5, 20, 0.05), 4)
    (1.0, 0.0026)
    """
    return 1.0 if count <= 0 else float(bdtrc(count - 1, trials, rate))
