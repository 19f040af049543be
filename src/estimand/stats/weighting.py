"""Weights that make two arms stand for one target population, and how they move with the propensity.

Hirano, Imbens & Ridder (2003), doi:10.1111/1468-0262.00442; Li, Morgan & Zaslavsky (2018) for overlap
weights, doi:10.1080/01621459.2016.1260466.
"""

import numpy as np

from estimand.stats.arrays import Bools, Floats


def target_weights(treated: Bools, propensity: Floats, target: str) -> Floats:
    """Weight of each row for the target, shape (n,).

    Parameters
    ----------
    treated : ndarray of shape (n,) of bool
    propensity : ndarray of shape (n,)
        Probability of treatment, inside (0, 1).
    target : "ATE" | "ATT" | "ATC" | "ATO"

    Raises
    ------
    KeyError
        If weights are not defined for the target.
    """
    e = propensity
    treated_weight, control_weight = {
        "ATE": (1.0 / e, 1.0 / (1.0 - e)),
        "ATT": (np.ones_like(e), e / (1.0 - e)),
        "ATC": ((1.0 - e) / e, np.ones_like(e)),
        "ATO": (1.0 - e, e),
    }[target]
    return np.where(treated, treated_weight, control_weight)


def target_weight_slopes(treated: Bools, propensity: Floats, target: str) -> Floats:
    """Derivative of each row's weight with respect to the logit of its propensity, shape (n,).

    Parameters and errors as for :func:`target_weights`.
    """
    e = propensity
    odds = e / (1.0 - e)
    treated_slope, control_slope = {
        "ATE": (-1.0 / odds, odds),
        "ATT": (np.zeros_like(e), odds),
        "ATC": (-1.0 / odds, np.zeros_like(e)),
        "ATO": (-e * (1.0 - e), e * (1.0 - e)),
    }[target]
    return np.where(treated, treated_slope, control_slope)
