"""Clusters left out in turn: a covariance for few of them, with degrees of freedom by cohort.

Efron & Stein (1981), doi:10.1214/aos/1176345462; Hansen (2024), doi:10.1002/jae.3117, on its conservative bias for
least squares.
"""

import numpy as np

from estimand.stats.arrays import Floats, Ints


def left_out_moves(psi: Floats, n: int, clusters: int) -> Floats:
    """How values move when a cluster is left out, to first order: exact for means of clusters of one size.

    Parameters
    ----------
    psi : ndarray of shape (G, k)
        Summed within clusters.
    n : int
        Divisor of ψ.
    """
    return np.asarray(-psi / n * (clusters / (clusters - 1.0)))


def jackknife_covariance(moves: Floats) -> Floats:
    """``(G - 1)/G Σ (d - d̄)(d - d̄)'`` of moves d of shape (G, k), giving (k, k)."""
    clusters = moves.shape[0]
    centred = moves - moves.mean(axis=0)
    return np.asarray((clusters - 1.0) / clusters * centred.T @ centred)


def welch_freedom(moves: Floats, group: Ints) -> Floats:
    """Degrees of freedom of a variance that is a sum over groups of clusters, shape (k,).

    ``(Σ V)² / Σ V²/(m - 1)`` with each group's part V of the variance from its m clusters: for means, Welch's.
    Satterthwaite (1946), doi:10.2307/3002019.

    Parameters
    ----------
    moves : ndarray of shape (G, k)
    group : ndarray of shape (G,)
        Numbered from 0.
    """
    squares = np.square(moves - moves.mean(axis=0))
    size = np.bincount(group)
    parts = np.stack([np.bincount(group, weights=column, minlength=size.shape[0]) for column in squares.T])
    several = size > 1
    spread = np.square(parts[:, several]) / (size[several] - 1.0)
    total = parts.sum(axis=1)
    return np.asarray(np.minimum(np.square(total) / spread.sum(axis=1), moves.shape[0] - 1.0))
