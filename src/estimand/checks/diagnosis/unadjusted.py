"""Does an adjusting method have anything to adjust for?"""

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample


@check("design.unadjusted", question="Does an adjusting method have anything to adjust for?")
class Unadjusted(Check):
    """Warn where nothing was assigned at random and the design names no covariate: the number is the raw one."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where treatment was not randomised."""
        return isinstance(case.source, Sample) and not case.randomised

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each method that adjusts."""
        bare = not case.sample().features.features
        adjusting = [e for e in estimates if resolve("methods", e.method).spec.adjusts]
        words = (
            "The design names no covariate, so nothing was adjusted for: this is the raw difference by another name."
        )
        return tuple(
            Finding(
                check=self.spec.key,
                about=estimate.id,
                grade=Grade.WARN if bare else Grade.PASS,
                subject="covariates",
                message=words if bare else "The design names covariates to adjust for.",
                remedy="Name what decided the treatment, or declare an experiment if it was random." if bare else None,
            )
            for estimate in adjusting
        )
