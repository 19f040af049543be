"""Least squares beside absorbed effects, and its covariances.

The coefficients are those of least squares on residualised columns (Frisch & Waugh 1933, doi:10.2307/1907330);
what is absorbed counts in the degrees of freedom.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from estimand.errors import UnsupportedError
from estimand.stats.absorb import Absorber
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import gram, independent_columns
from estimand.stats.blocks import blocks
from estimand.stats.cluster import Block, ClusterScores, block_scores
from estimand.stats.influence import sum_within
from estimand.stats.levels import numbered
from estimand.stats.linear import least_squares

SumKind: TypeAlias = Literal["CR0", "CR1"]
ROW_KINDS = ("classical", "HC0", "HC1")
RowKind: TypeAlias = Literal["classical", "HC0", "HC1"]
TAKEN_OUT = 1e-18
MOST_ENTRIES = 100_000_000


@dataclass(frozen=True, slots=True, eq=False)
class AbsorbedFit:
    """A least-squares fit beside absorbed effects.

    Attributes
    ----------
    coefficients : ndarray of shape (k,)
        Zero where the column is left out.
    kept : ndarray of shape (k,) of bool
        Columns that absorbed effects and the columns before them do not span.
    residual : ndarray of shape (n,)
        In outcome units.
    outcome : ndarray of shape (n,)
        Residualised.
    columns : ndarray of shape (n, q)
        The kept ones, residualised.
    bread : ndarray of shape (q, q)
        ``(X'WX)^-1`` of these.
    weights : ndarray of shape (n,) or None
    absorber : Absorber
    """

    coefficients: Floats
    kept: Bools
    residual: Floats
    outcome: Floats
    columns: Floats
    bread: Floats
    weights: Floats | None
    absorber: Absorber

    @property
    def rank_total(self) -> int:
        """Kept columns and independent absorbed levels."""
        return int(self.kept.sum()) + self.absorber.rank

    @property
    def df_residual(self) -> int:
        """Rows less ``rank_total``."""
        return int(self.residual.shape[0]) - self.rank_total

    def scores(self) -> Floats:
        """Weighted columns times residuals, shape (n, q)."""
        held = self.residual if self.weights is None else self.residual * self.weights
        return np.asarray(self.columns * held[:, None])

    def contributions(self, term: int) -> Floats:
        """Of each row to the kept coefficient at a position: its loading times its residual, shape (n,)."""
        out, by = np.empty(self.residual.shape[0]), self.bread[:, term]
        for block in blocks(out.shape[0]):
            np.multiply(self.columns[block] @ by, self.residual[block], out=out[block])
            if self.weights is not None:
                out[block] *= self.weights[block]
        return out

    def loading(self, terms: Ints | None = None) -> Floats:
        """Weight of each residual in each kept coefficient, or in those at ``terms``, shape (n, k)."""
        load = self.columns @ (self.bread if terms is None else self.bread[:, terms])
        return np.asarray(load if self.weights is None else load * self.weights[:, None])


def absorbed_least_squares(
    outcome: Floats, columns: Floats, absorber: Absorber, weights: Floats | None = None
) -> AbsorbedFit:
    """Fit outcome on columns beside the absorbed effects.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, k)
    absorber : Absorber
        Made with the same weights.
    weights : ndarray of shape (n,), optional
        Positive.
    """
    left, target = absorber.residualise(columns), absorber.residualise(outcome)
    size = np.array([_square(column, weights) for column in columns.T])
    cross = gram(left, weights) if left.shape[1] else np.empty((0, 0))
    own = np.diag(cross)
    kept = own > TAKEN_OUT * size
    scale = np.sqrt(np.where(kept, own, 1.0))
    positions = np.flatnonzero(kept)
    scaled = cross[np.ix_(positions, positions)] / np.outer(scale[positions], scale[positions])
    kept[positions[~independent_columns(scaled)]] = False
    x = left if kept.all() else left[:, kept]
    held = cross[np.ix_(kept, kept)] / np.outer(scale[kept], scale[kept])
    coefficients, bread, residual = _solved(x, (held, scale[kept]), target, weights)
    full = np.zeros(columns.shape[1])
    full[kept] = coefficients
    return AbsorbedFit(full, kept, residual, target, x, bread, weights, absorber)


def _square(column: Floats, weights: Floats | None) -> float:
    return float(column @ column if weights is None else weights @ np.square(column))


def _solved(
    x: Floats, cross: tuple[Floats, Floats], target: Floats, weights: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Coefficients, bread and residual, by Cholesky of the scaled Gram matrix, refined once."""
    if not x.shape[1]:
        return np.zeros(0), np.zeros((0, 0)), target
    held_cross, scale = cross
    factor = cho_factor(held_cross)
    coefficients, residual = np.zeros(x.shape[1]), np.empty(target.shape)
    for last in (False, True):
        right = np.zeros(x.shape[1])
        for block in blocks(target.shape[0]):
            left = target[block] - x[block] @ coefficients if last else target[block]
            right += x[block].T @ (left if weights is None else left * weights[block])
        coefficients = coefficients + cho_solve(factor, right / scale) / scale
    for block in blocks(target.shape[0]):
        np.subtract(target[block], x[block] @ coefficients, out=residual[block])
    bread = cho_solve(factor, np.eye(x.shape[1])) / np.outer(scale, scale)
    return coefficients, (bread + bread.T) / 2, residual


