"""What every learner is and returns."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from estimand.core.nuisances import Failure, Score
from estimand.models.predictors import Level, Predictor
from estimand.stats.arrays import Bools, Floats, Ints

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
    failure : Failure or None
        Where a parametric fit has no optimum.
    """

    predict: Predictor
    fitted: Floats | None = None
    score: Score | None = None
    kept: Bools | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What to learn: an outcome on some rows, as what kind of task.

    Attributes
    ----------
    outcome : ndarray of shape (m,)
    task : "regression" | "classification"
    seed : int
    weights : ndarray of shape (m,) or None
    """

    outcome: Floats
    task: Task
    seed: int
    weights: Floats | None = None

    def only(self, rows: Ints) -> "Lesson":
        """The same of some of its rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Lesson(self.outcome[rows], self.task, self.seed, weights)


class Trainer(Protocol):
    """A learner with its parameters set."""

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit to features of shape (m, p)."""
        ...


class Prepared(Protocol):
    """Features made ready once, for many fits on subsets of their rows."""

    def fit(self, rows: Ints, lesson: Lesson) -> Trained:
        """Fit to the features of the given rows."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A learner that can share work between fits on the same features."""

    def prepare(self, features: Floats) -> Prepared:
        """Do the shared work."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlainRows:
    """Features as they are: each fit takes its rows."""

    trainer: Trainer
    features: Floats

    def fit(self, rows: Ints, lesson: Lesson) -> Trained:
        """Fit to the features of the given rows, without a copy where those are all."""
        whole = rows.shape[0] == self.features.shape[0]
        return self.trainer.fit(self.features if whole else self.features[rows], lesson)


def prepared(trainer: Trainer, features: Floats) -> Prepared:
    """Make features ready for a learner: shared where it can, plain otherwise."""
    return trainer.prepare(features) if isinstance(trainer, Preparing) else PlainRows(trainer, features)


def task_of(outcome: Floats) -> Task:
    """Call an outcome of zeros and ones a classification, anything else a regression."""
    return "classification" if bool(np.isin(outcome, (0.0, 1.0)).all()) else "regression"


def constant(lesson: Lesson) -> Trained:
    """Predict the mean everywhere: the optimum for an outcome that does not vary."""
    level = float(np.average(lesson.outcome, weights=lesson.weights))
    return Trained(Level(level))
