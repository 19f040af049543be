"""Augmented inverse-probability weighting with cross-fitting: doubly robust, any learner."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from estimand.core.nuisances import Fit, FoldPlan
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError
from estimand.methods.adjustment.contrast import Means, Reported, Spread, contrast
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.tails import Tails, clipped
from estimand.stats.arrays import Floats, Ints
from estimand.stats.influence import influence_covariance, sum_within
from estimand.stats.weighting import target_weights


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One repetition's out-of-fold nuisances.

    Attributes
    ----------
    propensity : ndarray of shape (n, arms)
    outcome : mapping of arm to ndarray of shape (n,)
        Only the arms the target needs.
    loss, calibration : mapping of str to float
    """

    propensity: Floats
    outcome: Mapping[int, Floats]
    loss: Mapping[str, float]
    calibration: Mapping[str, float]


@method(
    "aipw",
    designs=(Observational, Experiment),
    references=(
        "Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818",
        "Chernozhukov et al. 2018, doi:10.1111/ectj.12097",
    ),
    inference="influence",
    invariances=("row_order", "covariate_scale"),
    details=(
        Detail("nuisance_loss", "by part", "log loss [nats] or mean squared error [outcome²]"),
        Detail("calibration", "by part", "slope of observed on predicted"),
        Detail("propensity", "(n,)", "probability of the first arm after control"),
        Detail("weights", "(n,)", "weight of each row's residual, mean one in each arm"),
    ),
)
class AIPW(Method):
    r"""Doubly robust scores from cross-fitted nuisances.

    Estimand: E[Y(a) - Y(0)] over everyone (ATE) or over those in arm a (ATT).

    Score for ATE: φ_a = g_a(X) + 1{A=a}(Y - g_a(X))/e_a(X), averaged. For ATT: those in arm a bring
    Y - g_0(X), control rows -e_a/e_0 (Y - g_0(X)), over the number in arm a. Nuisances are fitted on the
    other folds. Consistent if either the outcome or the propensity model is; its variance needs both.

    Assumes no unmeasured confounding given the covariates, and overlap: nothing is clipped by default.

    Variance: Σψψ'/n². With several ``repeats``, the median value and the median ψ, and the median squared
    distance of a repetition's value from it added (Chernozhukov et al. 2018, section 3.4).

    Parameters
    ----------
    target : "ATE" | "ATT"
    learner : Learner
        For both nuisances.
    propensity_learner : Learner, optional
        Replaces ``learner`` for the propensity.
    folds : int or tuple of int
        Number of folds, 1 for none (in sample), or the fold of each row.
    repeats : int
        Splits to take the median over.
    outcome_model : "by_arm" | "pooled"
        An outcome model in each arm, or one with the arm as a feature.
    clip : float, optional
        Bound propensities to [clip, 1 - clip]; reported with the share bounded.
    population : "superpopulation" | "sample"
        For "sample" the variance leaves out the spread of the effect across rows.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("boosting")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=1)] | tuple[int, ...] = 5
    repeats: Annotated[int, Field(ge=1)] = 1
    outcome_model: Literal["by_arm", "pooled"] = "by_arm"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    population: Literal["superpopulation", "sample"] = "superpopulation"

    def estimate(self, case: Case) -> Estimate:
        """Fit out of fold, score, and average."""
        sample = case.sample()
        splits = [self._split(case, repeat) for repeat in range(self.repeats)]
        bounded, findings = self._clip(splits)
        _refuse_certainty(bounded, sample, self.target)
        scored = [self._means(case.values(), sample, split) for split in bounded]
        means = _median(scored)
        spread = _with_split_variance(means, scored, sample) if self.repeats > 1 else None
        first = bounded[0]
        details = FrozenMap(
            {
                "nuisance_loss": FrozenMap(first.loss),
                "calibration": FrozenMap(first.calibration),
                "propensity": first.propensity[:, 1],
                "weights": _residual_weights(first.propensity, sample, self.target),
            }
        )
        reported = Reported(self.target, population(case, self.target), details, findings)
        return contrast(case, self, means, reported, spread)

    def _split(self, case: Case, repeat: int) -> Split:
        nuisances, plan = case.fitted(), FoldPlan(self.folds, repeat)
        arms = range(len(case.arms)) if self.target is Target.ATE or self.population == "sample" else (0,)
        propensity = nuisances.propensity(self.propensity_learner or self.learner, plan)
        pooled = self.outcome_model == "pooled"
        outcome = {a: nuisances.outcome(a, self.learner, plan, pooled) for a in arms}
        fits: list[Fit] = [propensity, *outcome.values()]
        return Split(
            propensity.prediction,
            {a: fit.prediction for a, fit in outcome.items()},
            {name: value for fit in fits for name, value in fit.loss.items()},
            {name: value for fit in fits for name, value in fit.calibration.items()},
        )

    def _clip(self, splits: list[Split]) -> tuple[list[Split], tuple[Finding, ...]]:
        """Bound every arm's propensity; report the first repetition's first arm after control."""
        if self.clip is None:
            return splits, ()
        bound = self.clip
        _, findings = clipped("aipw", Tails.of(splits[0].propensity[:, 1]), bound)
        return [replace(s, propensity=np.clip(s.propensity, bound, 1.0 - bound)) for s in splits], findings

    def _means(self, values: Floats, sample: Sample, split: Split) -> Means:
        score = _everyone if self.target is Target.ATE else _treated
        means = score(values, sample.arm, split)
        if self.population == "superpopulation":
            return means
        return _held_fixed(means, sample.arm, split, self.target)


def _everyone(values: Floats, arm: Ints, split: Split) -> Means:
    """Doubly robust means over all rows."""
    scores = np.stack(
        [g + (arm == a) * (values - g) / split.propensity[:, a] for a, g in split.outcome.items()], axis=1
    )
    mean = scores.mean(axis=0)
    psi = scores - mean
    k = mean.shape[0] - 1
    return Means(mean[1:], np.repeat(mean[:1], k), psi[:, 1:], np.repeat(psi[:, :1], k, axis=1))


def _treated(values: Floats, arm: Ints, split: Split) -> Means:
    """Doubly robust means over the rows of each arm."""
    base = split.outcome[0]
    treated, control, treated_psi, control_psi = [], [], [], []
    for a in range(1, split.propensity.shape[1]):
        member = arm == a
        share = member.mean()
        odds = split.propensity[:, a] / split.propensity[:, 0]
        here = member * values
        there = member * base + (arm == 0) * odds * (values - base)
        treated.append(here.mean() / share)
        control.append(there.mean() / share)
        treated_psi.append((here - member * treated[-1]) / share)
        control_psi.append((there - member * control[-1]) / share)
    return Means(np.array(treated), np.array(control), np.stack(treated_psi, axis=1), np.stack(control_psi, axis=1))


def _held_fixed(means: Means, arm: Ints, split: Split, target: Target) -> Means:
    """Take the spread of the predicted effect out of ψ: the rows are all there is."""
    k = means.treated.shape[0]
    shift = np.empty((arm.shape[0], k))
    for j in range(k):
        effect = split.outcome[j + 1] - split.outcome[0]
        member = (arm == j + 1) if target is Target.ATT else np.ones(arm.shape[0], dtype=bool)
        shift[:, j] = member * (effect - effect[member].mean()) / member.mean()
    return replace(means, treated_psi=means.treated_psi - shift)


def _median(scored: list[Means]) -> Means:
    """Median value and median ψ over repetitions."""
    if len(scored) == 1:
        return scored[0]
    control = np.median([m.control for m in scored], axis=0)
    control_psi = np.median([m.control_psi for m in scored], axis=0)
    value = np.median([m.treated - m.control for m in scored], axis=0)
    psi = np.median([m.treated_psi - m.control_psi for m in scored], axis=0)
    return Means(control + value, control, control_psi + psi, control_psi)


def _with_split_variance(means: Means, scored: list[Means], sample: Sample) -> Spread:
    value = means.treated - means.control
    psi = means.treated_psi - means.control_psi
    distance = np.stack([(m.treated - m.control) - value for m in scored])
    split = np.median(distance[:, :, None] * distance[:, None, :], axis=0)
    k = value.shape[0]
    if sample.cluster is None:
        return Spread(influence_covariance(psi, sample.n) + split, None, "influence + split")
    groups, position = np.unique(sample.cluster, return_inverse=True)
    summed = sum_within(psi, position, groups.shape[0])
    df = np.full(k, groups.shape[0] - 1.0)
    return Spread(influence_covariance(summed, sample.n) + split, df, "clustered influence + split")


def _residual_weights(propensity: Floats, sample: Sample, target: Target) -> Floats:
    """Weight of each row's residual in the first term's score, mean one in each arm; 0 in other arms."""
    treated = sample.arm == 1
    probability = propensity[:, 1] / (propensity[:, 0] + propensity[:, 1])
    raw = target_weights(treated, probability, target)
    out = np.zeros(sample.n)
    for a in (0, 1):
        member = sample.arm == a
        out[member] = raw[member] / raw[member].mean()
    return out


def _refuse_certainty(splits: list[Split], sample: Sample, target: Target) -> None:
    """Refuse where a propensity that a score divides by is zero."""
    needed = range(len(sample.arms)) if target is Target.ATE else (0,)
    for split in splits:
        for a in needed:
            nought = int((split.propensity[:, a] <= 0.0).sum())
            if nought:
                raise IdentificationError(
                    f"{nought} rows have a propensity of zero for arm '{sample.arms[a]}': "
                    "nobody like them could be there.",
                    remedy="Leave those rows out, drop the covariate that decides the arm, or set clip.",
                    code=Code.INSUFFICIENT_OVERLAP,
                )
