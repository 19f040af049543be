"""Do few rows carry most of the weight?"""

import numpy as np

from estimand.checks.diagnosis.remedies import narrower
from estimand.checks.diagnosis.weighted import WeightedArms, arms_of, weighted_estimates
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.balance import effective_size, largest_share


@check(
    "weights.effective_n",
    question="Is the weighted sample worth enough rows?",
    references=("Kish 1965",),
)
class EffectiveSampleSize(Check):
    """Effective size of each weighted arm against the smaller arm, or against the treated for ATT."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that weight rows."""
        return isinstance(case.source, Sample) and bool(weighted_estimates(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with its thinnest arm."""
        return tuple(
            min(
                (self._one(case, arms) for arms in arms_of(case, estimate)),
                key=lambda finding: finding.statistic or 0.0,
            )
            for estimate in weighted_estimates(estimates)
        )

    def _one(self, case: Case, arms: WeightedArms) -> Finding:
        sample, line = case.sample(), case.gates.effective_share
        rows = {sample.arms[arms.arm]: arms.treated, sample.arms[0]: arms.control}
        sizes = {label: effective_size(arms.weights[members]) for label, members in rows.items()}
        counts = np.bincount(sample.arm, minlength=len(sample.arms))
        treated_only = arms.estimate.target.averaged is Target.ATT
        reference = counts[arms.arm] if treated_only else min(counts[arms.arm], counts[0])
        thin = min(sizes, key=lambda label: sizes[label])
        share = sizes[thin] / float(reference)
        low = share < line
        measure = "the treated" if treated_only else "the smaller arm"
        return Finding(
            check=self.spec.key,
            about=arms.about,
            grade=Grade.WARN if low else Grade.PASS,
            subject=thin,
            statistic=float(share),
            threshold=line,
            message=f"The {int(rows[thin].size):,} weighted rows of arm '{thin}' are worth {sizes[thin]:,.0f} equal "
            f"ones, {share:.0%} of {measure} ({int(reference):,} rows).",
            remedy=narrower(arms.estimate) if low else None,
            evidence=Table(
                {
                    "arm": list(rows),
                    "rows": [int(members.size) for members in rows.values()],
                    "effective": list(sizes.values()),
                }
            ),
        )


@check("weights.max_share", question="Does one row decide the answer?")
class LargestWeight(Check):
    """Share of an arm's weight carried by its heaviest row."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that weight rows."""
        return isinstance(case.source, Sample) and bool(weighted_estimates(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with its most lopsided arm."""
        return tuple(
            max(
                (self._one(case, arms) for arms in arms_of(case, estimate)),
                key=lambda finding: finding.statistic or 0.0,
            )
            for estimate in weighted_estimates(estimates)
        )

    def _one(self, case: Case, arms: WeightedArms) -> Finding:
        sample, line = case.sample(), case.gates.weight_share
        rows = {sample.arms[arms.arm]: arms.treated, sample.arms[0]: arms.control}
        shares = {label: largest_share(arms.weights[members]) for label, members in rows.items()}
        heavy = max(shares, key=lambda label: shares[label])
        far = shares[heavy] > line
        return Finding(
            check=self.spec.key,
            about=arms.about,
            grade=Grade.WARN if far else Grade.PASS,
            subject=heavy,
            statistic=shares[heavy],
            threshold=line,
            message=f"The heaviest row carries {shares[heavy]:.1%} of the weight of arm '{heavy}'.",
            remedy=narrower(arms.estimate) if far else None,
        )
