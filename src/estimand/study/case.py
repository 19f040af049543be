"""From a sample to the cases of a study: one per outcome, on the rows where it is present."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.finding import Finding, Grade
from estimand.core.gates import GatePolicy
from estimand.core.moments import Moments
from estimand.core.run import Run
from estimand.core.sample import Drop, Sample
from estimand.core.table import Table
from estimand.errors import Code, DataError, IdentificationError
from estimand.models.bank import Cache, NuisanceBank

UNEVEN = 0.01


def case_of(
    design: Observational | Experiment,
    source: Sample | Moments,
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
    if isinstance(source, Moments):
        return Case(design, source, outcome, source.arms, level, None, run, gates, unit)
    present = source.present[outcome]
    rows = (source if present.all() else source.take(np.flatnonzero(present))).expanded()
    counts = rows.arm_counts()
    thin = min(counts, key=lambda label: counts[label])
    if counts[thin] < 2:
        raise DataError(
            f"Arm '{thin}' has {counts[thin]} rows with outcome '{outcome}'; two are needed.",
            remedy="Gather more data, or leave the arm or the outcome out.",
        )
    _refuse_lonely_cluster(rows, str(design.cluster))
    bank = NuisanceBank(rows, outcome, run, cache)
    absent = None if present.all() else source.take(np.flatnonzero(~present)).expanded()
    return Case(design, rows, outcome, rows.arms, level, bank, run, gates, unit, absent)


def missing_outcome(sample: Sample, outcome: str) -> tuple[tuple[Drop, ...], tuple[Finding, ...]]:
    """Rows without the outcome as a drop, and as a finding that compares the arms."""
    absent = ~sample.present[outcome]
    total = int(absent.sum())
    if not total:
        return (), ()
    rates = [float(absent[sample.arm == a].mean()) for a in range(len(sample.arms))]
    gap = max(rates) - min(rates)
    finding = Finding(
        check="sample.missing_outcome",
        about=outcome,
        grade=Grade.WARN if gap > UNEVEN else Grade.NOTE,
        subject=outcome,
        statistic=gap,
        threshold=UNEVEN,
        message=f"{total:,} rows ({total / sample.n:.1%}) lack outcome '{outcome}' and were left out; "
        f"the share by arm goes from {min(rates):.1%} to {max(rates):.1%}.",
        remedy="Ask why it is missing: if treatment or risk decides, the arms left are no longer comparable.",
        evidence=Table({"arm": sample.arms, "missing": rates}),
    )
    return (Drop("outcome missing", outcome, total),), (finding,)


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
