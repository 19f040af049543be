"""How large is the effect among those predicted to gain least, and most?"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from estimand.checks.heterogeneity.answers import answered_by_arm, reporting
from estimand.checks.heterogeneity.held_out import Part, among, by_halves
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.arrays import Floats, Ints
from estimand.stats.effect_groups import group_averages, ranked_groups
from estimand.stats.group_contrast import contrast_of_means
from estimand.stats.split_medians import SplitMedian, split_median, split_p_value

ROWS_IN_A_GROUP = 10
SPLITS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Groups of one split.

    Attributes
    ----------
    predicted, value, std_error : ndarray of shape (G,)
    rows : ndarray of shape (G,)
    apart : tuple of float
        Most less least affected, and its standard error.
    average : tuple of float
        Average effect in the half, and its standard error.
    """

    predicted: Floats
    value: Floats
    std_error: Floats
    rows: Ints
    apart: tuple[float, float]
    average: tuple[float, float]


@check(
    "heterogeneity.groups",
    question="How large is the effect among those predicted to gain least, and most?",
    references=(
        "Chernozhukov, Demirer, Duflo & Fernández-Val 2025, doi:10.3982/ECTA19303",
        "Chernozhukov, Fernández-Val & Galichon 2009, doi:10.1093/biomet/asp030",
    ),
)
class SortedGroups(Check):
    """Average effect of groups by predicted effect, in halves that the prediction was not learned from.

    A rule learned from one half sorts the other into groups, whose mean doubly robust scores are their average
    effects; over several random splits, values and ends of intervals are medians, at a level that makes them hold
    whatever the splits have in common. Each split costs half of a fit; more of them only steady the medians, as the
    level holds for any number. Significance is no gate: a pass, or a note.

    Parameters
    ----------
    groups : int
        At most.
    splits : int
        An odd number has a median of its own.
    """

    groups: int = 5
    splits: int = SPLITS

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row."""
        return bool(reporting(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with the difference between the most and the least affected group."""
        return answered_by_arm(self.spec.key, case, estimates, partial(by_halves, splits=self.splits), self._arm)

    def _arm(self, case: Case, estimate: Estimate, label: str, parts: tuple[Part, ...]) -> Finding:
        count = group_count(parts, self.groups)
        if count < 2:
            message = f"Halves have fewer than {2 * ROWS_IN_A_GROUP} rows: there are no groups to tell apart."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Gather more rows.")
        made = [_grouped(part, count) for part in parts]
        differences, errors = (np.array([[split.apart[j]] for split in made]) for j in (0, 1))
        apart = split_median(differences, errors, case.level)
        p_value = float(split_p_value(differences, errors, two_sided=False)[0])
        shown = float(apart.low[0]) > 0.0
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if shown else Grade.NOTE,
            subject=label,
            statistic=float(apart.value[0]),
            message=_words(apart, p_value, (count, self.splits), case.level) + among(case),
            remedy=None if shown else "Report the average effect, not that of groups by prediction.",
            evidence=_evidence(made, apart, p_value, case.level),
        )


def group_count(parts: tuple[Part, ...], most: int) -> int:
    """Groups that every half has rows for."""
    smallest = min(part.rows.shape[0] for part in parts)
    return int(min(most, smallest // ROWS_IN_A_GROUP))


def ranked(part: Part, count: int) -> Ints:
    """Group of each row of a half, from the least predicted effect."""
    return ranked_groups(part.predicted, np.zeros(part.rows.shape[0], dtype=np.int64), count)


def _grouped(part: Part, count: int) -> Groups:
    group = ranked(part, count)
    found = group_averages(part.scores, group, part.weights, part.units)
    predicted = group_averages(part.predicted, group, part.weights, part.units).value
    ends = (group == count - 1, group == 0)
    apart = contrast_of_means(part.scores[:, None], ends, part.weights, part.units)[2:, 0]
    everyone = group_averages(part.scores, np.zeros_like(group), part.weights, part.units)
    average = (float(everyone.value[0]), float(np.sqrt(everyone.vcov[0, 0])))
    error = np.sqrt(np.diag(found.vcov))
    return Groups(predicted, found.value, error, found.rows, (float(apart[0]), float(apart[1])), average)


def _evidence(made: list[Groups], apart: SplitMedian, p_value: float, level: float) -> Table:
    middle = split_median(np.stack([s.value for s in made]), np.stack([s.std_error for s in made]), level)
    sorted_, count = middle.increasing(), middle.value.shape[0]
    average = split_median(
        np.array([[split.average[0]] for split in made]), np.array([[split.average[1]] for split in made]), level
    )
    constant = {
        "difference": float(apart.value[0]),
        "difference_low": float(apart.low[0]),
        "difference_high": float(apart.high[0]),
        "p_value": p_value,
        "average": float(average.value[0]),
        "average_low": float(average.low[0]),
        "average_high": float(average.high[0]),
        "splits": len(made),
    }
    rows = np.quantile(np.stack([split.rows for split in made]), 0.5, axis=0, method="lower")
    return Table(
        {
            "group": list(range(1, count + 1)),
            "rows": [int(size) for size in rows],
            "predicted": np.median(np.stack([split.predicted for split in made]), axis=0).tolist(),
            "value": middle.value.tolist(),
            "low": middle.low.tolist(),
            "high": middle.high.tolist(),
            "monotone": sorted_.value.tolist(),
            "monotone_low": sorted_.low.tolist(),
            "monotone_high": sorted_.high.tolist(),
            **{name: [value] * count for name, value in constant.items()},
        }
    )


def _words(apart: SplitMedian, p_value: float, counts: tuple[int, int], level: float) -> str:
    low, high = float(apart.low[0]), float(apart.high[0])
    told = f"{level:.0%} interval {format_interval((low, high))}, one-sided p {p_value:.2g}"
    start = (
        f"Of {counts[0]} groups by predicted effect the last gains {format_number(float(apart.value[0]))} more than "
        f"the first ({told}; medians over {counts[1]} splits)"
    )
    return f"{start}." if low > 0.0 else f"{start}: they cannot be told apart."
