"""Is an outcome model linear in the covariates enough for what the estimates make of it?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from estimand.checks.diagnosis.bends import NO_ROOM, Bends, bends, can_bend, untested
from estimand.checks.diagnosis.outcome_lines import Lines, Made, changes, resting
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.added_terms import joint_p_value
from estimand.stats.arrays import Floats

SURELY = 0.01
FELT = 0.25
SIZEABLE = 0.02
NO_MODEL = (
    "The outcome model could not be held against squares and products: it has no optimum by arm, its slopes differ for "
    "some covariates only, or the estimate has no standard error."
)


@dataclass(frozen=True, slots=True)
class Bent:
    """What the terms would do to one estimate.

    Attributes
    ----------
    p_value : float
        Of the terms having no part in the means.
    share : float
        Largest part of an arm's residual variance that they explain.
    change : float
        What they would add to the term they move most, on the scale of its standard error.
    moved : float
        That change in standard errors.
    """

    p_value: float
    share: float
    change: float
    moved: float

    def grade(self, randomised: bool) -> Grade:
        """Warn of a bend that is sure and felt; note one that is sure and sizeable, or felt in an experiment."""
        if self.p_value >= SURELY:
            return Grade.PASS
        if abs(self.moved) > FELT:
            return Grade.NOTE if randomised else Grade.WARN
        return Grade.NOTE if self.share > SIZEABLE else Grade.PASS


@check(
    "nuisance.linearity",
    question="Is an outcome model linear in the covariates enough for this estimate?",
    references=(
        "Ramsey 1969, doi:10.1111/j.2517-6161.1969.tb00796.x",
        "Wooldridge 1991, Journal of Econometrics 47",
    ),
)
class Linearity(Check):
    """Squares and products of covariates held against the outcome model, and what they would change.

    A score test, robust to unequal variance and by cluster, of the squares of up to ten numeric covariates, of the
    products of the four in which the arms differ most, and of the square of the combination in which they differ.
    Warns where p < 0.01 and the terms, given the coefficients that least squares (or for a logistic or Poisson model
    one step of the fit) gives them, would move the estimate by more than a quarter of its standard error. For weights
    the change is what they leave unbalanced in the terms, times those coefficients. A bend that is sure, and explains
    more than a fiftieth of the residual variance without moving the estimate, is a note; so is any in an experiment,
    where randomisation protects the estimate.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that rest on an outcome model fitted in sample."""
        bent = isinstance(case.source, Sample) and can_bend(case.source)
        return bent and any(resting(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each such estimate; they share the fits."""
        found = bends(case.sample())
        if found is None:
            return tuple(untested(self.spec.key, e, "outcome model", NO_ROOM) for e in estimates if resting(e))
        values = case.values()[found.rows]
        made: Made = {}
        return tuple(self._one(case, e, found, (values, made)) for e in estimates if resting(e))

    def _one(self, case: Case, estimate: Estimate, found: Bends, shared: tuple[Floats, Made]) -> Finding:
        values, made = shared
        lines = Lines.of(estimate, found, values, made)
        errors = estimate.uncertainty.std_error(estimate.value)
        if lines is None or errors is None or not (np.isfinite(errors).all() and (errors > 0.0).all()):
            return untested(self.spec.key, estimate, "outcome model", NO_MODEL)
        moved = changes(estimate, lines, found, values)
        worst = int(np.argmax(np.abs(moved / estimate.scaled_error[: moved.shape[0]])))
        bent = Bent(
            joint_p_value(lines.scores()),
            max(line.added.share for line in lines.by_arm.values()),
            float(moved[worst]),
            float(moved[worst] / estimate.scaled_error[worst]),
        )
        grade = bent.grade(case.randomised)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=_leading(lines, found),
            statistic=bent.moved,
            threshold=FELT,
            message=_words(bent),
            remedy=_remedy(estimate) if grade is not Grade.PASS else None,
            evidence=_table(lines, found),
        )


def _leading(lines: Lines, found: Bends) -> str:
    sizes = np.stack([np.abs(line.added.coefficients) for line in lines.by_arm.values()]).max(axis=0)
    return found.names[int(sizes.argmax())]


def _words(bent: Bent) -> str:
    size = (
        f"explain {bent.share:.1%} of what the outcome model leaves unexplained (p = {bent.p_value:.2g}) and would "
        f"move the estimate by {format_number(bent.change)}, {abs(bent.moved):.2f} of its standard error"
    )
    return f"Squares and products of the covariates {size}."


def _remedy(estimate: Estimate) -> str:
    own = ", or set moments: 2" if estimate.method == "balancing" and estimate.options.get("moments") == 1 else ""
    return f"Use 'aipw' with learner: auto, or add squares and interactions to the covariates{own}."


def _table(lines: Lines, found: Bends) -> Table:
    """Coefficient of each term in each model, per standard deviation of the term."""
    named: Mapping[str, list[float]] = {
        label: line.added.coefficients.tolist() for label, line in zip(lines.labels, lines.by_arm.values(), strict=True)
    }
    return Table(
        {
            "model": [label for label in named for _ in found.names],
            "term": [term for _ in named for term in found.names],
            "coefficient": [value for values in named.values() for value in values],
        }
    )
