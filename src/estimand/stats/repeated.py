"""What a group-sequential test says at a look, stopped or not: limits, and the least size at which it would reject.

Jennison & Turnbull (1989), doi:10.1111/j.2517-6161.1989.tb01432.x.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from estimand.stats.arrays import Floats
from estimand.stats.group_sequential import spending_limits

LEAST, MOST = 1e-12, 1.0 - 1e-9


def repeated_p_value(z: float, information: Floats, spent: Callable[[float], Floats]) -> float:
    """Least size at which a test would reject at its last look.

    Parameters
    ----------
    z : float
        Estimate over its error at the last look.
    information : ndarray of shape (k,)
        Or shares of it, at every look; ascending.
    spent : callable
        From a size to the cumulative error spent by each look, shape (k,).

    Returns
    -------
    float
        Between 1e-12 and 1.
    """

    def excess(log_size: float) -> float:
        limit = spending_limits(information, spent(float(np.exp(log_size))))[-1]
        return float(np.minimum(limit, 40.0)) - abs(z)

    if excess(np.log(MOST)) >= 0.0:
        return 1.0
    if excess(np.log(LEAST)) <= 0.0:
        return LEAST
    return float(np.exp(brentq(excess, np.log(LEAST), np.log(MOST), xtol=1e-9)))
