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
from estimand.core.observation import Observation
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.methods.adjustment.ratios import Contrast, Contrasted, Means, set_against, unit_of_ratio
from estimand.stats.arrays import Floats, Ints
from estimand.stats.influence import influence_covariance, sum_within


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """What a method says beside its numbers, and how its means are to be set against each other."""

    target: Target
    population: Population
    details: Mapping[str, Any] = FrozenMap({})
    findings: tuple[Finding, ...] = ()
    kind: Contrast = "difference"


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
    model : Observation or None
        Where ψ is given for the first of the rows, whose weights stand for the others.
    """

    units: Ints
    clustered: bool
    root: str
    model: Observation | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.units.shape[0])

    def summed(self, psi: Floats) -> Floats:
        """ψ over all rows, summed within clusters."""
        return self._within(self._over(psi))

    def influence(self, psi: Floats) -> Influence:
        """ψ over all rows, tied to them."""
        return Influence(self._over(psi), self.units, self.n, self.root)

    def inherited(self, psi: Floats) -> Floats:
        """What the weights' model adds to a covariance that took the weights for known, shape (k, k)."""
        if self.model is None:
            return np.zeros((psi.shape[1], psi.shape[1]))
        known = self._within(self.model.placed(psi))
        return influence_covariance(self.summed(psi), self.n) - influence_covariance(known, self.n)

    def _over(self, psi: Floats) -> Floats:
        return psi if self.model is None else self.model.carried(psi)

    def _within(self, psi: Floats) -> Floats:
        if not self.clustered:
            return psi
        groups, position = np.unique(self.units, return_inverse=True)
        return sum_within(psi, position, groups.shape[0])


def rows_of(case: Case, beside: Sample | None = None) -> Rows:
    """Rows of the case, then those of a sample beside it; rows that frequencies stand for are units of their own.

    Where the rows are weighted to stand for those without the outcome, those come after them.
    """
    sample, model = case.sample(), case.observing()
    clustered = sample.cluster is not None
    if model is not None:
        units = np.concatenate([part.units for part in case.everyone()])
        return Rows(units, clustered, sample.root, model)
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
    """Estimate each arm's mean against control's, with the untreated level beside it.

    The covariance is that of the influence function, summed within clusters where the design names any,
    with t(G - 1) then; or the one given. ``rows`` are the case's unless said otherwise. Ratios are normal on the
    log scale.
    """
    found = set_against(means, reported.kind, case.values())
    return _levelled(case, method, found, reported, spread, rows_of(case) if rows is None else rows)


def repeated_contrast(case: Case, method: Method, scored: list[Means], reported: Reported) -> Estimate:
    """Estimate from the means of repeated splits: the median contrast, the median ψ, and the spread between them."""
    if len(scored) == 1:
        return contrast(case, method, scored[0], reported)
    parts = [set_against(means, reported.kind, case.values()) for means in scored]
    rows = rows_of(case)
    middle = Contrasted(
        _middle([part.value for part in parts]),
        _middle([part.psi for part in parts]),
        _middle([part.control for part in parts]),
        _middle([part.control_psi for part in parts]),
        parts[0].scale,
    )
    spread = split_spread([part.value for part in parts], middle.value, middle.psi, rows)
    return _levelled(case, method, middle, reported, spread, rows)


def _middle(arrays: list[Floats]) -> Floats:
    return np.asarray(np.median(arrays, axis=0))


def _levelled(
    case: Case, method: Method, found: Contrasted, reported: Reported, spread: Spread | None, rows: Rows
) -> Estimate:
    """Put the untreated level, and its covariance with the values as reported, beside an effect."""
    k = found.value.shape[0]
    natural = found.natural_psi
    covariance = influence_covariance(rows.summed(np.hstack([natural, found.control_psi])), rows.n)
    baseline = Baseline(found.control, covariance[k:, k:], covariance[:k, k:])
    spread = _influence_spread(found.psi, rows) if spread is None else spread
    made = effect(case, method, (found.value, found.psi), reported, spread, rows)
    if found.scale == "identity":
        return replace(made, baseline=baseline)
    unit = unit_of_ratio(reported.kind, case.values())
    return replace(
        made,
        terms=tuple(replace(term, unit=unit) for term in made.terms),
        value=found.natural,
        uncertainty=Normal(spread.vcov, spread.df, "log", spread.correction),
        influence=rows.influence(natural),
        baseline=baseline,
    )


def _influence_spread(psi: Floats, rows: Rows) -> Spread:
    """Covariance of the influence function, with t(G - 1) over clusters."""
    summed = rows.summed(psi)
    df = np.full(psi.shape[1], summed.shape[0] - 1.0) if rows.clustered else None
    correction = "clustered influence" if rows.clustered else "influence"
    return Spread(influence_covariance(summed, rows.n), df, correction)


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
    spread = _influence_spread(psi, rows) if spread is None else spread
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
        influence=rows.influence(psi),
        details=reported.details,
        findings=reported.findings,
    )
