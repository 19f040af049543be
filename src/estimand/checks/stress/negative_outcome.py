"""Does the method find an effect on what treatment cannot have changed?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.stress.altered import for_control
from estimand.checks.stress.cost import refit_cost
from estimand.checks.stress.refits import FULL, Refusal, attempt, unfit
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.compare import error_of_difference
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.intervals import critical_value
from estimand.stats.multiplicity import holm
from estimand.stats.within import spread_within

ROLE = "negative_controls"
NAME = "negative control outcomes"


@dataclass(frozen=True, slots=True)
class Tested:
    """One term of an estimate's method on one negative control.

    Attributes
    ----------
    control, term : str
    value, std_error, low, high, p : float
        Of the effect on the control; ``p`` before it is adjusted for the number of tests.
    spread : float
        Standard deviation of the control within arms.
    ratio : float
        Standard deviation of the outcome within arms, over that of the control.
    effect, effect_error : float
        The estimate of the study, and its standard error.
    left_error : float or None
        Standard error of the effect less the bias.
    """

    control: str
    term: str
    value: float
    std_error: float
    low: float
    high: float
    p: float
    spread: float
    ratio: float
    effect: float
    effect_error: float
    left_error: float | None

    @property
    def bias(self) -> float:
        """The effect on the control in standard deviations, times the standard deviation of the outcome."""
        return self.ratio * self.value


@check(
    "stress.negative_control_outcome",
    question="Does the method find an effect on what treatment cannot have changed?",
    references=(
        "Lipsitch, Tchetgen Tchetgen & Cohen 2010, doi:10.1097/EDE.0b013e3181d61eeb",
        "Shi, Miao & Tchetgen Tchetgen 2020, doi:10.1007/s40471-020-00243-4",
        "Holm 1979, doi:10.2307/4615733",
    ),
)
class NegativeControlOutcome(Check):
    """Run each method on outcomes that treatment cannot have changed; an effect there is bias.

    The design names them under ``roles.negative_controls``. The truth is known, so there is a line to pass:
    a warning where, after Holm over all controls and arms of the estimate, an interval excludes zero, for then
    something other than treatment sets the arms apart. A comparison that adjusts for nothing claims no cause, and
    gets a note. Passing shows no more than the width of the intervals, which the finding says.

    Beside it stands the bias that this implies for the study's outcome, were hidden causes to move both alike in
    standard deviations within arms: an assumption, not a finding (Sofer et al. 2016, doi:10.1214/16-STS558). The
    effect less that bias has the standard error of its joint influence.

    Parameters
    ----------
    spend : float
        What all refits of a quick run may cost, in numbers read (rows times columns of a linear fit); the
        cheapest methods come first.
    """

    spend: float = 6e6

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names negative controls."""
        return isinstance(case.source, Sample) and ROLE in case.source.roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with all controls, the one furthest from none first."""
        controls = _controls(case.sample())
        fit, refused = _affordable(case, estimates, len(controls), self.spend)
        out = [refusal.finding(self.spec.key, NAME) for refusal in refused]
        changed = {name: for_control(case, name, values) for name, values in controls.items()}
        for estimate in fit:
            made = {name: attempt(refit, estimate, other) for name, other in changed.items() if _varies(other)}
            out.append(self._one(case, estimate, made, controls))
        return tuple(out)

    def _one(
        self, case: Case, estimate: Estimate, made: dict[str, Estimate | None], controls: dict[str, Floats]
    ) -> Finding:
        tests = [
            tested
            for name, again in made.items()
            if again is not None
            for tested in _tested(case, estimate, again, name, controls[name])
        ]
        if not tests:
            listed = ", ".join(f"'{name}'" for name in controls)
            message = f"No effect on {listed} could be estimated: it does not vary, or an arm has none of it."
            remedy = "Name a negative control that varies and is known in every arm."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, NAME, message, remedy)
        adjusted = holm(np.array([test.p for test in tests]))
        order = sorted(range(len(tests)), key=lambda j: (adjusted[j], tests[j].p))
        tests, adjusted = [tests[j] for j in order], adjusted[order]
        beyond = bool(adjusted[0] < 1.0 - case.level)
        naive = estimate.target is Target.ASSOCIATION
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if not beyond else Grade.NOTE if naive else Grade.WARN,
            subject=tests[0].control,
            statistic=float(adjusted[0]),
            threshold=round(1.0 - case.level, 10),
            message=_words(case, tests, adjusted, [name for name in controls if made.get(name) is None]),
            remedy=_remedy(tests[0]) if beyond else None,
            evidence=_evidence(case, tests, adjusted),
        )


def _controls(sample: Sample) -> dict[str, Floats]:
    encoded = sample.roles[ROLE]
    return {name: encoded.values[:, j] for j, name in enumerate(encoded.names)}


def _varies(case: Case) -> bool:
    values = case.values()
    counts = np.bincount(case.sample().arm, minlength=len(case.arms))
    return bool((counts >= 2).all() and values.min() < values.max())


def _affordable(
    case: Case, estimates: tuple[Estimate, ...], controls: int, spend: float
) -> tuple[list[Estimate], list[Refusal]]:
    """The design asked for this test: methods run, the cheapest first, until a quick run's cost is used up."""
    refused = [refusal for estimate in estimates if (refusal := unfit(estimate)) is not None]
    fit = [estimate for estimate in estimates if unfit(estimate) is None]
    total, kept = 0.0, []
    for estimate in sorted(fit, key=lambda item: refit_cost(case, item)):
        total += controls * refit_cost(case, estimate)
        if case.stress == "full" or total <= spend:
            kept.append(estimate)
        else:
            why = f"Running '{estimate.id}' on {controls} more outcomes costs more than a quick run may."
            refused.append(Refusal(estimate, why, FULL))
    return [estimate for estimate in fit if estimate in kept], refused


