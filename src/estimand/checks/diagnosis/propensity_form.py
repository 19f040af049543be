"""Is a propensity that is logistic in the covariates enough for the weights made of it?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.diagnosis.bends import NO_ROOM, Bends, bends, can_bend, untested
from estimand.checks.diagnosis.remedies import richer
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.question import Target
from estimand.core.row_weights import row_weights
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.added_terms import add_terms, joint_p_value, scaled
from estimand.stats.arrays import Floats
from estimand.stats.balance import weighted_mean
from estimand.stats.basis import independent_basis

SURELY = 0.01
SQUARED_INDEX = "square of the propensity's index"
SMALLEST = 1e-12
NO_OPTIMUM = "The logistic propensity has no optimum, so nothing can be held against it."


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The logistic index with terms held against it.

    Attributes
    ----------
    p_value : float
        Of the terms having no part in any arm's odds against control; Bonferroni over arms.
    terms : ndarray of shape (m, k)
        Those tested for the first arm, the squared index last.
    names : tuple of str
    """

    p_value: float
    terms: Floats
    names: tuple[str, ...]


@check(
    "nuisance.propensity_form",
    question="Is a propensity logistic in the covariates enough for the weights made of it?",
    references=("Pregibon 1980, doi:10.2307/2346405", "Wooldridge 1991, Journal of Econometrics 47"),
)
class PropensityForm(Check):
    """Squares and products of covariates held against the logistic propensity, and how unlike they leave the arms.

    A score test, robust by cluster, of the squares of up to ten numeric covariates, of the products of the four in
    which the arms differ most, and of the squares of two combinations: that in which the arms differ, and the
    propensity's index. Warns where p < 0.01 and the weighted arms differ in one of them by more than the gate for a
    standardised difference (0.1): the model is wrong, and in a way the weights do not mend. Several arms are each
    tested against control. In an experiment, whose propensity is known, it is a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates whose weights or matches come from a logistic propensity fitted in sample."""
        bent = isinstance(case.source, Sample) and can_bend(case.source)
        return bent and any(_logistic(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Test the index once, and answer for each such estimate with the term its weights leave most unlike."""
        asked = [estimate for estimate in estimates if _logistic(estimate)]
        found = bends(case.sample())
        if found is None:
            return tuple(untested(self.spec.key, estimate, "propensity", NO_ROOM) for estimate in asked)
        index = _tested(case, found)
        if index is None:
            return tuple(untested(self.spec.key, estimate, "propensity", NO_OPTIMUM) for estimate in asked)
        return tuple(self._one(case, estimate, found, index) for estimate in asked)

    def _one(self, case: Case, estimate: Estimate, found: Bends, index: Index) -> Finding:
        line = case.gates.smd_note
        left = _imbalance(estimate, found, index.terms)
        j = int(np.argmax(np.abs(left)))
        bent = index.p_value < SURELY and abs(float(left[j])) > line
        grade = Grade.PASS if not bent else Grade.NOTE if case.randomised else Grade.WARN
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=index.names[j],
            statistic=float(left[j]),
            threshold=line,
            message=f"A test of squares and products of the covariates in the logistic propensity has p = "
            f"{index.p_value:.2g}; after adjustment the arms differ most in {index.names[j]}, by {left[j]:+.2f} "
            "standard deviations.",
            remedy=richer(estimate) if bent else None,
            evidence=Table({"term": index.names, "after": left.tolist()}),
        )


def _logistic(estimate: Estimate) -> bool:
    """Whether weights or matches come from a plain logistic propensity fitted in sample."""
    options = estimate.options
    if not isinstance(estimate.details.get("weights"), np.ndarray):
        return False
    if estimate.method == "stratification":
        return isinstance(options.get("strata"), int)
    if estimate.method == "balancing":
        return estimate.target is Target.ATO
    if estimate.method == "matching" and options.get("distance") not in {"propensity", "probability"}:
        return False
    return estimate.method in {"ipw", "matching", "quantile_effects"} and options.get("learner", "logistic") in {
        "logistic",
        Learner("logistic"),
    }


def _tested(case: Case, found: Bends) -> Index | None:
    """Hold the terms against every arm's odds; None where the fit has no optimum."""
    fit = case.fitted().attempt(Learner("logistic"), FoldPlan(1))
    if fit.failure is not None:
        return None
    sample, chance = found.sample, np.clip(fit.prediction[found.rows], SMALLEST, 1.0)
    p_values = [_against_control(sample, chance, found.terms, a) for a in range(1, len(sample.arms))]
    terms = np.hstack([found.terms, _squared(chance, 1)])
    return Index(min(1.0, min(p_values) * len(p_values)), terms, (*found.names, SQUARED_INDEX))


def _against_control(sample: Sample, chance: Floats, terms: Floats, arm: int) -> float:
    """P-value of the terms in the odds of an arm against control, among the rows of both."""
    rows = np.flatnonzero((sample.arm == arm) | (sample.arm == 0))
    treated = chance[rows, arm] / (chance[rows, arm] + chance[rows, 0])
    weights = row_weights(sample)[rows]
    basis = independent_basis(sample.features.values[rows])
    added = add_terms(
        basis.matrix,
        weights * ((sample.arm[rows] == arm) - treated),
        weights * treated * (1.0 - treated),
        np.hstack([terms[rows], _squared(chance[rows], arm)]),
    )
    return joint_p_value([(added.scores, sample.units[rows])])


def _squared(chance: Floats, arm: int) -> Floats:
    """Squared log odds of an arm against control, about their mean, shape (m, 1)."""
    index = np.log(chance[:, arm]) - np.log(chance[:, 0])
    return scaled(np.square(index - index.mean())[:, None])


def _imbalance(estimate: Estimate, found: Bends, terms: Floats) -> Floats:
    """Difference of the weighted arms in each term, first arm less control, in standard deviations of all rows."""
    weights: Floats = estimate.details["weights"][found.rows]
    arm = found.sample.arm
    treated, control = (np.flatnonzero((arm == a) & (weights > 0.0)) for a in (1, 0))
    return weighted_mean(terms[treated], weights[treated]) - weighted_mean(terms[control], weights[control])
