"""Cluster-robust covariance of least squares: CR0, CR1, CR2 and its Satterthwaite degrees of freedom.

Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), doi:10.1080/07350015.2016.1247004.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.errors import UnsupportedError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.influence import sum_within
from estimand.stats.linear import LeastSquares

ClusterKind: TypeAlias = Literal["CR0", "CR1", "CR2"]
NOTHING_LEFT = 1e-10
PROJECTION_FLOOR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ClusterScores:
    """Per-cluster pieces of a linear functional's sampling error.

    Attributes
    ----------
    scores : ndarray of shape (G, k)
        Each cluster's contribution to each functional; the covariance is their cross-product.
    df : ndarray of shape (k,)
        Degrees of freedom of each functional's variance.
    """

    scores: Floats
    df: Floats

    @property
    def covariance(self) -> Floats:
        """Covariance of the functionals, shape (k, k)."""
        return np.asarray(self.scores.T @ self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One fit of a block-diagonal model, such as one arm's regression.

    Attributes
    ----------
    fit : LeastSquares
        Unweighted for CR2.
    rows : ndarray of shape (m,)
        Positions of the fit's rows among all n.
    functionals : ndarray of shape (k, q)
        In the fit's basis; the model's functionals are the sums over blocks.
    """

    fit: LeastSquares
    rows: Ints
    functionals: Floats

    def load(self) -> Floats:
        """Weight of each residual in each functional, shape (m, k)."""
        load = self.fit.basis.matrix @ (self.fit.bread @ self.functionals.T)
        return load if self.fit.weights is None else load * self.fit.weights[:, None]


def cluster_rows(codes: Ints) -> list[Ints]:
    """Row positions of each cluster, clusters in order of their code."""
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return np.split(order, edges)


def effective_clusters(blocks: Sequence[Block], codes: Ints) -> float:
    """Number of clusters as if of equal leverage: (Σγ)²/Σγ², least over the functionals.

    γ is a cluster's share of the squared loadings; see Carter, Schnepel & Steigerwald (2017),
    doi:10.1162/REST_a_00639.
    """
    groups, position = np.unique(codes, return_inverse=True)
    share = np.zeros((groups.shape[0], blocks[0].functionals.shape[0]))
    for block in blocks:
        share += sum_within(np.square(block.load()), position[block.rows], groups.shape[0])
    return float((np.square(share.sum(axis=0)) / np.square(share).sum(axis=0)).min())


def cluster_scores(fit: LeastSquares, functionals: Floats, codes: Ints, kind: ClusterKind) -> ClusterScores:
    """Contributions of the clusters to linear functionals of one fit; see :func:`block_scores`."""
    return block_scores([Block(fit, np.arange(codes.shape[0]), functionals)], codes, kind)


def block_scores(blocks: Sequence[Block], codes: Ints, kind: ClusterKind) -> ClusterScores:
    """Contributions of the clusters to linear functionals of a block-diagonal model.

    Parameters
    ----------
    blocks : sequence of Block
        Together they hold every row once.
    codes : ndarray of shape (n,)
        Cluster of each row.
    kind : "CR0" | "CR1" | "CR2"
        CR1 has the factor G/(G-1) (n-1)/(n-q) and t(G-1); CR2 has the adjustment that is unbiased under
        independent errors, and Satterthwaite degrees of freedom.
    """
    if kind == "CR2" and any(block.fit.weights is not None for block in blocks):
        raise UnsupportedError(
            "The CR2 covariance is not offered for weighted fits.", remedy="Use CR1, or fit without weights."
        )
    groups, position = np.unique(codes, return_inverse=True)
    count, k = groups.shape[0], blocks[0].functionals.shape[0]
    if kind == "CR2":
        return _bias_reduced(blocks, position, count)
    scores = np.zeros((count, k))
    for block in blocks:
        scores += sum_within(block.load() * block.fit.residual[:, None], position[block.rows], count)
    if kind == "CR1":
        n = codes.shape[0]
        q = sum(block.fit.basis.matrix.shape[1] for block in blocks)
        scores = scores * np.sqrt(count / (count - 1) * (n - 1) / (n - q))
    return ClusterScores(scores, np.full(k, float(count - 1)))


def _bias_reduced(blocks: Sequence[Block], position: Ints, groups: int) -> ClusterScores:
    k = blocks[0].functionals.shape[0]
    scores, spread = np.zeros((groups, k)), np.zeros((k, groups))
    halves = []
    for block in blocks:
        z, residual = block.fit.basis.matrix, block.fit.residual
        root = np.linalg.cholesky(block.fit.bread)
        directions = block.fit.bread @ block.functionals.T
        carried = np.zeros((k, groups, z.shape[1]))
        own = position[block.rows]
        for members in cluster_rows(own):
            g, zg = own[members[0]], z[members]
            load = _half_inverse_times(zg @ root, zg @ directions)
            scores[g] += load.T @ residual[members]
            spread[:, g] += np.einsum("ik,ik->k", load, load)
            carried[:, g] = load.T @ zg
        halves.append(carried @ root)
    half = np.concatenate(halves, axis=2)
    df = np.array([_satterthwaite(spread[j], half[j]) for j in range(k)])
    return ClusterScores(scores, df)


def _half_inverse_times(half_hat: Floats, load: Floats) -> Floats:
    """Apply (I - UU')^{-1/2} to ``load``, through the thin SVD of U; null directions are left out."""
    left, singular, _ = np.linalg.svd(half_hat, full_matrices=False)
    slack = 1.0 - np.square(singular)
    lift = np.where(slack > PROJECTION_FLOOR, 1.0 / np.sqrt(np.maximum(slack, PROJECTION_FLOOR)), 0.0) - 1.0
    return np.asarray(load + left @ (lift[:, None] * (left.T @ load)))


def _satterthwaite(spread: Floats, half: Floats) -> float:
    """Degrees of freedom (tr M)^2 / |M|^2 for M = diag(spread) - half half'; not-a-number where M vanishes."""
    inner = half.T @ half
    diagonal = spread - np.einsum("gi,gi->g", half, half)
    square = np.square(spread).sum() - 2.0 * (spread * np.einsum("gi,gi->g", half, half)).sum() + np.square(inner).sum()
    nothing_left = square <= np.square(NOTHING_LEFT * spread.sum())
    return float("nan") if nothing_left else float(np.square(diagonal.sum()) / square)
