"""Which group-time effects can be estimated from a case, and their averages."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.errors import DesignError, IdentificationError, UnsupportedError
from estimand.methods.panel.clusters_seen import moved_units, no_cluster_finding
from estimand.methods.panel.covariates import treatment_findings
from estimand.stats.arrays import Bools, Ints
from estimand.stats.did_aggregation import Aggregate, Aggregation, aggregated
from estimand.stats.did_scores import Estimator
from estimand.stats.did_sweep import Averaged, averaged
from estimand.stats.group_time import Base, Cells, Control, base_period, planned_cells
from estimand.stats.levels import numbered
from estimand.stats.rollout import Followed, Rows, Sampled, followed, sampled


@dataclass(frozen=True, slots=True)
class Planned:
    """The options that decide what is estimated."""

    control: Control
    estimator: Estimator
    base: Base
    anticipation: int
    aggregate: Aggregate
    balance: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """Effects that could be estimated.

    Attributes
    ----------
    plan : Planned
    rollout : Followed or Sampled
    cells : Cells
    aggregation : Aggregation
    averaged : Averaged
    lost : tuple of str
        What was left out, for the name of the population.
    rows : int
        Rows used.
    findings : tuple of Finding
    """

    plan: Planned
    rollout: Followed | Sampled
    cells: Cells
    aggregation: Aggregation
    averaged: Averaged
    lost: tuple[str, ...]
    rows: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A cell left out, or with no period all cells of a cohort."""

    cohort: int
    period: int | None
    reason: str


def identified(key: str, case: Case, plan: Planned) -> Identified:
    """Fit every cell that can be; those that cannot are named.

    Raises
    ------
    IdentificationError
        If treatment is switched off again, nobody is there to compare with, or no cell after treatment is left.
    DesignError
        If a unit is in two clusters.
    UnsupportedError
        If the weights are of kind "precision".
    """
    timeline = case.timeline()
    _refuse_precision(key, case)
    _refuse_switched_off(key, timeline)
    kept = ~timeline.always
    if not kept.any() or not timeline.cohorts().size:
        raise IdentificationError(
            "No unit has a period before treatment and one after it.",
            remedy="Add the periods before treatment starts, or check the cohort column.",
        )
    if plan.control == "never" and not timeline.never.any():
        raise IdentificationError(
            "Every unit is treated within these periods, so that none is there to compare with as never treated.",
            remedy="Use control: not_yet, which compares with those treated later.",
        )
    rollout = _rollout(case, timeline, kept)
    cells, lost = _planned(timeline, rollout, plan)
    cells, lost, aggregation, made = _fitted(timeline, rollout, cells, lost, plan)
    rules = ("units with a period before treatment",) if not kept.all() else ()
    return Identified(
        plan,
        rollout,
        cells,
        aggregation,
        made,
        (*rules, *(("cells that are identified",) if lost else ())),
        int(np.count_nonzero(kept)),
        (
            *(() if case.sample().cluster is not None else (no_cluster_finding(key),)),
            *_always_finding(key, timeline, kept),
            *_lost_finding(key, timeline, lost),
            *treatment_findings(key, case.sample()),
        ),
    )


def _refuse_precision(key: str, case: Case) -> None:
    if case.sample().weight_kind == "precision":
        raise UnsupportedError(
            f"Method '{key}' averages over units, and precision weights say how noisy rows are.",
            remedy="Use 'did', which takes them; or declare the weights as sampling weights.",
        )


def _refuse_switched_off(key: str, timeline: Timeline) -> None:
    off = timeline.switched_off
    if off.any():
        units = timeline.cohort[off] if timeline.unit is None else timeline.unit[off]
        number = int(np.unique(units).shape[0])
        raise IdentificationError(
            f"Treatment is switched off again in {count(number, 'unit')}, and '{key}' takes it to stay on.",
            remedy="Leave out the rows after treatment ends; or, for the effect of having started, name the first "
            "treated period as cohort and leave the treatment out.",
            found=number,
        )


def _rollout(case: Case, timeline: Timeline, kept: Bools) -> Followed | Sampled:
    """The rows with a period before treatment, as arrays."""
    sample = case.sample()
    cluster = sample.units
    _refuse_two_clusters(sample)
    rows = Rows(
        timeline.period,
        timeline.cohort,
        case.values(),
        sample.features.values,
        sample.weights,
        cluster,
    )
    rows = rows if kept.all() else rows.take(kept)
    if timeline.unit is None:
        return sampled(rows, timeline.periods)
    return followed(rows, timeline.unit if kept.all() else timeline.unit[kept], timeline.periods)


def _refuse_two_clusters(sample: Sample) -> None:
    moved = moved_units(sample)
    if moved:
        raise DesignError(
            f"{count(moved, 'unit')} in more than one cluster over time: a change has no cluster of its own.",
            remedy="Name a cluster that a unit stays in, such as the one it was first seen in.",
            found=moved,
        )


