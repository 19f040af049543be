"""Are there clusters enough, treated and not, for the intervals to hold; and where not, what does a permutation say?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.core.uncertainty import Normal
from estimand.stats.arrays import Floats, Ints
from estimand.stats.enough_clusters import FEW_OF_A_KIND
from estimand.stats.rollout_permutation import RolloutTest, rollout_test

MADE_FOR_FEW = {
    "CR2": "CR2 with Satterthwaite degrees of freedom",
    "jackknife": "the jackknife of whole clusters, with t",
}


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Clusters of a panel.

    Attributes
    ----------
    cohort : ndarray of shape (G,)
        Earliest cohort in each; the number of periods where it holds none that is treated.
    mixed : int
        Clusters with several cohorts.
    place : ndarray of shape (n,)
        Cluster of each row, from 0.
    """

    cohort: Ints
    mixed: int
    place: Ints

    @classmethod
    def of(cls, units: Ints, timeline: Timeline) -> "Clusters":
        """Gather the cohorts of every cluster."""
        groups, place = np.unique(units, return_inverse=True)
        size = groups.shape[0]
        low, high = np.full(size, timeline.periods, dtype=np.int64), np.zeros(size, dtype=np.int64)
        np.minimum.at(low, place, timeline.cohort)
        np.maximum.at(high, place, timeline.cohort)
        return cls(low, int(np.count_nonzero(low < high)), place)

    def treated(self, timeline: Timeline) -> int:
        """Clusters treated within these periods, with a period before."""
        return int(np.count_nonzero((self.cohort > 0) & (self.cohort < self.last(timeline))))

    def control(self, timeline: Timeline) -> int:
        """Clusters never treated, or treated last where there are none."""
        return int(np.count_nonzero(self.cohort == self.last(timeline)))

    def last(self, timeline: Timeline) -> int:
        """Cohort that serves as the comparison."""
        return min(int(self.cohort.max()), timeline.periods)


@check(
    "panel.few_clusters",
    question="Are there clusters enough, treated and not, for the intervals to hold?",
    references=(
        "Cameron & Miller 2015, doi:10.3368/jhr.50.2.317",
        "MacKinnon & Webb 2020, doi:10.1016/j.jeconom.2020.04.024",
    ),
    designs=(Panel,),
)
class PanelClusters(Check):
    """Count the clusters in all, treated and compared with; below five of either, deal the cohorts anew.

    Fewer than the policy's number is a note where the covariance is made for few, and a warning otherwise. With fewer
    than five treated clusters, or five to compare with, no covariance is to be relied on: it warns, and puts beside it
    the randomisation test that nobody is affected, with the smallest p-value that these cohorts allow. That test takes
    clusters to be alike but for their cohort.

    Parameters
    ----------
    draws : int
        Cohorts dealt anew, where not all ways can be listed.
    """

    draws: int = 1_999

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where rows belong to units or clusters."""
        return case.sample().cluster is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count once, test once where that is needed, and answer for each estimate."""
        sample, timeline = case.sample(), case.timeline()
        clusters = Clusters.of(sample.units, timeline)
        thin = min(clusters.treated(timeline), clusters.control(timeline)) < FEW_OF_A_KIND
        test = self._tested(case, clusters) if thin and not clusters.mixed else None
        return tuple(self._one(case, estimate, clusters, test) for estimate in estimates)

    def _tested(self, case: Case, clusters: Clusters) -> RolloutTest | None:
        sample, timeline = case.sample(), case.timeline()
        means = _means(sample, case.values(), clusters, timeline)
        kept = clusters.cohort > 0
        rng = case.run.rng(self.spec.key, case.outcome)
        return rollout_test(means[kept], clusters.cohort[kept], rng, self.draws)

    def _one(self, case: Case, estimate: Estimate, clusters: Clusters, test: RolloutTest | None) -> Finding:
        timeline, line = case.timeline(), case.gates.clusters
        count = clusters.cohort.shape[0]
        treated, control = clusters.treated(timeline), clusters.control(timeline)
        thin, few = min(treated, control) < FEW_OF_A_KIND, count < line
        used = getattr(estimate.uncertainty, "correction", "")
        made = isinstance(estimate.uncertainty, Normal) and used in MADE_FOR_FEW
        grade = Grade.WARN if thin or (few and not made) else Grade.NOTE if few else Grade.PASS
        who = "never treated" if clusters.last(timeline) == timeline.periods else "treated last, to compare with"
        words = f"There are {count:,} clusters: {treated:,} treated with a period before, {control:,} {who}."
        if made:
            words += f" The interval is by {MADE_FOR_FEW[used]}, which allows for few, not for very few of a kind."
        elif few:
            words += f" The interval ({used or estimate.uncertainty.kind}) asks for many."
        if thin:
            words += _test_words(test, clusters)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="clusters",
            statistic=float(count),
            threshold=float(line),
            message=words,
            remedy=_remedy(grade, thin=thin, test=test, alpha=1.0 - estimate.level),
            evidence=_table(clusters, timeline, test),
        )


def _test_words(test: RolloutTest | None, clusters: Clusters) -> str:
    if test is None:
        why = "treatment varies within clusters" if clusters.mixed else "nothing is left to compare"
        return f" No randomisation test is made, as {why}."
    ways = f"{round(test.assignments):,}" if test.assignments < 1e9 else f"{test.assignments:.1e}"
    dealt = f"all {ways}" if test.complete else f"{test.draws:,} of {ways}"
    return (
        f" Dealing the cohorts anew to the clusters in {dealt} ways gives p = {test.p_value:.2g} for no effect on "
        f"anyone; the least it could give is {test.smallest:.2g}."
    )


def _remedy(grade: Grade, *, thin: bool, test: RolloutTest | None, alpha: float) -> str | None:
    if grade is Grade.PASS:
        return None
    if thin and test is not None and test.smallest > alpha:
        return "Gather more clusters: no outcome could be significant at this level."
    if thin:
        return "Read the randomisation test, which takes clusters to be alike but for their cohort; or gather clusters."
    return "Leave `covariance` out: with few clusters the method then uses one made for few."


def _means(sample: Sample, values: Floats, clusters: Clusters, timeline: Timeline) -> Floats:
    """Mean outcome of each cluster in each period, not-a-number where it has no rows, shape (G, T)."""
    size = clusters.cohort.shape[0] * timeline.periods
    cell = clusters.place * timeline.periods + timeline.period
    mass = np.ones(sample.n) if sample.weights is None else sample.weights
    total = np.bincount(cell, weights=mass, minlength=size)
    held = np.bincount(cell, weights=mass * values, minlength=size)
    means = np.where(total > 0.0, held / np.where(total > 0.0, total, 1.0), np.nan)
    return np.asarray(means.reshape(-1, timeline.periods))


def _table(clusters: Clusters, timeline: Timeline, test: RolloutTest | None) -> Table:
    cohorts, counts = np.unique(clusters.cohort, return_counts=True)
    size = cohorts.shape[0]
    names = {0: "always", timeline.periods: "never"}
    return Table(
        {
            "cohort": [names.get(g) or timeline.labels[g] for g in cohorts.tolist()],
            "clusters": counts.tolist(),
            "p_value": [None if test is None else test.p_value] * size,
            "smallest_p": [None if test is None else test.smallest] * size,
        }
    )
