"""What a reader of a panel should know before any estimate."""

import re

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.data.times import Times

MANY_UNSEEN = 0.01


def timeline_findings(timeline: Timeline, times: Times) -> tuple[Finding, ...]:
    """Say what a reader of a panel should know before any estimate.

    How many are in each cohort, periods missing for everyone, units missing in some, cohorts that begin between
    periods, starts that nobody saw, treatment that ends, and treatment without a period before it.
    """
    rows = timeline.period.shape[0]
    return (
        _cohorts(timeline),
        *_gaps(timeline),
        *_unbalanced(timeline),
        *_between(timeline, times),
        *_unseen(timeline, times),
        *_switched_off(timeline, rows),
        *_always(timeline, rows),
    )


def _cohorts(timeline: Timeline) -> Finding:
    """Count units, or rows where no unit is followed, by cohort."""
    noun = "rows" if timeline.unit is None else "units"
    names = ("always treated", *timeline.labels[1:], "never treated")
    if timeline.unit is None:
        every = counts = np.bincount(timeline.cohort)
    else:
        seen = np.bincount(timeline.unit)
        own = np.empty(seen.shape[0], dtype=np.int64)
        own[timeline.unit] = timeline.cohort
        own, seen = own[seen > 0], seen[seen > 0]
        every, counts = np.bincount(own, seen).astype(np.int64), np.bincount(own)
    codes = np.flatnonzero(every)
    rows, counts = every[codes].tolist(), counts[codes]
    named = [names[code] for code in codes]
    never = bool(codes[-1] == timeline.periods)
    shown = [f"{count:,} {_joined(name)}" for name, count in zip(named, counts.tolist(), strict=True)]
    listed = ", ".join(shown[:12]) + (" …" if len(shown) > 12 else "")
    words = "" if never else " Nobody is never treated: those treated later are compared with until they are."
    return Finding(
        check="panel.cohorts",
        about=STUDY,
        grade=Grade.PASS if never else Grade.NOTE,
        subject="cohort",
        statistic=float(np.count_nonzero((codes > 0) & (codes < timeline.periods))),
        message=f"{counts.sum():,} {noun} over {timeline.periods} periods, {timeline.labels[0]} to "
        f"{timeline.labels[-1]}: {listed}.{words}",
        remedy=None if never else "Read no effect from the last cohort's first treated period on.",
        evidence=Table({"cohort": named, noun: counts.tolist()} | ({} if noun == "rows" else {"rows": rows})),
    )


def _joined(name: str) -> str:
    return name if name.endswith("treated") else f"treated from {name}"


def _between(timeline: Timeline, times: Times) -> tuple[Finding, ...]:
    """Say which cohorts given begin at no period of the table."""
    if times.cohort_name is None or times.start is None:
        return ()
    inside = ~timeline.never & ~timeline.always
    wanted, at = np.unique(times.start[inside], return_index=True)
    position = timeline.cohort[inside][at]
    odd = ~np.isin(wanted, times.time.values)
    if not odd.any():
        return ()
    given = [times.label(value) for value in wanted[odd]]
    counted = [timeline.labels[place] for place in position[odd]]
    named = ", ".join(f"{start} (as {place})" for start, place in list(zip(given, counted, strict=True))[:5])
    return (
        Finding(
            check="panel.cohort_between",
            about=STUDY,
            grade=Grade.NOTE,
            subject=times.cohort_name,
            statistic=float(np.count_nonzero(odd)),
            message=f"Cohorts that begin at no period of the table count from the next one: {named}"
            f"{' …' if len(given) > 5 else ''}.",
            remedy="If a period is treated in part, leave it out, or name it as the cohort.",
            evidence=Table({"cohort": given, "counted as": counted}),
        ),
    )


def _unseen(timeline: Timeline, times: Times) -> tuple[Finding, ...]:
    """Say for whom the start of treatment was not seen, and whose was taken from others."""
    rows = times.unseen
    if not rows.any():
        return ()
    codes = timeline.cohort if timeline.unit is None else timeline.unit
    noun = "cohort" if timeline.unit is None else "unit"
    units, at = np.unique(codes[rows], return_index=True)
    cohort, settled = timeline.cohort[rows][at], times.settled[rows][at]
    count, taken = int(units.shape[0]), int(np.count_nonzero(settled))
    share = count / np.unique(codes[~timeline.never]).shape[0]
    open_, words = count - taken, []
    if taken:
        words.append(f"{taken:,} took the only start of others that fits.")
    if open_:
        words.append(f"{open_:,} with a cohort from when first seen treated may have started sooner.")
    labels = (*timeline.labels, "after the last")
    found = np.unique(cohort)
    return (
        Finding(
            check="panel.start_unseen",
            about=STUDY,
            grade=Grade.WARN if share > MANY_UNSEEN else Grade.NOTE,
            subject="treatment",
            statistic=float(count),
            message=f"{count:,} treated {noun}{'s are' if count > 1 else ' is'} not seen in the periods just before "
            f"{'they are' if count > 1 else 'it is'} first seen treated. {' '.join(words)}",
            remedy="Name the first treated period as cohort, which settles it; or leave these out, as they can make "
            "cohorts, and event times, that never were.",
            evidence=Table(
                {
                    "cohort derived": [labels[g] for g in found],
                    f"{noun}s": [int(np.count_nonzero(cohort == g)) for g in found],
                }
                | (
                    {"taken from others": [int(np.count_nonzero(settled & (cohort == g))) for g in found]}
                    if taken
                    else {}
                )
            ),
        ),
    )


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
            remedy="Write months as 2024-01, not as the number 202401, whose steps are not months."
            if _look_like_months(timeline.labels)
            else "Add the periods between, or read each event time with the cohorts that have it.",
            evidence=Table({"gap": places, "steps": jumps[far].tolist()}),
        ),
    )


def _look_like_months(labels: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])", label) for label in labels)


def _unbalanced(timeline: Timeline) -> tuple[Finding, ...]:
    # Nobody is twice in a period, so as many rows as there are places fill them.
    if timeline.unit is None or timeline.unit.shape[0] == (int(timeline.unit.max()) + 1) * timeline.periods:
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
            message=f"Units with {share:.1%} of the {rows:,} rows are treated from the first period on, or from when "
            "they are first seen: nothing is known of them before, so no change of theirs is an effect.",
            remedy="Add earlier periods, or leave these units out.",
        ),
    )
