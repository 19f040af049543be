"""Inverse-probability weighting, with the propensity's own uncertainty in the variance."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Detail, Method, method
from estimand.core.nuisances import FoldPlan, Score
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.errors import UnsupportedError
from estimand.methods.adjustment.collinear import dropped_finding, surprising
from estimand.methods.adjustment.contrast import Means, Reported, contrast
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.tails import Tails, clipped, trimmed
from estimand.stats.arrays import Bools, Floats
from estimand.stats.balance import effective_size, largest_share
from estimand.stats.weighting import target_weight_slopes, target_weights


@method(
    "ipw",
    designs=(Observational, Experiment),
    references=(
        "Hirano, Imbens & Ridder 2003, doi:10.1111/1468-0262.00442",
        "Lunceford & Davidian 2004, doi:10.1002/sim.1903",
        "Li, Morgan & Zaslavsky 2018, doi:10.1080/01621459.2016.1260466",
        "Stefanski & Boos 2002, doi:10.1198/000313002753631330",
    ),
    inference="influence",
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "arm_swap",
        "duplicated_rows",
    ),
    details=(
        Detail("effective_n", "by arm", "rows"),
        Detail("max_weight_share", "by arm", "share of the arm's weight"),
        Detail("propensity_range", "(2,)", "probability"),
        Detail("propensity", "(n,)", "probability"),
        Detail("weights", "(n,)", "weight, mean one in each arm"),
    ),
)  # fmt: skip
class IPW(Method):
    r"""Hájek-weighted difference in means.

    Estimand: E[Y(1) - Y(0)] over everyone (ATE), the treated (ATT), the untreated (ATC), or with overlap
    weights e(X)(1 - e(X)) (ATO). Each arm's mean is ``Σ w y / Σ w``: weights are normalised within arms.

    Assumes no unmeasured confounding given the covariates, overlap, and a right propensity model.

    Variance: stacked M-estimation of the propensity's coefficients and both means, so that estimating the
    propensity counts. ψ = w (y - μ)/w̄ + s H⁻¹ E[∂w/∂θ (y - μ)]/w̄ with the score s and Hessian H of the fit.

    Parameters
    ----------
    target : "ATE" | "ATT" | "ATC" | "ATO"
    trim : float, optional
        Drop rows with a propensity below this or above one minus it; renames the population. The
        propensity is not refitted and the kept set is taken as given.
    clip : float, optional
        Bound propensities to [clip, 1 - clip]; reported with the share bounded.
    learner : Learner
        A parametric propensity model; anything else belongs to ``aipw``.
    """

    target: Literal[Target.ATE, Target.ATT, Target.ATC, Target.ATO] = Target.ATE
    trim: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    learner: LearnerOption = Learner("logistic")

    def estimate(self, case: Case) -> Estimate:
        """Weight, average, and carry the propensity's uncertainty along."""
        sample = case.sample()
        _refuse_many_arms(sample)
        fit = case.fitted().propensity(self.learner, FoldPlan(1))
        score = _required(fit.score, self.learner)
        treated = sample.arm == 1
        tails, bounded = clipped("ipw", Tails.of(fit.prediction[:, 1]), self.clip)
        tails, narrowed, rule = trimmed("ipw", tails, treated, self.trim)
        weighted = Weighted(treated, tails, self.target)
        one, one_psi = weighted.mean(case.values(), treated, score)
        zero, zero_psi = weighted.mean(case.values(), ~treated, score)
        means = Means(np.array([one]), np.array([zero]), one_psi[:, None], zero_psi[:, None])
        used = None if tails.kept.all() else int(tails.kept.sum())
        dropped = surprising(fit.dropped, sample.features)
        findings = (*bounded, *narrowed, *dropped_finding("ipw", dropped, "the propensity model"))
        reported = Reported(self.target, population(case, self.target, used, rule), weighted.details(sample), findings)
        return contrast(case, self, means, reported)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Rows weighted to one target by their propensity.

    Attributes
    ----------
    treated : ndarray of shape (n,) of bool
    tails : Tails
        Propensities after clipping, and which rows are kept.
    target : Target
    """

    treated: Bools
    tails: Tails
    target: Target

    def weights(self) -> Floats:
        """Weight of each row, zero where trimmed, shape (n,)."""
        raw = target_weights(self.treated, self.tails.propensity, self.target)
        return np.where(self.tails.kept, raw, 0.0)

    def slopes(self) -> Floats:
        """Derivative of each weight with respect to the logit; zero where clipped or trimmed."""
        raw = target_weight_slopes(self.treated, self.tails.propensity, self.target)
        return np.where(self.tails.kept & ~self.tails.bounded, raw, 0.0)

    def mean(self, values: Floats, arm: Bools, score: Score) -> tuple[float, Floats]:
        """Hájek mean of one arm and its influence, shape (n,)."""
        weights = self.weights() * arm
        total = weights.mean()
        mean = float(weights @ values / weights.sum())
        deviation = values - mean
        gradient = score.basis.T @ (self.slopes() * arm * deviation) / values.shape[0]
        return mean, np.asarray((weights * deviation + score.carried(gradient)) / total)

    def details(self, sample: Sample) -> FrozenMap[object]:
        """What the weights look like."""
        weights = self.weights()
        arms = {label: weights[self.treated == bool(a)] for a, label in enumerate(sample.arms)}
        scale = {label: part.mean() for label, part in arms.items()}
        per_row = np.where(self.treated, scale[sample.arms[1]], scale[sample.arms[0]])
        kept = self.tails.propensity[self.tails.kept]
        return FrozenMap(
            {
                "effective_n": FrozenMap({label: effective_size(part) for label, part in arms.items()}),
                "max_weight_share": FrozenMap({label: largest_share(part) for label, part in arms.items()}),
                "propensity_range": np.array([kept.min(), kept.max()]),
                "propensity": self.tails.propensity,
                "weights": weights / per_row,
            }
        )


def _refuse_many_arms(sample: Sample) -> None:
    if len(sample.arms) > 2:
        raise UnsupportedError(
            f"Method 'ipw' takes two arms, and there are {len(sample.arms)}.",
            remedy="Use 'aipw', which takes several arms, or keep two of them.",
            found=list(sample.arms),
        )


def _required(score: Score | None, learner: Learner) -> Score:
    if score is None:
        raise UnsupportedError(
            f"Method 'ipw' needs a parametric propensity model; '{learner.name}' has no estimating equation, "
            "so its uncertainty cannot enter the variance.",
            remedy="Use method 'aipw', whose score tolerates any learner.",
            found=learner.name,
        )
    return score
