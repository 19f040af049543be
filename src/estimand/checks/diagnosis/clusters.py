"""Are there enough clusters for the intervals to hold?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal


@check(
    "inference.clusters",
    question="Are there enough clusters for the intervals to hold?",
    references=("Cameron & Miller 2015, doi:10.3368/jhr.50.2.317",),
)
class FewClusters(Check):
    """Warn below the policy's number of clusters; a note where CR2 with Satterthwaite was used."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names clusters."""
        return isinstance(case.source, Sample) and case.source.cluster is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count the clusters for each estimate."""
        count = int(np.unique(case.sample().units).shape[0])
        return tuple(self._one(estimate, count, case.gates.clusters) for estimate in estimates)

    def _one(self, estimate: Estimate, count: int, line: int) -> Finding:
        uncertainty = estimate.uncertainty
        corrected = isinstance(uncertainty, Normal) and uncertainty.correction == "CR2"
        few = count < line
        grade = Grade.PASS if not few else Grade.NOTE if corrected else Grade.WARN
        tail = "CR2 with Satterthwaite degrees of freedom allows for it." if corrected else ""
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="clusters",
            statistic=float(count),
            threshold=float(line),
            message=f"There are {count} clusters. {tail if few else ''}".strip(),
            remedy=None if grade is Grade.PASS else "Read it beside 'regression', which uses CR2 here.",
        )
