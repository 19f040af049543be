"""Intervals and p-values that hold at every look, however many.

The effect is mixed over a normal of variance τ² around no effect, and the mixture of likelihood ratios is a martingale
(Robbins 1970, doi:10.1214/aoms/1177696786), so the chance that it ever passes 1/α is at most α (Ville). With τ² fixed
beforehand that is the mixture sequential probability ratio test: Johari, Koomen, Pekelis & Walsh (2022),
doi:10.1287/opre.2021.2135. With τ² = ρ²σ², σ² the variance of one unit's score, it is the asymptotic confidence
sequence: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), doi:10.1214/24-AOS2408.

Both depend on the data through ``ratio`` = τ²/se²: how many times wider the mixture is than what is known so far.
Both are exact for normal scores of known variance and hold asymptotically otherwise, hence the burn-in.
"""

import numpy as np
from scipy.special import lambertw

from estimand.stats.arrays import Floats


def mixture_radius(std_error: Floats, ratio: Floats, alpha: float) -> Floats:
    """Half width of the interval: ``se √((1 + 1/r) (log(1 + r) - 2 log α))``.

    Parameters
    ----------
    std_error : ndarray of shape (k,)
    ratio : ndarray of shape (k,)
        τ²/se², above 0.
    alpha : float
        Two-sided error over all looks together.
    """
    return np.asarray(std_error * np.sqrt((1.0 + 1.0 / ratio) * (np.log1p(ratio) - 2.0 * np.log(alpha))))


def mixture_p_value(z: Floats, ratio: Floats) -> Floats:
    """Always-valid p-value of each look alone: one over the mixture ``exp(z² r / (2 (1 + r))) / √(1 + r)``.

    Parameters
    ----------
    z : ndarray of shape (k,)
        Estimate over its error.
    ratio : ndarray of shape (k,)
        τ²/se².

    Returns
    -------
    ndarray of shape (k,)
        The p-value by a look is the least up to it: ``numpy.minimum.accumulate``.
    """
    evidence = 0.5 * np.square(z) * ratio / (1.0 + ratio) - 0.5 * np.log1p(ratio)
    return np.asarray(np.exp(-np.maximum(evidence, 0.0)))


def tightest_ratio(alpha: float) -> float:
    """Ratio at which the interval is tightest: with ρ² = ratio / n, the sequence is best for n units.

    The root of ``log(1 + r) - 2 log α = r``, the exact form of the rule of thumb in Waudby-Smith and others, by the
    lower branch of Lambert's function.

    Examples
    --------
    >>> round(tightest_ratio(0.05), 3)
    8.212
    """
    return float(-1.0 - lambertw(-(alpha**2) / np.e, k=-1).real)
