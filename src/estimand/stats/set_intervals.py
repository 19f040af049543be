"""Confidence intervals for a number of which only an interval is identified.

Imbens & Manski (2004), doi:10.1111/j.1468-0262.2004.00555.x; Stoye (2009), doi:10.3982/ECTA7347, shows that they hold
uniformly where the estimated ends cannot cross, as is so for all bounds here.
"""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, stdtr

from estimand.stats.arrays import Floats, Ints
from estimand.stats.influence import sum_within
from estimand.stats.intervals import critical_value

FINE = 1e-12


def set_critical_value(width: float, std_error: float, level: float, df: float = math.inf) -> float:
    """Critical value C with ``Φ(C + width / std_error) - Φ(-C) = level``.

    Between the two-sided value, where the set is a point, and the one-sided, where it is wide: a number inside a wide
    set can be missed on one side only.

    Parameters
    ----------
    width : float
        High end minus low end.
    std_error : float
        The larger of the two ends'.
    level, df : float
    """

    def excess(value: float) -> float:
        ends = np.array([value + width / std_error, -value])
        above, below = ndtr(ends) if math.isinf(df) else stdtr(df, ends)
        return float(above - below) - level

    two_sided = float(critical_value(level, np.array([df]), 1)[0])
    if std_error <= 0.0 or width <= 0.0:
        return two_sided
    one_sided = float(critical_value(2.0 * level - 1.0, np.array([df]), 1)[0]) if level > 0.5 else 0.0
    return one_sided if excess(one_sided) >= 0.0 else float(brentq(excess, one_sided, two_sided + FINE, xtol=FINE))


def set_interval(
    ends: tuple[float, float], std_errors: tuple[float, float], level: float, df: float = math.inf
) -> tuple[float, float]:
    """Interval that covers the number, not the whole set, with probability ``level``."""
    value = set_critical_value(ends[1] - ends[0], max(std_errors), level, df)
    return ends[0] - value * std_errors[0], ends[1] + value * std_errors[1]


def crossing_middle(ends: tuple[float, float], std_errors: tuple[float, float]) -> float:
    """Point between two ends, each weighted by the precision of its standard error."""
    total = std_errors[0] + std_errors[1]
    return (std_errors[1] * ends[0] + std_errors[0] * ends[1]) / total if total > 0.0 else (ends[0] + ends[1]) / 2.0


def crossing_interval(
    ends: tuple[float, float], std_errors: tuple[float, float], level: float, df: float = math.inf
) -> tuple[float, float]:
    """Interval where estimated ends may cross: never empty, and wide enough for either end.

    The union of the ends moved out by the two-sided value, and of an interval around the middle of both as if they
    had one error; Stoye (2020), arXiv:2010.10484, with its correlation set to one.
    """
    value = float(critical_value(level, np.array([df]), 1)[0])
    total = std_errors[0] + std_errors[1]
    shared = 2.0 * std_errors[0] * std_errors[1] / total if total > 0.0 else 0.0
    middle = crossing_middle(ends, std_errors)
    inner = (middle - value * shared, middle + value * shared)
    outer = (ends[0] - value * std_errors[0], ends[1] + value * std_errors[1])
    if outer[0] > outer[1]:
        return inner
    return min(outer[0], inner[0]), max(outer[1], inner[1])


def end_std_error(psi: Floats, codes: Ints | None = None) -> float:
    """Standard error of one number from its influence of shape (n,): ``√Σψ² / n``, ψ summed within clusters.

    Parameters
    ----------
    psi : ndarray of shape (n,)
    codes : ndarray of shape (n,), optional
        Cluster of each row.
    """
    summed = psi
    if codes is not None:
        groups, position = np.unique(codes, return_inverse=True)
        summed = sum_within(psi[:, None], position, groups.shape[0])[:, 0]
    return float(np.sqrt(np.square(summed).sum()) / psi.shape[0])
