"""How much of treatment and outcome would an unmeasured confounder have to explain?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.stress.causal import average_effects
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.intervals import critical_value
from estimand.stats.omitted import (
    OneSlope,
    adjusted_estimate,
    adjusted_std_error,
    benchmark,
    one_slope,
    robustness_value,
)

TIMES = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Strength:
    """A confounder so many times as strong as a covariate, and what it would leave of the estimate.

    Attributes
    ----------
    covariate : str
    times : int
    with_treatment, with_outcome : float
        Partial R².
    adjusted, low, high : float
    """

    covariate: str
    times: int
    with_treatment: float
    with_outcome: float
    adjusted: float
    low: float
    high: float


@check(
    "stress.omitted_variable",
    question="How much of treatment and outcome would an unmeasured confounder have to explain?",
    references=("Cinelli & Hazlett 2020, doi:10.1111/rssb.12348",),
)
class OmittedVariable(Check):
    """Robustness values of the treatment's coefficient, and benchmarks against named covariates.

    The algebra is that of one linear regression with one slope per covariate and the classical standard error.
    It is exact for ``regression`` with ``interactions=False``; for other average effects the same regression of the
    same rows stands in, and the finding says so. There is no line to pass: always a note.

    Parameters
    ----------
    covariates : tuple of str
        Columns to measure a confounder against; a category counts with all its levels. By default those
        that would take most off the estimate.
    shown : int
        How many of them, where none are named.
    """

    covariates: tuple[str, ...] = ()
    shown: int = 3

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects in a design that is not randomised."""
        return bool(average_effects(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each arm: about each one-slope regression, and about the outcome for all others."""
        effects = average_effects(case, estimates)
        exact = [estimate.id for estimate in effects if _is_one_slope(estimate)]
        others = [_named(estimate) for estimate in effects if not _is_one_slope(estimate)]
        out = []
        for arm in range(1, len(case.arms)):
            fit = _fitted(case.sample(), case, arm)
            places = [*exact, *([case.outcome] if others else [])]
            label = case.arm_terms()[arm - 1].label
            out += [self._one(case, label, fit, about, [] if about in exact else others) for about in places]
        return tuple(out)

    def _one(self, case: Case, label: str, fit: OneSlope | None, about: str, others: list[str]) -> Finding:
        if fit is None or fit.std_error <= 0.0:
            message = "The one-slope regression of these rows has no standard error, so nothing can be set against it."
            return Finding(self.spec.key, about, Grade.NOT_RUN, label, message, "Use fewer covariates.")
        strengths = self._strengths(fit, case.level)
        value = robustness_value(fit.t, fit.dof)
        return Finding(
            check=self.spec.key,
            about=about,
            grade=Grade.NOTE,
            subject=label,
            statistic=value,
            message=_words(fit, value, strengths, case.level, others),
            remedy="Name what was not measured, and ask whether it could explain that much.",
            evidence=_evidence(fit, strengths, case.level),
        )

    def _strengths(self, fit: OneSlope, level: float) -> list[Strength]:
        """Benchmarks, one to three times as strong, of the covariates to be shown."""
        once = {name: _strength(fit, name, 1, level) for name in self.covariates or fit.explained}
        possible = {name: found for name, found in once.items() if found is not None}
        away = np.sign(fit.estimate)
        ranked = sorted(possible, key=lambda name: possible[name].adjusted * away)
        names = ranked if self.covariates else ranked[: self.shown]
        made = (_strength(fit, name, times, level) for name in names for times in TIMES)
        return [strength for strength in made if strength is not None]


def _named(estimate: Estimate) -> str:
    return estimate.id if estimate.scale == "identity" else f"the difference behind {estimate.id}"


def _is_one_slope(estimate: Estimate) -> bool:
    return estimate.method == "regression" and estimate.options.get("interactions") is False


def _fitted(sample: Sample, case: Case, arm: int) -> OneSlope | None:
    """Regress on the arm's indicator, the other arms' and the covariates; categories stay together."""
    others = [a for a in range(1, len(sample.arms)) if a != arm]
    dummies = (sample.arm[:, None] == np.array(others, dtype=np.int64)).astype(float)
    groups: dict[str, list[int]] = {}
    for j, feature in enumerate(sample.features.features):
        groups.setdefault(feature.source, []).append(len(others) + j)
    controls = np.hstack([dummies, sample.features.values])
    return one_slope((sample.arm == arm).astype(float), controls, case.values(), groups, sample.weights)


def _strength(fit: OneSlope, name: str, times: int, level: float) -> Strength | None:
    """None where no confounder can be that strong, or the data have no such covariate."""
    if name not in fit.explained:
        return None
    bound = benchmark(*fit.explained[name], times, times)
    if bound is None:
        return None
    adjusted, error = adjusted_estimate(fit, *bound), adjusted_std_error(fit, *bound)
    half = error * float(critical_value(level, np.array([fit.dof - 1.0]), 1)[0])
    return Strength(name, times, *bound, adjusted, adjusted - half, adjusted + half)


def _words(fit: OneSlope, value: float, strengths: list[Strength], level: float, others: list[str]) -> str:
    kept = robustness_value(fit.t, fit.dof, level=level)
    words = (
        f"A confounder that explains {value:.1%} of what the covariates leave unexplained, of treatment and of outcome "
        f"alike, would take the estimate to zero"
    )
    words += (
        f"; {kept:.1%} would take its {level:.0%} interval there."
        if kept > 0.0
        else f"; the {level:.0%} interval already holds zero."
    )
    if strengths:
        first = strengths[0]
        kept_sign = first.adjusted * fit.estimate > 0.0
        left = f"would leave {first.adjusted:.4g} of {fit.estimate:.4g}" if kept_sign else "would turn its sign"
        words += f" One just as strong as '{first.covariate}' {left}."
    if others:
        words += (
            f" This is the algebra of the one-slope regression of the same rows, with its classical standard error; "
            f"it stands in for {', '.join(others)}."
        )
    return words


def _evidence(fit: OneSlope, strengths: list[Strength], level: float) -> Table:
    """The estimate as it is, then the benchmarks; the regression's numbers are the same in every row."""
    half = fit.std_error * float(critical_value(level, np.array([float(fit.dof)]), 1)[0])
    as_is = Strength("none", 0, 0.0, 0.0, fit.estimate, fit.estimate - half, fit.estimate + half)
    rows = [as_is, *strengths]
    return Table(
        {
            "covariate": [row.covariate for row in rows],
            "times": [row.times for row in rows],
            "with_treatment": [row.with_treatment for row in rows],
            "with_outcome": [row.with_outcome for row in rows],
            "adjusted": [row.adjusted for row in rows],
            "low": [row.low for row in rows],
            "high": [row.high for row in rows],
            "estimate": [fit.estimate] * len(rows),
            "std_error": [fit.std_error] * len(rows),
            "dof": [fit.dof] * len(rows),
        }
    )
