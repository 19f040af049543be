"""The nuisance bank: every fit a study needs, made at most once and shared by all methods."""

from dataclasses import dataclass, field

import numpy as np

from estimand.core.learner import Learner
from estimand.core.nuisances import Apart, Fit, FoldPlan, Nuisance, Score
from estimand.core.row_weights import given_weights
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.models.apart import arm_apart
from estimand.models.crossfit import Problem, Solution, solve
from estimand.models.folds import given_folds, hashed_folds
from estimand.models.parametric import multinomial_propensity
from estimand.models.quality import calibration_slope, log_loss, squared_loss
from estimand.models.trained import Prepared, Trained, Trainer, prepared, task_of
from estimand.stats.arrays import Bools, Floats, Ints

MULTINOMIAL = ("logistic", "linear")


@dataclass(slots=True, eq=False)
class Cache:
    """What the banks of a study share: fits, folds, features made ready, which arms stand apart, and effects held out.

    Effects held out are those that checks learn on some rows and ask about on others: the rows, and the effects there.
    """

    fits: dict[tuple[object, ...], Fit] = field(default_factory=dict)
    folds: dict[tuple[object, ...], Ints] = field(default_factory=dict)
    ready: dict[tuple[object, ...], Prepared] = field(default_factory=dict)
    apart: dict[str, Apart | None] = field(default_factory=dict)
    held_out: dict[tuple[object, ...], tuple[tuple[Ints, Floats], ...]] = field(default_factory=dict)

    def for_other_rows(self) -> "Cache":
        """Start anew for a changed sample; arms that stand apart are remembered, which costs no memory."""
        return Cache(apart=self.apart)


