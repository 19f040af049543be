"""Double machine learning: interactive and partially linear models."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Detail, Method, method
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.question import Target
from estimand.core.row_weights import mean_one_by_arm, refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError
from estimand.methods.adjustment.aipw import AIPW
from estimand.methods.adjustment.contrast import Reported, effect, rows_of, split_spread
from estimand.methods.adjustment.notes import learner_notes, relabelled
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.separation import refuse_separated
from estimand.stats.arrays import Floats

LEAST_RESIDUAL_VARIANCE = 1e-10


@method(
    "dml",
    designs=(Observational, Experiment),
    references=("Chernozhukov et al. 2018, doi:10.1111/ectj.12097", "Robinson 1988, doi:10.2307/1912705"),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=("row_order", "covariate_scale"),
    details=(
        Detail("nuisance_loss", "by part", "log loss [nats] or mean squared error [outcome²]"),
        Detail("calibration", "by part", "slope of observed on predicted"),
        Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
        Detail("weights", "(n,)", "weight of each row, mean one in each arm"),
    ),
)
class DML(Method):
    r"""Orthogonal scores solved on all folds at once (DML2).

    Estimand: ``irm`` lets the effect vary and estimates E[Y(a) - Y(0)] over everyone (ATE) or over those in arm a
    (ATT), by the score of ``aipw``. ``plr`` assumes Y = θD + g(X) + ε and estimates θ by regressing the outcome's
    residual on the arm's; where the effect varies it is a VARIANCE_WEIGHTED average, with weights e(X)(1 - e(X)), not
    the ATE.

    Assumes no unmeasured confounding given the covariates; ``irm`` also overlap. ``plr`` is not doubly robust: it needs
    both nuisances to converge.

    Variance: Σψψ'/n², ψ = J⁻¹ score, pooled over folds; with several ``repeats`` the median value and ψ, and the median
    squared distance of a repetition's value added.

    Parameters
    ----------
    target : "ATE" | "ATT"
        For ``irm``; ``plr`` has a target of its own, and a finding says so where another was asked for.
    score : "irm" | "plr"
    learner : Learner
        For both nuisances.
    propensity_learner : Learner, optional
        Replaces ``learner`` for the propensity.
    folds : int or tuple of int
        Number of folds, or the fold of each row.
    repeats : int
        Splits to take the median over.
    """

    score: Literal["irm", "plr"] = "irm"
    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("auto")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=2)] | tuple[int, ...] = 5
    repeats: Annotated[int, Field(ge=1)] = 1

    def estimate(self, case: Case) -> Estimate:
        """Fit out of fold, and solve the pooled score."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        if self.score == "irm":
            return self._interactive(case)
        requests = [
            request
            for plan in (FoldPlan(self.folds, repeat) for repeat in range(self.repeats))
            for request in (
                Nuisance("propensity", self.propensity_learner or self.learner, plan),
                Nuisance("mean", self.learner, plan),
            )
        ]
        fits = case.fitted().fit(*requests)
        pairs = list(zip(fits[::2], fits[1::2], strict=True))
        solved = [_partialled(case.values(), sample, p.prediction, m.prediction) for p, m in pairs]
        value = np.median([v for v, _ in solved], axis=0)
        psi = np.median([influence for _, influence in solved], axis=0)
        spread = split_spread([v for v, _ in solved], value, psi, rows_of(case)) if self.repeats > 1 else None
        propensity, outcome = pairs[0]
        several = len(sample.arms) > 2
        # The variance-weighted average weighs a row by the probability of not being where it is.
        own = np.take_along_axis(propensity.prediction, sample.arm[:, None], axis=1)[:, 0]
        details = FrozenMap(
            {
                "nuisance_loss": FrozenMap({**propensity.loss, **outcome.loss}),
                "calibration": FrozenMap({**propensity.calibration, **outcome.calibration}),
                "propensity": propensity.prediction if several else propensity.prediction[:, 1],
                "weights": mean_one_by_arm((1.0 - own) * row_weights(sample), sample),
            }
        )
        notes = learner_notes(self.spec.key, (*propensity.notes, *outcome.notes))
        target = Target.VARIANCE_WEIGHTED
        reported = Reported(target, population(case, target), details, (*notes, *self._relabelled()))
        return effect(case, self, (value, psi), reported, spread)

    def _relabelled(self) -> tuple[Finding, ...]:
        """Say so where another target was asked for than the score has."""
        asked = self.target if "target" in self.model_fields_set else None
        return relabelled(self.spec.key, asked, Target.VARIANCE_WEIGHTED, "score: irm")

    def _interactive(self, case: Case) -> Estimate:
        """Solve the interactive score, which is that of ``aipw``."""
        shared = {name: getattr(self, name) for name in ("learner", "propensity_learner", "folds", "repeats")}
        made = AIPW(target=self.target, **shared).estimate(case)
        key = self.spec.key
        findings = tuple(replace(f, about=key, check=f.check.replace("aipw", key)) for f in made.findings)
        return replace(made, id=key, method=key, options=FrozenMap(self.options()), findings=findings)


def _partialled(values: Floats, sample: Sample, propensity: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Regress the outcome's residual on the arms'; return values (k,) and influence (n, k).

    Raises
    ------
    IdentificationError
        If the covariates leave no variation in an arm.
    """
    arms = np.arange(1, len(sample.arms))
    residual = (sample.arm[:, None] == arms) - propensity[:, 1:]
    weights = row_weights(sample)
    jacobian = (residual * weights[:, None]).T @ residual / sample.n
    if np.linalg.eigvalsh(jacobian)[0] < LEAST_RESIDUAL_VARIANCE:
        raise IdentificationError(
            "The covariates determine the arm, so nothing of it is left to compare.",
            remedy="Leave out the covariate that gives the arm away.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    left = values - mean
    value = np.linalg.solve(jacobian, residual.T @ (weights * left) / sample.n)
    score = residual * (weights * (left - residual @ value))[:, None]
    return value, np.linalg.solve(jacobian, score.T).T
