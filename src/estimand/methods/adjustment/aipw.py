"""Augmented inverse-probability weighting with cross-fitting: doubly robust, any learner."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Method, method
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.methods.adjustment.contrast import Reported, repeated_contrast
from estimand.methods.adjustment.notes import learner_notes
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast, Means
from estimand.methods.adjustment.sampling import refuse_fixed_rows
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.splits import (
    SPLIT_DETAILS,
    Fitting,
    Split,
    clipped_splits,
    fitted_splits,
    refuse_certainty,
    split_details,
)
from estimand.stats.arrays import Floats


@method(
    "aipw",
    designs=(Observational, Experiment),
    references=(
        "Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818",
        "Chernozhukov et al. 2018, doi:10.1111/ectj.12097",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=("row_order", "covariate_scale"),
    details=SPLIT_DETAILS,
)
class AIPW(Method):
    r"""Doubly robust scores from cross-fitted nuisances.

    Estimand: E[Y(a) - Y(0)] over everyone (ATE) or over those in arm a (ATT), or the ratio or odds ratio of the
    two means.

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
    contrast : "difference" | "ratio" | "odds_ratio"
        Of the two means; ratios are normal on the log scale.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("auto")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=1)] | tuple[int, ...] = 5
    repeats: Annotated[int, Field(ge=1)] = 1
    outcome_model: Literal["by_arm", "pooled"] = "by_arm"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    population: Literal["superpopulation", "sample"] = "superpopulation"
    contrast: Contrast = "difference"

    def estimate(self, case: Case) -> Estimate:
        """Fit out of fold, score, and average."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        if self.population == "sample":
            refuse_fixed_rows(self.spec.key, case)
        everyone = self.target is Target.ATE
        arms = range(len(case.arms)) if everyone or self.population == "sample" else (0,)
        pooled = self.outcome_model == "pooled"
        propensity_learner = self.propensity_learner or self.learner
        splits = fitted_splits(case, Fitting(self.learner, propensity_learner, self.folds, self.repeats, pooled), arms)
        bounded, findings = clipped_splits("aipw", splits, self.clip)
        refuse_certainty(bounded, sample, range(len(sample.arms)) if everyone else (0,))
        scored = [self._means(case.values(), sample, split) for split in bounded]
        first = bounded[0]
        details = FrozenMap(split_details(sample, first, self.target))
        findings = (*findings, *learner_notes("aipw", first.notes))
        reported = Reported(self.target, population(case, self.target), details, findings, self.contrast)
        return repeated_contrast(case, self, scored, reported)

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
