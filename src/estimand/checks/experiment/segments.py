"""What is the effect in each of the segments that the design names?"""

import numpy as np

from estimand.checks.heterogeneity.segments import Segment, segments_of, table_words
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric import MEANS
from estimand.core.metric_rows import metric_column
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.effect_by_day import effect_by_day
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.multiplicity import holm

FEWEST_ROWS = 10


@check(
    "experiment.segments",
    question="What is the effect in each of the segments that the design names?",
    references=("Holm 1979, doi:10.2307/4615733",),
    designs=(Experiment,),
)
class SegmentDifferences(Check):
    """Difference of each arm from control in every level of the columns under ``roles: segments``, and of all others.

    A column of numbers with more than twenty values is cut into thirds. Errors are summed within clusters. Whether the
    effect in a level is that of all others is tested, p-values Holm's over the levels; that it is not is a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names segments, to metrics whose level is a mean or a ratio."""
        kinds = {*MEANS, "ratio"}
        return (
            case.metric is not None
            and case.metric.kind in kinds
            and "segments" in case.sample().roles
            and case.sample().weights is None
        )

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each arm with a table of the levels."""
        segments = segments_of(case.sample().roles["segments"])
        return tuple(self._of_arm(case, j + 1, arm, segments) for j, arm in enumerate(case.arms[1:]))

    def _of_arm(self, case: Case, a: int, arm: str, segments: list[Segment]) -> Finding:
        told = [segment for segment in segments if self._enough(case, a, segment)]
        if not told:
            words = f"No segment has {FEWEST_ROWS} rows of each arm beside as many others."
            return Finding(self.spec.key, case.outcome, Grade.NOT_RUN, arm, words, "Name coarser segments.")
        table = _table(case, a, told)
        apart = sum(p <= 1.0 - case.level for p in table["adjusted"])
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE if apart else Grade.PASS,
            subject=arm,
            statistic=float(apart),
            message=table_words(table, case.level, len(segments) - len(told)),
            remedy="Read the average with care: it is of effects that differ." if apart else None,
            evidence=table,
        )

    def _enough(self, case: Case, a: int, segment: Segment) -> bool:
        arms = (case.sample().arm == 0, case.sample().arm == a)
        held = [part & arm for arm in arms for part in (segment.member, ~segment.member)]
        return min(int(part.sum()) for part in held) >= FEWEST_ROWS


def _table(case: Case, a: int, segments: list[Segment]) -> Table:
    """Effect in each level, and how far it is from that of all others."""
    sample = case.sample()
    rows = np.flatnonzero((sample.arm == a) | (sample.arm == 0))
    columns = case.values()[rows], _below(case)[rows]
    treated, units = sample.arm[rows] == a, sample.units[rows]
    # Two days, others and members: the slope of a line through two points is their difference.
    made = [effect_by_day(columns, treated, segment.member[rows].astype(float), units) for segment in segments]
    value, error = (np.array([getattr(found, name)[1] for found in made]) for name in ("value", "std_error"))
    apart = np.array([found.slope / found.slope_error if found.slope_error else 0.0 for found in made])
    half = float(critical_value(case.level, None, 1)[0]) * error
    return Table(
        {
            "segment": [segment.column for segment in segments],
            "level": [segment.level for segment in segments],
            "rows": [int(segment.member[rows].sum()) for segment in segments],
            "value": value.tolist(),
            "std_error": error.tolist(),
            "low": (value - half).tolist(),
            "high": (value + half).tolist(),
            "difference": [found.slope for found in made],
            "p_value": two_sided_p(apart, None).tolist(),
            "adjusted": holm(two_sided_p(apart, None)).tolist(),
        }
    )


def _below(case: Case) -> Floats:
    metric = case.metric
    if metric is None or metric.denominator is None:
        return np.ones(case.sample().n)
    return metric_column(case.sample(), metric.denominator)
