"""How much treatment varies: over rows, and over clusters."""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.balance import effective_size
from estimand.stats.enough_clusters import FEW_OF_A_KIND

FEWEST_ROWS = 30
THIN_SHARE = 0.4


@check("audit.arms", question="Is every arm large enough to be compared?")
class ArmSizes(Check):
    """Rows and share of each arm; a few rows warn, a small share is noted."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every sample."""
        return isinstance(case.source, Sample)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the smallest arm."""
        sample, line = case.sample(), case.gates.arm_share
        counts = sample.arm_counts()
        arm = min(counts, key=lambda label: counts[label])
        share = counts[arm] / sample.n
        grade = Grade.PASS
        if share < line:
            grade = Grade.WARN if share < THIN_SHARE * line else Grade.NOTE
        if counts[arm] < FEWEST_ROWS:
            grade = Grade.WARN
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=arm,
                statistic=share,
                threshold=line,
                message=f"The smallest of {len(counts)} arms, '{arm}', has {counts[arm]:,} of {sample.n:,} rows "
                f"({share:.1%}).",
                remedy=None
                if grade is Grade.PASS
                else "Gather more rows of it, merge it with an arm like it, or ask about the treated only (ATT).",
                evidence=Table(
                    {
                        "arm": list(counts),
                        "rows": list(counts.values()),
                        "share": [count / sample.n for count in counts.values()],
                    }
                ),
            ),
        )


@check(
    "audit.clusters",
    question="How many independent groups does treatment vary over?",
    references=("Carter, Schnepel & Steigerwald 2017, doi:10.1162/REST_a_00639",),
)
class ClusteredTreatment(Check):
    """Clusters of each arm, whether treatment varies within them, and how many equal ones they are worth."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names clusters."""
        return isinstance(case.source, Sample) and case.source.cluster is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count clusters by arm; where treatment is constant within them, they are the sample."""
        sample = case.sample()
        _, codes = np.unique(sample.units, return_inverse=True)
        sizes = np.stack(
            [np.bincount(codes[sample.arm == a], minlength=codes.max() + 1) for a in range(len(case.arms))]
        )
        constant = bool(((sizes > 0).sum(axis=0) == 1).all())
        effective = effective_size(sizes.sum(axis=0).astype(np.float64))
        by_arm = {label: int((sizes[a] > 0).sum()) for a, label in enumerate(sample.arms)}
        arm = min(by_arm, key=lambda label: by_arm[label])
        worth = min(effective, float(sizes.shape[1]))
        few, lonely = worth < case.gates.clusters, constant and by_arm[arm] < FEW_OF_A_KIND
        grade = Grade.PASS
        if few or lonely:
            grade = Grade.WARN if constant else Grade.NOTE
        how = "never varies" if constant else "varies"
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=str(case.design.cluster),
                statistic=worth,
                threshold=float(case.gates.clusters),
                message=f"Treatment {how} within the {sizes.shape[1]:,} clusters of '{case.design.cluster}', which "
                f"are worth {worth:.0f} of equal size; {by_arm[arm]:,} have rows of arm '{arm}'.",
                remedy=_remedy(grade, constant),
                evidence=Table(
                    {"arm": sample.arms, "clusters": list(by_arm.values()), "rows": sizes.sum(axis=1).tolist()}
                ),
            ),
        )


def _remedy(grade: Grade, constant: bool) -> str | None:
    if grade is Grade.PASS:
        return None
    return (
        "Count clusters, not rows, as the sample size; use a method with few-cluster corrections, such as 'regression'."
        if constant
        else "Use a method with few-cluster corrections, such as 'regression'."
    )