def clustered_covariance(
    fit: AbsorbedFit, cluster: Ints, kind: SumKind, nested: Bools | None = None, terms: Ints | None = None
) -> Floats:
    """Cluster-robust covariance of the kept coefficients, or of those at ``terms``, shape (k, k).

    Parameters
    ----------
    fit : AbsorbedFit
    cluster : ndarray of shape (n,)
    kind : "CR0" | "CR1"
        CR1 has the factor G/(G-1) (n-1)/(n-K).
    nested : ndarray of shape (dimensions,) of bool, optional
        Absorbed dimensions whose levels do not count in K; by default those that lie within the clusters.
    terms : ndarray of shape (k,), optional
        Positions among the kept coefficients.
    """
    scores = clustered_scores(fit, cluster, kind, nested, terms)
    return np.asarray(scores.T @ scores)


def clustered_scores(
    fit: AbsorbedFit, cluster: Ints, kind: SumKind, nested: Bools | None = None, terms: Ints | None = None
) -> Floats:
    """Contributions of the clusters to the kept coefficients, or to those at ``terms``, by code, shape (G, k)."""
    groups, position = numbered_clusters(fit, cluster)
    if terms is None:
        scores = sum_within(fit.scores(), position, groups) @ fit.bread
    else:
        scores = np.empty((groups, terms.shape[0]))
        for j, term in enumerate(terms):
            scores[:, j] = np.bincount(position, fit.contributions(int(term)), groups)
    if kind == "CR0":
        return np.asarray(scores)
    n, counted = cluster.shape[0], parameters_counted(fit, cluster, nested)
    return np.asarray(scores * np.sqrt(groups / (groups - 1) * (n - 1) / (n - counted)))


def cluster_positions(cluster: Ints) -> tuple[int, Ints]:
    """Number the clusters that occur from 0, in order: how many, and of each row, shape (n,)."""
    found, position = numbered(cluster)
    return int(found.shape[0]), position


def numbered_clusters(fit: AbsorbedFit, cluster: Ints) -> tuple[int, Ints]:
    """Likewise, without a look where the clusters are levels that the fit absorbed, which have no gaps."""
    for codes, size in zip(fit.absorber.codes, fit.absorber.sizes, strict=True):
        if codes is cluster:
            return size, codes
    return cluster_positions(cluster)


