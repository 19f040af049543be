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
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.nuisances import FoldPlan, Score
from estimand.core.question import Target
from estimand.core.resampling import Replicator
from estimand.core.row_weights import given_weights, mean_one_by_arm, refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.errors import UnsupportedError
from estimand.methods.adjustment.collinear import dropped_finding, surprising
from estimand.methods.adjustment.contrast import Reported, contrast
from estimand.methods.adjustment.ipw_replicates import weighted_replicates
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast, Means
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.tails import Tails, clipped, trimmed
from estimand.stats.arrays import Floats, Ints
from estimand.stats.balance import effective_size, largest_share
from estimand.stats.glm import fit_glm
from estimand.stats.weighting import log_weight_slopes, target_weights


@method(
    "ipw",
    designs=(Observational, Experiment),
    references=(
        "Hirano, Imbens & Ridder 2003, doi:10.1111/1468-0262.00442",
        "Lunceford & Davidian 2004, doi:10.1002/sim.1903",
        "Li & Li 2019, doi:10.1214/19-AOAS1282",
        "Stefanski & Boos 2002, doi:10.1198/000313002753631330",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=IN_EVERY_WAY,
    details=(
        Detail("effective_n", "by arm", "rows"),
        Detail("max_weight_share", "by arm", "share of the arm's weight"),
        Detail("propensity_range", "(2,)", "probability"),
        Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
        Detail("weights", "(n,)", "weight for the first term, mean one in each arm"),
    ),
)
class IPW(Method):
    r"""Hájek-weighted difference, ratio or odds ratio of means.

    Estimand: E[Y(a) - Y(0)] over everyone (ATE), those in arm a (ATT), the controls (ATC), or with overlap
    weights 1/Σ(1/e) (ATO; e(1 - e) with two arms). Each arm's mean is ``Σ w y / Σ w``: weights are normalised
    within arms.

    Assumes no unmeasured confounding given the covariates, overlap, and a right propensity model: logistic,
    multinomial with several arms.

    Variance: stacked M-estimation of the propensity's coefficients and all means, so that estimating the
    propensity counts. ψ = w (y - μ)/w̄ + s H⁻¹ E[∂w/∂θ (y - μ)]/w̄ with the score s and Hessian H of the fit.
    Sampling weights multiply every term, the score included.

    Parameters
    ----------
    target : "ATE" | "ATT" | "ATC" | "ATO"
    trim : float, optional
        Before anything is clipped, drop rows with a propensity of any arm below this; renames the population. The
        propensity is not refitted and the kept set is taken as given.
    clip : float, optional
        Bound propensities to [clip, 1 - clip]; reported with the share bounded.
    learner : Learner
        A parametric propensity model; anything else belongs to ``aipw``.
    contrast : "difference" | "ratio" | "odds_ratio"
        Of the two means; ratios are normal on the log scale.
    """

    target: Literal[Target.ATE, Target.ATT, Target.ATC, Target.ATO] = Target.ATE
    trim: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    learner: LearnerOption = Learner("logistic")
    contrast: Contrast = "difference"

    def estimate(self, case: Case) -> Estimate:
        """Weight, average, and carry the propensity's uncertainty along."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        fit = case.fitted().propensity(self.learner, FoldPlan(1))
        score = required_score("ipw", fit.score, self.learner)
        tails, narrowed, rule = trimmed("ipw", Tails.of(fit.prediction), sample.arm, self.trim)
        tails, bounded = clipped("ipw", tails, self.clip)
        weighted = Weighted(sample, tails, self.target)
        means = weighted.means(case.values(), score)
        dropped = surprising(fit.dropped, sample.features)
        findings = (*bounded, *narrowed, *dropped_finding("ipw", dropped, "the propensity model"))
        reported = Reported(
            self.target,
            population(case, self.target, rule, kept=tails.kept),
            weighted.details(),
            findings,
            self.contrast,
        )
        return contrast(case, self, means, reported)

    def replicator(self, case: Case, units: Ints) -> Replicator | None:
        """Refits side by side, for two arms and a plain logistic propensity that nothing is cut from."""
        plain = self.learner.name == "logistic" and not self.learner.params and self.contrast == "difference"
        if len(case.arms) > 2 or not plain or self.trim is not None or self.clip is not None:
            return None
        sample = case.sample()
        weights = given_weights(sample)
        fit = fit_glm(sample.features.values, (sample.arm == 1).astype(np.float64), "logistic", weights)
        return weighted_replicates(sample, case.values(), units, fit, self.target)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Rows weighted to one target by their propensity.

    Attributes
    ----------
    sample : Sample
    tails : Tails
        Propensities after clipping, and which rows are kept.
    target : Target
    """

    sample: Sample
    tails: Tails
    target: Target

    def weights(self, against: int) -> Floats:
        """Weight of each row for one arm against control, zero where trimmed, shape (n,)."""
        raw = target_weights(self.sample.arm, self.tails.propensity, self.target, against)
        return np.where(self.tails.kept, raw * row_weights(self.sample), 0.0)

    def slopes(self, against: int) -> Floats:
        """How each row's log weight moves with the propensity's linear predictors, shape (n, arms - 1)."""
        slopes = log_weight_slopes(self.sample.arm, self.tails.propensity, self.target, against)
        slopes[self.tails.bounded.any(axis=1)] = 0.0
        return slopes

    def means(self, values: Floats, score: Score) -> Means:
        """Hájek means of every arm and of control beside it, with their influence."""
        sample = self.sample
        pairs = []
        for a in range(1, len(sample.arms)):
            weights, slopes = self.weights(a), self.slopes(a)
            pairs.append([hajek_mean(values, weights * (sample.arm == code), slopes, score) for code in (a, 0)])
        value = np.array([[mean for mean, _ in pair] for pair in pairs])
        psi = np.array([[influence for _, influence in pair] for pair in pairs])
        return Means(value[:, 0], value[:, 1], psi[:, 0].T, psi[:, 1].T)

    def details(self) -> FrozenMap[object]:
        """What the weights look like; those of ATT and ATC are for the first arm after control."""
        weights = self.weights(1)
        members = {label: self.sample.arm == a for a, label in enumerate(self.sample.arms)}
        arms = {label: weights[rows] for label, rows in members.items() if weights[rows].any()}
        propensity = self.tails.propensity
        kept = propensity[self.tails.kept]
        own = kept[:, 1] if propensity.shape[1] == 2 else kept
        return FrozenMap(
            {
                "effective_n": FrozenMap({label: effective_size(part) for label, part in arms.items()}),
                "max_weight_share": FrozenMap({label: largest_share(part) for label, part in arms.items()}),
                "propensity_range": np.array([own.min(), own.max()]),
                "propensity": propensity[:, 1] if propensity.shape[1] == 2 else propensity,
                "weights": mean_one_by_arm(weights, self.sample),
            }
        )


def hajek_mean(values: Floats, weights: Floats, slopes: Floats, score: Score) -> tuple[float, Floats]:
    """Weighted mean and its influence, shape (n,), through weights whose log has the given slopes (n, m)."""
    mean = float(weights @ values / weights.sum())
    moment = weights * (values - mean)
    gradient = (slopes * moment[:, None]).T @ score.basis / values.shape[0]
    return mean, np.asarray((moment + score.carried(gradient)) / weights.mean())


def required_score(key: str, score: Score | None, learner: Learner) -> Score:
    """Return the propensity's estimating equation, which the variance is stacked with.

    Raises
    ------
    UnsupportedError
        If the learner has none.
    """
    if score is None:
        raise UnsupportedError(
            f"Method '{key}' needs a parametric propensity model; '{learner.name}' has no estimating equation, "
            "so its uncertainty cannot enter the variance.",
            remedy="Use method 'aipw', whose score tolerates any learner.",
            found=learner.name,
        )
    return score
