"""Would another reasonable analysis have told another story?"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from estimand.checks.stress.refits import Refusal, adjusted_averages, affordable, attempt
from estimand.checks.stress.specification_grid import Specification, grid, size
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.influence import joint_psi
from estimand.core.table import Table
from estimand.stats.curve import CurveTest, curve_test

NAME = "specification curve"
FEWEST = 3
DRAWS = 999


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A specification and what it gives."""

    specification: Specification
    estimate: Estimate


@check(
    "stress.specification_curve",
    question="Would another reasonable analysis have told another story?",
    references=("Simonsohn, Simmons & Nelson 2020, doi:10.1038/s41562-020-0912-z",),
)
class SpecificationCurve(Check):
    """Run a declared grid of specifications, and show all of them.

    The grid crosses the study's methods of one target with covariates (all, none, without each in turn, and in a
    full run each alone), with squares of the covariates, and with trimming at 0.05 where a method trims. The
    curve is tested as a whole: how often would specifications that share these rows, and none of which has an effect,
    have a median as far from zero, or as many significant estimates of one sign? Where treatment was not
    randomised, specifications without covariates, or with one alone, adjust too little; they are shown and not
    counted. There is no line to pass: always a note.

    Parameters
    ----------
    most, full : int
        Specifications, in a quick and in a full run.
    spend : float
        What all of a quick run may cost, in numbers read (rows times columns of a linear fit).
    """

    most: int = 36
    full: int = 120
    spend: float = 6e6

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects that use covariates."""
        return bool(adjusted_averages(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each target, and each arm, about the outcome."""
        groups: dict[object, list[Estimate]] = {}
        for estimate in adjusted_averages(case, estimates):
            groups.setdefault(estimate.target, []).append(estimate)
        return tuple(found for group in groups.values() for found in self._group(case, group, refit))

    def _group(self, case: Case, group: list[Estimate], refit: Refit) -> list[Finding]:
        whole = case.stress == "full"
        most = self.full if whole else self.most
        fits = -(-min(most, size(case, group, alone=whole)) // len(group))
        fit, refused = affordable(case, group, fits, self.spend)
        if not fit:
            return [refusal.finding(self.spec.key, str(group[0].target)) for refusal in refused]
        specifications = grid(case, fit, most, alone=whole)
        by_id = {estimate.id: estimate for estimate in fit}
        step = partial(_fitted, case, by_id, refit)
        made = [found for found in case.run.map(step, specifications, NAME) if found is not None]
        left = size(case, fit, alone=True) - len(specifications)
        lost = len(specifications) - len(made)
        if len(made) < FEWEST:
            message = f"Only {len(made)} of {len(specifications)} specifications could be computed."
            remedy = "Ask what makes the fits so fragile."
            return [Finding(self.spec.key, case.outcome, Grade.NOT_RUN, str(fit[0].target), message, remedy)]
        tail = _left_out(left, lost, refused, whole=whole)
        return [self._term(case, fit[0], made, j, tail) for j in range(len(fit[0].terms))]

    def _term(self, case: Case, first: Estimate, made: list[Fitted], j: int, tail: str) -> Finding:
        ordered = sorted(made, key=lambda item: float(item.estimate.value[j]))
        counted = [item for item in ordered if _counts(case, item.specification)]
        key = (self.spec.key, case.outcome, str(first.target), j)
        test = _tested(case, counted, j, key)
        label = first.terms[j].label if len(first.terms) > 1 else str(first.target)
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE,
            subject=label,
            statistic=None if test is None else test.median_p,
            message=_words(ordered, counted, test, j) + tail,
            remedy="Say before the data are seen which specification leads; report the curve beside it.",
            evidence=_evidence(case, ordered, j),
        )


def _fitted(case: Case, by_id: dict[str, Estimate], refit: Refit, specification: Specification) -> Fitted | None:
    estimate = by_id[specification.method]
    if specification.as_planned:
        return Fitted(specification, estimate)
    again = attempt(refit, specification.estimate(estimate), specification.case(case))
    return None if again is None or again.uncertainty.std_error(again.value) is None else Fitted(specification, again)


def _counts(case: Case, specification: Specification) -> bool:
    """Whether it is a reasonable answer: without random assignment, one that adjusts for nearly nothing is none."""
    return case.randomised or specification.chosen in {"all", "without"}


def _tested(case: Case, counted: list[Fitted], j: int, key: tuple[str | int, ...]) -> CurveTest | None:
    """Test the curve by joint influence; None where a specification has none, or there are too few."""
    influences = [item.estimate.influence for item in counted]
    known = tuple(influence for influence in influences if influence is not None)
    if len(known) < len(counted) or len(counted) < FEWEST or len({item.root for item in known}) > 1:
        return None
    terms = len(counted[0].estimate.terms)
    joint = joint_psi(known)[:, j::terms]
    value = np.array([float(item.estimate.value[j]) for item in counted])
    return curve_test(value, joint, case.level, DRAWS, case.run.rng(*key))


def _words(ordered: list[Fitted], counted: list[Fitted], test: CurveTest | None, j: int) -> str:
    values = [float(item.estimate.value[j]) for item in counted]
    positive = sum(value > 0.0 for value in values)
    share = max(positive, len(values) - positive)
    words = (
        f"{len(values)} specifications give {min(values):.4g} to {max(values):.4g}, {share} of them with the same sign"
    )
    if len(counted) < len(ordered):
        words += f"; {len(ordered) - len(counted)} more adjust for nearly nothing, and are shown but not counted"
    if test is None:
        return f"{words}. Not all have an influence function, so the curve as a whole is not tested."
    return (
        f"{words}. Their median is {test.median:.4g} (p = {test.median_p:.2g} if none had an effect), and "
        f"{test.significant} are significant with one sign (p = {test.significant_p:.2g})."
    )


def _left_out(beyond: int, lost: int, refused: list[Refusal], *, whole: bool) -> str:
    words = ""
    if lost:
        words += f" {lost} more could not be computed."
    if beyond:
        words += f" {beyond} more of the grid were not run{'' if whole else ' (stress: full runs more)'}."
    if refused:
        words += f" Not fitted again: {', '.join(item.estimate.id for item in refused)}."
    return words


def _evidence(case: Case, ordered: list[Fitted], j: int) -> Table:
    """A row per specification, the smallest estimate first."""
    ends = [item.estimate.interval(case.level)[j] for item in ordered]
    choices = [item.specification for item in ordered]
    return Table(
        {
            "estimate": [float(item.estimate.value[j]) for item in ordered],
            "low": [float(low) for low, _ in ends],
            "high": [float(high) for _, high in ends],
            "method": [choice.method for choice in choices],
            "covariates": [choice.chosen for choice in choices],
            "covariate": [choice.covariate for choice in choices],
            "form": [choice.form for choice in choices],
            "trim": [choice.trim for choice in choices],
            "planned": [choice.as_planned for choice in choices],
            "counted": [_counts(case, choice) for choice in choices],
        }
    )
