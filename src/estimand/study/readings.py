"""How each primary metric and guardrail of an experiment stands, by the plan's error and correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.decision import Reading
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.core.multiplicity import adjusted_p_values
from estimand.core.planned import Planned
from estimand.core.uncertainty import Normal
from estimand.errors import EstimandError, UnsupportedError
from estimand.stats.noninferiority import relative_contrast, upper_tail_p

Key = tuple[str, str]


def readings(design: Experiment, plan: Planned, estimates: Sequence[Estimate], seed: int) -> tuple[Reading, ...]:
    """Read every primary metric and guardrail in every arm.

    Parameters
    ----------
    design : Experiment
    plan : Planned
    estimates : sequence of Estimate
        Of the headline's method, one a metric.
    seed : int
        Of a joint correction.
    """
    by_name = {estimate.outcome: estimate for estimate in estimates}
    primary = [by_name[m.name] for m in design.metrics if m.role == "primary" and m.name in by_name]
    adjusted = _adjusted(primary, plan, seed)
    arms = tuple(dict.fromkeys(term.label for estimate in estimates for term in estimate.terms))
    found: list[Reading] = []
    for metric in design.metrics:
        if metric.role == "secondary":
            continue
        estimate = by_name.get(metric.name)
        for arm in arms:
            j = None if estimate is None else _term(estimate, arm)
            if estimate is None or j is None:
                found.append(_not_read(metric, arm, "it was not estimated"))
            elif metric.margin is None:
                found.append(_against_zero(metric, _Place(estimate, j), plan, adjusted, len(adjusted)))
            else:
                found.append(_against_margin(metric, _Place(estimate, j), plan.alpha))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Place:
    """One term of an estimate."""

    estimate: Estimate
    j: int

    @property
    def arm(self) -> str:
        return self.estimate.terms[self.j].label

    @property
    def value(self) -> float:
        return float(self.estimate.value[self.j])

    def interval(self, level: float) -> tuple[float, float]:
        low, high = self.estimate.interval(level)[self.j]
        return float(low), float(high)


def _adjusted(primary: list[Estimate], plan: Planned, seed: int) -> dict[Key, float | None]:
    """P-value of each primary metric and arm after the plan's correction; None where a method has none."""
    every: dict[Key, float | None] = {(e.outcome, term.label): None for e in primary for term in e.terms}
    try:
        if plan.multiplicity is None:
            plain = [p for estimate in primary for p in estimate.p_value.tolist()]
            return dict(zip(every, plain, strict=True))
        table = adjusted_p_values(primary, plan.multiplicity, seed=seed) if primary else None
        return every if table is None else dict(zip(every, table["adjusted"], strict=True))
    except EstimandError:
        return every


def _term(estimate: Estimate, arm: str) -> int | None:
    return next((j for j, term in enumerate(estimate.terms) if term.label == arm), None)


def _not_read(metric: Metric, arm: str, why: str) -> Reading:
    words = f"{metric.name} was not read: {why.rstrip('.')}."
    return Reading(metric.name, arm, metric.role, "not_read", None, None, words)


def _against_zero(
    metric: Metric, place: _Place, plan: Planned, adjusted: dict[Key, float | None], size: int
) -> Reading:
    """Whether the metric is better or worse; without a p-value, by an interval of a Bonferroni level."""
    value, share = place.value, 1 if plan.multiplicity is None or metric.role != "primary" else max(size, 1)
    neutral = 1.0 if place.estimate.scale == "log" else 0.0
    p_value = adjusted.get((metric.name, place.arm)) if metric.role == "primary" else None
    try:
        bounds = place.interval(1.0 - plan.alpha)
        if p_value is None:
            low, high = place.interval(1.0 - plan.alpha / share)
            told = low > neutral or high < neutral
        else:
            told = p_value <= plan.alpha
    except EstimandError as error:
        return _not_read(metric, place.arm, error.message)
    better = (value > neutral) == (metric.direction == "increase")
    standing = "undecided" if not told or metric.direction == "none" else "better" if better else "worse"
    moved = told and metric.direction == "none"
    said = "moved, and has no better direction" if moved else {"undecided": "not told from no effect"}.get(standing)
    corrected = "" if p_value is None else f"; p = {format_number(p_value)}" + _by(plan)
    words = f"{metric.name} {said or standing}: {format_number(value)} ({format_interval(bounds)}){corrected}."
    return Reading(metric.name, place.arm, metric.role, standing, value, p_value, words)


