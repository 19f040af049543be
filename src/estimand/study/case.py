"""From a sample to the cases of a study: one per outcome, on the rows where it is present."""

from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Design, Experiment
from estimand.core.finding import Finding, Grade
from estimand.core.gates import GatePolicy
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.moments import Moments
from estimand.core.run import Run
from estimand.core.sample import Drop, Sample
from estimand.core.table import Table
from estimand.core.triggered import split_sample
from estimand.errors import Code, DataError, IdentificationError
from estimand.models.bank import Cache, NuisanceBank
from estimand.study.observation import observed

UNEVEN = 0.01
_LEFT_OUT = (
    "Ask why it is missing: if treatment or risk decides, the arms left are no longer comparable. Where arm and "
    "covariates decide, missing_outcome: weight in the design weights the rows left to stand for all."
)
_WEIGHTED = "Ask why it is missing: weighting mends what arm and covariates decide, and nothing else."


def case_of(
    design: Design,
    source: Sample | Moments | MetricMoments,
    outcome: str,
    run: Run,
    cache: Cache,
    context: tuple[float, GatePolicy, str | None] = (0.95, GatePolicy(), None),
) -> Case:
    """Build the case of one outcome.

    Parameters
    ----------
    cache : dict
        Shared by the cases of a study.
    context : tuple of (level, gates, unit of the outcome)

    Raises
    ------
    DataError
        If fewer than two rows of an arm have the outcome.
    """
    level, gates, unit = context
    metric = metric_of(design, outcome)
    if isinstance(source, Moments | MetricMoments):
        return Case(design, source, outcome, source.arms, level, None, run, gates, unit, metric=metric)
    source, beyond = split_sample(source)
    present = source.present[outcome]
    rows = (source if present.all() else source.take(np.flatnonzero(present))).expanded()
    _refuse_thin_arm(rows, outcome)
    # In a rollout one cluster may be all that is treated: the effect is a change of it, and methods claim no interval.
    if rows.timeline is None:
        _refuse_lonely_cluster(rows, str(design.cluster))
    absent, model = None, None
    if design.missing_outcome == "weight" and not present.all():
        rows, absent, model = observed(source.expanded(), outcome)
    elif not present.all():
        absent = source.take(np.flatnonzero(~present)).expanded()
    bank = NuisanceBank(rows, outcome, run, cache)
    made = Case(design, rows, outcome, rows.arms, level, bank, run, gates, unit, absent, model, metric=metric)
    if beyond is None:
        return made
    there = beyond.present[outcome]
    return replace(made, untriggered=(beyond if there.all() else beyond.take(np.flatnonzero(there))).expanded())


def metric_of(design: Design, outcome: str) -> Metric | None:
    """Return the metric that an outcome is, if the design names metrics."""
    return design.metric(outcome) if isinstance(design, Experiment) else None


def missing_outcome(
    sample: Sample, outcome: str, weighted: bool = False
) -> tuple[tuple[Drop, ...], tuple[Finding, ...]]:
    """Rows without the outcome as a drop, unless others stand for them, and as a finding that compares the arms."""
    absent = ~sample.present[outcome]
    total = int(absent.sum())
    if not total:
        return (), ()
    rates = [float(absent[sample.arm == a].mean()) for a in range(len(sample.arms))]
    gap = max(rates) - min(rates)
    fate = "; rows with it are weighted to stand for them" if weighted else " and were left out"
    finding = Finding(
        check="sample.missing_outcome",
        about=outcome,
        grade=Grade.WARN if gap > UNEVEN and not weighted else Grade.NOTE,
        subject=outcome,
        statistic=gap,
        threshold=UNEVEN,
        message=f"{total:,} rows ({total / sample.n:.1%}) lack outcome '{outcome}'{fate}; "
        f"the share by arm goes from {min(rates):.1%} to {max(rates):.1%}.",
        remedy=_WEIGHTED if weighted else _LEFT_OUT,
        evidence=Table({"arm": sample.arms, "missing": rates}),
    )
    return () if weighted else (Drop("outcome missing", outcome, total),), (finding,)


def _refuse_thin_arm(rows: Sample, outcome: str) -> None:
    counts = rows.arm_counts()
    thin = min(counts, key=lambda label: counts[label])
    if counts[thin] < 2:
        raise DataError(
            f"Arm '{thin}' has {counts[thin]} rows with outcome '{outcome}'; two are needed.",
            remedy="Gather more data, or leave the arm or the outcome out.",
        )


def _refuse_lonely_cluster(rows: Sample, column: str) -> None:
    """Refuse an arm whose rows are all in one cluster: nothing tells its effect from that cluster's own level."""
    if rows.cluster is None:
        return
    for a, label in enumerate(rows.arms):
        if np.unique(rows.cluster[rows.arm == a]).shape[0] < 2:
            raise IdentificationError(
                f"All rows of arm '{label}' are in one cluster of '{column}', so its effect cannot be told from "
                "that cluster's own level.",
                remedy="Gather more clusters, or leave the cluster column out if rows are independent.",
                code=Code.INSUFFICIENT_DATA,
            )
