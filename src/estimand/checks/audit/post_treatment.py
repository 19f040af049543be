"""Is a covariate declared, or computed from something, that treatment may have changed?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.screening import correlation

DERIVED = 0.9999


@check(
    "audit.post_treatment",
    question="Is a covariate something that treatment may have changed?",
    references=("Rosenbaum 1984, doi:10.2307/2981697",),
    designs=(*ARMS, Panel),
)
class PostTreatmentColumn(Check):
    """Veto covariates that the design declares post-treatment, and those that follow one to four digits."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design declares what treatment may have changed."""
        return isinstance(case.source, Sample) and bool(case.design.roles.post_treatment)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each such covariate, or once where there is none."""
        declared = set(case.design.roles.post_treatment)
        reasons = {name: "is declared post-treatment" for name in case.design.covariates if name in declared}
        for name, source in _derived(case.sample()).items():
            reasons.setdefault(name, f"follows '{source}', which is declared post-treatment")
        if not reasons:
            return (self._finding(Grade.PASS, "covariates", "No covariate is, or follows, a post-treatment column."),)
        return tuple(
            self._finding(Grade.VETO, name, f"Covariate '{name}' {why}: treatment may have changed it.")
            for name, why in reasons.items()
        )

    def _finding(self, grade: Grade, subject: str, message: str) -> Finding:
        remedy = None if grade is Grade.PASS else f"Leave '{subject}' out of the covariates."
        return Finding(check=self.spec.key, about=STUDY, grade=grade, subject=subject, message=message, remedy=remedy)


def _derived(sample: Sample) -> dict[str, str]:
    """Covariates that move with a post-treatment column to four digits, and which column."""
    late = sample.roles.get("post_treatment")
    if late is None:
        return {}
    out: dict[str, str] = {}
    for k, after in enumerate(late.features):
        known = ~np.isnan(late.values[:, k])
        values = late.values[known, k]
        for j, feature in enumerate(sample.features.features):
            if abs(correlation(sample.features.values[known, j], values)) > DERIVED:
                out.setdefault(feature.source, after.source)
    return out
