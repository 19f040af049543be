"""Strata: cutting by quantiles, moments of their cells, and averages of their differences.

Cochran (1968), doi:10.2307/2528036; Rosenbaum & Rubin (1984), doi:10.2307/2288398.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.linear import least_squares


@dataclass(frozen=True, slots=True)
class Grouping:
    """How a propensity is cut and compared: number of strata, target "ATE" or "ATT", "regression" or "means"."""

    strata: int
    target: str
    within: str


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows, mean and variance of each stratum and arm, shape (strata, 2); control first."""

    count: Floats
    mean: Floats
    variance: Floats

    @property
    def difference(self) -> Floats:
        """Treated less control in each stratum, shape (strata,)."""
        return np.asarray(self.mean[:, 1] - self.mean[:, 0])


@dataclass(frozen=True, slots=True)
class Stratified:
    """A weighted average of stratum differences and its variance."""

    value: float
    variance: float


def quantile_strata(propensity: Floats, arm: Ints, grouping: Grouping) -> Ints:
    """Cut at equal quantiles of everyone's propensity, or of the treated's for ATT; codes of shape (n,)."""
    reference = propensity[arm == 1] if grouping.target == "ATT" else propensity
    cuts = np.quantile(reference, np.arange(1, grouping.strata) / grouping.strata)
    return np.asarray(np.searchsorted(cuts, propensity, side="left"))


def cell_moments(values: Floats, arm: Ints, codes: Ints, strata: int) -> Cells:
    """Moments of every cell; a cell of one row has the variance within the other cells of its arm."""
    cell = codes * 2 + arm
    count = np.bincount(cell, minlength=2 * strata).astype(float)
    total = np.bincount(cell, weights=values, minlength=2 * strata)
    mean = total / np.maximum(count, 1.0)
    squares = np.bincount(cell, weights=np.square(values - mean[cell]), minlength=2 * strata)
    by_arm = squares.reshape(strata, 2), np.maximum(count - 1.0, 0.0).reshape(strata, 2)
    within = by_arm[0].sum(axis=0) / np.maximum(by_arm[1].sum(axis=0), 1.0)
    variance = np.where(count.reshape(strata, 2) == 1.0, within, by_arm[0] / np.maximum(by_arm[1], 1.0))
    return Cells(count.reshape(strata, 2), mean.reshape(strata, 2), variance)


def stratum_shares(count: Floats, usable: Bools, target: str) -> Floats:
    """Share of each stratum in the target, zero where unusable, shape (strata,)."""
    rows = count[:, 1] if target == "ATT" else count.sum(axis=1)
    kept = np.where(usable, rows, 0.0)
    return np.asarray(kept / kept.sum())


def stratified(cells: Cells, usable: Bools, target: str) -> Stratified:
    """Average the differences: Σ w_s²(s²₁/n₁ + s²₀/n₀) + Σ w_s(Δ_s - Δ)²/n is the variance."""
    share = stratum_shares(cells.count, usable, target)
    value = float(share @ np.where(usable, cells.difference, 0.0))
    noise = (cells.variance / np.maximum(cells.count, 1.0)).sum(axis=1)
    rows = cells.count[usable, 1].sum() if target == "ATT" else cells.count[usable].sum()
    spread = share @ np.square(np.where(usable, cells.difference - value, 0.0))
    return Stratified(value, float(np.square(share) @ noise + spread / rows))


def within_effects(values: Floats, features: Floats, arm: Ints, codes: Ints, grouping: Grouping) -> float:
    """Average of the strata's effects, each a difference in means or a least-squares coefficient.

    A regression uses the features that vary independently in its stratum.
    """
    cells = cell_moments(values, arm, codes, grouping.strata)
    usable = np.asarray((cells.count >= 1).all(axis=1))
    share = stratum_shares(cells.count, usable, grouping.target)
    if grouping.within == "means":
        return float(share @ np.where(usable, cells.difference, 0.0))
    effects = np.zeros(grouping.strata)
    for s in np.flatnonzero(usable):
        rows = codes == s
        raw = np.hstack([(arm[rows] == 1).astype(float)[:, None], features[rows]])
        fit = least_squares(raw, values[rows])
        effects[s] = fit.value(fit.basis.slope(0))
    return float(share @ effects)
