r"""Confidence set of a ratio of two normal means, by Fieller.

The set is of the :math:`\rho` that the test of :math:`\mu_1 - \rho \mu_0 = 0` does not reject: with critical value c,
:math:`(m_1 - \rho m_0)^2 \le c^2 (v_{11} - 2 \rho v_{10} + \rho^2 v_{00})`. It is an interval where the denominator is
told from zero at that level, else the outside of one, or everything.

Fieller (1954), doi:10.1111/j.2517-6161.1954.tb00159.x.
"""

import numpy as np


def fieller_set(
    numerator: float, denominator: float, spread: tuple[float, float, float], critical: float
) -> tuple[tuple[float, float], ...]:
    """Set of the ratio as segments; ends may be infinite.

    Parameters
    ----------
    numerator, denominator : float
    spread : tuple of (variance of the numerator, covariance, variance of the denominator)
    critical : float
        Of the test, such as 1.96.
    """
    own, both, below = spread
    square = critical**2
    a = denominator**2 - square * below
    b = numerator * denominator - square * both
    c = numerator**2 - square * own
    inside = b * b - a * c
    if a > 0.0:
        root = np.sqrt(max(inside, 0.0))
        return ((float((b - root) / a), float((b + root) / a)),)
    if inside <= 0.0:
        return ((-np.inf, np.inf),)
    if a == 0.0:
        edge = c / (2.0 * b)
        return ((float(edge), np.inf),) if b > 0.0 else ((-np.inf, float(edge)),)
    root = np.sqrt(inside)
    low, high = sorted((float((b - root) / a), float((b + root) / a)))
    return ((-np.inf, low), (high, np.inf))
