"""From a regression on cells to an estimate: averages of the cells' coefficients."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Method
from estimand.core.question import Target
from estimand.core.uncertainty import Normal, Unknown
from estimand.errors import IdentificationError, UnsupportedError
from estimand.methods.panel.admitted import Admitted
from estimand.methods.panel.cells import Aggregate, Cells, averages_of
from estimand.methods.panel.clusters_seen import cohorts_of_one_cluster
from estimand.methods.panel.saturated import Errors, Saturated, combined, drawn_rows, untreated_level
from estimand.stats.arrays import Floats, Ints

Shares: TypeAlias = Literal["estimated", "fixed"]
OneCluster: TypeAlias = Literal["drop", "keep"]
MOST_ENTRIES = 200_000_000
ALL_LONE = "each treated cohort is one cluster, so nothing shows how clusters treated alike vary."


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Which averages, and which covariance.

    Attributes
    ----------
    aggregate : "simple" | "event" | "group" | "calendar"
    shares : "estimated" | "fixed"
        Whether the rows averaged over are a sample or all there is.
    errors : Errors
    one_cluster : "drop" | "keep"
        What becomes of cohorts that are one cluster among several cohorts.
    slopes : ndarray of shape (n,) or None
        Effect of each row beyond that of its cell, through covariates.
    """

    aggregate: Aggregate
    shares: Shares
    errors: Errors
    one_cluster: OneCluster
    slopes: Floats | None = None


def cell_averages(method: Method, made: Saturated, cells: Cells, asked: Asked) -> Estimate:
    """Average the coefficients of the cells that are identified.

    Raises
    ------
    IdentificationError
        If no cell after treatment is identified.
    """
    key, found, case = method.spec.key, made.found, made.found.case
    lone = _lone_cohorts(found, cells.cohort[made.identified])
    whole = np.setdiff1d(cells.cohort[made.identified & (cells.event_time >= 0)], lone)
    dropped = np.isin(cells.cohort, lone) & (asked.one_cluster == "drop") & (whole.shape[0] > 0)
    used = made.identified & ~dropped
    held = cells.only(used)
    if not (held.event_time >= 0).any():
        raise IdentificationError(
            "No treated cohort has, in any period, both a period before treatment and somebody to be compared with.",
            remedy="Add periods before treatment, the last before it too, and units that are treated later or never; "
            "leave out covariates that give treatment away.",
        )
    averages = averages_of(held, asked.aggregate, found.timeline.labels, case.unit)
    shares = averages.shares(held)
    sought = held.averages(shares)
    full = np.zeros((shares.shape[0], made.identified.shape[0]))
    full[:, used] = shares
    own = made.coefficients[used]
    effect = np.where(held.of_row >= 0, own[held.of_row], 0.0)
    if asked.slopes is not None:
        effect = effect + asked.slopes
    drawn = drawn_rows(found, sought, effect, shares @ own) if asked.shares == "estimated" else None
    result = combined(key, made, full, asked.errors, drawn)
    if lone.shape[0] > 1 and not whole.shape[0] and isinstance(result.uncertainty, Normal):
        result = replace(result, uncertainty=Unknown(ALL_LONE))
    after = (held.of_row >= 0) & (found.timeline.period >= found.timeline.cohort)
    lost = cells.only(~made.identified)
    rules = (
        *(("cohorts and periods with a comparison",) if lost.cohort.size else ()),
        *(("cohorts of several clusters",) if dropped.any() else ()),
    )
    return Estimate(
        id=key,
        method=key,
        options=FrozenMap(method.options()),
        outcome=case.outcome,
        target=Target.ATT,
        population=found.population(after, rules),
        terms=averages.terms,
        value=result.value,
        uncertainty=result.uncertainty,
        n_obs=found.n,
        inference=method.spec.inference,
        level=case.level,
        baseline=untreated_level(found, sought, result),
        influence=found.influence(result.psi) if isinstance(result.uncertainty, Normal) else None,
        details=FrozenMap({"group_time": held.table(found.timeline.labels, own)}),
        findings=(
            *found.findings,
            *_lost(key, found, lost),
            *(_lone(key, found, lone, dropped=bool(dropped.any())) if whole.shape[0] or lone.shape[0] > 1 else ()),
            *made.findings,
            *result.findings,
        ),
    )


def _lone_cohorts(found: Admitted, cohorts: Ints) -> Ints:
    """Cohorts with cells that are one cluster each; none without clusters."""
    if not found.clustered:
        return np.zeros(0, dtype=np.int64)
    return cohorts_of_one_cluster(found.timeline.cohort, found.cluster, np.unique(cohorts))


def _lone(key: str, found: Admitted, lone: Ints, *, dropped: bool) -> tuple[Finding, ...]:
    """Warn of cohorts whose own noise the covariance cannot see."""
    if not lone.shape[0]:
        return ()
    labels = found.timeline.labels
    named = ", ".join(labels[g] for g in lone[:5]) + (" …" if lone.shape[0] > 5 else "")
    fate = "they were left out" if dropped else "their noise is in no standard error"
    return (
        Finding(
            check=f"{key}.one_cluster",
            about=key,
            grade=Grade.WARN,
            subject=f"cohort {labels[lone[0]]}",
            statistic=float(lone.shape[0]),
            threshold=0.0,
            message=f"Cohorts of one cluster, whose effects fit it exactly, so that nothing shows how it varies: "
            f"{named}; {fate}.",
            remedy="Pool cohorts, such as those of one year; one_cluster: keep averages over them all the same."
            if dropped
            else "Pool cohorts, such as those of one year.",
        ),
    )


def refuse_too_wide(cells: Cells, more: int, n: int) -> None:
    """Refuse more columns than memory takes.

    Raises
    ------
    UnsupportedError
    """
    columns = cells.cohort.shape[0] + more
    if columns * n > MOST_ENTRIES:
        raise UnsupportedError(
            f"{columns:,} columns for cohorts by period and covariates, of {n:,} rows each, are too many to fit.",
            remedy="Use imputation_did, which needs none of them; or coarser periods.",
            found=columns,
        )


def _lost(key: str, found: Admitted, lost: Cells) -> tuple[Finding, ...]:
    """Report cells whose coefficient is not identified."""
    if not lost.cohort.size:
        return ()
    labels = found.timeline.labels
    cohorts = ", ".join(labels[g] for g in np.unique(lost.cohort))
    periods = ", ".join(labels[t] for t in np.unique(lost.period))
    return (
        Finding(
            check=f"{key}.not_identified",
            about=key,
            grade=Grade.WARN,
            subject="cohorts by period",
            statistic=float(lost.cohort.shape[0]),
            message=f"{lost.cohort.shape[0]:,} cohorts by period were left out, as nothing tells their effect from "
            f"that of the period or the unit: cohorts {cohorts}, in periods {periods}.",
            remedy="Add earlier periods, or units never treated; the estimate is of the rows left.",
            evidence=lost.table(labels),
        ),
    )
