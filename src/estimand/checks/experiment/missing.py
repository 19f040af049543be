"""Is a metric missing more often in one arm?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric_moments import Counts
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.allocation import homogeneity_p_value
from estimand.stats.arrays import Floats


@check(
    "experiment.metric_missing",
    question="Is a metric missing more often in one arm?",
    references=("Fabijan et al. 2019, doi:10.1145/3292500.3330722",),
    designs=(Experiment,),
    reads_moments=True,
)
class MetricMissing(Check):
    """Share of each arm's rows without the metric; a χ² test that the shares are one, where rows are independent."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to metrics."""
        return case.metric is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare the arms."""
        rows, missing, clustered = _counted(case)
        share = missing / np.maximum(rows + missing, 1.0)
        p_value = None if clustered else homogeneity_p_value(np.stack([rows, missing]))
        gap = float(share.max() - share.min())
        uneven = p_value is not None and p_value < case.gates.allocation
        doubtful = clustered and gap > case.gates.attrition_gap
        by_arm = ", ".join(f"{arm} {part:.2%}" for arm, part in zip(case.arms, share, strict=True))
        words = f"Metric '{case.outcome}' is missing in {by_arm} of the rows by arm"
        words += "" if p_value is None else f" (p = {format_number(p_value)} that the shares are one)"
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if uneven or doubtful else Grade.PASS,
                subject=case.outcome,
                statistic=gap if p_value is None else p_value,
                threshold=case.gates.attrition_gap if p_value is None else case.gates.allocation,
                message=f"{words}." if missing.any() else f"No row lacks metric '{case.outcome}'.",
                remedy="Who has a value differs between the arms, so those compared are not alike: find out what "
                "decides it. Where no value means none, write missing: zero."
                if uneven or doubtful
                else None,
                evidence=Table({"arm": case.arms, "rows": (rows + missing).tolist(), "missing": missing.tolist()}),
            ),
        )


def _counted(case: Case) -> tuple[Floats, Floats, bool]:
    """Rows of each arm with the metric, and without; and whether they are clustered."""
    source = case.source
    if isinstance(source, Sample):
        absent = case.unobserved
        lost = np.zeros(len(case.arms)) if absent is None else np.array(list(absent.arm_counts().values()), dtype=float)
        return np.array(list(source.arm_counts().values()), dtype=float), lost, source.cluster is not None
    moments = case.metric_moments()
    counts: Counts = moments.counts
    return counts.rows, counts.missing, moments.clustered
