r"""Wild cluster bootstrap of least squares, from one Gram matrix and one score per cluster.

Cameron, Gelbach & Miller (2008), doi:10.1162/rest.90.3.414, with the algorithm of Roodman, MacKinnon, Nielsen & Webb
(2019), doi:10.1177/1536867X19830877: neither rows nor residuals are touched once the clusters are summed.

For a functional :math:`\theta = c'\beta` and :math:`a = A^{-1}c`, with :math:`A = \sum_g A_g`, imposing
:math:`\theta = \tau` moves the coefficients by :math:`-a\,\delta/c'a`, :math:`\delta = \hat\theta - \tau`, and each
cluster's score from :math:`\hat s_g` to :math:`\tilde s_g = \hat s_g + A_g a\,\delta/c'a`. A draw of weights
:math:`w_g` gives

.. math:: \theta^* - \tau = \sum_g w_g a'\tilde s_g, \qquad
    v^* = \sum_g \Big(w_g a'\tilde s_g - a'A_g A^{-1} \sum_h w_h \tilde s_h\Big)^2,

both of them polynomials in :math:`\delta`. A constant factor of the variance cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.cluster import Block, cluster_rows
from estimand.stats.inversion import Pencil


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """A block-diagonal least-squares model summed within clusters.

    Attributes
    ----------
    gram : ndarray of shape (G, q, q)
        Of each cluster, over all blocks' columns.
    score : ndarray of shape (G, q)
        Of each cluster, at the fit.
    bread : ndarray of shape (q, q)
    coefficients : ndarray of shape (q,)
    functionals : ndarray of shape (k, q)
    """

    gram: Floats
    score: Floats
    bread: Floats
    coefficients: Floats
    functionals: Floats


def cluster_sums(blocks: Sequence[Block], codes: Ints) -> ClusterSums:
    """Sum the Gram matrices and scores of a model's blocks within clusters ``codes`` of shape (n,)."""
    groups, position = np.unique(codes, return_inverse=True)
    sizes = [block.fit.basis.matrix.shape[1] for block in blocks]
    q = sum(sizes)
    gram, score, bread = np.zeros((groups.shape[0], q, q)), np.zeros((groups.shape[0], q)), np.zeros((q, q))
    start = 0
    for block, size in zip(blocks, sizes, strict=True):
        z, residual, weights = block.fit.basis.matrix, block.fit.residual, block.fit.weights
        here = slice(start, start + size)
        own = position[block.rows]
        for members in cluster_rows(own):
            g, rows = own[members[0]], z[members]
            loaded = rows if weights is None else rows * weights[members, None]
            gram[g, here, here] = rows.T @ loaded
            score[g, here] = loaded.T @ residual[members]
        bread[here, here] = block.fit.bread
        start += size
    coefficients = np.concatenate([block.fit.coefficients for block in blocks])
    return ClusterSums(gram, score, bread, coefficients, np.hstack([block.functionals for block in blocks]))


def wild_pencil(sums: ClusterSums, term: int, weights: Floats, *, restricted: bool, complete: bool) -> Pencil:
    """The observed statistic of one functional and its wild draws, as functions of the effect imposed.

    Parameters
    ----------
    sums : ClusterSums
    term : int
    weights : ndarray of shape (b, G)
    restricted : bool
        Whether the null is imposed on the residuals that are multiplied.
    complete : bool
        Whether the weights are all there are, the observed signs among them.
    """
    functional = sums.functionals[term]
    direction = sums.bread @ functional
    value = float(functional @ sums.coefficients)
    pulled = sums.gram @ direction
    scores = sums.score @ direction
    variance = float(np.square(scores).sum())
    carried = pulled @ sums.bread
    base = _draws(weights, scores, carried @ sums.score.T)
    if not restricted:
        numerator = np.stack([base[0], np.zeros_like(base[0])], axis=1)
        spread = np.stack([np.square(base[1]).sum(axis=1), *np.zeros((2, weights.shape[0]))], axis=1)
        return Pencil(value, variance, numerator, spread, complete)
    tilt = pulled / float(functional @ direction)
    slope = _draws(weights, tilt @ direction, carried @ tilt.T)
    # With δ = value - effect, a draw's parts are base + slope δ.
    start, step = (base[0] + slope[0] * value, base[1] + slope[1] * value), slope
    numerator = np.stack([start[0], -step[0]], axis=1)
    spread = np.stack(
        [
            np.square(start[1]).sum(axis=1),
            -2.0 * (start[1] * step[1]).sum(axis=1),
            np.square(step[1]).sum(axis=1),
        ],
        axis=1,
    )
    return Pencil(value, variance, numerator, spread, complete)


def _draws(weights: Floats, own: Floats, cross: Floats) -> tuple[Floats, Floats]:
    """Numerator (b,) and clusters' scores (b, G) of draws, from scores (G,) and their pull on each other (G, G)."""
    return np.asarray(weights @ own), weights * own - weights @ cross.T
