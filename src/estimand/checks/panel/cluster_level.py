"""Do the clusters hold units, and treatment, as a whole?"""

import numpy as np

from estimand.checks.panel.few_clusters import Clusters
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.table import Table


@check(
    "panel.cluster_level",
    question="Do the clusters hold units, and treatment, as a whole?",
    references=(
        "Abadie, Athey, Imbens & Wooldridge 2023, doi:10.1093/qje/qjac038",
        "Bertrand, Duflo & Mullainathan 2004, doi:10.1162/003355304772839588",
    ),
    designs=(Panel,),
)
class ClusterLevel(Check):
    """Look for units that are in several clusters, and for clusters treated in part.

    Rows of one unit depend on each other over time; where they are spread over clusters the covariance takes them as
    independent: that is a warning. A cluster in which units were treated at different times, or some never, is not how
    treatment was assigned: the covariance may be too wide, and permutations of clusters mean nothing; that is a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names clusters."""
        return case.design.cluster is not None and case.sample().cluster is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer once, about the outcome."""
        timeline, column = case.timeline(), str(case.design.cluster)
        clusters = Clusters.of(case.sample().units, timeline)
        count, mixed, several = clusters.cohort.shape[0], clusters.mixed, 0
        units = 0
        if timeline.unit is not None:
            held = np.unique(np.stack([timeline.unit, clusters.place]), axis=1)[0]
            homes = np.unique(held, return_counts=True)[1]
            units, several = homes.shape[0], int(np.count_nonzero(homes > 1))
        parts = [f"Treatment starts for all of '{column}' at once in {count - mixed:,} of its {count:,} clusters."]
        if units:
            parts.append(
                f"{several:,} of {units:,} units are in several of them."
                if several
                else f"Each of {units:,} units is in one of them."
            )
        remedies = []
        if several:
            remedies.append("Cluster by the unit, or by something that units stay in.")
        if mixed:
            remedies.append(
                "Cluster at the level at which treatment was decided, unless shocks are shared more widely."
            )
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if several else Grade.NOTE if mixed else Grade.PASS,
                subject=column,
                statistic=float(several or mixed),
                threshold=0.0,
                message=" ".join(parts),
                remedy=" ".join(remedies) or None,
                evidence=Table(
                    {
                        "what": ["clusters", "clusters treated in part", "units", "units in several clusters"],
                        "count": [count, mixed, units, several],
                    }
                ),
            ),
        )
