"""The nuisance bank: every fit a study needs, made at most once and shared by all methods."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from estimand.core.catalog import resolve
from estimand.core.learner import Learner
from estimand.core.nuisances import Fit, FoldPlan
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.models.estimator import EstimatorObject
from estimand.models.folds import given_folds, hashed_folds
from estimand.models.quality import calibration_slope, log_loss, squared_loss
from estimand.models.trained import Task, Trained, Trainer, task_of
from estimand.stats.arrays import Floats, Ints

Cache = dict[tuple[object, ...], Fit]


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
    label : str
        For progress and random streams.
    """

    features: Floats
    outcome: Floats
    target: Floats
    rows: Ints
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class NuisanceBank:
    """Fits the nuisances of one outcome on one sample.

    Parameters
    ----------
    sample : Sample
    outcome_name : str
        Present in every row of the sample.
    run : Run
    cache : dict
        Shared by the banks of a study; keyed by sample, request and seed.
    """

    sample: Sample
    outcome_name: str
    run: Run
    cache: Cache = field(default_factory=dict)

    def propensity(self, learner: Learner, plan: FoldPlan) -> Fit:
        """Probability of each arm given the features, shape (n, arms).

        With two arms one model gives both; with more, each arm has a model against the others, which is
        all that doubly robust scores need.
        """
        return self._once(("propensity",), learner, plan, lambda: self._fit_propensity(learner, plan))

    def outcome(self, arm: int, learner: Learner, plan: FoldPlan, pooled: bool) -> Fit:
        """Outcome predicted under one arm for every row, shape (n,)."""
        part = ("outcome", self.outcome_name, arm, pooled)
        return self._once(part, learner, plan, lambda: self._fit_outcome(arm, learner, plan, pooled))

    def fold_ids(self, plan: FoldPlan) -> Ints:
        """Fold of each row, shape (n,)."""
        if isinstance(plan.folds, tuple):
            return given_folds(plan.folds, self.sample.arm)
        salt = self.run.seed_for("folds", plan.repeat)
        return hashed_folds(self.sample.ids, self.sample.arm, self.sample.cluster, plan.folds, salt)

    def _once(self, part: tuple[object, ...], learner: Learner, plan: FoldPlan, make: Callable[[], Fit]) -> Fit:
        key = (*part, self.sample.fingerprint, learner.key, id(learner.estimator), plan, self.run.seed)
        if key not in self.cache:
            self.cache[key] = make()
        return self.cache[key]

    def _fit_propensity(self, learner: Learner, plan: FoldPlan) -> Fit:
        sample = self.sample
        arms = len(sample.arms)
        indicators = [(sample.arm == a).astype(float) for a in range(arms)]
        everyone = np.arange(sample.n)
        features = sample.features.values

        def probability(a: int) -> tuple[Floats, Trained | None]:
            problem = Problem(features, indicators[a], features, everyone, f"propensity {sample.arms[a]}")
            return self._predict(problem, learner, plan)

        trained: Trained | None = None
        if arms == 2:
            treated, trained = probability(1)
            prediction = np.stack([1.0 - treated, treated], axis=1)
        else:
            prediction = np.stack([probability(a)[0] for a in range(arms)], axis=1)
        names = {a: f"propensity[{sample.arms[a]}]" for a in range(1, arms)}
        return Fit(
            prediction,
            loss={name: log_loss(indicators[a], prediction[:, a]) for a, name in names.items()},
            calibration={name: calibration_slope(indicators[a], prediction[:, a]) for a, name in names.items()},
            score=None if trained is None else trained.score,
            dropped=_spanned(trained, sample.features.names),
        )

    def _fit_outcome(self, arm: int, learner: Learner, plan: FoldPlan, pooled: bool) -> Fit:
        values = self.sample.outcomes[self.outcome_name]
        own = self.sample.arm == arm
        problem = self._pooled_problem(arm, values) if pooled else self._arm_problem(arm, values)
        prediction, trained = self._predict(problem, learner, plan)
        loss = log_loss if task_of(values) == "classification" else squared_loss
        name = f"outcome[{self.sample.arms[arm]}]"
        return Fit(
            prediction,
            loss={name: loss(values[own], prediction[own])},
            calibration={name: calibration_slope(values[own], prediction[own])},
            dropped=() if pooled else _spanned(trained, self.sample.features.names),
        )

    def _arm_problem(self, arm: int, values: Floats) -> Problem:
        features = self.sample.features.values
        rows = np.flatnonzero(self.sample.arm == arm)
        return Problem(features, values, features, rows, f"outcome {self.sample.arms[arm]}")

    def _pooled_problem(self, arm: int, values: Floats) -> Problem:
        sample = self.sample
        others = np.arange(1, len(sample.arms))
        held = (sample.arm[:, None] == others).astype(float)
        asked = np.broadcast_to((others == arm).astype(float), held.shape)
        features = sample.features.values
        everyone = np.arange(sample.n)
        return Problem(np.hstack([held, features]), values, np.hstack([asked, features]), everyone, "outcome pooled")

    def _predict(self, problem: Problem, learner: Learner, plan: FoldPlan) -> tuple[Floats, Trained | None]:
        """Train on the problem's rows, fold by fold unless in sample, and predict every row."""
        trainer, task = trainer_of(learner), task_of(problem.outcome)
        seed_key = (problem.label, learner.key, plan.repeat)
        if plan.in_sample:
            return _in_sample(problem, trainer, task, self.run.seed_for(*seed_key))
        fold = self.fold_ids(plan)

        def predict_fold(held: int) -> Floats:
            rows = problem.rows[fold[problem.rows] != held]
            seed = self.run.seed_for(*seed_key, held)
            trained = trainer.fit(problem.features[rows], problem.outcome[rows], task, seed)
            return trained.predict(problem.target[fold == held])

        held_out = [int(held) for held in np.unique(fold)]
        parts = self.run.map(predict_fold, held_out, f"{learner.name}: {problem.label}")
        prediction = np.empty(self.sample.n)
        for held, part in zip(held_out, parts, strict=True):
            prediction[fold == held] = part
        return prediction, None


def _in_sample(problem: Problem, trainer: Trainer, task: Task, seed: int) -> tuple[Floats, Trained]:
    """Train on the problem's rows and predict every row, reusing the fit where those are the same."""
    if problem.rows.shape[0] < problem.outcome.shape[0]:
        rows = problem.rows
        trained = trainer.fit(problem.features[rows], problem.outcome[rows], task, seed)
        return trained.predict(problem.target), trained
    trained = trainer.fit(problem.features, problem.outcome, task, seed)
    if trained.fitted is not None and problem.target is problem.features:
        return trained.fitted, trained
    return trained.predict(problem.target), trained


def trainer_of(learner: Learner) -> Trainer:
    """Build the learner that a name, or an estimator object, stands for."""
    if learner.estimator is not None:
        return EstimatorObject(learner.estimator, learner.name)
    built: Trainer = resolve("learners", learner.name)(**learner.params)
    return built


def _spanned(trained: Trained | None, names: tuple[str, ...]) -> tuple[str, ...]:
    if trained is None or trained.kept is None:
        return ()
    return tuple(name for name, keep in zip(names, trained.kept, strict=True) if not keep)
