"""Whether a hyperplane through the columns tells two groups of rows apart, and whether chance would as well.

Cover (1965), doi:10.1109/PGEC.1965.264137, counts the ways to label n points that a hyperplane can tell apart; Albert &
Anderson (1984), doi:10.1093/biomet/71.1.1, on what a logistic likelihood does then.
"""

import numpy as np
from scipy.special import gammaln, logsumexp

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.glm import GLMFit, fit_glm

WORKING_ROWS = 50
ROWS_PER_COLUMN = 10
BLOCK = 65_536
CHANCE = 0.01


def told_apart(features: Floats, positive: Bools) -> bool:
    """Tell whether some hyperplane has every positive row on one side and every other row on the other.

    A logistic regression runs on a few rows of each group. Where those already overlap, so do all; where they do not,
    the rows its hyperplane has on the wrong side join them and it runs again. Rows that tie on the hyperplane (quasi-
    complete separation) are not told apart.

    Parameters
    ----------
    features : ndarray of shape (n, p)
    positive : ndarray of shape (n,) of bool
        Both kinds occur.
    """
    most = WORKING_ROWS + ROWS_PER_COLUMN * (1 + features.shape[1])
    working = np.union1d(_spread(np.flatnonzero(positive), most), _spread(np.flatnonzero(~positive), most))
    while True:
        fit = fit_glm(features[working], positive[working].astype(float), "logistic")
        if fit.converged or ((fit.mean > 0.5) != positive[working]).any():
            return False
        wrong = np.setdiff1d(_misplaced(fit, features, positive), working)
        if not wrong.size:
            return True
        working = np.union1d(working, _spread(wrong, most))


def column_apart(features: Floats, positive: Bools) -> Bools:
    """Tell which columns alone have every positive row above, or every one below, all others, shape (p,)."""
    own, other = features[positive], features[~positive]
    above = own.min(axis=0) > other.max(axis=0)
    below = own.max(axis=0) < other.min(axis=0)
    return np.asarray(above | below)


def chance_apart(positive: Bools, cluster: Ints | None, columns: int) -> float:
    r"""Bound the probability that a hyperplane would tell two groups apart whose members were drawn by lot.

    Of the C(n, m) ways to label m of n points, at most :math:`2 \sum_{k \le p} C(n - 1, k)` can be told apart by a
    hyperplane in p dimensions, whatever the points (Cover 1965, theorem 1).

    Parameters
    ----------
    positive : ndarray of shape (n,) of bool
        The group of each row.
    cluster : ndarray of shape (n,) or None
        Where rows come in clusters, clusters are the points.
    columns : int
        The dimension p.
    """
    groups = (positive, ~positive)
    count, other = (int(g.sum()) if cluster is None else np.unique(cluster[g]).size for g in groups)
    total = count + other
    k = np.arange(min(columns, total - 1) + 1)
    separable = np.log(2.0) + logsumexp(_log_choose(total - 1, k))
    return float(np.exp(min(0.0, separable - _log_choose(total, np.array([count]))[0])))


def _log_choose(n: int, k: Ints) -> Floats:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))


def _spread(rows: Ints, most: int) -> Ints:
    """At most so many of the rows, evenly spread."""
    return rows if rows.size <= most else rows[np.linspace(0, rows.size - 1, most).astype(np.int64)]


def _misplaced(fit: GLMFit, features: Floats, positive: Bools) -> Ints:
    """Rows on the wrong side of a fitted hyperplane."""
    starts = range(0, features.shape[0], BLOCK)
    side = np.concatenate([fit.predict(features[start : start + BLOCK]) > 0.5 for start in starts])
    return np.flatnonzero(side != positive)
