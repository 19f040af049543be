"""Differences between estimates of one target, from their joint influence."""

from dataclasses import replace

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence, joint_psi
from estimand.core.uncertainty import Normal
from estimand.errors import DesignError, UnsupportedError


def difference_between(first: Estimate, second: Estimate) -> Estimate:
    """Estimate ``first - second`` term by term, with the covariance of their joint influence.

    The two may use different rows of one sample: ψ is zero where a method did not look.

    Raises
    ------
    DesignError
        If outcome, target, terms or data differ.
    UnsupportedError
        If either has no influence function.
    """
    _refuse_unlike(first, second)
    if first.influence is None or second.influence is None:
        missing = first.id if first.influence is None else second.id
        raise UnsupportedError(
            f"'{missing}' has no influence function, so its joint uncertainty with another is unknown.",
            remedy="Compare methods of inference class 'influence' or 'small_sample'.",
        )
    for estimate in (first, second):
        if isinstance(estimate.uncertainty, Normal) and estimate.uncertainty.scale != "identity":
            raise UnsupportedError(
                f"'{estimate.id}' is on the {estimate.uncertainty.scale} scale, where differences are not of values.",
                remedy="Compare differences, not ratios.",
            )
    joint = joint_psi((first.influence, second.influence))
    k = first.value.shape[0]
    psi = joint[:, :k] - joint[:, k:]
    units = np.union1d(first.influence.units, second.influence.units)
    findings = _population_note(first, second)
    return replace(
        first,
        id=f"{first.id}-{second.id}",
        method=f"{first.method}-{second.method}",
        options=FrozenMap({}),
        value=first.value - second.value,
        uncertainty=Normal(psi.T @ psi, None, "identity", "influence"),
        n_obs=max(first.n_obs, second.n_obs),
        inference="influence",
        baseline=None,
        influence=Influence(psi, units, 1, first.influence.root),
        details=FrozenMap({}),
        findings=findings,
    )


def _refuse_unlike(first: Estimate, second: Estimate) -> None:
    for aspect in ("outcome", "target"):
        ours, theirs = getattr(first, aspect), getattr(second, aspect)
        if ours != theirs:
            raise DesignError(
                f"'{first.id}' and '{second.id}' have different {aspect}s: {ours} and {theirs}.",
                remedy=f"Compare estimates of one {aspect}.",
            )
    if [dict(term.at) for term in first.terms] != [dict(term.at) for term in second.terms]:
        raise DesignError(f"'{first.id}' and '{second.id}' have different terms.", remedy="Compare terms of one place.")


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
