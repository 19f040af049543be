"""Does every estimate have a bounded interval, and if not, why not?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.uncertainty import Regions, Unknown, hull


@check("inference.defined", question="Does every estimate have a bounded interval?", designs=(*ARMS, Panel))
class DefinedInterval(Check):
    """Say why an interval is missing, empty or unbounded, so that a null in the record has a reason."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where some uncertainty is not a covariance or draws."""
        return any(isinstance(e.uncertainty, Regions | Unknown) for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each term whose interval is missing, empty or unbounded."""
        return tuple(finding for estimate in estimates for finding in self._one(estimate))

    def _one(self, estimate: Estimate) -> tuple[Finding, ...]:
        uncertainty = estimate.uncertainty
        if isinstance(uncertainty, Unknown):
            return (self._finding(estimate, "interval", f"No interval is claimed: {uncertainty.reason}"),)
        if not isinstance(uncertainty, Regions):
            return ()
        out = []
        for term, pieces in zip(estimate.terms, uncertainty.at(estimate.level), strict=True):
            ends = hull(pieces)
            if ends is None:
                words = f"The {uncertainty.test} set for '{term.label}' is empty: the data reject every value."
                out.append(self._finding(estimate, term.label, words))
            elif not np.isfinite(ends).all():
                words = f"The {uncertainty.test} set for '{term.label}' is unbounded: the data do not limit it."
                out.append(self._finding(estimate, term.label, words))
        return tuple(out)

    def _finding(self, estimate: Estimate, subject: str, message: str) -> Finding:
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN,
            subject=subject,
            message=message,
            remedy="Do not read the point estimate without its set.",
        )
