"""Are the arms alike in every covariate and category, before and after adjustment?"""

import numpy as np

from estimand.checks.diagnosis.remedies import richer
from estimand.checks.diagnosis.weighted import (
    adjusted_differences,
    arms_of,
    unadjusted_differences,
    variance_ratios,
    weighted_estimates,
)
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats


def _has_features(case: Case) -> bool:
    return isinstance(case.source, Sample) and bool(case.source.features.features)


def _worst(values: Floats) -> int:
    return int(np.argmax(np.abs(values)))


@check(
    "balance.before",
    question="How different were the arms before any adjustment?",
    references=("Austin & Stuart 2015, doi:10.1002/sim.6607",),
)
class RawImbalance(Check):
    """Standardised differences before adjustment: what the methods had to mend; never more than a note."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates."""
        return _has_features(case)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Report the largest difference over arms and features."""
        sample = case.sample()
        arms = range(1, len(sample.arms))
        gaps = np.stack([unadjusted_differences(sample, a, Target.ATE) for a in arms])
        worst = gaps[np.abs(gaps).argmax(axis=0), np.arange(gaps.shape[1])]
        j = _worst(worst)
        name = sample.features.names[j]
        far = abs(worst[j]) > case.gates.smd_note
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.NOTE if far else Grade.PASS,
                subject=name,
                statistic=float(worst[j]),
                threshold=case.gates.smd_note,
                message=f"Before adjustment the arms differ most in '{name}', by {abs(worst[j]):.2f} "
                "standard deviations.",
                remedy="Compare only adjusted estimates." if far else None,
                evidence=Table({"feature": sample.features.names, "before": worst, "after": [None] * len(worst)}),
            ),
        )


@check(
    "balance.smd",
    question="Are the arms alike in every covariate and category after adjustment?",
    references=("Austin & Stuart 2015, doi:10.1002/sim.6607", "Rosenbaum & Rubin 1985"),
)
class StandardisedDifference(Check):
    """Standardised differences after adjustment, relative to the estimate's target."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that weight rows."""
        return _has_features(case) and bool(weighted_estimates(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with its worst feature, and all of them as evidence."""
        return tuple(self._one(case, estimate) for estimate in weighted_estimates(estimates))

    def _one(self, case: Case, estimate: Estimate) -> Finding:
        sample, gates = case.sample(), case.gates
        pairs = [
            (unadjusted_differences(sample, arms.arm, estimate.target), adjusted_differences(sample, arms))
            for arms in arms_of(case, estimate)
        ]
        before, after = (np.stack(side) for side in zip(*pairs, strict=True))
        pick = np.abs(after).argmax(axis=0), np.arange(after.shape[1])
        before, after = before[pick], after[pick]
        j = _worst(after)
        size = float(abs(after[j]))
        grade = Grade.WARN if size > gates.smd_warn else Grade.NOTE if size > gates.smd_note else Grade.PASS
        count = int((np.abs(after) > gates.smd_note).sum())
        name = sample.features.names[j]
        words = (
            f"After adjustment {count} of {len(after)} covariates and categories still differ by more than "
            f"{gates.smd_note:g} standard deviations, most of all '{name}' ({_signed(after[j])})."
            if count
            else f"After adjustment no covariate differs by more than {gates.smd_note:g} standard deviations; "
            f"the largest is '{name}' ({_signed(after[j])})."
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=name,
            statistic=float(after[j]),
            threshold=gates.smd_warn if grade is Grade.WARN else gates.smd_note,
            message=words,
            remedy=richer(estimate) if count else None,
            evidence=Table({"feature": sample.features.names, "before": before, "after": after}),
        )


@check(
    "balance.variance_ratio",
    question="Do the arms spread alike in every numeric covariate after adjustment?",
    references=("Austin 2009, doi:10.1002/sim.3697",),
)
class VarianceRatio(Check):
    """Ratio of weighted variances of numeric covariates, arm over control."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that weight rows, where some covariate is not an indicator."""
        return _has_features(case) and bool(weighted_estimates(estimates)) and bool(_numeric(case).any())

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with its worst covariate."""
        return tuple(self._one(case, estimate) for estimate in weighted_estimates(estimates))

    def _one(self, case: Case, estimate: Estimate) -> Finding:
        sample, line = case.sample(), case.gates.variance_ratio
        numeric = _numeric(case)
        names = [name for name, keep in zip(sample.features.names, numeric, strict=True) if keep]
        pairs = [
            (variance_ratios(sample, arms, False)[numeric], variance_ratios(sample, arms, True)[numeric])
            for arms in arms_of(case, estimate)
        ]
        before, after = (np.stack(side) for side in zip(*pairs, strict=True))
        distance = np.abs(np.log(np.maximum(after, 1e-300)))
        pick = distance.argmax(axis=0), np.arange(after.shape[1])
        before, after, distance = before[pick], after[pick], distance[pick]
        j = int(distance.argmax())
        far = bool(distance[j] > np.log(line))
        arm = f"arm '{sample.arms[1]}'" if len(sample.arms) == 2 else "another arm"
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if far else Grade.PASS,
            subject=names[j],
            statistic=float(after[j]),
            threshold=line,
            message=f"After adjustment the variance of '{names[j]}' in {arm} is {after[j]:.2f} times that in "
            f"arm '{sample.arms[0]}', {'outside' if far else 'within'} [{1 / line:g}, {line:g}].",
            remedy=richer(estimate) if far else None,
            evidence=Table({"feature": names, "before": before, "after": after}),
        )


def _numeric(case: Case) -> Bools:
    """Features that take more than two values."""
    values = case.sample().features.values
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray(~((values == low) | (values == high)).all(axis=0))


def _signed(value: float) -> str:
    return f"{value:+.2f}" if np.isfinite(value) else "beyond any bound: it does not vary within the arms"
