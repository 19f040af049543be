"""Are there enough clusters for the intervals to hold?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric_moments import MetricMoments
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal, Regions
from estimand.stats.enough_clusters import FEW_OF_A_KIND


@check(
    "inference.clusters",
    question="Are there enough clusters for the intervals to hold?",
    references=("Cameron & Miller 2015, doi:10.3368/jhr.50.2.317",),
    reads_moments=True,
)
class FewClusters(Check):
    """Warn below the policy's number of clusters; a note where CR2 with Satterthwaite was used."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names clusters."""
        source = case.source
        if isinstance(source, MetricMoments):
            return source.clustered
        return isinstance(source, Sample) and source.cluster is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count the clusters, and those with rows of each arm, for each estimate."""
        count, by_arm = _counted(case)
        return tuple(self._one(estimate, count, by_arm, case.gates.clusters) for estimate in estimates)

    def _one(self, estimate: Estimate, count: int, by_arm: dict[str, int], line: int) -> Finding:
        uncertainty = estimate.uncertainty
        tested = isinstance(uncertainty, Regions)
        corrected = tested or (isinstance(uncertainty, Normal) and "CR2" in uncertainty.correction)
        thin = min(by_arm, key=lambda label: by_arm[label])
        lonely, few = by_arm[thin] < FEW_OF_A_KIND, count < line
        grade = Grade.PASS
        if few or lonely:
            grade = Grade.NOTE if corrected and not lonely else Grade.WARN
        words = f"There are {count} clusters, {by_arm[thin]} of them with rows of arm '{thin}'."
        if few and tested:
            words += " The set is that of a test made for few clusters, not for very few in one arm."
        elif few and corrected:
            words += " CR2 with Satterthwaite degrees of freedom allows for few, not for very few in one arm."
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="clusters",
            statistic=float(count),
            threshold=float(line),
            message=words,
            remedy=None if grade is Grade.PASS else _remedy(corrected=corrected),
            evidence=Table({"arm": list(by_arm), "clusters": list(by_arm.values())}),
        )


def _counted(case: Case) -> tuple[int, dict[str, int]]:
    """Clusters in all, and those with rows of each arm."""
    source = case.source
    if isinstance(source, MetricMoments):
        units = {label: int(count) for label, count in zip(source.arms, source.units, strict=True)}
        return sum(units.values()), units
    sample = case.sample()
    by_arm = {label: int(np.unique(sample.units[sample.arm == a]).shape[0]) for a, label in enumerate(sample.arms)}
    return int(np.unique(sample.units).shape[0]), by_arm


def _remedy(*, corrected: bool) -> str:
    if corrected:
        return "Read it beside the test made for few clusters; no standard error is to be trusted below five in an arm."
    return "Read it beside 'regression', which uses CR2 for few clusters."
