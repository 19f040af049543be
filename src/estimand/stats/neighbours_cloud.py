"""Matching on several numbers at once: Mahalanobis or inverse-variance distance, never n × n in memory."""

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import linear_sum_assignment

from estimand.kernels.cloud import greedy_cloud_kernel, nearest_block_kernel
from estimand.stats.arrays import Bools, Floats, Hashes, Ints
from estimand.stats.basis import gram, independent_basis
from estimand.stats.neighbours import Matches, Rule, Spreader, in_turn, rows_of, windows

BLOCK_CELLS = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """Rows as points, perhaps in strata that do not mix.

    Attributes
    ----------
    points : ndarray of shape (n, q)
        Distances are Euclidean.
    twin : ndarray of shape (n,)
        Rows of one code are one point in one stratum.
    strata : ndarray of shape (n,)
    ids : ndarray of shape (n,)
        Orders rows of one point.
    spread : Spreader
        Runs blocks of targets side by side.
    """

    points: Floats
    twin: Ints
    strata: Ints
    ids: Hashes
    spread: Spreader = in_turn

    def matches(self, targets: Ints, pool: Ints, rule: Rule) -> Matches:
        """Nearest pool rows of each target row, with replacement."""
        shelf = pool[np.lexsort((self.ids[pool], self.twin[pool], self.strata[pool]))]
        edges = np.flatnonzero(np.diff(self.twin[shelf], prepend=-1))
        stops = np.append(edges[1:], shelf.shape[0])
        _, example, asked = np.unique(self.twin[targets], return_index=True, return_inverse=True)
        asking = targets[example]
        owner, point = self._nearest(asking, shelf[edges], stops - edges, rule)
        first = np.searchsorted(owner, np.arange(asking.shape[0] + 1))
        length = (first[1:] - first[:-1])[asked]
        which = np.repeat(first[asked] - (np.cumsum(length) - length), length) + np.arange(length.sum())
        found = point[which]
        return Matches(shelf, np.repeat(np.arange(targets.shape[0]), length), edges[found], stops[found], len(targets))

    def _nearest(self, asking: Ints, held: Ints, sizes: Ints, rule: Rule) -> tuple[Ints, Ints]:
        """Positions among ``asking`` and ``held`` of every match, the former ascending."""
        order = np.argsort(self.strata[asking], kind="stable")
        kinds = self.strata[asking[order]]
        span = windows(kinds, self.strata[held])
        batches = [
            (order[a:b], int(span[first, 0]), int(span[first, 1]))
            for first, last in _runs(kinds)
            for a, b in _blocks(first, last, int(span[first, 1] - span[first, 0]))
        ]

        def search(batch: tuple[Ints, int, int]) -> tuple[Ints, Ints]:
            members, low, high = batch
            targets, pool = self.points[asking[members]], self.points[held[low:high]]
            limits = (rule.slack, rule.reach)
            ends, points = nearest_block_kernel(targets @ pool.T, targets, pool, sizes[low:high], rule.ratio, limits)
            return np.repeat(members, np.diff(ends)), points + low

        parts = self.spread(search, batches, "matching")
        owner = np.concatenate([part[0] for part in parts])
        point = np.concatenate([part[1] for part in parts])
        back = np.argsort(owner, kind="stable")
        return owner[back], point[back]

    def greedy(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Nearest unused pool rows, target by target in the order given: rows of shape (t, ratio), or -1."""
        shelf = pool[np.lexsort((self.ids[pool], self.strata[pool]))]
        span = windows(self.strata[targets], self.strata[shelf])
        across = np.ascontiguousarray(self.points[shelf].T)
        chosen = greedy_cloud_kernel(self.points[targets], span, across, rule.ratio, rule.reach)
        return rows_of(chosen, shelf)

    def optimal(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Pool rows of the least total distance: rows of shape (t, ratio), or -1."""
        out = np.full((targets.shape[0], rule.ratio), -1)
        shelf = pool[np.lexsort((self.ids[pool], self.strata[pool]))]
        span = windows(self.strata[targets], self.strata[shelf])
        for first, last in np.unique(span, axis=0):
            if last > first:
                members = np.flatnonzero((span == (first, last)).all(axis=1))
                asked, held = np.repeat(targets[members], rule.ratio), shelf[first:last]
                out[members] = self._assigned(asked, held, rule.reach).reshape(-1, rule.ratio)
        return out

    def _assigned(self, asked: Ints, held: Ints, reach: float) -> Ints:
        """Assign as many as can be within reach, at the least total distance, shape (t,)."""
        cost = np.stack([np.sqrt(np.square(self.points[held] - self.points[row]).sum(axis=1)) for row in asked])
        far = cost > reach
        if far.any():
            cost[far] = (cost[~far].max(initial=0.0) + 1.0) * (min(cost.shape) + 1.0)
        rows, columns = linear_sum_assignment(cost)
        near = ~far[rows, columns]
        out = np.full(asked.shape[0], -1)
        out[rows[near]] = held[columns[near]]
        return out

    def distances(self, first: Ints, second: Ints) -> Floats:
        """Distance of each pair of rows."""
        return np.asarray(np.sqrt(np.square(self.points[first] - self.points[second]).sum(axis=1)))

    def mixed(self) -> Self:
        """Return the same cloud with its strata dissolved."""
        return replace(self, strata=np.zeros_like(self.strata))


def _runs(kinds: Ints) -> list[tuple[int, int]]:
    """Stretches of equal strata."""
    edges = np.flatnonzero(np.diff(kinds, prepend=kinds[0] - 1)).tolist()
    return list(zip(edges, [*edges[1:], kinds.shape[0]], strict=True))


def _blocks(first: int, last: int, width: int) -> list[tuple[int, int]]:
    """Cut a stretch so that no block of distances is large; the cuts depend on nothing else."""
    step = max(1, BLOCK_CELLS // max(width, 1))
    return [(a, min(a + step, last)) for a in range(first, last, step)]


def scaled_points(features: Floats, metric: Literal["mahalanobis", "euclidean"]) -> tuple[Floats, Bools]:
    """Points whose Euclidean distance is the metric, and which features have a part in it.

    Mahalanobis distance uses the covariance of all rows, and so does not depend on which reference level a
    category gives up; inverse-variance distance uses every column that varies.

    Parameters
    ----------
    features : ndarray of shape (n, p)
    metric : "mahalanobis" | "euclidean"

    Returns
    -------
    points : ndarray of shape (n, q)
    used : ndarray of shape (p,) of bool
    """
    n = features.shape[0]
    if metric == "euclidean":
        centred = features - features.mean(axis=0)
        spread = np.sqrt(np.einsum("ij,ij->j", centred, centred) / (n - 1))
        used = spread > 1e-12 * np.maximum(np.abs(features.mean(axis=0)), np.finfo(float).tiny)
        return np.ascontiguousarray(centred[:, used] / spread[used]), used
    basis = independent_basis(features)
    body = basis.matrix[:, 1:]
    if not body.shape[1]:
        return np.zeros((n, 0)), basis.kept
    factor = cholesky(gram(np.ascontiguousarray(body)) / (n - 1), lower=True)
    return np.ascontiguousarray(solve_triangular(factor, body.T, lower=True).T), basis.kept


def twin_codes(features: Floats, strata: Ints) -> Ints:
    """Code of each row's stratum and covariates: equal where all of them are, shape (n,)."""
    if features.shape[1]:
        first = np.unique(features[:, 0], return_inverse=True)[1]
        if first.max() + 1 == features.shape[0]:
            return np.asarray(first)
    keyed = np.ascontiguousarray(np.column_stack([strata.astype(float), features + 0.0]))
    rows = keyed.view(np.dtype((np.void, keyed.dtype.itemsize * keyed.shape[1]))).ravel()
    return np.asarray(np.unique(rows, return_inverse=True)[1])