def _by(plan: Planned) -> str:
    return "" if plan.multiplicity is None else f" by {plan.multiplicity}"


def _against_margin(metric: Metric, place: _Place, alpha: float) -> Reading:
    """Whether a guardrail is within its margin: on one side at half the two-sided error, on both at all of it."""
    try:
        within, beyond, p_value = _held(metric, place, alpha)
        bounds = place.interval(1.0 - alpha)
    except EstimandError as error:
        return _not_read(metric, place.arm, error.message)
    standing = "within" if within else "beyond" if beyond else "not_shown"
    said = {"within": "within its margin", "beyond": "beyond its margin", "not_shown": "not shown to be in its margin"}
    margin = f"{100.0 * (metric.margin or 0.0):.3g} %" if metric.margin_kind == "relative" else str(metric.margin)
    words = f"{metric.name} {said[standing]} of {margin}: {format_number(place.value)} ({format_interval(bounds)})."
    return Reading(metric.name, place.arm, metric.role, standing, place.value, p_value, words)


def _held(metric: Metric, place: _Place, alpha: float) -> tuple[bool, bool, float | None]:
    """Whether the effect is shown within the margin, shown beyond it, and the p-value of the first."""
    both = metric.direction == "none"
    error = alpha if both else alpha / 2.0
    turns = (1.0, -1.0) if both else (-1.0,) if metric.direction == "decrease" else (1.0,)
    if place.estimate.scale != "identity" or not isinstance(place.estimate.uncertainty, Normal):
        return *_by_interval(metric, place, turns, 2.0 * error), None
    tails = [_contrast(metric, place, turn) for turn in turns]
    inside = [upper_tail_p(value / std_error, df) for value, std_error, df in tails]
    outside = [upper_tail_p(-value / std_error, df) for value, std_error, df in tails]
    return max(inside) <= error, min(outside) <= error, max(inside)


def _contrast(metric: Metric, place: _Place, turn: float) -> tuple[float, float, float]:
    """Effect plus margin, turned so that higher is better; its standard error and degrees of freedom."""
    estimate, j, margin = place.estimate, place.j, metric.margin or 0.0
    df = getattr(estimate.uncertainty, "df", None)
    free = np.inf if df is None else float(df[j])
    effect, std_error = turn * place.value, float(estimate.std_error[j])
    if metric.margin_kind == "absolute":
        return effect + margin, std_error, free
    base = estimate.baseline
    if base is None:
        raise _no_level(metric)
    level = float(base.value[j]), float(base.vcov[j, j])
    value, error = relative_contrast((effect, std_error**2), level, turn * float(base.cross[j, j]), margin)
    return value, error, free


def _by_interval(metric: Metric, place: _Place, turns: tuple[float, ...], outside: float) -> tuple[bool, bool]:
    """As far as an interval tells; a relative margin takes control's level for known."""
    margin, base = metric.margin or 0.0, place.estimate.baseline
    if place.estimate.scale != "identity":
        raise _no_level(metric)
    if metric.margin_kind == "relative":
        if base is None:
            raise _no_level(metric)
        margin *= abs(float(base.value[place.j]))
    low, high = place.interval(1.0 - outside)
    ends = [(low, high) if turn > 0.0 else (-high, -low) for turn in turns]
    return all(end[0] > -margin for end in ends), any(end[1] < -margin for end in ends)


def _no_level(metric: Metric) -> UnsupportedError:
    return UnsupportedError(
        f"'{metric.name}' has no difference and level of control to hold to its margin",
        remedy="Use a method that estimates a difference, or margin_kind: absolute.",
    )
