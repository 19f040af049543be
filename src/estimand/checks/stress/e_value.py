"""How strong would unmeasured confounding have to be to explain the effect away?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from estimand.checks.stress.causal import average_effects
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal, Unknown
from estimand.errors import UnsupportedError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.evalue import (
    e_value,
    hazard_to_risk_ratio,
    limit_nearest_null,
    odds_to_risk_ratio,
    standardised_to_risk_ratio,
)
from estimand.stats.intervals import critical_value

RARE = 0.15
APPROXIMATE: Final[dict[str, Callable[[float, bool], float]]] = {
    "odds": odds_to_risk_ratio,
    "hazard": hazard_to_risk_ratio,
}


@dataclass(frozen=True, slots=True)
class AsRisk:
    """An effect as a risk ratio.

    Attributes
    ----------
    ratio, low, high : float
        Risk ratio and its interval.
    how : str
        How it was turned into one.
    """

    ratio: float
    low: float
    high: float
    how: str


@check(
    "stress.e_value",
    question="How strong would unmeasured confounding have to be to explain the effect away?",
    references=("VanderWeele & Ding 2017, doi:10.7326/M16-2607", "Chinn 2000"),
)
class EValue(Check):
    """E-value of each effect, and of the limit of its interval nearest to no effect.

    A risk, odds or hazard ratio is taken as it is or, where the outcome is common, by its approximation; a
    difference of a yes-or-no outcome becomes a risk ratio through the untreated level; one of any other
    outcome, in standard deviations d within arms, becomes exp(0.91 d). There is no line to pass: always a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects in a design that is not randomised."""
        return bool(average_effects(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each term of each average effect."""
        return tuple(
            self._one(case, estimate, j)
            for estimate in average_effects(case, estimates)
            for j in range(len(estimate.terms))
        )

    def _one(self, case: Case, estimate: Estimate, j: int) -> Finding:
        label = estimate.terms[j].label
        try:
            risk = as_risk_ratio(case, estimate, j)
        except UnsupportedError as error:
            return Finding(
                self.spec.key, estimate.id, Grade.NOT_RUN, label, f"There is no E-value: {error.message}", error.remedy
            )
        limit = limit_nearest_null(risk.low, risk.high)
        point, bound = e_value(risk.ratio), e_value(limit)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=point,
            message=_words(point, bound, risk, estimate.level),
            remedy="Name what was not measured, and ask whether it could be that strong.",
            evidence=Table(
                {
                    "of": ["estimate", "interval limit nearest no effect"],
                    "risk_ratio": [risk.ratio, limit],
                    "e_value": [point, bound],
                }
            ),
        )


def _words(point: float, bound: float, risk: AsRisk, level: float) -> str:
    said = (
        f"To explain the effect away ({risk.how}), an unmeasured confounder would have to go with both treatment and "
        f"outcome by a risk ratio of {point:.2f} each, beyond the covariates"
    )
    if bound <= 1.0:
        return f"{said}; the {level:.0%} interval already holds no effect (E-value 1)."
    return f"{said}; {bound:.2f} would take the {level:.0%} interval to no effect."


def as_risk_ratio(case: Case, estimate: Estimate, j: int) -> AsRisk:
    """Turn one term into a risk ratio with its interval.

    Raises
    ------
    UnsupportedError
        If there is no interval, or the effect takes a risk to zero or below.
    """
    if isinstance(estimate.uncertainty, Unknown):
        raise UnsupportedError("the estimate has no interval.", remedy="Use a method that has one.")
    ends = estimate.interval()[j]
    value = float(estimate.value[j])
    if estimate.scale == "log":
        return _of_ratio(case, estimate, j, ends)
    values, arm = case.values(), case.sample().arm
    if np.isin(values, (0.0, 1.0)).all():
        return _of_risk_difference(case.sample(), values, estimate, j)
    spread = _within_arms(values, arm)
    ratio, low, high = (standardised_to_risk_ratio(float(x) / spread) for x in (value, *ends))
    return AsRisk(ratio, low, high, f"{value / spread:+.2f} standard deviations, about a risk ratio of {ratio:.2f}")


def _of_ratio(case: Case, estimate: Estimate, j: int, ends: Floats) -> AsRisk:
    """Take a ratio for a risk ratio, by its approximation where the outcome is common."""
    value = float(estimate.value[j])
    unit = estimate.terms[j].unit or ""
    called = unit if "ratio" in unit else str(estimate.options.get("contrast", "risk ratio")).replace("_", " ")
    values = case.values()
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    rare = binary and float(values[case.sample().arm == 0].mean()) < RARE
    turn = next((turn for word, turn in APPROXIMATE.items() if word in called), _as_it_is)
    ratio, low, high = (turn(float(x), rare) for x in (value, *ends))
    how = f"{'an' if called.startswith('odds') else 'a'} {called} of {value:.2f}"
    return AsRisk(ratio, low, high, how if ratio == value else f"{how}, about a risk ratio of {ratio:.2f}")


def _as_it_is(ratio: float, rare: bool) -> float:
    return ratio


def _of_risk_difference(sample: Sample, values: Floats, estimate: Estimate, j: int) -> AsRisk:
    """Turn a risk difference into a ratio over the untreated level, on the log scale with their covariance."""
    value, base = float(estimate.value[j]), estimate.baseline
    level = float(values[sample.arm == 0].mean()) if base is None else float(base.value[j])
    if level <= 0.0 or level + value <= 0.0:
        raise UnsupportedError(
            f"the risks of {level:.3g} untreated and {level + value:.3g} treated have no ratio.",
            remedy="Use a method that keeps risks between 0 and 1.",
        )
    ratio = (level + value) / level
    how = f"{value:+.3f} on an untreated risk of {level:.3f}, a risk ratio of {ratio:.2f}"
    if base is None or not isinstance(estimate.uncertainty, Normal):
        low, high = (max(0.0, level + float(end)) / level for end in estimate.interval()[j])
        return AsRisk(ratio, low, high, how)
    slope_value, slope_level = 1.0 / (level + value), 1.0 / (level + value) - 1.0 / level
    variance = (
        slope_value**2 * estimate.uncertainty.vcov[j, j]
        + slope_level**2 * base.vcov[j, j]
        + 2.0 * slope_value * slope_level * base.cross[j, j]
    )
    df = None if estimate.uncertainty.df is None else estimate.uncertainty.df[j : j + 1]
    reach = float(critical_value(estimate.level, df, 1)[0]) * float(np.sqrt(max(variance, 0.0)))
    return AsRisk(ratio, ratio * float(np.exp(-reach)), ratio * float(np.exp(reach)), how)


def _within_arms(values: Floats, arm: Ints) -> float:
    """Pooled standard deviation of the outcome within arms."""
    codes = np.unique(arm)
    squares = sum(float(np.square(values[arm == a] - values[arm == a].mean()).sum()) for a in codes)
    return float(np.sqrt(squares / (values.shape[0] - codes.shape[0])))
