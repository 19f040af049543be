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
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError
from estimand.methods.adjustment.contrast import Means, Reported, Rows, Spread, contrast, rows_of, split_spread
from estimand.methods.adjustment.notes import learner_notes
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.sampling import mean_one_by_arm, refuse_precision, row_weights
from estimand.methods.adjustment.tails import Tails, clipped
from estimand.stats.arrays import Floats
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
    notes : tuple of str
    """

    propensity: Floats
    outcome: Mapping[int, Floats]
    loss: Mapping[str, float]
    calibration: Mapping[str, float]
    notes: tuple[str, ...]


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
        Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
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

    Variance: Σψψ'/n²; sampling weights multiply ψ. With several ``repeats``, the median value and the median ψ,
    and the median squared distance of a repetition's value from it added (Chernozhukov et al. 2018, section 3.4).

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
    learner: LearnerOption = Learner("auto")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=1)] | tuple[int, ...] = 5
    repeats: Annotated[int, Field(ge=1)] = 1
    outcome_model: Literal["by_arm", "pooled"] = "by_arm"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    population: Literal["superpopulation", "sample"] = "superpopulation"

    def estimate(self, case: Case) -> Estimate:
        """Fit out of fold, score, and average."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        splits = self._splits(case)
        bounded, findings = self._clip(splits)
        _refuse_certainty(bounded, sample, self.target)
        scored = [self._means(case.values(), sample, split) for split in bounded]
        means = _median(scored)
        spread = _spread(means, scored, rows_of(case)) if self.repeats > 1 else None
        first = bounded[0]
        several = len(sample.arms) > 2
        weights = target_weights(sample.arm, first.propensity, self.target) * row_weights(sample)
        details = FrozenMap(
            {
                "nuisance_loss": FrozenMap(first.loss),
                "calibration": FrozenMap(first.calibration),
                "propensity": first.propensity if several else first.propensity[:, 1],
                "weights": mean_one_by_arm(weights, sample),
            }
        )
        findings = (*findings, *learner_notes("aipw", first.notes))
        reported = Reported(self.target, population(case, self.target), details, findings)
        return contrast(case, self, means, reported, spread)

    def _splits(self, case: Case) -> list[Split]:
        """Fit the nuisances of every repetition, all models side by side."""
        arms = range(len(case.arms)) if self.target is Target.ATE or self.population == "sample" else (0,)
        pooled = self.outcome_model == "pooled"
        asked = [
            (
                Nuisance("propensity", self.propensity_learner or self.learner, plan),
                *(Nuisance("outcome", self.learner, plan, a, pooled) for a in arms),
            )
            for plan in (FoldPlan(self.folds, repeat) for repeat in range(self.repeats))
        ]
        fits = iter(case.fitted().fit(*(request for group in asked for request in group)))
        splits = []
        for group in asked:
            made = [next(fits) for _ in group]
            splits.append(
                Split(
                    made[0].prediction,
                    {a: fit.prediction for a, fit in zip(arms, made[1:], strict=True)},
                    {name: value for fit in made for name, value in fit.loss.items()},
                    {name: value for fit in made for name, value in fit.calibration.items()},
                    tuple(note for fit in made for note in fit.notes),
                )
            )
        return splits

    def _clip(self, splits: list[Split]) -> tuple[list[Split], tuple[Finding, ...]]:
        """Bound every arm's propensity; report the first repetition's."""
        if self.clip is None:
            return splits, ()
        bound = self.clip
        _, findings = clipped("aipw", Tails.of(splits[0].propensity), bound)
        return [replace(s, propensity=np.clip(s.propensity, bound, 1.0 - bound)) for s in splits], findings

    def _means(self, values: Floats, sample: Sample, split: Split) -> Means:
        score = _everyone if self.target is Target.ATE else _treated
        means = score(values, sample, split)
        if self.population == "superpopulation":
            return means
        return _held_fixed(means, sample, split, self.target)


def _everyone(values: Floats, sample: Sample, split: Split) -> Means:
    """Doubly robust means over all rows."""
    weights = row_weights(sample)[:, None]
    scores = np.stack(
        [g + (sample.arm == a) * (values - g) / split.propensity[:, a] for a, g in split.outcome.items()], axis=1
    )
    mean = (weights * scores).mean(axis=0)
    psi = weights * (scores - mean)
    k = mean.shape[0] - 1
    return Means(mean[1:], np.repeat(mean[:1], k), psi[:, 1:], np.repeat(psi[:, :1], k, axis=1))


def _treated(values: Floats, sample: Sample, split: Split) -> Means:
    """Doubly robust means over the rows of each arm."""
    base, weights = split.outcome[0], row_weights(sample)
    treated, control, treated_psi, control_psi = [], [], [], []
    for a in range(1, split.propensity.shape[1]):
        member = weights * (sample.arm == a)
        share = member.mean()
        odds = split.propensity[:, a] / split.propensity[:, 0]
        here = member * values
        there = member * base + weights * (sample.arm == 0) * odds * (values - base)
        treated.append(here.mean() / share)
        control.append(there.mean() / share)
        treated_psi.append((here - member * treated[-1]) / share)
        control_psi.append((there - member * control[-1]) / share)
    return Means(np.array(treated), np.array(control), np.stack(treated_psi, axis=1), np.stack(control_psi, axis=1))


def _held_fixed(means: Means, sample: Sample, split: Split, target: Target) -> Means:
    """Take the spread of the predicted means out of ψ: the rows are all there is."""
    weights = row_weights(sample)

    def spread(prediction: Floats, member: Floats) -> Floats:
        return np.asarray(member * (prediction - np.average(prediction, weights=member)) / member.mean())

    members = [
        weights * (sample.arm == j + 1) if target is Target.ATT else weights for j in range(means.treated.shape[0])
    ]
    treated = np.stack([spread(split.outcome[j + 1], member) for j, member in enumerate(members)], axis=1)
    control = np.stack([spread(split.outcome[0], member) for member in members], axis=1)
    return replace(means, treated_psi=means.treated_psi - treated, control_psi=means.control_psi - control)


def _median(scored: list[Means]) -> Means:
    """Median value and median ψ over repetitions."""
    if len(scored) == 1:
        return scored[0]
    control = np.median([m.control for m in scored], axis=0)
    control_psi = np.median([m.control_psi for m in scored], axis=0)
    value = np.median([m.treated - m.control for m in scored], axis=0)
    psi = np.median([m.treated_psi - m.control_psi for m in scored], axis=0)
    return Means(control + value, control, control_psi + psi, control_psi)


def _spread(means: Means, scored: list[Means], rows: Rows) -> Spread:
    """Covariance of the median over repetitions."""
    psi = means.treated_psi - means.control_psi
    return split_spread([m.treated - m.control for m in scored], means.treated - means.control, psi, rows)


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
