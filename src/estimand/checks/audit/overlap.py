"""Could each row have been in either arm, as far as the covariates tell?"""

import numpy as np

from estimand.checks.diagnosis.overlap import propensity_histogram
from estimand.checks.diagnosis.weighted import people_weights
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats
from estimand.stats.basis import independent_basis
from estimand.stats.glm import fit_glm
from estimand.stats.separation import told_apart

RIDGE = 1.0


@check(
    "audit.overlap",
    question="Could each row have been in either arm?",
    references=("Crump et al. 2009, doi:10.1093/biomet/asn055",),
)
class OverlapBefore(Check):
    """Distribution of a logistic propensity by arm, and the share of rows where one arm is rare.

    Where the covariates separate the arms the logistic regression has no optimum; a ridge then stands in,
    and the finding says so.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates."""
        return isinstance(case.source, Sample) and bool(case.source.features.features)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each arm but control."""
        sample = case.sample()
        fit = case.fitted().attempt(Learner(name="logistic"), FoldPlan(1))
        ridged = fit.failure is not None
        propensity = _ridged(sample) if ridged else fit.prediction
        return tuple(self._one(case, propensity[:, a], a, ridged) for a in range(1, len(sample.arms)))

    def _one(self, case: Case, propensity: Floats, a: int, ridged: bool) -> Finding:
        sample, edge, line = case.sample(), case.gates.overlap_edge, case.gates.overlap_share
        outside = (propensity < edge) | (propensity > 1.0 - edge)
        share = float(np.average(outside, weights=people_weights(sample)))
        apart = ridged and told_apart(sample.features.values, sample.arm == a)
        grade = Grade.VETO if apart else Grade.WARN if share > line or ridged else Grade.PASS
        label = sample.arms[a]
        words = f"{share:.1%} of the rows have a probability of arm '{label}' outside [{edge:g}, {1.0 - edge:g}]."
        if apart:
            words = f"The covariates together tell every row of arm '{label}' from all others: nothing can be compared."
        elif ridged:
            words += " The covariates predict some rows perfectly, so a ridge was added to the logistic regression."
        return Finding(
            check=self.spec.key,
            about=STUDY,
            grade=grade,
            subject="propensity" if len(sample.arms) == 2 else label,
            statistic=share,
            threshold=line,
            message=words,
            remedy=None
            if grade is Grade.PASS
            else "Drop or coarsen the covariate that tells the arms apart, narrow the sample to comparable rows, or "
            "target ATO.",
            evidence=propensity_histogram(propensity, sample, edge),
        )


def _ridged(sample: Sample) -> Floats:
    """Ridge-logistic probability of each arm against the others, over standardised features, shape (n, arms)."""
    features = independent_basis(sample.features.values).matrix[:, 1:]
    fits = [
        fit_glm(features, (sample.arm == a).astype(float), "logistic", ridge=RIDGE) for a in range(len(sample.arms))
    ]
    return np.stack([fit.mean for fit in fits], axis=1)