def parameters_counted(fit: AbsorbedFit, cluster: Ints, nested: Bools | None = None) -> int:
    """Number of parameters K of CR1: absorbed levels nested in the clusters count as one constant.

    Cameron & Miller (2015), doi:10.3368/jhr.50.2.317, section III.B.
    """
    within = fit.absorber.nested_in(cluster) if nested is None else nested
    if not within.any():
        return fit.rank_total
    alone = np.count_nonzero(within) == 1
    inner = fit.absorber.sizes[int(np.argmax(within))] if alone else fit.absorber.only(within).rank
    return fit.rank_total - inner + 1


def effective_clusters(fit: AbsorbedFit, cluster: Ints, terms: Ints | None = None) -> float:
    """Number of clusters as if of equal leverage, least over the kept coefficients, or over those at ``terms``.

    Carter, Schnepel & Steigerwald (2017), doi:10.1162/REST_a_00639.
    """
    groups, position = numbered_clusters(fit, cluster)
    share = sum_within(np.square(fit.loading(terms)), position, groups)
    return float((np.square(share.sum(axis=0)) / np.square(share).sum(axis=0)).min())


def bias_reduced_scores(
    fit: AbsorbedFit,
    columns: Floats,
    outcome: Floats,
    cluster: Ints,
    terms: Ints | None = None,
    combinations: Floats | None = None,
) -> ClusterScores:
    """CR2 contributions of the clusters to the kept coefficients, with all absorbed effects in the hat matrix.

    Dimensions nested in the clusters are taken out first, which changes neither the covariance nor its degrees of
    freedom (Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004, theorem 2); the others become columns.

    Parameters
    ----------
    fit : AbsorbedFit
        Unweighted.
    columns : ndarray of shape (n, k)
        As given to the fit.
    outcome : ndarray of shape (n,)
    cluster : ndarray of shape (n,)
    terms : ndarray of shape (k,), optional
        Positions among the kept coefficients; all by default.
    combinations : ndarray of shape (j, q), optional
        Of the kept coefficients, in place of single ones.

    Raises
    ------
    UnsupportedError
        If the fit is weighted, or the effects that are not nested are too many for columns.
    """
    if fit.weights is not None:
        raise UnsupportedError(
            "The CR2 covariance is not offered for weighted fits.", remedy="Use CR1, or fit without weights."
        )
    inner = fit.absorber.nested_in(cluster)
    across = np.flatnonzero(~inner)
    n, q = outcome.shape[0], int(fit.kept.sum())
    levels = sum(fit.absorber.sizes[j] for j in across)
    if n * (levels + q) > MOST_ENTRIES:
        raise UnsupportedError(
            f"CR2 needs the {levels:,} absorbed levels that reach across clusters as columns of {n:,} rows.",
            remedy="Use covariance: CR1, or clusters within which the effects lie.",
        )
    dummies = [fit.absorber.codes[j][:, None] == np.arange(1, fit.absorber.sizes[j]) for j in across]
    raw = np.hstack([columns[:, fit.kept], *dummies]).astype(np.float64)
    within = fit.absorber.only(inner)
    plain = least_squares(within.residualise(raw), within.residualise(outcome))
    wanted = np.eye(q)[slice(None) if terms is None else terms] if combinations is None else combinations
    functionals = wanted @ np.stack([plain.basis.slope(j) for j in range(q)])
    return block_scores([Block(plain, np.arange(n), functionals)], cluster, "CR2")


def row_covariance(fit: AbsorbedFit, kind: RowKind) -> Floats:
    """Covariance of the kept coefficients from rows taken as independent, shape (q, q)."""
    n, left = fit.residual.shape[0], fit.df_residual
    if kind == "classical":
        squares = np.square(fit.residual)
        total = float(squares.sum() if fit.weights is None else squares @ fit.weights)
        return np.asarray(total / left * fit.bread)
    half = fit.scores() @ fit.bread
    return np.asarray(half.T @ half * (n / left if kind == "HC1" else 1.0))
