"""One model at a time on a subset of rows: a learner, or the stack of two, that new rows can be asked of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from estimand.core.learner import Learner
from estimand.core.run import Run
from estimand.errors import ConvergenceError
from estimand.models.boosting import Binned, Boosting
from estimand.models.crossfit import trainer_of
from estimand.models.predictors import Mixture, Predictor
from estimand.models.stacking import Auto, stacked_share
from estimand.models.trained import Lesson, Prepared, Task, Trainer, prepared
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Exercise:
    """What to learn from which rows.

    Attributes
    ----------
    label : str
        For random streams.
    learner : Learner
    outcome : ndarray of shape (n,)
        Read at ``rows`` only.
    rows : ndarray of shape (m,)
    task : "regression" | "classification"
    held : tuple of int
        Folds left out, for random streams.
    weights : ndarray of shape (n,) or None
    """

    label: str
    learner: Learner
    outcome: Floats
    rows: Ints
    task: Task
    held: tuple[int, ...] = ()
    weights: Floats | None = None

    def within(self, rows: Ints, *held: int) -> "Exercise":
        """The same from fewer rows."""
        return replace(self, rows=rows, held=(*self.held, *held))

    def lesson(self, run: Run) -> Lesson:
        """What the learner is told; weights of mean one, as penalties and leaf sizes are held against them."""
        weights = None if self.weights is None else self.weights[self.rows] / self.weights[self.rows].mean()
        seed = run.seed_for(self.label, self.learner.key, 0, *self.held)
        return Lesson(self.outcome[self.rows], self.task, seed, weights)


def candidates(learner: Learner) -> tuple[Learner, ...]:
    """The learner itself, or those of a stack."""
    if learner.name != "auto":
        return (learner,)
    stack = Auto(**learner.params)
    return Learner(stack.first), Learner(stack.second)


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """Fits learners to subsets of the same rows, whose features are made ready once.

    Attributes
    ----------
    features : ndarray of shape (n, p)
    fold : ndarray of shape (n,)
    run : Run
    ready : mapping of str to Prepared
        By the learner's key.
    notes : list of str
        What to say of the fits; in no order.
    """

    features: Floats
    fold: Ints
    run: Run
    ready: Mapping[str, Prepared]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, features: Floats, fold: Ints, run: Run, *learners: Learner) -> "Teacher":
        """Make features ready for the learners."""
        ready: dict[str, Prepared] = {}
        for part in (part for learner in learners for part in candidates(learner)):
            if part.key not in ready:
                ready[part.key] = _ready(trainer_of(part), features, list(ready.values()))
        return cls(features, fold, run, ready)

    def taught(self, exercise: Exercise) -> Predictor:
        """Fit; a stack shares by the loss on folds that its models did not see.

        Raises
        ------
        ConvergenceError
            If no learner reaches its optimum.
        """
        parts = [replace(exercise, learner=learner) for learner in candidates(exercise.learner)]
        if len(parts) == 1:
            return self.alone(parts[0])
        made: list[tuple[Predictor, Floats]] = []
        failed: list[ConvergenceError] = []
        for part in parts:
            try:
                made.append((self.alone(part), self._unseen(part)))
            except ConvergenceError as error:
                failed.append(self._noted(part, error))
        if not made:
            raise failed[0]
        if failed:
            return made[0][0]
        (first, one), (second, other) = made
        return Mixture(first, second, share_of(exercise, exercise.rows, one, other))

    def alone(self, exercise: Exercise) -> Predictor:
        """Fit one learner.

        Raises
        ------
        ConvergenceError
            If it does not reach its optimum.
        """
        trained = self.ready[exercise.learner.key].fit(exercise.rows, exercise.lesson(self.run))
        if trained.failure is not None:
            raise trained.failure.error()
        return trained.predict

    def _unseen(self, exercise: Exercise) -> Floats:
        """Predict the rows of each fold from the others, shape (n,)."""
        out, fold = np.full(self.fold.shape[0], np.nan), self.fold[exercise.rows]
        for left in np.unique(fold):
            asked = exercise.rows[fold == left]
            out[asked] = self.alone(exercise.within(exercise.rows[fold != left], int(left)))(self.features[asked])
        return out

    def _noted(self, exercise: Exercise, error: ConvergenceError) -> ConvergenceError:
        self.notes.append(f"Learner '{exercise.learner.name}' took no part in {exercise.label}: {error.message}")
        return error


def _ready(trainer: Trainer, features: Floats, others: list[Prepared]) -> Prepared:
    """Features made ready for a learner; trees take the bins of others where those are alike."""
    binned = [other for other in others if isinstance(other, Binned)]
    if binned and isinstance(trainer, Boosting):
        return binned[0].beside(trainer)
    return prepared(trainer, features)


def share_of(exercise: Exercise, rows: Ints, first: Floats, second: Floats) -> float:
    """Share of the second prediction with the least loss over some rows."""
    weights = None if exercise.weights is None else exercise.weights[rows]
    return stacked_share(exercise.outcome[rows], first[rows], second[rows], exercise.task, weights)
