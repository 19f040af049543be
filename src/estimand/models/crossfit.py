"""Fit many problems fold by fold, all models side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.catalog import resolve
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.run import Run
from estimand.errors import ConvergenceError, UnsupportedError
from estimand.models.estimator import EstimatorObject
from estimand.models.stacking import Auto, stacked_share
from estimand.models.trained import Lesson, Prepared, Trained, Trainer, task_of
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What to learn from which rows, and where to predict.

    Attributes
    ----------
    features : ndarray of shape (n, p)
        To train on.
    outcome : ndarray of shape (n,)
    target : ndarray of shape (n, p)
        To predict at.
    rows : ndarray of shape (m,)
        Rows that may be trained on.
    weights : ndarray of shape (n,) or None
    label : str
        For progress and random streams.
    learner : Learner
    plan : FoldPlan
    """

    features: Floats
    outcome: Floats
    target: Floats
    rows: Ints
    weights: Floats | None
    label: str
    learner: Learner
    plan: FoldPlan

    def lesson(self, rows: Ints, seed: int) -> Lesson:
        """What a model trained on some rows is to learn."""
        weights = None if self.weights is None else self.weights[rows]
        return Lesson(self.outcome[rows], task_of(self.outcome), seed, weights)

    def key(self, *more: int) -> tuple[str | int, ...]:
        """Key of its random stream."""
        return (self.label, self.learner.key, self.plan.repeat, *more)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Predictions for every row.

    Attributes
    ----------
    prediction : ndarray of shape (n,)
    trained : Trained or None
        The model, for in-sample fits.
    notes : tuple of str
    """

    prediction: Floats
    trained: Trained | None = None
    notes: tuple[str, ...] = ()


Shared = Callable[[Trainer, Learner, Floats], Prepared]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One model to train, and the rows it then predicts."""

    problem: Problem
    ready: Prepared
    train: Ints
    held: Ints
    seed: int

    def prediction(self) -> Floats | ConvergenceError:
        """Predictions for the held-out rows; a failure to converge is handed back."""
        try:
            trained = self.ready.fit(self.train, self.problem.lesson(self.train, self.seed))
        except ConvergenceError as error:
            return error
        if trained.failure is not None:
            return trained.failure.error()
        return trained.predict(self.problem.target[self.held])


def trainer_of(learner: Learner) -> Trainer:
    """Build the learner that a name, or an estimator object, stands for."""
    if learner.estimator is not None:
        return EstimatorObject(learner.estimator, learner.name)
    built: Trainer = resolve("learners", learner.name)(**learner.params)
    return built


def solve(problems: Sequence[Problem], folds: Mapping[FoldPlan, Ints], run: Run, shared: Shared) -> list[Solution]:
    """Solve problems in their order, the models of all of them side by side.

    Parameters
    ----------
    problems : sequence of Problem
    folds : mapping of FoldPlan to ndarray of shape (n,)
        Fold of each row, for every plan that is not in sample.
    run : Run
    shared : callable
        Makes features ready for a learner, once.

    Raises
    ------
    ConvergenceError
        If a model fails that no stack can do without.
    """
    parts = [_candidates(problem) for problem in problems]
    flat = [part for group in parts for part in group]
    jobs = {id(part): _jobs(part, folds, run, shared) for part in flat if not part.plan.in_sample}
    queue = [job for part in flat if id(part) in jobs for job in jobs[id(part)]]
    done = iter(run.map(_Job.prediction, queue, "fitting nuisances"))
    made: dict[int, Solution | ConvergenceError] = {}
    for part in flat:
        if part.plan.in_sample:
            made[id(part)] = _in_sample(part, run, shared)
        else:
            made[id(part)] = _assembled(part, jobs[id(part)], [next(done) for _ in jobs[id(part)]])
    return [
        _stacked(problem, group, [made[id(part)] for part in group])
        for problem, group in zip(problems, parts, strict=True)
    ]


def _candidates(problem: Problem) -> list[Problem]:
    """The problem itself, or one per learner of a stack."""
    if problem.learner.name != "auto":
        return [problem]
    if problem.plan.in_sample:
        raise UnsupportedError(
            "Learner 'auto' chooses by out-of-fold loss, and there are no folds.",
            remedy="Use folds=2 or more, or name one learner.",
        )
    stack = Auto(**problem.learner.params)
    return [replace(problem, learner=Learner(name)) for name in (stack.first, stack.second)]


def _jobs(problem: Problem, folds: Mapping[FoldPlan, Ints], run: Run, shared: Shared) -> list[_Job]:
    fold = folds[problem.plan]
    ready = shared(trainer_of(problem.learner), problem.learner, problem.features)
    return [
        _Job(
            problem,
            ready,
            problem.rows[fold[problem.rows] != held],
            np.flatnonzero(fold == held),
            run.seed_for(*problem.key(int(held))),
        )
        for held in np.unique(fold)
    ]


def _in_sample(problem: Problem, run: Run, shared: Shared) -> Solution:
    ready = shared(trainer_of(problem.learner), problem.learner, problem.features)
    trained = ready.fit(problem.rows, problem.lesson(problem.rows, run.seed_for(*problem.key())))
    whole = problem.rows.shape[0] == problem.outcome.shape[0] and problem.target is problem.features
    if whole and trained.fitted is not None:
        return Solution(trained.fitted, trained)
    return Solution(trained.predict(problem.target), trained)


def _assembled(
    problem: Problem, jobs: list[_Job], parts: list[Floats | ConvergenceError]
) -> Solution | ConvergenceError:
    prediction = np.empty(problem.outcome.shape[0])
    for job, part in zip(jobs, parts, strict=True):
        if isinstance(part, ConvergenceError):
            return part
        prediction[job.held] = part
    return Solution(prediction)


def _stacked(problem: Problem, group: list[Problem], made: list[Solution | ConvergenceError]) -> Solution:
    """Mix the candidates by out-of-fold loss; one that failed is left out, and a note says so."""
    solved = [(part, item) for part, item in zip(group, made, strict=True) if isinstance(item, Solution)]
    failed = [(part, item) for part, item in zip(group, made, strict=True) if isinstance(item, ConvergenceError)]
    if not solved:
        raise failed[0][1]
    if failed:
        part, error = failed[0]
        note = f"Learner '{part.learner.name}' took no part in {problem.label}: {error.message}"
        return replace(solved[0][1], notes=(note,))
    if len(solved) == 1:
        return solved[0][1]
    first, second = (item.prediction for _, item in solved)
    rows = problem.rows
    weights = None if problem.weights is None else problem.weights[rows]
    task = task_of(problem.outcome)
    share = stacked_share(problem.outcome[rows], first[rows], second[rows], task, weights)
    return Solution((1.0 - share) * first + share * second)