def _planned(timeline: Timeline, rollout: Followed | Sampled, plan: Planned) -> tuple[Cells, list[Lost]]:
    """Cells with a base period, and at least two clusters that are treated."""
    lost = []
    cohorts = []
    cohort = rollout.cohort
    for g in timeline.cohorts():
        if base_period(timeline.clock, int(g), plan.anticipation) < 0:
            lost.append(Lost(int(g), None, "no base period"))
        elif (held := rollout.cluster[cohort == g]).size and (held == held[0]).all():
            lost.append(Lost(int(g), None, "one cluster, whose spread is not known"))
        else:
            cohorts.append(int(g))
    wanted = np.array(cohorts, dtype=np.int64)
    return planned_cells(timeline.clock, wanted, plan.anticipation, plan.base, plan.control), lost


def _fitted(
    timeline: Timeline, rollout: Followed | Sampled, cells: Cells, lost: list[Lost], plan: Planned
) -> tuple[Cells, list[Lost], Aggregation, Averaged]:
    """Fit the cells of the aggregation; leave out those that cannot be, and average again."""
    while True:
        aggregation = aggregated(cells, timeline.clock, plan.aggregate, plan.balance)
        if not aggregation.combination.shape[0]:
            raise _nothing_left(timeline, lost, plan)
        made = averaged(rollout, cells, aggregation, plan.estimator, _coarse(rollout))
        thin = np.flatnonzero((made.effects.counts < 2).any(axis=1))
        obstacles: dict[int, str] = dict.fromkeys(thin.tolist(), "one unit, whose spread is not known")
        obstacles |= made.effects.obstacles
        if not obstacles:
            return cells, lost, aggregation, made
        lost = lost + [Lost(int(cells.cohort[j]), int(cells.period[j]), why) for j, why in sorted(obstacles.items())]
        cells = cells.take(~np.isin(np.arange(cells.size), list(obstacles)))


def _coarse(rollout: Followed | Sampled) -> Ints | None:
    """Clusters numbered from 0, where they are coarser than the units."""
    codes, position = numbered(rollout.cluster)
    return None if codes.shape[0] == rollout.size else position


def _nothing_left(timeline: Timeline, lost: list[Lost], plan: Planned) -> IdentificationError:
    reasons = ", ".join(dict.fromkeys(one.reason for one in lost)) or "no event time from 0 on"
    return IdentificationError(
        f"No effect after treatment can be estimated for any of {count(timeline.cohorts().size, 'cohort')}: {reasons}.",
        remedy="Compare with control: not_yet, use fewer covariates, shorten the anticipation or the balance, or add "
        "periods and units."
        if plan.control == "never"
        else "Use fewer covariates, shorten the anticipation or the balance, or add periods and units.",
    )


def _always_finding(key: str, timeline: Timeline, kept: Bools) -> tuple[Finding, ...]:
    rows = int(np.count_nonzero(~kept))
    if not rows:
        return ()
    return (
        Finding(
            check=f"{key}.always_treated",
            about=key,
            grade=Grade.WARN,
            subject=timeline.labels[0],
            statistic=float(rows),
            message=f"{count(rows, 'row')} of units treated from the first period on were left out: they have no "
            "period before, so no change of theirs is an effect, and none stands for being untreated.",
            remedy="Add earlier periods, if there are any.",
        ),
    )


def _lost_finding(key: str, timeline: Timeline, lost: list[Lost]) -> tuple[Finding, ...]:
    """Name the cells left out, the cohorts of which nothing is left first."""
    if not lost:
        return ()
    together: dict[tuple[int, str], list[str]] = {}
    for one in lost:
        periods = together.setdefault((one.cohort, one.reason), [])
        periods += [] if one.period is None else [timeline.labels[one.period]]
    names = [
        f"cohort {timeline.labels[g]}{f' in {_listed(periods)}' if periods else ''} ({reason})"
        for (g, reason), periods in together.items()
    ]
    return (
        Finding(
            check=f"{key}.dropped_cells",
            about=key,
            grade=Grade.WARN,
            subject=f"cohort {timeline.labels[lost[0].cohort]}",
            statistic=float(len(lost)),
            message=f"Not identified and left out: {'; '.join(names[:5])}{' …' if len(names) > 5 else ''}. The "
            "averages are over the cells that are left.",
            remedy="Use control: not_yet where nobody is left to compare with, fewer covariates where units are few, "
            "earlier periods where there is none before treatment.",
            evidence=Table(
                {
                    "cohort": [timeline.labels[one.cohort] for one in lost],
                    "period": [None if one.period is None else timeline.labels[one.period] for one in lost],
                    "reason": [one.reason for one in lost],
                }
            ),
        ),
    )


def _listed(periods: list[str]) -> str:
    return ", ".join(periods) if len(periods) <= 4 else f"{periods[0]}, {periods[1]}, … {periods[-1]}"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
