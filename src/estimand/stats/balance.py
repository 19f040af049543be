"""Weighted means, spread, standardised differences and effective sample sizes.

Austin & Stuart (2015), doi:10.1002/sim.6607; Kish (1965) for the effective size.
"""

import numpy as np

from estimand.stats.arrays import Floats

ROUNDING = 1e-12


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Column means of values of shape (n, p) under weights of shape (n,)."""
    return np.asarray(weights @ values / weights.sum())


def weighted_variance(values: Floats, weights: Floats) -> Floats:
    """Column variances under weights, with the reliability correction 1 - Σw²/(Σw)²."""
    total = weights.sum()
    mean = weighted_mean(values, weights)
    centred = weights @ np.square(values - mean) / total
    return np.asarray(centred / (1.0 - np.square(weights).sum() / total**2))


def standardised_difference(
    treated: tuple[Floats, Floats], control: tuple[Floats, Floats], denominator: Floats
) -> Floats:
    """Difference of weighted means over a fixed denominator; zero where both arms are constant and equal.

    Parameters
    ----------
    treated, control : tuple of (values (n_a, p), weights (n_a,))
    denominator : ndarray of shape (p,)
        Standard deviation from the unadjusted sample. Where it is zero the difference is infinite unless
        the means agree.
    """
    first, second = weighted_mean(*treated), weighted_mean(*control)
    gap, rounding = first - second, ROUNDING * np.maximum(np.abs(first), np.abs(second))
    flat = denominator <= rounding
    agree = np.abs(gap) <= rounding
    out = gap / np.where(flat, 1.0, denominator)
    return np.where(flat, np.where(agree, 0.0, np.copysign(np.inf, gap)), out)


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def largest_share(weights: Floats) -> float:
    """Share of the total weight carried by the heaviest unit."""
    return float(weights.max() / weights.sum())
