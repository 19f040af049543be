"""Differences between estimates of one target, from their joint influence."""

from dataclasses import replace

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence, joint_psi
from estimand.core.uncertainty import Normal
from estimand.errors import DesignError, UnsupportedError
from estimand.stats.arrays import Floats
from estimand.stats.intervals import from_scale, scale_slope


def difference_between(first: Estimate, second: Estimate) -> Estimate:
    """Estimate ``first - second`` term by term, with the covariance of their joint influence.

    Two ratios are compared on the log scale: the value is then the ratio of the ratios. The two may use different rows
    of one sample: ψ is zero where a method did not look.

    Raises
    ------
    DesignError
        If outcome, target, scale, terms or data differ.
    UnsupportedError
        If either has no influence function.
    """
    _refuse_unlike(first, second)
    own, others = _scaled(first), _scaled(second)
    psi = _difference_psi(own, others)
    units = np.union1d(own.units, others.units)
    value = from_scale(first.scaled - second.scaled, first.scale)
    slopes = scale_slope(value, first.scale)
    findings = _population_note(first, second)
    return replace(
        first,
        id=f"{first.id}-{second.id}",
        method=f"{first.method}-{second.method}",
        options=FrozenMap({}),
        terms=tuple(replace(term, unit=_unit(first, term.unit)) for term in first.terms),
        value=value,
        uncertainty=Normal(psi.T @ psi, None, first.scale, "influence"),
        n_obs=max(first.n_obs, second.n_obs),
        inference="influence",
        baseline=None,
        influence=Influence(psi * slopes, units, 1, own.root),
        details=FrozenMap({}),
        findings=findings,
    )


def error_of_difference(first: Estimate, second: Estimate, term: int, times: float = 1.0) -> float | None:
    """Standard error of one term of ``first - times * second``, whatever the two estimate.

    None where either has no influence function, or they come from different data.
    """
    own, others = first.influence, second.influence
    if own is None or others is None or own.root != others.root:
        return None
    return float(np.linalg.norm(_difference_psi(own, others, times)[:, term]))


def _difference_psi(first: Influence, second: Influence, times: float = 1.0) -> Floats:
    """ψ/n of ``first - times * second`` over the union of their units, shape (m, k)."""
    joint = joint_psi((first, second))
    terms = first.psi.shape[1]
    return joint[:, :terms] - times * joint[:, terms:]


def _refuse_unlike(first: Estimate, second: Estimate) -> None:
    for aspect in ("outcome", "target", "scale"):
        ours, theirs = getattr(first, aspect), getattr(second, aspect)
        if ours != theirs:
            raise DesignError(
                f"'{first.id}' and '{second.id}' have different {aspect}s: {ours} and {theirs}.",
                remedy=f"Compare estimates of one {aspect}.",
            )
    if first.scale == "log" and [term.unit for term in first.terms] != [term.unit for term in second.terms]:
        raise DesignError(
            f"'{first.id}' and '{second.id}' are different kinds of ratio: {first.terms[0].unit} and "
            f"{second.terms[0].unit}.",
            remedy="Compare ratios of one kind.",
        )
    if [dict(term.at) for term in first.terms] != [dict(term.at) for term in second.terms]:
        raise DesignError(f"'{first.id}' and '{second.id}' have different terms.", remedy="Compare terms of one place.")


def _scaled(estimate: Estimate) -> Influence:
    """Influence of the values on their scale."""
    held = estimate.influence
    if held is None:
        raise UnsupportedError(
            f"'{estimate.id}' has no influence function, so its joint uncertainty with another is unknown.",
            remedy="Compare methods of inference class 'influence' or 'small_sample'.",
        )
    return held.mapped(np.diag(1.0 / scale_slope(estimate.value, estimate.scale)))


def _unit(estimate: Estimate, unit: str | None) -> str | None:
    return f"ratio of {unit or 'ratio'}s" if estimate.scale == "log" else unit


def _population_note(first: Estimate, second: Estimate) -> tuple[Finding, ...]:
    if first.population == second.population:
        return ()
    return (
        Finding(
            check="comparison.population",
            about=f"{first.id}-{second.id}",
            grade=Grade.NOTE,
            subject="population",
            message="The two are about different rows: "
            f"{first.population.label} (n = {first.population.n:,}) "
            f"and {second.population.label} (n = {second.population.n:,}).",
            remedy="Part of the difference may be the difference between those populations.",
        ),
    )