@dataclass(frozen=True, slots=True, eq=False)
class NuisanceBank:
    """Fits the nuisances of one outcome on one sample.

    Parameters
    ----------
    sample : Sample
    outcome_name : str
        Present in every row of the sample.
    run : Run
    cache : Cache
        Shared by the banks of a study; keyed by sample, request and seed.
    """

    sample: Sample
    outcome_name: str
    run: Run
    cache: Cache = field(default_factory=Cache)

    def fit(self, *requests: Nuisance) -> tuple[Fit, ...]:
        """Fit what is not yet fitted, the models of all requests side by side.

        With two arms one model gives both propensities. With more, in-sample parametric fits are
        multinomial, and out of fold each arm has a model against the others, which is all that doubly
        robust scores need.

        Raises
        ------
        ConvergenceError
            If a fit has no optimum.
        """
        fits = self._fitted(requests)
        for fit in fits:
            if fit.failure is not None:
                raise fit.failure.error()
        return fits

    def _fitted(self, requests: tuple[Nuisance, ...]) -> tuple[Fit, ...]:
        """Fit what is not yet fitted, whether or not it has an optimum."""
        missing = [request for request in dict.fromkeys(requests) if self._key(request) not in self.cache.fits]
        direct = [request for request in missing if self._is_multinomial(request)]
        for request in direct:
            self.cache.fits[self._key(request)] = self._multinomial()
        open_ = [request for request in missing if request not in direct]
        problems = [self._problems(request) for request in open_]
        flat = [problem for group in problems for problem in group]
        folds = {problem.plan: self.fold_ids(problem.plan) for problem in flat if not problem.plan.in_sample}
        solutions = iter(solve(flat, folds, self.run, self._ready) if flat else [])
        for request, group in zip(open_, problems, strict=True):
            solved = [next(solutions) for _ in group]
            made = (
                self._propensity_fit(solved) if request.part == "propensity" else self._outcome_fit(request, solved[0])
            )
            self.cache.fits[self._key(request)] = made
        return tuple(self.cache.fits[self._key(request)] for request in requests)

    def propensity(self, learner: Learner, plan: FoldPlan) -> Fit:
        """Probability of each arm given the features, shape (n, arms)."""
        return self.fit(Nuisance("propensity", learner, plan))[0]

    def attempt(self, learner: Learner, plan: FoldPlan) -> Fit:
        """Propensity as it came out: a fit without an optimum is handed back with its failure."""
        return self._fitted((Nuisance("propensity", learner, plan),))[0]

    def outcome(self, arm: int, learner: Learner, plan: FoldPlan, pooled: bool) -> Fit:
        """Outcome predicted under one arm for every row, shape (n,)."""
        return self.fit(Nuisance("outcome", learner, plan, arm, pooled))[0]

    def fold_ids(self, plan: FoldPlan) -> Ints:
        """Fold of each row, shape (n,)."""
        key = (self.sample.fingerprint, plan, self.run.seed)
        if key not in self.cache.folds:
            self.cache.folds[key] = self._split(plan)
        return self.cache.folds[key]

    def apart(self) -> Apart | None:
        """First arm that the covariates tell from control completely, if one is; looked for once a sample."""
        key = self.sample.fingerprint
        if key not in self.cache.apart:
            self.cache.apart[key] = arm_apart(self.sample)
        return self.cache.apart[key]

    def _split(self, plan: FoldPlan) -> Ints:
        sample = self.sample
        if isinstance(plan.folds, tuple):
            return given_folds(plan.folds, sample.arm)
        salt = self.run.seed_for("folds", plan.repeat)
        return hashed_folds(sample.ids, sample.arm, sample.cluster, plan.folds, salt)

    def _key(self, request: Nuisance) -> tuple[object, ...]:
        outcome = None if request.part == "propensity" else self.outcome_name
        return (outcome, self.sample.fingerprint, request, id(request.learner.estimator), self.run.seed)

    def _ready(self, trainer: Trainer, learner: Learner, features: Floats) -> Prepared:
        """Make features ready once: those of the sample are shared by all, others are not kept."""
        if features is not self.sample.features.values:
            return prepared(trainer, features)
        key = (self.sample.fingerprint, learner.key, id(learner.estimator))
        if key not in self.cache.ready:
            self.cache.ready[key] = prepared(trainer, features)
        return self.cache.ready[key]

    def _is_multinomial(self, request: Nuisance) -> bool:
        several = request.part == "propensity" and len(self.sample.arms) > 2
        plain = request.learner.name in MULTINOMIAL and not request.learner.params
        return several and plain and request.plan.in_sample

    def _problems(self, request: Nuisance) -> list[Problem]:
        sample = self.sample
        features, everyone = sample.features.values, np.arange(sample.n)
        # Of mean one: penalties and leaf sizes are held against them.
        common = (given_weights(sample), request.learner, request.plan)

        def problem(outcome: Floats, rows: Ints, label: str, train: Floats, target: Floats) -> Problem:
            weights, learner, plan = common
            return Problem(train, outcome, target, rows, weights, label, learner, plan)

        if request.part == "propensity":
            arms = (1,) if len(sample.arms) == 2 else range(len(sample.arms))
            names = [(a, f"propensity {sample.arms[a]}") for a in arms]
            return [problem((sample.arm == a).astype(float), everyone, name, features, features) for a, name in names]
        values = sample.outcomes[self.outcome_name]
        if request.part == "mean":
            return [problem(values, everyone, "outcome", features, features)]
        if not request.pooled:
            rows = np.flatnonzero(sample.arm == request.arm)
            return [problem(values, rows, f"outcome {sample.arms[request.arm or 0]}", features, features)]
        others = np.arange(1, len(sample.arms))
        held = (sample.arm[:, None] == others).astype(float)
        asked = np.broadcast_to((others == request.arm).astype(float), held.shape)
        train, target = np.hstack([held, features]), np.hstack([asked, features])
        return [problem(values, everyone, "outcome pooled", train, target)]

    def _propensity_fit(self, solved: list[Solution]) -> Fit:
        columns = [item.prediction for item in solved]
        prediction = np.stack([1.0 - columns[0], columns[0]] if len(columns) == 1 else columns, axis=1)
        trained = solved[0].trained if len(solved) == 1 else None
        notes = tuple(note for item in solved for note in item.notes)
        failures = [item.trained.failure for item in solved if item.trained is not None and item.trained.failure]
        if failures:
            return Fit(prediction, failure=failures[0])
        return self._judged(prediction, None if trained is None else trained.score, _kept(trained), notes)

    def _multinomial(self) -> Fit:
        sample = self.sample
        made = multinomial_propensity(sample.features.values, sample.arm, len(sample.arms), given_weights(sample))
        if made[3] is not None:
            return Fit(made[0], failure=made[3])
        return self._judged(made[0], made[1], made[2], ())

    def _judged(self, prediction: Floats, score: Score | None, kept: Bools | None, notes: tuple[str, ...]) -> Fit:
        """Propensities with their loss and calibration."""
        sample = self.sample
        names = {a: f"propensity[{sample.arms[a]}]" for a in range(1, len(sample.arms))}
        facts = {name: ((sample.arm == a).astype(float), prediction[:, a], sample.weights) for a, name in names.items()}
        return Fit(
            prediction,
            loss={name: log_loss(*fact) for name, fact in facts.items()},
            calibration={name: calibration_slope(*fact) for name, fact in facts.items()},
            score=score,
            dropped=self._spanned(kept),
            notes=notes,
        )

    def _outcome_fit(self, request: Nuisance, solution: Solution) -> Fit:
        if solution.trained is not None and solution.trained.failure is not None:
            return Fit(solution.prediction, failure=solution.trained.failure)
        sample, values = self.sample, self.sample.outcomes[self.outcome_name]
        own = np.ones(sample.n, dtype=bool) if request.arm is None else sample.arm == request.arm
        name = "outcome" if request.arm is None else f"outcome[{sample.arms[request.arm]}]"
        loss = log_loss if task_of(values) == "classification" else squared_loss
        fact = (values[own], solution.prediction[own], None if sample.weights is None else sample.weights[own])
        return Fit(
            solution.prediction,
            loss={name: loss(*fact)},
            calibration={name: calibration_slope(*fact)},
            dropped=() if request.pooled else self._spanned(_kept(solution.trained)),
            notes=solution.notes,
        )

    def _spanned(self, kept: Bools | None) -> tuple[str, ...]:
        if kept is None:
            return ()
        return tuple(name for name, keep in zip(self.sample.features.names, kept, strict=True) if not keep)


def _kept(trained: Trained | None) -> Bools | None:
    return None if trained is None else trained.kept
