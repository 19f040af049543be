"""Do methods that estimate the same thing agree within their joint error?"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from estimand.checks.stress.reasons import Reason, likeliest_reason
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.compare import difference_between
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal
from estimand.stats.multiplicity import holm

BEYOND = 0.01
SOMEWHAT = 0.05
LINE = 2.58
FELT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Difference of two estimates in one term; of two ratios, that of their logs.

    Attributes
    ----------
    first, second : Estimate
    term : str
    value, std_error : float
    p : float
        Adjusted for all gaps of the group.
    """

    first: Estimate
    second: Estimate
    term: str
    value: float
    std_error: float
    p: float

    @property
    def z(self) -> float:
        """Difference in its own standard errors."""
        return self.value / self.std_error

    @property
    def felt(self) -> bool:
        """Whether it is more than half the smaller standard error of the two: a decision could turn on it."""
        return abs(self.value) > FELT * min(float(self.first.scaled_error[0]), float(self.second.scaled_error[0]))

    @property
    def grade(self) -> Grade:
        """How far beyond the joint error it is."""
        if not self.felt or self.p >= SOMEWHAT:
            return Grade.PASS
        return Grade.WARN if self.p < BEYOND else Grade.NOTE

    def other(self, estimate: Estimate) -> Estimate:
        """The estimate that this one is compared with."""
        return self.second if estimate is self.first else self.first


@check(
    "comparison.disagreement",
    question="Do methods that estimate the same thing agree within their joint error?",
    references=("Hausman 1978, doi:10.2307/1913827", "Holm 1979, doi:10.2307/4615733"),
    designs=(*ARMS, Panel),
)
class Disagreement(Check):
    """Differences between estimates of one outcome, target, population and scale, by their joint influence.

    Estimates from one sample share most of their noise, so their difference is surer than their intervals
    suggest. P-values are adjusted within the group by Holm; a difference below half a standard error of either is
    let pass, for there the first-order algebra no longer tells it from rounding in the estimators. Of a panel the
    headlines are compared: what follows them differs from method to method.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where two estimates are of the same thing and carry an influence function."""
        return isinstance(case.source, Sample) and any(True for _ in _groups(_compared(case, estimates)))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the gap that stands out most."""
        out = []
        for group in _groups(_compared(case, estimates)):
            gaps = _gaps(group)
            for estimate in group:
                own = [gap for gap in gaps if estimate in (gap.first, gap.second)]
                if own:
                    out.append(self._one(case, estimate, own))
        return tuple(out)

    def _one(self, case: Case, estimate: Estimate, gaps: list[Gap]) -> Finding:
        worst = max(gaps, key=lambda gap: (gap.grade.severity, abs(gap.z)))
        other = worst.other(estimate)
        reason = None if worst.grade is Grade.PASS else likeliest_reason(case, estimate, other)
        grade = Grade.NOTE if reason is not None and reason.blames == other.id else worst.grade
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=other.id,
            statistic=worst.z if estimate is worst.first else -worst.z,
            threshold=LINE,
            message=_words(estimate, worst, gaps, reason),
            remedy=None if reason is None else reason.remedy,
            evidence=Table(
                {
                    "other": [gap.other(estimate).id for gap in gaps],
                    "term": [gap.term for gap in gaps],
                    "difference": [gap.value if estimate is gap.first else -gap.value for gap in gaps],
                    "std_error": [gap.std_error for gap in gaps],
                    "p_holm": [gap.p for gap in gaps],
                }
            ),
        )


def _words(estimate: Estimate, worst: Gap, gaps: list[Gap], reason: Reason | None) -> str:
    value = worst.value if estimate is worst.first else -worst.value
    what = "on the log scale " if estimate.scale == "log" else ""
    size = (
        f"{what}by {value:+.4g} (joint standard error {worst.std_error:.2g}, z = {abs(worst.z):.1f}, "
        f"Holm-adjusted p = {worst.p:.2g})"
    )
    other = worst.other(estimate).id
    if reason is not None:
        return f"It differs from '{other}' {size}, more than their joint error. Likeliest reason: {reason.words}"
    count = len({gap.other(estimate).id for gap in gaps})
    if count == 1:
        return f"It agrees with '{other}', from which it differs {size}."
    return f"It agrees with the {count} others of its target and population; from '{other}' it differs {size}."


def _compared(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    """Estimates as they are, and of a panel their headlines."""
    return tuple(map(_headline, estimates)) if isinstance(case.design, Panel) else estimates


def _headline(estimate: Estimate) -> Estimate:
    if len(estimate.terms) == 1 or estimate.scale != "identity" or not _comparable(estimate):
        return estimate
    return estimate.combine(np.eye(1, len(estimate.terms)), estimate.terms[:1])


def _groups(estimates: tuple[Estimate, ...]) -> Iterator[list[Estimate]]:
    """Comparable estimates of one outcome, target, population, set of terms and scale, two or more."""
    groups: dict[tuple[object, ...], list[Estimate]] = {}
    for estimate in estimates:
        if _comparable(estimate):
            places = tuple(repr(sorted(term.at.items())) for term in estimate.terms)
            kind = (estimate.scale, estimate.terms[0].unit if estimate.scale == "log" else None)
            key = (estimate.outcome, estimate.target, estimate.population, places, kind)
            groups.setdefault(key, []).append(estimate)
    return (group for group in groups.values() if len(group) > 1)


def _comparable(estimate: Estimate) -> bool:
    return estimate.influence is not None and isinstance(estimate.uncertainty, Normal)


def _gaps(group: list[Estimate]) -> list[Gap]:
    """Every pair's difference in every term, but those that are equal row by row."""
    raw = []
    for first, second in combinations(group, 2):
        apart = difference_between(first, second)
        values, errors = apart.scaled, apart.scaled_error
        p_values = apart.uncertainty.p_value(apart.value)
        if p_values is None:
            continue
        for j, term in enumerate(apart.terms):
            raw.append((first, second, term.label, float(values[j]), float(errors[j]), float(p_values[j])))
    adjusted = holm(np.array([row[-1] for row in raw]))
    return [Gap(*row[:-1], float(p)) for row, p in zip(raw, adjusted, strict=True)]
