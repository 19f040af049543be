"""Do the covariates tell the arms apart perfectly?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats
from estimand.stats.glm import fit_glm

CERTAIN = 1e-6


@check(
    "overlap.separation",
    question="Do the covariates tell the arms apart perfectly?",
    references=("Albert & Anderson 1984, doi:10.1093/biomet/71.1.1",),
)
class Separation(Check):
    """Rows whose arm a logistic regression on the covariates knows for certain: nobody like them is in another arm.

    A veto where they are more of the target's rows than the overlap gate allows, a warning where they are fewer.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where some method adjusts for covariates and nothing was assigned at random."""
        covariates = isinstance(case.source, Sample) and bool(case.source.features.features)
        return covariates and not case.randomised and bool(_adjusting(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Fit each arm against the others, and answer for every adjusting estimate."""
        certain = _certain(case.sample())
        return tuple(self._one(case, estimate, certain) for estimate in _adjusting(estimates))

    def _one(self, case: Case, estimate: Estimate, certain: Bools) -> Finding:
        arm, line = case.sample().arm, case.gates.overlap_share
        asked = {Target.ATT: arm > 0, Target.ATC: arm == 0}.get(estimate.target, np.ones(arm.shape[0], dtype=bool))
        share = float(certain[asked].mean())
        if share == 0.0:
            words, remedy = "No combination of covariates tells the arms apart perfectly.", None
        else:
            words = (
                f"The covariates decide the arm for {share:.1%} of the rows the estimate is about: for them it is an "
                "extrapolation from people unlike them."
            )
            remedy = "Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur."
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if share == 0.0 else Grade.VETO if share > line else Grade.WARN,
            subject="propensity",
            statistic=share,
            threshold=line,
            message=words,
            remedy=remedy,
        )


def _certain(sample: Sample) -> Bools:
    """Rows whose arm is known for certain, shape (n,); none where every fit has an optimum."""
    out = np.zeros(sample.n, dtype=bool)
    arms = (1,) if len(sample.arms) == 2 else range(len(sample.arms))
    for a in arms:
        fit = fit_glm(sample.features.values, (sample.arm == a).astype(float), "logistic", sample.weights)
        if fit.separated:
            out |= _extreme(fit.mean)
    return out


def _extreme(probability: Floats) -> Bools:
    return np.asarray((probability < CERTAIN) | (probability > 1.0 - CERTAIN))


def _adjusting(estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(e for e in estimates if resolve("methods", e.method).spec.adjusts)
