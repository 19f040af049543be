"""Linear combinations of coefficients beside absorbed effects: which are identified, and their sampling error."""

import numpy as np

from estimand.stats.absorbed import AbsorbedFit, bias_reduced_scores, cluster_positions, clustered_scores
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.cluster import ClusterKind, ClusterScores
from estimand.stats.influence import sum_within

SPANNED = 1e-6


def identified(fit: AbsorbedFit, columns: Floats) -> Bools:
    """Tell whose coefficients the fit identifies, shape (k,).

    A column that is left out equals a combination of kept ones and absorbed levels. It is not identified, and neither
    is any kept column in that combination: its coefficient holds part of what was left out.

    Parameters
    ----------
    fit : AbsorbedFit
    columns : ndarray of shape (n, k)
        As given to the fit.
    """
    out = fit.kept.copy()
    # A column of zeros equals any combination of nothing: what is left of it by rounding says nothing of the others.
    lost = np.flatnonzero(~fit.kept & columns.any(axis=0))
    if not lost.shape[0]:
        return out
    left = fit.absorber.residualise(columns[:, lost])
    held = fit.columns if fit.weights is None else fit.columns * fit.weights[:, None]
    share = fit.bread @ (held.T @ left)
    size = np.sqrt(np.square(columns).sum(axis=0))
    moved = np.abs(share) * size[fit.kept, None] > SPANNED * size[lost]
    out[np.flatnonzero(fit.kept)[moved.any(axis=1)]] = False
    return out


def combination_scores(
    fit: AbsorbedFit,
    data: tuple[Floats, Floats],
    cluster: Ints,
    combinations: Floats,
    kind: ClusterKind,
    nested: Bools | None = None,
) -> ClusterScores:
    """Contributions of the clusters to linear combinations of the kept coefficients.

    As in :func:`~estimand.stats.absorbed.clustered_scores` and :func:`~estimand.stats.absorbed.bias_reduced_scores`.

    Parameters
    ----------
    fit : AbsorbedFit
    data : tuple of (outcome (n,), columns (n, k))
        As given to the fit.
    cluster : ndarray of shape (n,)
    combinations : ndarray of shape (j, q)
        Of the kept coefficients.
    kind : "CR0" | "CR1" | "CR2"
    nested : ndarray of shape (dimensions,) of bool, optional
        Absorbed dimensions whose levels CR1 does not count.
    """
    if kind != "CR2":
        scores = clustered_scores(fit, cluster, kind, nested) @ combinations.T
        return ClusterScores(scores, np.full(combinations.shape[0], scores.shape[0] - 1.0))
    outcome, columns = data
    return bias_reduced_scores(fit, columns, outcome, cluster, combinations=combinations)


def effective_clusters(fit: AbsorbedFit, cluster: Ints, combinations: Floats) -> float:
    """Number of clusters as if of equal leverage, least over the combinations (j, q).

    Carter, Schnepel & Steigerwald (2017), doi:10.1162/REST_a_00639.
    """
    groups, position = cluster_positions(cluster)
    share = sum_within(np.square(fit.loading() @ combinations.T), position, groups)
    return float((np.square(share.sum(axis=0)) / np.square(share).sum(axis=0)).min())
