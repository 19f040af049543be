"""Logistic fluctuation of a prediction until a weighted score is zero: the targeting step of TMLE.

van der Laan & Rubin (2006), doi:10.2202/1557-4679.1043; Gruber & van der Laan (2010),
doi:10.2202/1557-4679.1260, for outcomes scaled to [0, 1].
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from estimand.stats.arrays import Floats

TOLERANCE = 1e-13
MAX_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Fluctuation:
    """A prediction moved along ``logit Q + ε h``.

    Attributes
    ----------
    epsilon : float
    prediction : ndarray of shape (n,)
        In (0, 1).
    score : float
        Weighted mean residual that is left.
    solved : bool
        False where no ε makes the score zero: all outcomes that count are 0, or all are 1.
    """

    epsilon: float
    prediction: Floats
    score: float
    solved: bool


def fluctuate(outcome: Floats, prediction: Floats, weights: Floats, direction: Floats) -> Fluctuation:
    r"""Solve :math:`\sum_i c_i (y_i - \mathrm{expit}(\mathrm{logit} Q_i + \epsilon h_i)) = 0` for ε.

    The score falls in ε where ``c h`` is not negative, so that a bracket and safeguarded Newton steps find its root.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
        In [0, 1].
    prediction : ndarray of shape (n,)
        In (0, 1), as is what comes back.
    weights : ndarray of shape (n,)
        c: not negative; zero for rows that only follow.
    direction : ndarray of shape (n,)
        h: positive; ones where the clever covariate is a weight.
    """
    used = weights > 0.0
    y, c, h, offset = outcome[used], weights[used], direction[used], logit(prediction[used])
    total = float(c.sum())

    def score(epsilon: float) -> tuple[float, float]:
        mean = expit(offset + epsilon * h)
        return float(c @ (y - mean)) / total, float(c @ (h * mean * (1.0 - mean))) / total

    if float(y.min()) == float(y.max()) and float(y[0]) in {0.0, 1.0}:
        return Fluctuation(0.0, prediction, score(0.0)[0], solved=False)
    epsilon, low, high = 0.0, -np.inf, np.inf
    value, slope = score(epsilon)
    for _ in range(MAX_STEPS):
        if abs(value) <= TOLERANCE:
            break
        low, high = (epsilon, high) if value > 0.0 else (low, epsilon)
        epsilon = _within(epsilon, value, slope, low, high)
        value, slope = score(epsilon)
    moved = np.asarray(expit(logit(prediction) + epsilon * direction))
    return Fluctuation(float(epsilon), moved, value, abs(value) <= 1e3 * TOLERANCE)


def _within(epsilon: float, value: float, slope: float, low: float, high: float) -> float:
    """Newton's step where it stays inside the bracket; else the middle of it, or a unit step towards its open end."""
    step = value / slope if slope > 0.0 else np.copysign(np.inf, value)
    proposal = epsilon + float(np.clip(step, -1.0, 1.0))
    if low < proposal < high:
        return proposal
    return 0.5 * (low + high) if np.isfinite(low + high) else proposal
