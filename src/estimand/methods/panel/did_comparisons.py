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

STAGGERED = "staggered_did"


def common_start(sample: Sample, timeline: Timeline) -> int | None:
    """Period from which on every row of those ever treated is treated, and before which none is; None if there is none.

    A unit that is not seen in that period is first seen treated later, which makes it no cohort of its own.
    """
    cohorts = timeline.cohorts()
    if not cohorts.shape[0]:
        return None
    after, on = timeline.period >= cohorts[0], sample.arm == 1
    return int(cohorts[0]) if np.array_equal(after & ~timeline.never, on) else None


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
    if start is None:
        cohort, begins = timeline.cohort, np.arange(timeline.periods + 1)
    else:
        cohort, begins = np.where(timeline.never, timeline.periods, start), np.full(timeline.periods + 1, start)
    cell = 2 * cohort + (timeline.period >= begins[cohort])
    size, weights = 2 * (timeline.periods + 1), sample.weights
    rows = np.bincount(cell, minlength=size)
    mass = rows if weights is None else np.bincount(cell, weights, size)
    total = np.bincount(cell, outcome if weights is None else outcome * weights, size)
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
