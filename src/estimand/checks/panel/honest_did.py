"""What remains of the effect where trends are allowed to differ?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.panel.events import Events, events_of, judged, no_events, too_short
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.jsonable import number
from estimand.core.panel import Panel
from estimand.core.table import Table
from estimand.stats.intervals import critical_value
from estimand.stats.relative_trends import CAP, relative_breakdown, relative_intervals
from estimand.stats.smooth_trends import EventStudy, fixed_length, smooth_breakdown

MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
RELATIVE, SMOOTH = "relative magnitudes", "smoothness"


@dataclass(frozen=True, slots=True)
class Robust:
    """One interval of one target under one bound."""

    restriction: str
    target: str
    bound: float
    low: float
    high: float
    breakdown: float


@check(
    "panel.honest_did",
    question="What remains of the effect where trends are allowed to differ?",
    references=(
        "Rambachan & Roth 2023, doi:10.1093/restud/rdad018",
        "Andrews, Roth & Pakes 2023, doi:10.1093/restud/rdad004",
        "Armstrong & Kolesár 2018, doi:10.3982/ECTA14434",
    ),
    designs=(Panel,),
)
class HonestDiD(Check):
    """Robust intervals under bounds on how far trends may differ, and the bound at which zero is no longer rejected.

    Relative magnitudes: from one period to the next the trends part by at most M̄ times the most they did before
    treatment (hybrid test of moment inequalities). Smoothness: the slope of their difference changes by at most M a
    period (fixed-length interval). Both for the first treated period and for the average over those seen, each of
    which counts alike. Coefficients are taken as normal. Event times are those in an unbroken run about the reference.
    There is no line to pass: always a note.

    Parameters
    ----------
    multiples : tuple of float
        Values of M̄.
    """

    multiples: tuple[float, ...] = MULTIPLES

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there is an event study."""
        return bool(judged(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each event study."""
        return tuple(self._one(e, events_of(case, e, refit)) for e in judged(case, estimates))

    def _one(self, estimate: Estimate, events: Events | None) -> Finding:
        if events is None:
            return no_events(self.spec.key, estimate.id)
        run = events.run()
        if not run.before.any():
            return too_short(self.spec.key, estimate.id)
        if not run.after.any():
            message = "No event time from the first treated period on follows the reference without a gap."
            remedy = "Add the periods between, or use a later reference."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, "treated periods", message, remedy)
        studies = _studies(run)
        rows = [row for name, study in studies.items() for row in self._rows(name, study, run.level)]
        most = {row.target: row.breakdown for row in rows if row.restriction == RELATIVE}
        bend = {row.target: row.breakdown for row in rows if row.restriction == SMOOTH}
        target = "average" if "average" in most else "first period"
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=target,
            statistic=number(most[target]),
            message=_words(rows, most, bend, run, len(events.time) - len(run.time)),
            remedy="Ask what could have moved the groups apart after treatment, and how much more than before.",
            evidence=_table(rows, studies, run.level),
        )

    def _rows(self, target: str, study: EventStudy, level: float) -> list[Robust]:
        most = relative_breakdown(study, level)
        found = relative_intervals(study, np.array(self.multiples, dtype=float), level)
        rows = [Robust(RELATIVE, target, item.bound, item.low, item.high, most) for item in found]
        bend = smooth_breakdown(study, level)
        unit = bend if np.isfinite(bend) and bend > 0.0 else float(np.sqrt(study.target @ study.vcov @ study.target))
        for share in SHARES:
            item = fixed_length(study, share * unit, level)
            rows.append(Robust(SMOOTH, target, item.bound, item.low, item.high, bend))
        return rows


def _studies(events: Events) -> dict[str, EventStudy]:
    """The first treated period, and the average over all seen where there are several."""
    step, after = events.time - events.reference, events.after
    first = (events.time == events.time[after].min()).astype(float)
    named = {"first period": first}
    if after.sum() > 1:
        named["average"] = after / after.sum()
    return {name: EventStudy(events.value, events.vcov, step, target) for name, target in named.items()}


def _words(rows: list[Robust], most: dict[str, float], bend: dict[str, float], events: Events, left_out: int) -> str:
    parts = []
    for target, breakdown in most.items():
        own = [row for row in rows if row.target == target and row.restriction == RELATIVE]
        one = min(own, key=lambda row: abs(row.bound - 1.0))
        what = "the effect in the first treated period" if target == "first period" else "the average effect"
        parts.append(
            f"For {what}, zero is {_until(breakdown)}; at M̄ = {one.bound:g} the {events.level:.0%} interval is "
            f"{format_interval([one.low, one.high])}. {_bends(bend[target])}"
        )
    if left_out:
        parts.append(f"{left_out} event times beyond a gap are left out.")
    return " ".join(parts)


def _until(breakdown: float) -> str:
    if breakdown == 0.0:
        return "not rejected even if trends are parallel"
    if not np.isfinite(breakdown):
        return f"rejected even if trends part {CAP:g} times as much as they most did before"
    return (
        f"rejected until trends part, from a period to the next, {breakdown:.2f} times as much as they most did before"
    )


def _bends(breakdown: float) -> str:
    if breakdown == 0.0:
        return "With a line taken out, zero is not rejected."
    if not np.isfinite(breakdown):
        return "No bend of a line within reach takes it to zero."
    return f"A line taken out, its slope may change by {format_number(breakdown)} a period."


def _table(rows: list[Robust], studies: dict[str, EventStudy], level: float) -> Table:
    """Intervals by restriction, target and bound; estimate, usual interval and breakdown are a target's own."""
    estimates = {name: float(study.target @ study.value) for name, study in studies.items()}
    reach = float(critical_value(level, None, 1)[0])
    half = {name: reach * float(np.sqrt(study.target @ study.vcov @ study.target)) for name, study in studies.items()}
    return Table(
        {
            "restriction": [row.restriction for row in rows],
            "target": [row.target for row in rows],
            "bound": [row.bound for row in rows],
            "low": [number(row.low) for row in rows],
            "high": [number(row.high) for row in rows],
            "value": [estimates[row.target] for row in rows],
            "usual_low": [estimates[row.target] - half[row.target] for row in rows],
            "usual_high": [estimates[row.target] + half[row.target] for row in rows],
            "breakdown": [number(row.breakdown) for row in rows],
        }
    )
