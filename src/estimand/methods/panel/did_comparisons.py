"""Which comparisons a two-way regression makes, what they estimate, and the means behind them."""

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.parts import Population
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Floats
from estimand.stats.blocks import blocks

STAGGERED = "staggered_did"


def common_start(sample: Sample, timeline: Timeline) -> int | None:
    """Period from which on every row of those ever treated is treated, and before which none is; None if there is none.

    A unit that is not seen in that period is first seen treated later, which makes it no cohort of its own.
    """
    cohorts = timeline.cohorts()
    if not cohorts.shape[0]:
        return None
    for block in blocks(sample.n):
        ever = timeline.cohort[block] != timeline.periods
        if not np.array_equal((timeline.period[block] >= cohorts[0]) & ever, sample.arm[block] == 1):
            return None
    return int(cohorts[0])


def target_of(start: int | None) -> Target:
    """ATT where all switch on at one time and stay on; else a variance-weighted average with forbidden comparisons."""
    return Target.VARIANCE_WEIGHTED if start is None else Target.ATT


def comparison_findings(about: str, timeline: Timeline, start: int | None) -> tuple[Finding, ...]:
    """Say which units that are treated already serve as controls; none where all start at one time."""
    if start is not None:
        return ()
    return (*_staggered(about, timeline), *_always(about, timeline), *_switched_off(about, timeline))


def _staggered(about: str, timeline: Timeline) -> tuple[Finding, ...]:
    cohorts = timeline.cohorts()
    if cohorts.shape[0] < 2:
        return ()
    labels = [timeline.labels[g] for g in cohorts]
    rows = [int(np.count_nonzero(timeline.cohort == g)) for g in cohorts]
    return (
        Finding(
            check="panel.staggered_twfe",
            about=about,
            grade=Grade.VETO,
            subject="cohort",
            statistic=float(cohorts.shape[0]),
            threshold=1.0,
            message=f"{cohorts.shape[0]} cohorts were treated at different times, and the regression takes those "
            "treated earlier as controls for those treated later: where effects change over time, its coefficient is "
            "no average of effects, and can have the wrong sign.",
            remedy=f"Use {STAGGERED}, or imputation_did.",
            evidence=Table({"cohort": labels, "rows": rows}),
        ),
    )


def _always(about: str, timeline: Timeline) -> tuple[Finding, ...]:
    share = float(timeline.always.mean())
    if share == 0.0:
        return ()
    return (
        Finding(
            check="panel.always_treated_controls",
            about=about,
            grade=Grade.VETO,
            subject="cohort",
            statistic=share,
            threshold=0.0,
            message=f"Units with {share:.1%} of the rows are treated from the first period on, and the regression "
            "takes them as controls: any change of their effect is taken off the answer.",
            remedy=f"Leave these units out, or use {STAGGERED}, which does.",
        ),
    )


def _switched_off(about: str, timeline: Timeline) -> tuple[Finding, ...]:
    share = float(timeline.switched_off.mean())
    if share == 0.0:
        return ()
    return (
        Finding(
            check="panel.switched_off_controls",
            about=about,
            grade=Grade.WARN,
            subject="treatment",
            statistic=share,
            threshold=0.0,
            message=f"Treatment ends in units with {share:.1%} of the rows, and the regression takes what follows as "
            "untreated: an effect that lasts is taken off the answer.",
            remedy="Cut these units' rows at the end of treatment, or give the first treated period as cohort.",
        ),
    )


def population_of(case: Case, target: Target, rules: tuple[str, ...]) -> Population:
    """Treated unit-periods of an ATT; all rows of a variance-weighted average."""
    sample = case.sample()
    narrowed = [*(["complete cases"] if sample.n < sample.rows_read else []), *rules]
    about = int(np.count_nonzero(sample.arm == 1)) if target is Target.ATT else sample.n
    who = "treated unit-periods" if target is Target.ATT else "everyone"
    label = f"{who} ({', '.join(narrowed)})" if narrowed else who
    return Population(label, about, about / sample.rows_read, "; ".join(narrowed) or None)


def group_means(sample: Sample, timeline: Timeline, outcome: Floats, start: int | None) -> Table:
    """Mean outcome of each group before and after its treatment begins; with one start, the four means.

    Those never treated have a before and after where there is one start; otherwise one mean over all periods.
    """
    periods, weights = timeline.periods, sample.weights
    begins = np.arange(periods + 1) if start is None else np.full(periods + 1, start)
    # With one start, those first seen treated after it began then too.
    group = np.arange(periods + 1) if start is None else np.where(np.arange(periods + 1) < periods, start, periods)
    rows, mass, total = np.zeros(2 * periods + 2, dtype=np.int64), np.zeros(2 * periods + 2), np.zeros(2 * periods + 2)
    for block in blocks(sample.n):
        cohort = timeline.cohort[block]
        cell = 2 * group[cohort] + (timeline.period[block] >= begins[cohort])
        held = None if weights is None else weights[block]
        rows += np.bincount(cell, minlength=rows.shape[0])
        mass += np.bincount(cell, held, rows.shape[0])
        total += np.bincount(cell, outcome[block] if held is None else outcome[block] * held, rows.shape[0])
    used = np.flatnonzero(rows)
    names = [*(f"treated from {label}" for label in timeline.labels), "untreated"]
    sides = ("before", "after")
    whole = start is None
    return Table(
        {
            "group": [names[code // 2] for code in used],
            "side": ["all periods" if whole and code // 2 == timeline.periods else sides[code % 2] for code in used],
            "mean": (total[used] / mass[used]).tolist(),
            "rows": rows[used].tolist(),
        }
    )
