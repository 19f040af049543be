"""What the covariates predict of outcome and treatments, out of fold: taken off before a forest grows."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.run import Run
from estimand.models.crossfit import Problem, solve
from estimand.models.folds import hashed_folds
from estimand.models.trained import Prepared, Trainer, prepared
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Centring(Frozen):
    """Out-of-fold predictions.

    Attributes
    ----------
    outcome : ndarray of shape (n,)
        Mean outcome whatever the treatment.
    treatments : ndarray of shape (n, K)
        Mean dose, or probability of each arm after the first.
    """

    outcome: Floats
    treatments: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to learn from.

    Attributes
    ----------
    features : ndarray of shape (n, p)
    outcome : ndarray of shape (n,)
    treatments : ndarray of shape (n, K)
    weights : ndarray of shape (n,) or None
    cluster : ndarray of shape (n,) or None
    """

    features: Floats
    outcome: Floats
    treatments: Floats
    weights: Floats | None = None
    cluster: Ints | None = None

    def arms(self) -> Ints:
        """Arm of each row where all treatments are zeros and ones, which folds then keep even; else zero."""
        if not np.isin(self.treatments, (0.0, 1.0)).all() or (self.treatments.sum(axis=1) > 1.0).any():
            return np.zeros(self.outcome.shape[0], dtype=np.int64)
        return np.asarray(self.treatments @ np.arange(1, self.treatments.shape[1] + 1)).astype(np.int64)


def centred(rows: Rows, learners: tuple[Learner, Learner], folds: int, run: Run) -> Centring:
    """Predict outcome and treatments out of fold, all models side by side.

    Parameters
    ----------
    rows : Rows
    learners : tuple of Learner
        For the outcome, and for the treatments.
    folds : int
    run : Run
    """
    n, plan = rows.outcome.shape[0], FoldPlan(folds)
    ids = np.arange(n, dtype=np.uint64)
    arms, k = rows.arms(), rows.treatments.shape[1]
    fold = hashed_folds(ids, arms, rows.cluster, folds, run.seed_for("folds", 0))
    everyone, features = np.arange(n), rows.features
    first = Problem(features, rows.outcome, features, everyone, rows.weights, "outcome", learners[0], plan)
    several = k > 1 and bool(arms.any())
    doses = [*rows.treatments.T, *([(arms == 0).astype(np.float64)] if several else [])]
    others = [
        replace(first, outcome=column, label=f"treatment {place}", learner=learners[1])
        for place, column in enumerate(doses)
    ]
    ready: dict[str, Prepared] = {}

    def shared(trainer: Trainer, learner: Learner, asked: Floats) -> Prepared:
        if learner.key not in ready:
            ready[learner.key] = prepared(trainer, asked)
        return ready[learner.key]

    made = [solution.prediction for solution in solve([first, *others], {plan: fold}, run, shared)]
    predicted = np.stack(made[1:], axis=1)
    # Each arm is predicted against all others; together with control they are to add up to one.
    return Centring(made[0], predicted[:, :k] / predicted.sum(axis=1, keepdims=True) if several else predicted)
