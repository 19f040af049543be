"""How unlike are the arms before any adjustment, covariate by covariate and category by category?"""

import numpy as np

from estimand.checks.diagnosis.weighted import denominator, people_weights, unadjusted_differences
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.screening import chance_multiple, null_std_error

CHANCE_NOTED, CHANCE_WARNED = 0.01, 0.001


@check(
    "audit.balance",
    question="How unlike are the arms before any adjustment?",
    references=("Austin & Stuart 2015, doi:10.1002/sim.6607",),
)
class BalanceBefore(Check):
    """Standardised difference of every covariate and category before adjustment, ranked.

    A difference counts when it passes the policy's line and chance: what as-if-random arms of this size,
    clustered as these are, would reach in any covariate once in a hundred tables. In an experiment it warns,
    and chance is what happens once in a thousand.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates."""
        return isinstance(case.source, Sample) and bool(case.source.features.features)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the covariate or category that differs most, and all of them as evidence."""
        sample = case.sample()
        gaps, chance = _gaps(sample, CHANCE_WARNED if case.randomised else CHANCE_NOTED)
        line = np.maximum(case.gates.smd_note, chance)
        beyond = np.abs(gaps) > line
        order = np.lexsort((-np.abs(gaps), ~beyond))
        j, count = int(order[0]), int(beyond.sum())
        grade = (Grade.WARN if case.randomised else Grade.NOTE) if count else Grade.PASS
        names = sample.features.names
        words = (
            f"{count} of {len(names)} covariates and categories differ between the arms by more than "
            f"{case.gates.smd_note:g} standard deviations and more than chance explains; '{names[j]}' most "
            f"({gaps[j]:+.2f})."
            if count
            else f"No covariate or category differs between the arms by more than chance explains; '{names[j]}' "
            f"differs most, by {abs(gaps[j]):.2f} standard deviations."
        )
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=names[j],
                statistic=float(gaps[j]),
                threshold=float(line[j]),
                message=words,
                remedy=_remedy(grade),
                evidence=Table(
                    {
                        "feature": [names[k] for k in order],
                        "before": gaps[order].tolist(),
                        "after": [None] * len(names),
                        "chance": chance[order].tolist(),
                    }
                ),
            ),
        )


def _gaps(sample: Sample, rate: float) -> tuple[Floats, Floats]:
    """Largest difference over arms of each feature, and the largest that chance explains, shape (p,) each."""
    arms = range(1, len(sample.arms))
    gaps = np.stack([unadjusted_differences(sample, a, Target.ATE) for a in arms])
    pick = np.abs(gaps).argmax(axis=0), np.arange(gaps.shape[1])
    multiple = chance_multiple(rate, gaps.size)
    return gaps[pick], multiple * np.stack([_error(sample, a) for a in arms])[pick]


def _error(sample: Sample, a: int) -> Floats:
    """Standard error of a standardised difference between like arms; zero where nothing varies."""
    scale = denominator(sample, a, Target.ATE)
    weights = people_weights(sample) * ((sample.arm == a) | (sample.arm == 0))
    error = null_std_error(sample.features.values, sample.arm == a, weights, sample.cluster)
    return np.where(scale > 0.0, error / np.where(scale > 0.0, scale, 1.0), 0.0)


def _remedy(grade: Grade) -> str | None:
    if grade is Grade.WARN:
        return "Random assignment does not do this: look for a broken assignment, or rows lost from one arm."
    return "Compare adjusted estimates only, and see that they mend it." if grade is Grade.NOTE else None
