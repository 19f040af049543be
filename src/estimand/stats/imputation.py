"""Untreated outcomes imputed from levels of groups, periods and further effects, fitted where nothing is treated.

Borusyak, Jaravel & Spiess (2024), doi:10.1093/restud/rdae007. The group's levels (of units, as a rule) are solved for
in closed form, so that what is factored is as large as the number of periods, further levels and slopes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import independent_columns
from estimand.stats.effects import Effect, Matrix, cross_product, dense, fitted_values, sums, tally

REACH = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """A weighted sum over some rows.

    Attributes
    ----------
    rows : ndarray of shape (m,)
    weights : ndarray of shape (m,)
    """

    rows: Ints
    weights: Floats

    def of(self, values: Floats) -> float:
        """The sum of weights times values (n,)."""
        return float(self.weights @ values[self.rows])

    def within(self, codes: Ints, groups: int, values: Floats | None = None) -> Floats:
        """The sum of weights, or of weights times values (n,), within codes, shape (groups,)."""
        held = self.weights if values is None else self.weights * values[self.rows]
        return np.asarray(np.bincount(codes[self.rows], weights=held, minlength=groups), dtype=np.float64)


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
    effects : tuple of Effect
        Of K columns together.
    group : ndarray of shape (n,)
    used : ndarray of shape (n,)
        Weight of the rows fitted, zero in the others.
    slopes : ndarray of shape (q,)
        Coefficients of the kept columns.
    bread : ndarray of shape (q, q)
        Inverse cross-product of the kept columns within groups.
    own : matrix of shape (groups, K)
        Sums of the columns over each group's fitted rows.
    mass : ndarray of shape (groups,)
        Weight of each group's fitted rows.
    """

    effect: Floats
    reached: Bools
    kept: Bools
    effects: tuple[Effect, ...]
    group: Ints
    used: Floats
    slopes: Floats
    bread: Floats
    own: Matrix
    mass: Floats

    @property
    def noise(self) -> Floats:
        """Weighted residual of the rows fitted, zero in the others, shape (n,)."""
        return self.used * self.effect

    def carried(self, averages: Sequence[Average], cluster: Ints, clusters: int) -> Floats:
        """What the noise of the fitted rows adds to averages of effects, summed within clusters, (clusters, k).

        For averages Σ w τ̂ over rows not fitted, the fitted rows have the weights ``v = -W Z₀ (Z₀'WZ₀)⁻¹ Z₁'w``;
        the sums are of ``v`` times the residual.

        Parameters
        ----------
        averages : sequence of Average, of length k
            Over rows not fitted.
        cluster : ndarray of shape (n,)
        clusters : int
        """
        moved, shared = self._moved(averages)
        out = -(tally(cluster, clusters, self.effects, self.noise) @ moved)
        if self.within_clusters(cluster):
            return np.asarray(out)
        level = Effect(self.group, self.mass.shape[0])
        return np.asarray(
            out - tally(cluster, clusters, (level,), self.noise) @ (shared - (self.own @ moved) * self._per[:, None])
        )

    def remaining(self, averages: Sequence[Average], cluster: Ints, clusters: int) -> Floats:
        """Share of the variance that each cluster's part of ``carried`` keeps once residuals stand for errors.

        With errors of variance ``σ²/W`` the part ``v_c'ε`` has the variance ``σ² v_c'W_c⁻¹v_c``, and with the residuals
        ``σ² v_c'(W_c⁻¹ - Z_c (Z₀'WZ₀)⁻¹ Z_c')v_c``. Where units lie within clusters their levels are taken out of ``v``
        first, as residuals sum to zero within them.

        Parameters
        ----------
        averages : sequence of Average, of length k
            Over rows not fitted.
        cluster : ndarray of shape (n,)
        clusters : int

        Returns
        -------
        ndarray of shape (clusters, k)
            From zero to one; one where a cluster adds nothing.
        """
        moved, shared = self._moved(averages)
        within = self.within_clusters(cluster)
        of_level = -(self.own @ moved) * self._per[:, None] + (0.0 if within else shared)
        level = Effect(self.group, self.mass.shape[0])
        out = np.ones((clusters, len(averages)))
        for j in range(len(averages)):
            each = fitted_values(self.effects, moved[:, j]) + of_level[self.group, j]
            held = self.used * each
            whole = np.bincount(cluster, weights=held * each, minlength=clusters)
            columns = tally(cluster, clusters, self.effects, held)
            taken = np.zeros(clusters)
            if not within:
                by_level = dense(tally(cluster, clusters, (level,), held))
                taken += np.square(by_level) @ self._per
                columns = columns - by_level @ (self.own * self._per[:, None])
            across = dense(columns)[:, self.kept]
            taken += np.einsum("ij,jk,ik->i", across, self.bread, across, optimize=True)
            some = whole > 0.0
            out[some, j] = np.clip(1.0 - taken[some] / whole[some], 0.0, 1.0)
        return out

    @property
    def _per(self) -> Floats:
        """One over the weight of each group's fitted rows, one where there are none."""
        return np.asarray(1.0 / np.where(self.mass > 0.0, self.mass, 1.0))

    def _moved(self, averages: Sequence[Average]) -> tuple[Floats, Floats]:
        """Weight of each column (K, k), and of each group's level before these (groups, k), in the imputed averages."""
        groups = self.mass.shape[0]
        by_group = np.stack([average.within(self.group, groups) for average in averages], axis=1)
        shared = by_group * self._per[:, None]
        by_column = np.stack([sums(self.effects, average.rows, average.weights) for average in averages], axis=1)
        moved = np.zeros_like(by_column)
        moved[self.kept] = self.bread @ (by_column - self.own.T @ shared)[self.kept]
        return moved, shared

    def scores(self, columns: Ints, cluster: Ints, clusters: int) -> Floats:
        """Sampling error of the coefficients of kept columns, by cluster, shape (clusters, len(columns))."""
        wanted = np.zeros((self.kept.shape[0], columns.shape[0]))
        wanted[self.kept] = self.bread[:, columns]
        out = tally(cluster, clusters, self.effects, self.noise) @ wanted
        if self.within_clusters(cluster):
            return np.asarray(out)
        level = Effect(self.group, self.mass.shape[0])
        return np.asarray(
            out - tally(cluster, clusters, (level,), self.noise) @ ((self.own @ wanted) * self._per[:, None])
        )

    def within_clusters(self, cluster: Ints) -> bool:
        """Whether no group crosses clusters; its residuals then cancel within its cluster."""
        if cluster is self.group:
            return True
        home = np.zeros(self.mass.shape[0], dtype=np.int64)
        home[self.group] = cluster
        return bool(np.array_equal(home[self.group], cluster))


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
    groups, columns = int(group.max()) + 1, tuple(effects)
    used = fitted.astype(np.float64) if weights is None else np.where(fitted, weights, 0.0)
    mass = np.asarray(np.bincount(group, weights=used, minlength=groups), dtype=np.float64)
    per = 1.0 / np.where(mass > 0.0, mass, 1.0)
    own = tally(group, groups, columns, used)
    cross = cross_product(columns, used) - _between(own, per)
    kept = independent_columns((cross + cross.T) / 2)
    bread = _inverse(cross[np.ix_(kept, kept)])
    slopes = np.zeros(kept.shape[0])
    every = np.arange(outcome.shape[0])
    residual = outcome - float(used @ outcome / used.sum())
    for _ in range(2):
        residual = residual - (np.bincount(group, weights=used * residual, minlength=groups) * per)[group]
        step = np.zeros(kept.shape[0])
        step[kept] = bread @ sums(columns, every, used * residual)[kept]
        slopes += step
        residual += ((own @ step) * per)[group] - fitted_values(columns, step)
    reached = fitted | ((mass > 0.0)[group] & _spanned(columns, own, (per, group), cross, kept))
    effect = np.where(reached, residual, 0.0)
    return Imputed(effect, reached, kept, columns, group, used, slopes[kept], bread, own, mass)


