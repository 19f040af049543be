"""What a reader of a panel should know before any estimate."""

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.table import Table
from estimand.core.timeline import Timeline


def timeline_findings(timeline: Timeline, rows: int) -> tuple[Finding, ...]:
    """Say what a reader of a panel should know before any estimate: gaps, unbalance, switching off, no history."""
    return (*_gaps(timeline), *_unbalanced(timeline), *_switched_off(timeline, rows), *_always(timeline, rows))


def _gaps(timeline: Timeline) -> tuple[Finding, ...]:
    jumps = np.diff(timeline.clock)
    if (jumps == 1).all():
        return ()
    far = np.flatnonzero(jumps > 1)
    places = [f"{timeline.labels[j]} to {timeline.labels[j + 1]}" for j in far]
    return (
        Finding(
            check="panel.gaps",
            about=STUDY,
            grade=Grade.NOTE,
            subject="time",
            statistic=float(far.size),
            message=f"Periods are missing for everyone: {', '.join(places[:5])}{' …' if far.size > 5 else ''}. Event "
            "times count steps of the calendar, so some cannot be seen.",
            remedy="Add the periods between, or read each event time with the cohorts that have it.",
            evidence=Table({"gap": places, "steps": jumps[far].tolist()}),
        ),
    )


def _unbalanced(timeline: Timeline) -> tuple[Finding, ...]:
    if timeline.unit is None:
        return ()
    seen = np.bincount(timeline.unit)
    seen = seen[seen > 0]
    short = int(np.count_nonzero(seen < timeline.periods))
    if not short:
        return ()
    counts = np.unique(seen, return_counts=True)
    return (
        Finding(
            check="panel.unbalanced",
            about=STUDY,
            grade=Grade.NOTE,
            subject="unit",
            statistic=short / seen.shape[0],
            message=f"{short:,} of {seen.shape[0]:,} units are not seen in all {timeline.periods} periods.",
            remedy="Ask why they are missing: if treatment decides who is seen, the change mixes effect and selection.",
            evidence=Table({"periods seen": counts[0].tolist(), "units": counts[1].tolist()}),
        ),
    )


def _switched_off(timeline: Timeline, rows: int) -> tuple[Finding, ...]:
    if not timeline.switched_off.any():
        return ()
    share = float(timeline.switched_off.mean())
    return (
        Finding(
            check="panel.switched_off",
            about=STUDY,
            grade=Grade.WARN,
            subject="treatment",
            statistic=share,
            message=f"Units with {share:.1%} of the {rows:,} rows were treated and later were not. Cohorts count them "
            "from their first treated period.",
            remedy="If the effect ends with treatment, leave these units out, or cut their rows at the end of it.",
        ),
    )


def _always(timeline: Timeline, rows: int) -> tuple[Finding, ...]:
    if not timeline.always.any():
        return ()
    share = float(timeline.always.mean())
    return (
        Finding(
            check="panel.always_treated",
            about=STUDY,
            grade=Grade.NOTE,
            subject="treatment",
            statistic=share,
            message=f"Units with {share:.1%} of the {rows:,} rows are treated from the first period on: nothing is "
            "known of them before, so no change of theirs is an effect.",
            remedy="Add earlier periods, or leave these units out.",
        ),
    )
