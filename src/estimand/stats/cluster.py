"""Cluster-robust covariance of least squares: CR0, CR1, CR2 and its Satterthwaite degrees of freedom.

Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), doi:10.1080/07350015.2016.1247004.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.linear import LeastSquares

ClusterKind: TypeAlias = Literal["CR0", "CR1", "CR2"]
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


def cluster_rows(codes: Ints) -> list[Ints]:
    """Row positions of each cluster, clusters in order of their code."""
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return np.split(order, edges)


def cluster_scores(fit: LeastSquares, functionals: Floats, codes: Ints, kind: ClusterKind) -> ClusterScores:
    """Contributions of the clusters to linear functionals of the coefficients.

    Parameters
    ----------
    fit : LeastSquares
        Unweighted.
    functionals : ndarray of shape (k, q)
        In the fit's basis.
    codes : ndarray of shape (n,)
        Cluster of each row.
    kind : "CR0" | "CR1" | "CR2"
        CR1 has the factor G/(G-1) (n-1)/(n-q) and t(G-1); CR2 has the adjustment that is unbiased under
        independent errors, and Satterthwaite degrees of freedom.
    """
    if kind == "CR2":
        return _bias_reduced(fit, functionals, codes)
    load = fit.basis.matrix @ (fit.bread @ functionals.T) * fit.residual[:, None]
    rows = cluster_rows(codes)
    scores = np.array([load[r].sum(axis=0) for r in rows])
    groups = len(rows)
    if kind == "CR1":
        n, q = fit.basis.matrix.shape
        scores = scores * np.sqrt(groups / (groups - 1) * (n - 1) / (n - q))
    return ClusterScores(scores, np.full(functionals.shape[0], float(groups - 1)))


def _bias_reduced(fit: LeastSquares, functionals: Floats, codes: Ints) -> ClusterScores:
    z, residual = fit.basis.matrix, fit.residual
    root = np.linalg.cholesky(fit.bread)
    directions = fit.bread @ functionals.T
    rows = cluster_rows(codes)
    k, q, groups = functionals.shape[0], z.shape[1], len(rows)
    scores = np.empty((groups, k))
    spread = np.empty((k, groups))
    carried = np.empty((k, groups, q))
    for g, members in enumerate(rows):
        zg = z[members]
        load = _half_inverse_times(zg @ root, zg @ directions)
        scores[g] = load.T @ residual[members]
        spread[:, g] = np.einsum("ik,ik->k", load, load)
        carried[:, g] = load.T @ zg
    df = np.array([_satterthwaite(spread[j], carried[j] @ root) for j in range(k)])
    return ClusterScores(scores, df)


def _half_inverse_times(half_hat: Floats, load: Floats) -> Floats:
    """Apply (I - UU')^{-1/2} to ``load``, through the thin SVD of U; null directions are left out."""
    left, singular, _ = np.linalg.svd(half_hat, full_matrices=False)
    slack = 1.0 - np.square(singular)
    lift = np.where(slack > PROJECTION_FLOOR, 1.0 / np.sqrt(np.maximum(slack, PROJECTION_FLOOR)), 0.0) - 1.0
    return np.asarray(load + left @ (lift[:, None] * (left.T @ load)))


def _satterthwaite(spread: Floats, half: Floats) -> float:
    """Degrees of freedom (tr M)^2 / |M|^2 for M = diag(spread) - half half'."""
    inner = half.T @ half
    diagonal = spread - np.einsum("gi,gi->g", half, half)
    square = (
        np.square(spread).sum()
        - 2.0 * (spread * np.einsum("gi,gi->g", half, half)).sum()
        + np.square(inner).sum()
    )
    return float(np.square(diagonal.sum()) / square)
