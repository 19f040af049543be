"""Are the same kinds of units seen throughout, in treated cohorts as in those they are compared with?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.change_in_means import MeansChange, change_in_means
from estimand.stats.intervals import two_sided_p
from estimand.stats.multiplicity import holm

BEYOND = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of cells that could be seen: their time, cohort, cluster and weight."""

    period: Ints
    cohort: Ints
    cluster: Ints
    weights: Floats | None


@dataclass(frozen=True, slots=True)
class Shift:
    """How much more something changed in one cohort than in the units compared with."""

    cohort: int
    what: str
    change: MeansChange
    scale: float

    @property
    def size(self) -> float:
        """The gap, in the scale of what changed."""
        return self.change.gap / self.scale

    @property
    def p_value(self) -> float:
        """Of no gap; one where nothing varies."""
        if self.change.std_error <= 0.0:
            return 1.0
        df = np.array([float(max(self.change.clusters - 1, 1))])
        return float(two_sided_p(np.array([self.change.gap / self.change.std_error]), df)[0])


@check(
    "panel.composition",
    question="Are the same kinds of units seen throughout, in treated cohorts as in those they are compared with?",
    references=("Sant'Anna & Xu 2023, arXiv:2304.13925",),
    designs=(Panel,),
)
class Composition(Check):
    """Who is seen, by cohort and period: a difference in differences of presence, or of covariates.

    Where units are followed, the share of a cohort's units that is seen after its treatment against before, less the
    same among units not treated by then: units that leave because of treatment, or join, change the groups. In repeated
    cross-sections, and where covariates change within units, the same of each covariate's mean, in its standard
    deviations. It warns where a gap is past the policy's line and its p-value, adjusted by Holm, is below 0.01.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where units are followed, or rows have covariates."""
        return case.timeline().unit is not None or bool(case.sample().features.features)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer once, about the outcome."""
        timeline, sample = case.timeline(), case.sample()
        if timeline.unit is not None:
            return (self._presence(case, timeline, sample, timeline.unit),)
        return (self._covariates(case, timeline, sample),)

    def _presence(self, case: Case, timeline: Timeline, sample: Sample, followed: Ints) -> Finding:
        rows, seen = _every_cell(timeline, sample, followed)
        shifts = _shifts(rows, timeline, [("seen", seen, 1.0)])
        line = case.gates.attrition_gap
        table = _seen_table(rows, seen, timeline)
        if (seen > 0.0).all():
            message = f"All {timeline.periods} periods are seen of every unit."
            return Finding(self.spec.key, case.outcome, Grade.PASS, "units seen", message, None, 0.0, line, table)
        return self._graded(case, shifts, line, table, timeline)

    def _covariates(self, case: Case, timeline: Timeline, sample: Sample) -> Finding:
        features = sample.features
        cluster = sample.units
        rows = Rows(timeline.period, timeline.cohort, cluster, sample.weights)
        spread = features.values.std(axis=0)
        columns = [
            (feature.name, features.values[:, j], float(spread[j]))
            for j, feature in enumerate(features.features)
            if spread[j] > 0.0
        ]
        shifts = _shifts(rows, timeline, columns)
        table = Table(
            {
                "cohort": [timeline.labels[shift.cohort] for shift in shifts],
                "covariate": [shift.what for shift in shifts],
                "shift": [shift.size for shift in shifts],
                "std_error": [shift.change.std_error / shift.scale for shift in shifts],
            }
        )
        return self._graded(case, shifts, case.gates.smd_note, table, timeline)

    def _graded(self, case: Case, shifts: list[Shift], line: float, table: Table, timeline: Timeline) -> Finding:
        if not shifts:
            message = "No cohort has rows before and after beside others not treated by then."
            return Finding(self.spec.key, case.outcome, Grade.NOT_RUN, "who is seen", message, "Add periods or units.")
        adjusted = holm(np.array([shift.p_value for shift in shifts]))
        past = [j for j, shift in enumerate(shifts) if abs(shift.size) > line and adjusted[j] < BEYOND]
        among = past or range(len(shifts))
        worst = max(among, key=lambda j: abs(shifts[j].size))
        shift = shifts[worst]
        followed = shift.what == "seen"
        size = f"{shift.size:+.1%}" if followed else f"{shift.size:+.2f} standard deviations"
        what = "the share of units seen" if followed else f"the mean of '{shift.what}'"
        words = (
            f"From before to after its treatment, {what} changed by {size} more in cohort "
            f"{timeline.labels[shift.cohort]} than among those not treated by then (p = {adjusted[worst]:.2g}, "
            f"adjusted for {len(shifts)})."
        )
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.WARN if past else Grade.PASS,
            subject=shift.what if not followed else "units seen",
            statistic=shift.size,
            threshold=line,
            message=words,
            remedy="Ask whether treatment decides who is seen: a change of who they are is then taken for its effect."
            if past
            else None,
            evidence=table,
        )


def _every_cell(timeline: Timeline, sample: Sample, followed: Ints) -> tuple[Rows, Floats]:
    """Every unit in every period, and whether it was seen there."""
    _, first, unit = np.unique(followed, return_index=True, return_inverse=True)
    count, periods = first.shape[0], timeline.periods
    seen = np.zeros((count, periods))
    seen[unit, timeline.period] = 1.0
    cluster = sample.units[first]
    rows = Rows(
        np.tile(np.arange(periods), count), timeline.cohort[first].repeat(periods), cluster.repeat(periods), None
    )
    return rows, seen.ravel()


def _shifts(rows: Rows, timeline: Timeline, columns: list[tuple[str, Floats, float]]) -> list[Shift]:
    """Every cohort's shift in every column, against units not treated by the end of the window."""
    out = []
    for g in timeline.cohorts().tolist():
        member, stop = _window(rows, timeline, g)
        if member is None:
            continue
        inside = member & (rows.period < stop)
        treated, after = (rows.cohort == g)[inside], (rows.period >= g)[inside]
        weights = None if rows.weights is None else rows.weights[inside]
        for name, values, scale in columns:
            found = change_in_means(values[inside], treated, after, rows.cluster[inside], weights)
            if found is not None:
                out.append(Shift(g, name, found, scale))
    return out


def _window(rows: Rows, timeline: Timeline, g: int) -> tuple[Bools | None, int]:
    """Rows of the cohort and of those compared with: never treated, else those treated last, up to then."""
    never = rows.cohort == timeline.periods
    if never.any():
        return (rows.cohort == g) | never, timeline.periods
    last = int(rows.cohort.max())
    return ((rows.cohort == g) | (rows.cohort == last), last) if last > g else (None, 0)


def _seen_table(rows: Rows, seen: Floats, timeline: Timeline) -> Table:
    cohorts, periods = np.unique(rows.cohort), timeline.periods
    place = np.searchsorted(cohorts, rows.cohort) * periods + rows.period
    total = np.bincount(place, minlength=cohorts.shape[0] * periods)
    share = np.bincount(place, weights=seen, minlength=cohorts.shape[0] * periods) / total
    names = ["never" if g == periods else timeline.labels[g] for g in cohorts.tolist()]
    return Table(
        {
            "cohort": [name for name in names for _ in range(periods)],
            "period": list(timeline.labels) * cohorts.shape[0],
            "units": total.tolist(),
            "seen": share.tolist(),
        }
    )
