"""Weights that make arms stand for one target population, and how they move with the propensity.

Hirano, Imbens & Ridder (2003), doi:10.1111/1468-0262.00442; Li & Li (2019) for overlap weights with several arms,
doi:10.1214/19-AOAS1282.
"""

import numpy as np

from estimand.stats.arrays import Floats, Ints

TARGETS = ("ATE", "ATT", "ATC", "ATO")


def target_weights(arm: Ints, propensity: Floats, target: str, against: int = 1) -> Floats:
    """Weight of each row for the target, shape (n,).

    Parameters
    ----------
    arm : ndarray of shape (n,)
        Codes; 0 is control.
    propensity : ndarray of shape (n, arms)
        Probability of each arm, positive where it is divided by.
    target : "ATE" | "ATT" | "ATC" | "ATO"
    against : int
        For ATT and ATC, the arm compared with control; rows of others get zero.

    Raises
    ------
    KeyError
        If weights are not defined for the target.
    """
    if target not in TARGETS:
        raise KeyError(target)
    own = np.take_along_axis(propensity, arm[:, None], axis=1)[:, 0]
    if target == "ATE":
        return np.asarray(1.0 / own)
    if target == "ATO":
        return np.asarray(overlap_tilt(propensity) / own)
    numerator = propensity[:, against if target == "ATT" else 0]
    return np.where((arm == 0) | (arm == against), numerator / own, 0.0)


def overlap_tilt(propensity: Floats) -> Floats:
    """Harmonic tilt 1 / Σ 1/e of overlap weights, shape (n,); e(1 - e) with two arms."""
    return np.asarray(1.0 / (1.0 / propensity).sum(axis=1))


def log_weight_slopes(arm: Ints, propensity: Floats, target: str, against: int = 1) -> Floats:
    """Derivative of each row's log weight with respect to the log odds of every arm against control.

    Parameters and errors as for :func:`target_weights`; shape (n, arms - 1).
    """
    if target not in TARGETS:
        raise KeyError(target)
    arms = propensity.shape[1]
    own = (arm[:, None] == np.arange(1, arms)).astype(float)
    if target == "ATE":
        return np.asarray(propensity[:, 1:] - own)
    if target == "ATO":
        return np.asarray(overlap_tilt(propensity)[:, None] / propensity[:, 1:] - own)
    numerator = np.zeros(arms - 1)
    if target == "ATT":
        numerator[against - 1] = 1.0
    return np.asarray(numerator - own)
