"""Tests that an effect is no worse than a margin, or within one on both sides.

Schuirmann (1987), doi:10.1007/BF01068419, for two one-sided tests; Julious (2004), doi:10.1002/sim.1783, for power.
A margin that is a share of control's level moves with that level, so effect and margin are tested as one linear
contrast, as Laster & Johnson (2003), doi:10.1002/sim.1137, do for ratios.
"""

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from estimand.stats.power import t_power


def upper_tail_p(statistic: float, df: float) -> float:
    """P-value of a one-sided test that looks for values above 0; the normal where ``df`` is infinite."""
    return float(ndtr(-statistic) if np.isinf(df) else stdtr(df, -statistic))


def noninferiority_p(effect: float, std_error: float, df: float, margin: float) -> float:
    """One-sided p-value that the effect is at ``-margin`` or worse; higher is better.

    Parameters
    ----------
    effect, std_error : float
        Of the difference, turned so that higher is better.
    df : float
    margin : float
        From 0: how much worse is tolerated.

    Examples
    --------
    >>> round(noninferiority_p(0.0, 1.0, float("inf"), 1.959964), 4)
    0.025
    """
    return upper_tail_p((effect + margin) / std_error, df)


def equivalence_p(effect: float, std_error: float, df: float, margin: float) -> float:
    """P-value that the effect is at the margin or beyond, on either side: the larger of two one-sided ones."""
    below, above = (upper_tail_p((margin + turned) / std_error, df) for turned in (effect, -effect))
    return max(below, above)


def relative_contrast(
    effect: tuple[float, float], level: tuple[float, float], between: float, margin: float
) -> tuple[float, float]:
    """Effect plus a margin that is a share of control's level, and its standard error.

    Parameters
    ----------
    effect, level : tuple of (value, variance)
        Of the difference, turned so that higher is better, and of control's level.
    between : float
        Covariance of the two, turned alike.
    margin : float
        Share of the level's absolute value.
    """
    share = margin * np.sign(level[0])
    variance = effect[1] + share**2 * level[1] + 2.0 * share * between
    return float(effect[0] + share * level[0]), float(np.sqrt(max(variance, 0.0)))


def noninferiority_power(std_error: float, df: float, margin: float, alpha: float, effect: float = 0.0) -> float:
    """Chance to show that the effect is no worse than the margin.

    Parameters
    ----------
    alpha : float
        One-sided.
    effect : float
        The true one, higher being better.
    """
    return t_power(margin + effect, std_error, df, alpha, sides=1)


def equivalence_power(std_error: float, df: float, margin: float, alpha: float) -> float:
    """Chance that both one-sided tests reject where there is no effect, by the normal or t of the estimate.

    Parameters
    ----------
    alpha : float
        Of each of the two tests.
    """
    reach = -float(ndtri(alpha) if np.isinf(df) else stdtrit(df, alpha))
    return max(0.0, 2.0 * (1.0 - upper_tail_p(margin / std_error - reach, df)) - 1.0)
