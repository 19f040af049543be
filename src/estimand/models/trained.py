"""What every learner is and returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from estimand.core.nuisances import Score
from estimand.stats.arrays import Bools, Floats

Task: TypeAlias = Literal["regression", "classification"]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fitted model.

    Attributes
    ----------
    predict : callable
        From features of shape (m, p) to means or probabilities of shape (m,).
    fitted : ndarray of shape (n,) or None
        Predictions at the rows trained on, where the fit has them already.
    score : Score or None
        The estimating equation, for parametric fits.
    kept : ndarray of shape (p,) of bool or None
        Features not spanned by others, for parametric fits.
    """

    predict: Callable[[Floats], Floats]
    fitted: Floats | None = None
    score: Score | None = None
    kept: Bools | None = None


class Trainer(Protocol):
    """A learner with its parameters set."""

    def fit(self, features: Floats, outcome: Floats, task: Task, seed: int) -> Trained:
        """Fit to features of shape (n, p) and an outcome of shape (n,)."""
        ...


def task_of(outcome: Floats) -> Task:
    """Call an outcome of zeros and ones a classification, anything else a regression."""
    return "classification" if bool(np.isin(outcome, (0.0, 1.0)).all()) else "regression"


def constant(level: float) -> Trained:
    """Predict one level everywhere: the optimum for an outcome that does not vary."""
    return Trained(lambda features: np.full(features.shape[0], level))
