"""Do the covariates tell the arms apart perfectly?"""

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.sample import Sample
from estimand.errors import ConvergenceError


@check(
    "overlap.separation",
    question="Do the covariates tell the arms apart perfectly?",
    references=("Albert & Anderson 1984, doi:10.1093/biomet/71.1.1",),
)
class Separation(Check):
    """Veto adjusting estimates where a logistic propensity has no optimum: nobody is like anybody in the other arm."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where some method adjusts for covariates that nothing assigned at random."""
        covariates = isinstance(case.source, Sample) and bool(case.source.features.features)
        return covariates and not case.randomised and bool(_adjusting(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Fit the propensity in sample, and veto if the arms separate."""
        try:
            case.fitted().propensity(Learner("logistic"), FoldPlan(1))
        except ConvergenceError:
            return tuple(self._veto(estimate) for estimate in _adjusting(estimates))
        return tuple(self._pass(estimate) for estimate in _adjusting(estimates))

    def _veto(self, estimate: Estimate) -> Finding:
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.VETO,
            subject="propensity",
            message="The covariates tell arms apart perfectly, at least for some rows, so the estimate is an "
            "extrapolation from one arm to people only seen in the other.",
            remedy="Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur.",
        )

    def _pass(self, estimate: Estimate) -> Finding:
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS,
            subject="propensity",
            message="No combination of covariates tells the arms apart perfectly.",
        )


def _adjusting(estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(e for e in estimates if resolve("methods", e.method).spec.adjusts)
