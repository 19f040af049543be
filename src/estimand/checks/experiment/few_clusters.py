"""With very few clusters in an arm, what does the randomisation test say?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.jsonable import number
from estimand.core.metric_moments import MetricMoments
from estimand.core.table import Table
from estimand.stats.cluster_randomisation import Totals
from estimand.stats.enough_clusters import FEW_OF_A_KIND
from estimand.stats.few_clusters import ClusterRows
from estimand.stats.inversion import Pencil
from estimand.stats.randomisation import Assignment

DRAWS = 1_999


@check(
    "experiment.few_clusters",
    question="With very few clusters in an arm, what does the randomisation test say of a metric?",
    references=(
        "MacKinnon & Webb 2020, doi:10.1016/j.jeconom.2020.04.024",
        "Wu & Ding 2021, doi:10.1080/01621459.2020.1750415",
    ),
    designs=(Experiment,),
    reads_moments=True,
)
class FewAssigned(Check):
    """Where an arm has fewer than five clusters, test one effect for every row by assigning the clusters anew.

    The statistic is the difference over its CR2 standard error; the clusters of an arm and of control are dealt anew
    within the design's strata, all ways where they are fewer than 2,000.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to metrics over clusters of which an arm has very few."""
        if case.metric is None:
            return False
        moments = case.metric_moments()
        return moments.clustered and bool(moments.units.min() < FEW_OF_A_KIND)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with every arm as evidence."""
        moments = case.metric_moments()
        tested = [_test(case, moments, a) for a in range(1, len(moments.arms))]
        rows = [one for one in tested if one is not None]
        if not rows:
            words = f"An arm has {int(moments.units.min())} clusters, and nothing varies between those there are."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, "Gather more clusters."),)
        alpha = 1.0 - case.level
        least = min(rows, key=lambda one: one.p_value)
        out_of_reach = least.smallest > alpha
        words = (
            f"Arm '{least.arm}' against '{case.arms[0]}', with {least.clusters} clusters in all: the test that deals "
            f"treatment to the clusters anew gives p = {format_number(least.p_value)}, of which the smallest it can "
            f"give is {format_number(least.smallest)}."
        )
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if out_of_reach else Grade.NOTE,
                subject=case.outcome,
                statistic=least.p_value,
                threshold=alpha,
                message=words,
                remedy="Assign more clusters: no outcome could be significant at this level."
                if out_of_reach
                else "Report this test: with fewer than five clusters in an arm no standard error is to be trusted.",
                evidence=_table(rows, case.level),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Tested:
    arm: str
    clusters: int
    pencil: Pencil
    p_value: float
    smallest: float


def _test(case: Case, moments: MetricMoments, arm: int) -> _Tested | None:
    """Deal the clusters of an arm and of control anew; None where nothing varies."""
    rows, stratum = _clusters(moments, arm)
    if rows is None:
        return None
    assignment = Assignment(rows.arm == arm, stratum)
    complete = assignment.log_count <= np.log(DRAWS + 0.5)
    drawn = assignment.every() if complete else assignment.drawn(case.run.rng("few_clusters", arm), DRAWS)
    totals = Totals(rows.columns[:, 0], rows.columns[:, 1], assignment.treated.astype(float))
    pencil = totals.pencil(drawn.astype(float), complete=complete)
    if not pencil.variance > 0.0:
        return None
    smallest = max(assignment.smallest_share, 0.0 if complete else 1.0 / (DRAWS + 1))
    return _Tested(moments.arms[arm], rows.arm.shape[0], pencil, pencil.p_value(0.0), smallest)


def _clusters(moments: MetricMoments, arm: int) -> tuple[ClusterRows | None, np.ndarray]:
    """Clusters of an arm and of control over all strata, and the stratum of each."""
    parts, strata = [], []
    for s, rows in zip(moments.stratum, moments.clusters or (), strict=False):
        at = np.flatnonzero((rows.arm == arm) | (rows.arm == 0))
        parts.append(ClusterRows(rows.columns[at, :2], rows.arm[at], rows.code[at]))
        strata.append(np.full(at.shape[0], s))
    if not parts:
        return None, np.empty(0, dtype=np.int64)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    both = (whole.arm == 0).any() and (whole.arm == arm).any()
    codes = np.unique(np.concatenate(strata), return_inverse=True)[1]
    return (whole if both else None), codes


def _table(rows: list[_Tested], level: float) -> Table:
    pieces = [one.pencil.regions(level) for one in rows]
    return Table(
        {
            "arm": [one.arm for one in rows],
            "clusters": [one.clusters for one in rows],
            "value": [one.pencil.value for one in rows],
            "p_value": [one.p_value for one in rows],
            "smallest": [one.smallest for one in rows],
            "low": [number(held[0][0]) if held else None for held in pieces],
            "high": [number(held[-1][1]) if held else None for held in pieces],
        }
    )
