"""What is the effect in each of the segments that the design names?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.heterogeneity.answers import answered, arm_labels, reporting
from estimand.checks.heterogeneity.scores import effect_scores
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.row_weights import row_weights
from estimand.core.sample import Encoded, Sample
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats
from estimand.stats.effect_groups import group_averages
from estimand.stats.group_contrast import contrast_of_means, standardised
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.multiplicity import holm

MOST_VALUES = 20
THIRDS = ("lowest third", "middle third", "highest third")
NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One level of a named column.

    Attributes
    ----------
    column, level : str
    member : ndarray of shape (n,) of bool
    """

    column: str
    level: str
    member: Bools


@check(
    "heterogeneity.segments",
    question="What is the effect in each of the segments that the design names?",
    references=("Semenova & Chernozhukov 2021, doi:10.1093/ectj/utaa027", "Holm 1979"),
)
class SegmentEffects(Check):
    """Mean doubly robust score in every level of the columns under ``roles: segments``, beside that of all others.

    A column of numbers with more than twenty values is cut into thirds. Errors sum clusters; the p-values of the
    differences are Holm's over all levels. There is no line to pass: always a note.

    Parameters
    ----------
    fewest : int
        Rows, and rows of each arm, that a level needs to be told of.
    """

    fewest: int = 10

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row, where the design names segments."""
        return bool(reporting(case, estimates)) and "segments" in case.sample().roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with a table of the levels."""
        segments = segments_of(case.sample().roles["segments"])

        def one(estimate: Estimate) -> list[Finding]:
            scores = effect_scores(case, estimate)
            return [
                self._arm(case, estimate, (label, j + 1), scores[:, j], segments)
                for j, label in enumerate(arm_labels(case))
            ]

        return answered(self.spec.key, case, estimates, one)

    def _arm(
        self, case: Case, estimate: Estimate, arm: tuple[str, int], scores: Floats, segments: list[Segment]
    ) -> Finding:
        told = [segment for segment in segments if self._enough(case.sample(), segment.member, arm[1])]
        if not told:
            message = f"No segment has {self.fewest} rows of each arm beside as many others."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, arm[0], message, "Name coarser segments.")
        table = _table(case, scores, told)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=arm[0],
            statistic=float(sum(p <= 1.0 - case.level for p in table["adjusted"])),
            message=table_words(table, case.level, len(segments) - len(told)),
            evidence=table,
        )

    def _enough(self, sample: Sample, member: Bools, arm: int) -> bool:
        held = [(sample.arm == a) & part for a in (0, arm) for part in (member, ~member)]
        return min(int(part.sum()) for part in held) >= self.fewest


def segments_of(encoded: Encoded) -> list[Segment]:
    """Levels of every column, in the order of the design; rows without a value are in none."""
    out: list[Segment] = []
    for j, feature in enumerate(encoded.features):
        values = encoded.values[:, j]
        if feature.level is not None:
            out.append(Segment(feature.source, feature.level, values == 1.0))
        else:
            out.extend(Segment(feature.source, level, member) for level, member in _levels(values))
    return out


def _levels(values: Floats) -> list[tuple[str, Bools]]:
    """Each value of a column of numbers, or its thirds."""
    present = np.isfinite(values)
    different = np.unique(values[present])
    if different.shape[0] <= MOST_VALUES:
        return [(format_number(float(value)), values == value) for value in different]
    cuts = np.quantile(values[present], [1 / 3, 2 / 3])
    third = np.where(present, np.searchsorted(cuts, values, side="left"), -1)
    return [(name, third == number) for number, name in enumerate(THIRDS)]


def _table(case: Case, scores: Floats, segments: list[Segment]) -> Table:
    sample = case.sample()
    weights, reach = row_weights(sample), float(critical_value(case.level, None, 1)[0])
    columns = scores[:, None]
    made = [
        contrast_of_means(columns, (segment.member, ~segment.member), weights, sample.units)[:, 0]
        for segment in segments
    ]
    value = np.array([found[0] for found in made])
    error = np.array([_error(scores, segment.member, weights, sample) for segment in segments])
    apart, apart_error = (np.array([found[row] for found in made]) for row in (2, 3))
    p_value = two_sided_p(standardised(apart, apart_error), None)
    return Table(
        {
            "segment": [segment.column for segment in segments],
            "level": [segment.level for segment in segments],
            "rows": [int(segment.member.sum()) for segment in segments],
            "value": value.tolist(),
            "std_error": error.tolist(),
            "low": (value - reach * error).tolist(),
            "high": (value + reach * error).tolist(),
            "difference": apart.tolist(),
            "difference_low": (apart - reach * apart_error).tolist(),
            "difference_high": (apart + reach * apart_error).tolist(),
            "p_value": p_value.tolist(),
            "adjusted": holm(p_value).tolist(),
        }
    )


def _error(scores: Floats, member: Bools, weights: Floats, sample: Sample) -> float:
    found = group_averages(scores, member.astype(np.int64), weights, sample.units)
    return float(np.sqrt(found.vcov[1, 1]))


def table_words(table: Table, level: float, left_out: int) -> str:
    """Say which levels have an effect unlike that of all others; columns as in the finding's evidence."""
    rows = list(table.rows())
    apart = [row for row in rows if row["adjusted"] <= 1.0 - level]
    out = "" if not left_out else f" {left_out} more have too few rows to be told of."
    if not apart:
        return f"In none of {len(rows)} segments can the effect be told from that of all others (Holm).{out}"
    told = "; ".join(
        f"{row['segment']} {row['level']} {format_number(row['value'])} "
        f"({level:.0%} interval {format_interval((row['low'], row['high']))})"
        for row in sorted(apart, key=lambda row: float(row["adjusted"]))[:NAMED]
    )
    return f"In {len(apart)} of {len(rows)} segments the effect differs from that of all others (Holm): {told}.{out}"
