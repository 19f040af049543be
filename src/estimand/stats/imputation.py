"""Untreated outcomes imputed from levels of groups, periods and further effects, fitted where nothing is treated.

Borusyak, Jaravel & Spiess (2024), doi:10.1093/restud/rdae007. The group's levels (of units, as a rule) are solved for
in closed form, so that what is factored is as large as the number of periods, further levels and slopes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import independent_columns

REACH = 1e-6
AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Columns of a design: a level for each code, or a slope of a covariate for each.

    Attributes
    ----------
    codes : ndarray of shape (n,)
        From 0 to ``size`` - 1.
    size : int
    slope : ndarray of shape (n,) or None
        The covariate; None for a level.
    """

    codes: Ints
    size: int
    slope: Floats | None = None

    def take(self, rows: Ints) -> "Effect":
        """Keep the given rows."""
        return Effect(self.codes[rows], self.size, None if self.slope is None else self.slope[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Imputed:
    """A fit of the untreated rows, and what it says of every row.

    Attributes
    ----------
    effect : ndarray of shape (n,)
        Outcome minus the imputed untreated one: the residual in rows fitted, an effect with noise in the others;
        zero where ``reached`` is False.
    reached : ndarray of shape (n,) of bool
        Rows whose untreated outcome is identified.
    kept : ndarray of shape (K,) of bool
        Columns beside the group's levels that are in the fit.
    design : csr_array of shape (n, K)
    group : ndarray of shape (n,)
    fitted : ndarray of shape (n,) of bool
    weights : ndarray of shape (n,)
    slopes : ndarray of shape (q,)
        Coefficients of the kept columns.
    bread : ndarray of shape (q, q)
        Inverse cross-product of the kept columns within groups.
    center : ndarray of shape (groups, q)
        Mean of the kept columns in each group's fitted rows.
    mass : ndarray of shape (groups,)
        Weight of each group's fitted rows.
    """

    effect: Floats
    reached: Bools
    kept: Bools
    design: csr_array
    group: Ints
    fitted: Bools
    weights: Floats
    slopes: Floats
    bread: Floats
    center: Floats
    mass: Floats

    def carried(self, averages: csr_array, cluster: Ints, clusters: int) -> Floats:
        """What the noise of the fitted rows adds to averages of effects, summed within clusters, (clusters, k).

        For averages Σ w τ̂ over rows not fitted, the fitted rows have the weights ``v = -W Z₀ (Z₀'WZ₀)⁻¹ Z₁'w``;
        the sums are of ``v`` times the residual.

        Parameters
        ----------
        averages : csr_array of shape (n, k)
            Weights of the rows, zero where fitted.
        cluster : ndarray of shape (n,)
        clusters : int
        """
        by_group = summing(self.group, self.mass.shape[0]) @ averages
        by_column = (self.design.T @ averages).toarray()[self.kept] - self.center.T @ by_group.toarray()
        moved = self.bread @ by_column
        held = self.mass > 0.0
        levels = np.zeros((self.mass.shape[0], averages.shape[1]))
        levels[held] = by_group.toarray()[held] / self.mass[held, None]
        levels -= self.center @ moved
        noise = np.where(self.fitted, self.weights * self.effect, 0.0)
        summed = summing(cluster, clusters, noise)
        return np.asarray(
            -(summed @ summing(self.group, self.mass.shape[0]).T @ levels)
            - (summed @ self.design).toarray()[:, self.kept] @ moved
        )

    def scores(self, columns: Ints, cluster: Ints, clusters: int) -> Floats:
        """Sampling error of the coefficients of kept columns, by cluster, shape (clusters, len(columns))."""
        noise = np.where(self.fitted, self.weights * self.effect, 0.0)
        summed = summing(cluster, clusters, noise)
        moved = (summed @ self.design).toarray()[:, self.kept]
        moved -= (summed @ summing(self.group, self.mass.shape[0]).T) @ self.center
        return np.asarray(moved @ self.bread[:, columns])


def summing(codes: Ints, groups: int, values: Floats | None = None) -> csr_array:
    """Matrix of shape (groups, n) that sums rows, or rows times values, within codes."""
    n = codes.shape[0]
    data = np.ones(n) if values is None else values
    return csr_array(csr_array((data, codes, np.arange(n + 1)), shape=(n, groups)).T)


def design_of(effects: Sequence[Effect]) -> csr_array:
    """Put effects side by side as a sparse design of shape (n, Σ size)."""
    n = effects[0].codes.shape[0]
    start = np.cumsum([0, *(effect.size for effect in effects)])
    columns = np.stack([effect.codes + first for effect, first in zip(effects, start[:-1], strict=True)], axis=1)
    values = np.stack([np.ones(n) if effect.slope is None else effect.slope for effect in effects], axis=1)
    return csr_array(
        (values.ravel(), columns.ravel(), np.arange(0, n * len(effects) + 1, len(effects))), shape=(n, int(start[-1]))
    )


def impute(
    outcome: Floats, group: Ints, effects: Sequence[Effect], fitted: Bools, weights: Floats | None = None
) -> Imputed:
    """Fit ``outcome = level of the group + effects`` on some rows and impute it in all.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    group : ndarray of shape (n,)
        Codes from 0; each group has a level.
    effects : sequence of Effect
        The periods, further levels, and slopes; slopes are best centred and scaled.
    fitted : ndarray of shape (n,) of bool
        Rows the fit uses.
    weights : ndarray of shape (n,), optional
        Positive.

    Returns
    -------
    Imputed
        Columns that others span where fitted are left out; a row is reached where its group has a fitted row and what
        was left out is spanned in the row too.
    """
    n, groups = outcome.shape[0], int(group.max()) + 1
    held = np.ones(n) if weights is None else weights
    used = np.where(fitted, held, 0.0)
    design = design_of(effects)
    mass: Floats = np.bincount(group, weights=used, minlength=groups).astype(np.float64)
    per = 1.0 / np.where(mass > 0.0, mass, 1.0)
    own = csr_array(summing(group, groups, used) @ design)
    rows = np.flatnonzero(fitted)
    fit_design = design[rows]
    cross = (fit_design.T @ (_scaled(fit_design, used[rows]))).toarray() - _cross_between(own, per)
    kept = independent_columns((cross + cross.T) / 2)
    center = own[:, np.flatnonzero(kept)].toarray() * per[:, None]
    bread = _inverse(cross[np.ix_(kept, kept)])
    slopes = np.zeros(int(kept.sum()))
    residual = outcome - float(used @ outcome / used.sum())
    for _ in range(2):
        residual = residual - (np.bincount(group, weights=used * residual, minlength=groups) * per)[group]
        step = bread @ (design.T @ (used * residual))[kept]
        slopes += step
        residual = residual - _within(design, kept, center, group, step)
    reached = fitted | ((mass > 0.0)[group] & _spanned(design, own, (per, group), cross, kept))
    effect = np.where(reached, residual, 0.0)
    return Imputed(effect, reached, kept, design, group, fitted, held, slopes, bread, center, mass)


def _scaled(design: csr_array, weights: Floats) -> csr_array:
    counts = np.diff(design.indptr)
    return csr_array((design.data * np.repeat(weights, counts), design.indices, design.indptr), shape=design.shape)


def _cross_between(own: csr_array, per: Floats) -> Floats:
    """Cross-product of the groups' sums over their mass, shape (K, K)."""
    if own.nnz > own.shape[0] * own.shape[1] // 10:
        sums = own.toarray()
        return np.asarray(sums.T @ (sums * per[:, None]))
    return np.asarray((own.T @ _scaled(own, per)).toarray())


def _inverse(cross: Floats) -> Floats:
    if not cross.size:
        return cross
    inverse = cho_solve(cho_factor(cross), np.eye(cross.shape[0]))
    return np.asarray((inverse + inverse.T) / 2)


def _within(design: csr_array, kept: Bools, center: Floats, group: Ints, slopes: Floats) -> Floats:
    """Fit of the kept columns about their group's mean, shape (n,)."""
    full = np.zeros(kept.shape[0])
    full[kept] = slopes
    return np.asarray(design @ full - (center @ slopes)[group])


def _spanned(design: csr_array, own: csr_array, of_group: tuple[Floats, Ints], cross: Floats, kept: Bools) -> Bools:
    """Rows whose left-out columns are what the kept ones say of them where fitted."""
    per, group = of_group
    out = np.ones(group.shape[0], dtype=np.bool_)
    lost = np.flatnonzero(~kept)
    factor = cho_factor(cross[np.ix_(kept, kept)]) if kept.any() else None
    for first in range(0, lost.shape[0], AT_ONCE):
        part = lost[first : first + AT_ONCE]
        gap = np.zeros((kept.shape[0], part.shape[0]))
        gap[part, np.arange(part.shape[0])] = 1.0
        if factor is not None:
            gap[kept] = -cho_solve(factor, cross[np.ix_(kept, part)])
        between = (own @ gap) * per[:, None]
        out &= (np.abs(design @ gap - between[group]) <= REACH).all(axis=1)
    return out
