"""Did the outcome move alike before treatment, and where would it have gone without?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Floats, Ints
from estimand.stats.cell_means import CellMeans, cell_means

COMPARISON = "comparison"
CLAIMED = (Target.ATT, Target.VARIANCE_WEIGHTED, Target.GROUP_TIME_ATT)


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """How one cohort and the comparison moved from the first period to the last before the cohort was treated."""

    cohort: int
    last: int
    own: float
    other: float

    @property
    def apart(self) -> float:
        """How much further the cohort moved."""
        return self.own - self.other


@check(
    "panel.trends",
    question="Did the outcome move alike before treatment, and where would it have gone without?",
    designs=(Panel,),
)
class Trends(Check):
    """Mean outcome of each cohort and of those never treated, period by period, and each cohort's without its effect.

    Means are as the rows are, weighted and not adjusted, so the lines need not be parallel where an estimate adjusts.
    Without its effect is the mean less the estimate's effect in the same cohort and period, or at the same event time,
    or its one effect. There is no line to pass: always a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to rows in time of which some were treated within the periods."""
        timeline = case.sample().timeline if isinstance(case.source, Sample) else None
        return timeline is not None and timeline.cohorts().size > 0

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for the outcome, once for all estimates."""
        timeline = case.timeline()
        cohorts = timeline.cohorts()
        if timeline.never.any():
            cohorts = np.append(cohorts, timeline.periods)
        means = _means(case, timeline, cohorts)
        moved = _moved(timeline, cohorts, means)
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.NOTE,
                subject="periods before treatment",
                statistic=None if moved is None else moved.apart,
                message=_words(timeline, cohorts, moved),
                remedy="Ask what else moved the groups apart, and adjust for what explains it.",
                evidence=_table(timeline, cohorts, means, [e for e in estimates if _claims(e)]),
            ),
        )


def _means(case: Case, timeline: Timeline, cohorts: Ints) -> CellMeans:
    """Mean outcome by cohort and period; how precise a row is does not weigh whom it stands for."""
    sample = case.sample()
    weights = None if sample.weights is None or sample.weight_kind == "precision" else sample.weights
    held = np.flatnonzero(np.isin(timeline.cohort, cohorts))
    group: Ints = np.searchsorted(cohorts, timeline.cohort[held])
    shape = (cohorts.shape[0], timeline.periods)
    return cell_means(
        case.values()[held], group, timeline.period[held], shape, None if weights is None else weights[held]
    )


def _moved(timeline: Timeline, cohorts: Ints, means: CellMeans) -> Moved | None:
    """The cohort that moved furthest from those never treated before its own treatment; None where none is seen."""
    if cohorts[-1] != timeline.periods:
        return None
    found = []
    for row, cohort in enumerate(cohorts[:-1].tolist()):
        both = np.flatnonzero(np.isfinite(means.mean[row, :cohort] + means.mean[-1, :cohort]))
        if both.size > 1:
            first, last = int(both[0]), int(both[-1])
            own, other = (float(means.mean[j, last] - means.mean[j, first]) for j in (row, -1))
            found.append(Moved(cohort, last, own, other))
    return max(found, key=lambda moved: abs(moved.apart), default=None)


def _words(timeline: Timeline, cohorts: Ints, moved: Moved | None) -> str:
    if cohorts[-1] != timeline.periods:
        return "No unit stays untreated: each cohort is compared with those treated later, and with none in the end."
    if moved is None:
        return "No cohort is seen in two periods before its treatment: nothing shows how it moved."
    who = "the treated" if cohorts.shape[0] == 2 else f"the cohort of {timeline.labels[moved.cohort]}"
    rest = "" if cohorts.shape[0] == 2 else f" Of {cohorts.shape[0] - 1} cohorts it moved furthest apart."
    return (
        f"Before treatment, up to period {timeline.labels[moved.last]}, the mean of {who} changed by "
        f"{format_number(moved.own)} and that of the never treated by {format_number(moved.other)}.{rest}"
    )


def _claims(estimate: Estimate) -> bool:
    """Whether an estimate says by how much treatment moved the mean outcome."""
    return estimate.target in CLAIMED and estimate.scale == "identity"


def _table(timeline: Timeline, cohorts: Ints, means: CellMeans, estimates: list[Estimate]) -> Table:
    """A row per group and period: the mean observed, then each estimate's mean without the effect."""
    names = [COMPARISON if g == timeline.periods else timeline.labels[g] for g in cohorts.tolist()]
    rows: list[tuple[object, ...]] = []
    for row, cohort in enumerate(cohorts.tolist()):
        seen = np.flatnonzero(means.rows[row]).tolist()
        starts = None if cohort == timeline.periods else cohort
        rows += [(names[row], "", t, timeline.labels[t], means.mean[row, t], means.rows[row, t], starts) for t in seen]
    for estimate in estimates:
        for row, cohort in enumerate(cohorts.tolist()):
            effect = _effects(estimate, timeline, cohort)
            known = np.flatnonzero(np.isfinite(effect + means.mean[row])).tolist()
            without = means.mean[row] - effect
            rows += [
                (names[row], estimate.id, t, timeline.labels[t], without[t], means.rows[row, t], cohort) for t in known
            ]
    columns = ("group", "without", "period", "label", "mean", "rows", "starts")
    return Table({name: [row[j] for row in rows] for j, name in enumerate(columns)})


def _effects(estimate: Estimate, timeline: Timeline, cohort: int) -> Floats:
    """Effect on a cohort in each period from its treatment on; not-a-number where the estimate says none."""
    effect = np.full(timeline.periods, np.nan)
    by_cell, by_time = _by_cell(estimate), _by_event_time(estimate)
    for t in range(cohort, timeline.periods):
        if by_cell:
            effect[t] = by_cell.get((timeline.labels[cohort], timeline.labels[t]), np.nan)
        elif by_time:
            effect[t] = by_time.get(int(timeline.clock[t] - timeline.clock[cohort]), np.nan)
        elif not estimate.terms[0].at:
            effect[t] = estimate.value[0]
    return effect


def _by_cell(estimate: Estimate) -> dict[tuple[str, str], float]:
    detail = estimate.details.get("group_time")
    if not isinstance(detail, Table):
        return {}
    rows = zip(detail["cohort"], detail["period"], detail["value"], strict=True)
    return {(cohort, period): float(value) for cohort, period, value in rows if value is not None}


def _by_event_time(estimate: Estimate) -> dict[int, float]:
    places = [(term.at["event_time"], j) for j, term in enumerate(estimate.terms) if set(term.at) == {"event_time"}]
    return {int(time): float(estimate.value[j]) for time, j in places}
