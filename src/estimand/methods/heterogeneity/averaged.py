"""From average effects and their influence to an estimate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Baseline, Estimate
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Method
from estimand.core.question import Target
from estimand.core.uncertainty import Normal
from estimand.methods.heterogeneity.admitted import population
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import Averages, Known, average_everyone, average_overlap, average_treated
from estimand.stats.influence import influence_covariance, sum_within


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a method says beside its average."""

    details: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()


def averaged(case: Case, method: Method, target: Target, known: Known, told: Told) -> Estimate:
    """Average doubly robust scores over the target's people; ψ is summed within clusters, with t(G - 1) then."""
    sample = case.sample()
    if target is Target.ATO:
        value, psi = average_overlap(known)
        levels = None
    else:
        levels = average_treated(known) if target is Target.ATT else average_everyone(known)
        value, psi = levels.value, levels.psi
    influence = Influence(psi, sample.units, sample.n, sample.root)
    clustered = sample.cluster is not None
    df = np.full(value.shape[0], influence.psi.shape[0] - 1.0) if clustered else None
    return Estimate(
        id=method.spec.key,
        method=method.spec.key,
        options=FrozenMap(method.options()),
        outcome=case.outcome,
        target=target,
        population=population(case, target),
        terms=case.arm_terms(),
        value=value,
        uncertainty=Normal(influence.covariance(), df, "identity", "clustered influence" if clustered else "influence"),
        n_obs=sample.n,
        inference=method.spec.inference,
        level=case.level,
        baseline=None if levels is None else _baseline(case, levels),
        influence=influence,
        details=FrozenMap(told.details),
        findings=told.findings,
    )


def _baseline(case: Case, found: Averages) -> Baseline:
    """Control level with its covariance, and that with the values."""
    k, units = found.value.shape[0], case.sample().units
    both: Floats = np.hstack([found.psi, found.control_psi])
    _, place = np.unique(units, return_inverse=True)
    covariance = influence_covariance(sum_within(both, place, int(place.max()) + 1), both.shape[0])
    return Baseline(found.control, covariance[k:, k:], covariance[:k, k:])
