"""From arm means and their influence to an estimate: what the methods of the family end with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Method
from estimand.core.question import Target
from estimand.core.uncertainty import Normal
from estimand.stats.arrays import Floats
from estimand.stats.influence import influence_covariance, sum_within


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Mean outcome under each arm and under control, one pair per term, for the target population.

    Attributes
    ----------
    treated, control : ndarray of shape (k,)
    treated_psi, control_psi : ndarray of shape (n, k)
        Influence of each; the error of a mean is ``Σψ/n``.
    """

    treated: Floats
    control: Floats
    treated_psi: Floats
    control_psi: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """What a method says beside its numbers."""

    target: Target
    population: Population
    details: Mapping[str, Any] = FrozenMap({})
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A covariance that replaces, or adds to, the one of the influence function."""

    vcov: Floats
    df: Floats | None
    correction: str


def contrast(case: Case, method: Method, means: Means, reported: Reported, spread: Spread | None = None) -> Estimate:
    """Estimate each arm's mean minus control's, with the untreated level beside it.

    The covariance is that of the influence function, summed within clusters where the design names any,
    with t(G - 1) then; or the one given.
    """
    sample = case.sample()
    value = means.treated - means.control
    psi = means.treated_psi - means.control_psi
    k = value.shape[0]
    influence = Influence(psi, sample.units, sample.n, sample.root)
    joint = _summed(np.hstack([psi, means.control_psi]), case)
    covariance = influence_covariance(joint, sample.n)
    if spread is None:
        clusters = None if sample.cluster is None else joint.shape[0]
        df = None if clusters is None else np.full(k, clusters - 1.0)
        spread = Spread(covariance[:k, :k], df, "influence" if clusters is None else "clustered influence")
    return Estimate(
        id=method.spec.key,
        method=method.spec.key,
        options=FrozenMap(method.options()),
        outcome=case.outcome,
        target=reported.target,
        population=reported.population,
        terms=case.arm_terms(),
        value=value,
        uncertainty=Normal(spread.vcov, spread.df, "identity", spread.correction),
        n_obs=sample.n,
        inference=method.spec.inference,
        level=case.level,
        baseline=Baseline(means.control, covariance[k:, k:], covariance[:k, k:]),
        influence=influence,
        details=reported.details,
        findings=reported.findings,
    )


def _summed(psi: Floats, case: Case) -> Floats:
    """ψ summed within clusters; as it is where rows are independent."""
    sample = case.sample()
    if sample.cluster is None:
        return psi
    groups, position = np.unique(sample.cluster, return_inverse=True)
    return sum_within(psi, position, groups.shape[0])
