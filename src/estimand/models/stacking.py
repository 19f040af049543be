"""Stack learners by their out-of-fold loss.

Short-stacking: one set of non-negative weights that sum to one, chosen on the pooled out-of-fold predictions (Ahrens,
Hansen, Schaffer & Wiemann 2024, doi:10.1002/jae.3103). One free number costs nothing asymptotically.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from estimand.core.declared import Declared
from estimand.models.quality import log_loss, squared_loss
from estimand.models.trained import Task
from estimand.stats.arrays import Floats


class Auto(Declared):
    """A linear model and boosted trees, stacked by out-of-fold loss."""

    first: str = "linear"
    second: str = "boosting"


def stacked_share(outcome: Floats, first: Floats, second: Floats, task: Task, weights: Floats | None) -> float:
    """Share of the second prediction, in [0, 1], that minimises the loss of the mixture.

    Parameters
    ----------
    outcome, first, second : ndarray of shape (n,)
        Out-of-fold predictions of rows whose outcome is known.
    task : "regression" | "classification"
    weights : ndarray of shape (n,) or None
    """
    if task == "regression":
        gap = second - first
        weight = np.ones_like(gap) if weights is None else weights
        spread = float(weight @ np.square(gap))
        if spread == 0.0:
            return 0.0
        return float(np.clip((weight * gap) @ (outcome - first) / spread, 0.0, 1.0))

    def loss(share: float) -> float:
        return log_loss(outcome, (1.0 - share) * first + share * second, weights)

    best = minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-4})
    ends = {share: loss(share) for share in (0.0, 1.0, float(best.x))}
    return min(ends, key=lambda share: ends[share])


def mixture_loss(outcome: Floats, prediction: Floats, task: Task, weights: Floats | None) -> float:
    """Loss of predictions for a task."""
    return (log_loss if task == "classification" else squared_loss)(outcome, prediction, weights)