def _tested(case: Case, estimate: Estimate, again: Estimate, name: str, values: Floats) -> list[Tested]:
    sample, known = case.sample(), ~np.isnan(values)
    weights = None if sample.weights is None else sample.weights[known]
    spread = spread_within(values[known], sample.arm[known], weights)
    ratio = spread_within(case.values(), sample.arm, sample.weights) / spread
    p_values, intervals = again.p_value, again.interval(case.level)
    return [
        Tested(
            control=name,
            term=term.label,
            value=float(again.value[j]),
            std_error=float(again.std_error[j]),
            low=float(intervals[j, 0]),
            high=float(intervals[j, 1]),
            p=float(p_values[j]),
            spread=spread,
            ratio=ratio,
            effect=float(estimate.value[j]),
            effect_error=float(estimate.std_error[j]),
            left_error=error_of_difference(estimate, again, j, ratio),
        )
        for j, term in enumerate(again.terms)
    ]


def _words(case: Case, tests: list[Tested], adjusted: Floats, failed: list[str]) -> str:
    top, p = tests[0], float(adjusted[0])
    count = len({test.control for test in tests})
    asked = f"On {count} outcome{'s' if count > 1 else ''} that treatment cannot have changed it should find nothing"
    size = (
        f"{top.value:+.4g} ({case.level:.0%} interval {top.low:.4g} to {top.high:.4g}), "
        f"{top.value / top.spread:+.2g} standard deviations, Holm-adjusted p = {p:.2g}"
    )
    where = f"'{top.control}'" + (f" (arm '{top.term}')" if len(case.arms) > 2 else "")
    if p < 1.0 - case.level:
        words = f"{asked}, and finds an effect on {where}: {size}."
        words += (
            f" If what makes it moves '{case.outcome}' as much, in standard deviations, it makes {top.bias:+.4g} of "
            f"the estimate {top.effect:.4g}."
        )
    else:
        unseen = top.ratio * max(abs(top.low), abs(top.high))
        words = f"{asked}, and does; furthest from it is {where}: {size}."
        words += f" A bias of up to {unseen:.2g} in '{case.outcome}', on that scale, would not have been seen."
    return words + (f" Not estimated: {', '.join(failed)}." if failed else "")


def _remedy(top: Tested) -> str:
    left = top.effect - top.bias
    return (
        f"Something besides treatment sets the arms apart on '{top.control}': look for the covariate that does, or "
        f"read the effect less that bias, {left:.4g}."
    )


def _evidence(case: Case, tests: list[Tested], adjusted: Floats) -> Table:
    """The smallest p-value first; ``left`` is the effect less the bias that the control implies."""
    outcome = spread_within(case.values(), case.sample().arm, case.sample().weights)
    half = float(critical_value(case.level, None, 1)[0])
    return Table(
        {
            "control": [test.control for test in tests],
            "term": [test.term for test in tests],
            "estimate": [test.value for test in tests],
            "std_error": [test.std_error for test in tests],
            "low": [test.low for test in tests],
            "high": [test.high for test in tests],
            "p": [test.p for test in tests],
            "p_holm": adjusted.tolist(),
            "standardised": [test.value / test.spread for test in tests],
            "standardised_low": [test.low / test.spread for test in tests],
            "standardised_high": [test.high / test.spread for test in tests],
            "bias": [test.bias for test in tests],
            "left": [test.effect - test.bias for test in tests],
            "left_error": [test.left_error for test in tests],
            "effect": [test.effect / outcome for test in tests],
            "effect_low": [(test.effect - half * test.effect_error) / outcome for test in tests],
            "effect_high": [(test.effect + half * test.effect_error) / outcome for test in tests],
        }
    )
