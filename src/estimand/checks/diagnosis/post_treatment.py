"""Does a method adjust for something that treatment may have changed?"""

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade


@check(
    "design.post_treatment",
    question="Does a method adjust for something that treatment may have changed?",
    references=(
        "Rosenbaum 1984, doi:10.2307/2981697",
        "Montgomery, Nyhan & Torres 2018, doi:10.1111/ajps.12357",
    ),
)
class PostTreatmentCovariate(Check):
    """Veto estimates that adjust for a covariate declared post-treatment."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design declares what treatment may have changed."""
        return bool(case.design.roles.post_treatment)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Veto each adjusting estimate if a covariate is declared post-treatment; pass otherwise."""
        bait = [name for name in case.design.covariates if name in case.design.roles.post_treatment]
        adjusting = [e for e in estimates if resolve("methods", e.method).spec.adjusts]
        return tuple(self._one(estimate, bait) for estimate in adjusting)

    def _one(self, estimate: Estimate, bait: list[str]) -> Finding:
        if not bait:
            return Finding(
                check=self.spec.key,
                about=estimate.id,
                grade=Grade.PASS,
                subject="covariates",
                message="No covariate is among those declared post-treatment.",
            )
        listed = ", ".join(f"'{name}'" for name in bait)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.VETO,
            subject=bait[0],
            statistic=float(len(bait)),
            threshold=0.0,
            message=f"It adjusts for {listed}, declared post-treatment: treatment may have changed it, so holding "
            "it fixed removes part of the effect and can reverse its sign.",
            remedy=f"Remove {listed} from the covariates.",
        )
