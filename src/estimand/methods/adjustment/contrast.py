"""From arm means and their influence to an estimate: what the methods of the family end with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Method
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.stats.arrays import Floats, Ints
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


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows an influence function runs over.

    Attributes
    ----------
    units : ndarray of shape (n,)
        Independent unit of each row.
    clustered : bool
    root : str
    """

    units: Ints
    clustered: bool
    root: str

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.units.shape[0])

    def summed(self, psi: Floats) -> Floats:
        """ψ summed within clusters; as it is where rows are independent."""
        if not self.clustered:
            return psi
        groups, position = np.unique(self.units, return_inverse=True)
        return sum_within(psi, position, groups.shape[0])


def rows_of(case: Case, beside: Sample | None = None) -> Rows:
    """Rows of the case, then those of a sample beside it; rows that frequencies stand for are units of their own."""
    sample = case.sample()
    clustered = sample.cluster is not None
    if beside is None:
        return Rows(sample.units, clustered, sample.root)
    apart = 0 if clustered or beside.root == sample.root else int(sample.units.max()) + 1
    return Rows(np.concatenate([sample.units, beside.units + apart]), clustered, sample.root)


def split_spread(values: list[Floats], middle: Floats, psi: Floats, rows: Rows) -> Spread:
    """Covariance of a median over repeated splits: that of the median ψ, and the median squared distance from it.

    Chernozhukov et al. (2018), section 3.4, doi:10.1111/ectj.12097.
    """
    distance = np.stack(values) - middle
    split = np.median(distance[:, :, None] * distance[:, None, :], axis=0)
    summed = rows.summed(psi)
    df = np.full(middle.shape[0], summed.shape[0] - 1.0) if rows.clustered else None
    name = "clustered influence + split" if rows.clustered else "influence + split"
    return Spread(influence_covariance(summed, rows.n) + split, df, name)


def contrast(
    case: Case,
    method: Method,
    means: Means,
    reported: Reported,
    spread: Spread | None = None,
    rows: Rows | None = None,
) -> Estimate:
    """Estimate each arm's mean minus control's, with the untreated level beside it.

    The covariance is that of the influence function, summed within clusters where the design names any,
    with t(G - 1) then; or the one given. ``rows`` are the case's unless said otherwise.
    """
    rows = rows_of(case) if rows is None else rows
    value = means.treated - means.control
    psi = means.treated_psi - means.control_psi
    k = value.shape[0]
    covariance = influence_covariance(rows.summed(np.hstack([psi, means.control_psi])), rows.n)
    made = effect(case, method, (value, psi), reported, spread, rows)
    return replace(made, baseline=Baseline(means.control, covariance[k:, k:], covariance[:k, k:]))


def effect(
    case: Case,
    method: Method,
    found: tuple[Floats, Floats],
    reported: Reported,
    spread: Spread | None = None,
    rows: Rows | None = None,
) -> Estimate:
    """Estimate effects from their values (k,) and influence (n, k), where no level is known beside them."""
    value, psi = found
    rows = rows_of(case) if rows is None else rows
    if spread is None:
        summed = rows.summed(psi)
        df = np.full(value.shape[0], summed.shape[0] - 1.0) if rows.clustered else None
        correction = "clustered influence" if rows.clustered else "influence"
        spread = Spread(influence_covariance(summed, rows.n), df, correction)
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
        n_obs=case.sample().n,
        inference=method.spec.inference,
        level=case.level,
        influence=Influence(psi, rows.units, rows.n, rows.root),
        details=reported.details,
        findings=reported.findings,
    )
