"""Which covariate does the answer rest on?"""

from dataclasses import dataclass
from functools import partial

from estimand.checks.stress.altered import without
from estimand.checks.stress.refits import adjusted_averages, affordable, each
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.compare import error_of_difference
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table

NAME = "leave one covariate out"


@dataclass(frozen=True, slots=True)
class Left:
    """One term without one covariate.

    Attributes
    ----------
    covariate : str
    value, low, high : float
    move : float
        Value minus the estimate with all covariates.
    move_error : float or None
        Standard error of the move, from the joint influence of both.
    """

    covariate: str
    value: float
    low: float
    high: float
    move: float
    move_error: float | None

    def turns(self, full: float) -> bool:
        """Whether the sign is another than with all covariates."""
        return self.value * full < 0.0


@check(
    "stress.leave_one_covariate_out",
    question="Which covariate does the answer rest on?",
    references=("Hausman 1978, doi:10.2307/1913827", "Clogg, Petkova & Haritou 1995, doi:10.1086/230638"),
)
class LeaveOneCovariateOut(Check):
    """Fit again without each covariate in turn, a category with all its levels, and compare.

    The move's standard error comes from the joint influence of both fits, which share their rows. There is no
    line to pass: always a note. To leave out a confounder ought to move the estimate, and even to turn its sign;
    that says on which column the answer rests, not that the answer is wrong.

    Parameters
    ----------
    spend : float
        What all refits of a quick run may cost, in numbers read (rows times columns of a linear fit).
    """

    spend: float = 6e6

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects that use covariates."""
        return bool(adjusted_averages(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each term of each estimate."""
        names = covariates(case)
        fit, refused = affordable(case, adjusted_averages(case, estimates), len(names), self.spend)
        out = [refusal.finding(self.spec.key, NAME) for refusal in refused]
        if not fit:
            return tuple(out)
        made = each(case, refit, fit, [partial(without, case, (name,)) for name in names], NAME)
        for j, estimate in enumerate(fit):
            found = {name: again for name, row in zip(names, made, strict=True) if (again := row[j]) is not None}
            out += [self._one(estimate, found, term, len(names)) for term in range(len(estimate.terms))]
        return tuple(out)

    def _one(self, estimate: Estimate, made: dict[str, Estimate], j: int, count: int) -> Finding:
        label = estimate.terms[j].label
        if not made:
            message = f"Without any one of its {count} covariates the estimate could not be computed."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Name more covariates.")
        lefts = sorted(
            (_left(estimate, name, again, j) for name, again in made.items()), key=lambda left: -abs(left.move)
        )
        error = float(estimate.std_error[j])
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=lefts[0].move / error,
            message=_words(estimate, lefts, j, count - len(made)),
            remedy=f"Make sure that '{lefts[0].covariate}' is measured well, and before treatment.",
            evidence=_evidence(estimate, lefts, j),
        )


def covariates(case: Case) -> list[str]:
    """Data columns behind the features, in order."""
    return list(dict.fromkeys(feature.source for feature in case.sample().features.features))


def _left(estimate: Estimate, name: str, again: Estimate, j: int) -> Left:
    value, (low, high) = float(again.value[j]), again.interval()[j]
    move = value - float(estimate.value[j])
    return Left(name, value, float(low), float(high), move, error_of_difference(estimate, again, j))


def _words(estimate: Estimate, lefts: list[Left], j: int, failed: int) -> str:
    full, error, top = float(estimate.value[j]), float(estimate.std_error[j]), lefts[0]
    surely = "" if top.move_error is None else f", and the move's own standard error is {top.move_error:.2g}"
    words = (
        f"Left out one at a time, of {len(lefts)} covariates '{top.covariate}' moves the estimate most: from "
        f"{full:.4g} to {top.value:.4g}, {abs(top.move) / error:.2g} of its standard errors{surely}."
    )
    turned = [left.covariate for left in lefts if left.turns(full)]
    if turned:
        words += f" Without {', '.join(repr(name) for name in turned)} its sign turns."
    else:
        values = [left.value for left in lefts]
        words += f" Whichever is left out, it keeps its sign ({min(values):.4g} to {max(values):.4g})."
    return words + (f" Without {failed} others it could not be estimated." if failed else "")


def _evidence(estimate: Estimate, lefts: list[Left], j: int) -> Table:
    """The covariate that moves it most comes first; the estimate with all is the same in every row."""
    low, high = (float(end) for end in estimate.interval()[j])
    count = len(lefts)
    return Table(
        {
            "covariate": [left.covariate for left in lefts],
            "estimate": [left.value for left in lefts],
            "low": [left.low for left in lefts],
            "high": [left.high for left in lefts],
            "move": [left.move for left in lefts],
            "move_error": [left.move_error for left in lefts],
            "full": [float(estimate.value[j])] * count,
            "full_low": [low] * count,
            "full_high": [high] * count,
            "std_error": [float(estimate.std_error[j])] * count,
        }
    )
