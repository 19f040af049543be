"""What kind of number is the outcome, and what does that imply?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats

FEWEST_EVENTS = 10
SKEWED = 3.0
ZEROS, EXCESS = 0.3, 0.1
BINS = 30


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of outcome, and what it implies."""

    name: str
    grade: Grade
    words: str
    remedy: str | None = None


@check("audit.outcome", question="What kind of number is the outcome?", designs=(*ARMS, Panel))
class OutcomeKind(Check):
    """Binary, count, continuous, heavily skewed or zero-inflated; the last two, and rare events, are noted."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are outcomes."""
        return isinstance(case.source, Sample) and bool(case.source.present[case.outcome].any())

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Name the kind, and how its values are spread."""
        sample = case.sample()
        present = sample.present[case.outcome]
        values = sample.outcomes[case.outcome][present]
        kind = _kind(values, np.asarray(sample.arm[present]), len(sample.arms))
        counts, edges = np.histogram(values, bins=min(BINS, max(2, np.unique(values).size)))
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=kind.grade,
                subject=case.outcome,
                message=f"Outcome '{case.outcome}' is {kind.name}{kind.words}",
                remedy=kind.remedy,
                evidence=Table({"low": edges[:-1].tolist(), "high": edges[1:].tolist(), "rows": counts.tolist()}),
            ),
        )


def _kind(values: Floats, arm: Floats, arms: int) -> _Kind:
    low, high = float(values.min()), float(values.max())
    if ((values == low) | (values == high)).all():
        return _binary(values, arm, arms)
    zeros = float((values == 0.0).mean())
    count = low >= 0.0 and bool((values == np.round(values)).all())
    expected = float(np.exp(-values.mean())) if count else 0.0
    if low >= 0.0 and zeros > ZEROS and zeros > expected + EXCESS:
        return _Kind(
            "zero-inflated",
            Grade.NOTE,
            f": {zeros:.0%} of its values are 0. A difference of means mixes how many have any with how much.",
            "Report both parts: the share above 0, and the mean; do not take logarithms.",
        )
    skew = _skewness(values)
    if abs(skew) > SKEWED:
        return _Kind(
            "heavily skewed",
            Grade.NOTE,
            f" (skewness {skew:.1f}). Means need many rows before their intervals hold.",
            "Report a winsorised or logarithmic version beside it.",
        )
    name = "a count" if count and high <= 1000.0 else "continuous"
    return _Kind(name, Grade.PASS, f", from {low:g} to {high:g}. Effects are differences of means.")


def _binary(values: Floats, arm: Floats, arms: int) -> _Kind:
    high = values == values.max()
    counts = [int(min(high[arm == a].sum(), (~high)[arm == a].sum())) for a in range(arms)]
    share = float(high.mean())
    if min(counts) < FEWEST_EVENTS:
        return _Kind(
            "binary and rare",
            Grade.NOTE,
            f": an arm has {min(counts)} rows of its rarer value. Normal intervals do not hold for so few.",
            "Gather more rows, or report exact intervals of the two shares.",
        )
    return _Kind(
        "binary", Grade.PASS, f", {values.max():g} in {share:.1%} of the rows. Effects are differences of shares."
    )


def _skewness(values: Floats) -> float:
    deviation = values - values.mean()
    variance = float(np.mean(np.square(deviation)))
    return float(np.mean(deviation**3)) / variance**1.5 if variance > 0.0 else 0.0