def _between(own: Matrix, per: Floats) -> Floats:
    """Cross-product of the groups' sums over their mass, shape (K, K)."""
    if isinstance(own, np.ndarray):
        return np.asarray(own.T @ (own * per[:, None]))
    return dense(own.T @ own.multiply(per[:, None]).tocsr())


def _inverse(cross: Floats) -> Floats:
    if not cross.size:
        return cross
    inverse = cho_solve(cho_factor(cross), np.eye(cross.shape[0]))
    return np.asarray((inverse + inverse.T) / 2)


def _spanned(
    effects: tuple[Effect, ...], own: Matrix, of_group: tuple[Floats, Ints], cross: Floats, kept: Bools
) -> Bools:
    """Rows whose left-out columns are what the kept ones say of them where fitted."""
    per, group = of_group
    out = np.ones(group.shape[0], dtype=np.bool_)
    lost = np.flatnonzero(~kept)
    factor = cho_factor(cross[np.ix_(kept, kept)]) if kept.any() else None
    for j in lost:
        gap = np.zeros(kept.shape[0])
        gap[j] = 1.0
        if factor is not None:
            gap[kept] = -cho_solve(factor, cross[kept, j])
        out &= np.abs(fitted_values(effects, gap) - ((own @ gap) * per)[group]) <= REACH
    return out
