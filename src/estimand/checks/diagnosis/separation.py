"""Do the covariates tell the arms apart perfectly?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools
from estimand.stats.separation import CHANCE, chance_apart

CERTAIN = 1e-6


@check(
    "overlap.separation",
    question="Do the covariates tell the arms apart perfectly?",
    references=("Albert & Anderson 1984, doi:10.1093/biomet/71.1.1", "Cover 1965, doi:10.1109/PGEC.1965.264137"),
)
class Separation(Check):
    """Rows whose arm a logistic regression on the covariates knows for certain: nobody like them is in another arm.

    A veto where they are more of the target's rows than the overlap gate allows, a warning where they are fewer, or
    where the covariates are so many that they would tell apart arms drawn by lot (Cover 1965).
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where some method adjusts for covariates and nothing was assigned at random."""
        covariates = isinstance(case.source, Sample) and bool(case.source.features.features)
        return covariates and not case.randomised and bool(_adjusting(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Look at the logistic fit that methods share, and answer for every adjusting estimate."""
        certain = _certain(case)
        return tuple(self._one(case, estimate, certain) for estimate in _adjusting(estimates))

    def _one(self, case: Case, estimate: Estimate, certain: Bools) -> Finding:
        arm, line = case.sample().arm, case.gates.overlap_share
        asked = {Target.ATT: arm > 0, Target.ATC: arm == 0}.get(
            estimate.target.averaged, np.ones(arm.shape[0], dtype=bool)
        )
        share = float(certain[asked].mean())
        lottery = share > 0.0 and _by_chance(case.sample())
        if share == 0.0:
            words, remedy = "No combination of covariates tells the arms apart perfectly.", None
        elif lottery:
            words = (
                f"The covariates decide the arm for {share:.1%} of the rows the estimate is about, but they are so "
                "many that they would also decide arms drawn by lot: overlap cannot be judged from these data."
            )
            remedy = "Gather more rows, or adjust for fewer covariates."
        else:
            words = (
                f"The covariates decide the arm for {share:.1%} of the rows the estimate is about: for them it is an "
                "extrapolation from people unlike them."
            )
            remedy = "Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur."
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if share == 0.0 else Grade.VETO if share > line and not lottery else Grade.WARN,
            subject="propensity",
            statistic=share,
            threshold=line,
            message=words,
            remedy=remedy,
        )


def _certain(case: Case) -> Bools:
    """Rows known for certain not to be in some arm, shape (n,); none where the fit has an optimum."""
    fit = case.fitted().attempt(Learner("logistic"), FoldPlan(1))
    if fit.failure is None or not fit.failure.separated:
        return np.zeros(case.sample().n, dtype=bool)
    return np.asarray((fit.prediction < CERTAIN).any(axis=1))


def _by_chance(sample: Sample) -> bool:
    """Whether arms drawn by lot may well be told apart by so many covariates."""
    columns = len(sample.features.features)
    return any(chance_apart(sample.arm == a, sample.cluster, columns) > CHANCE for a in range(1, len(sample.arms)))


def _adjusting(estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(e for e in estimates if resolve("methods", e.method).spec.adjusts)
