r"""Errors of levels over few clusters: CR2 and its degrees of freedom, arm by arm.

A mean over rows, or a ratio, is :math:`R_a = \sum_g S_g / \sum_g D_g` over the clusters of an arm: least squares on the
arms, a row weighted by its part of D. The hat matrix of cluster g has its share :math:`w_g = D_g/\sum D` as its one
eigenvalue that is not zero, so that CR2 is

.. math:: \hat V_a = \sum_g \frac{r_g^2}{(1 - w_g)(\sum D)^2}, \qquad r_g = S_g - R_a D_g,

unbiased where :math:`\operatorname{Var}(S_g) \propto D_g`. Under that working model the terms of the sum covary by
:math:`w_g` on and :math:`-w_g w_h/\sqrt{(1 - w_g)(1 - w_h)}` off the diagonal, hence Satterthwaite's degrees of freedom

.. math:: \nu_a = \Bigl[\sum_g w_g^2 + \bigl(\sum_g u_g\bigr)^2 - \sum_g u_g^2\Bigr]^{-1},
    \qquad u_g = \frac{w_g^2}{1 - w_g},

which are G - 1 where clusters are alike (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018,
doi:10.1080/07350015.2016.1247004). Two arms are put together as Welch does, so that their errors may differ. With k
columns of history the leverage of a cluster's history adds to :math:`w_g`, and k is taken off the degrees of freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.enough_clusters import MANY_CLUSTERS
from estimand.stats.metric_moments import Levels

ALL_OF_AN_ARM = 1.0 - 1e-9
RANK = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRows:
    """Sums within clusters, one row a cluster.

    Attributes
    ----------
    columns : ndarray of shape (g, p)
        The value and the denominator, then history.
    arm : ndarray of shape (g,)
    code : ndarray of shape (g,)
        Of each cluster, as the sample has them.
    """

    columns: Floats
    arm: Ints
    code: Ints

    def only(self, columns: Sequence[int]) -> "ClusterRows":
        """Some of the columns."""
        return replace(self, columns=self.columns[:, list(columns)])

    def merge(self, other: "ClusterRows") -> "ClusterRows":
        """Add other clusters."""
        parts = zip((self.columns, self.arm, self.code), (other.columns, other.arm, other.code), strict=True)
        return ClusterRows(*(np.concatenate(part) for part in parts))


def effective_units(units: Floats, mean: Floats, square: Floats) -> Floats:
    """Number of units as if of equal size, (Σd)²/Σd², in each arm; zero in an empty one.

    Parameters
    ----------
    units, mean, square : ndarray of shape (a,)
        Units, the mean of their sizes d, and the sum of squared deviations from it.
    """
    whole = square + units * np.square(mean)
    return np.asarray(np.square(units * mean) / np.where(whole > 0.0, whole, 1.0))


def shares(rows: ClusterRows, arm: int) -> Floats:
    """Share of the denominator of every cluster of an arm; equal ones where they are no shares."""
    below = rows.columns[rows.arm == arm, 1]
    if (below < 0.0).any() or not below.sum() > 0.0:
        return np.full(below.shape, 1.0 / max(below.shape[0], 1))
    return np.asarray(below / below.sum())


def has_few(rows: ClusterRows, arms: int) -> bool:
    """Whether some arm has few clusters, counted as if of equal size."""
    return any(_few(shares(rows, a)) for a in range(arms))


def satterthwaite(share: Floats) -> float:
    """Degrees of freedom of CR2 in an arm whose clusters have these shares of it."""
    u = np.square(share) / (1.0 - share)
    return float(1.0 / (np.square(share).sum() + u.sum() ** 2 - np.square(u).sum()))


def few_cluster_levels(levels: Levels, rows: ClusterRows) -> Levels | None:
    """Exchange the errors of arms with few clusters, counted as if of equal size, for CR2.

    None where one cluster is all of such an arm.

    Parameters
    ----------
    levels : Levels
        Of one stratum, adjusted for as many columns of history as ``rows`` has after the first two, or fewer.
    rows : ClusterRows
    """
    own, df = levels.own.copy(), levels.df.copy()
    for a in range(own.shape[1]):
        share = shares(rows, a)
        if not _few(share):
            continue
        used = share.shape[0] - 1.0 - df[0, a]
        residual, history = _left(levels, rows.columns[rows.arm == a], a)
        leverage = _leverage(share, history if used else history[:, :0])
        if leverage.max() >= ALL_OF_AN_ARM:
            return None
        total = float(np.square(residual).sum())
        if total > 0.0:
            # A mean square over the degrees of freedom becomes a sum over the clusters, each by its leverage.
            own[0, a] *= df[0, a] / share.shape[0] * (np.square(residual) / (1.0 - leverage)).sum() / total
        df[0, a] = max(satterthwaite(share) - used, 1.0)
    vcov = levels.vcov + np.diag((own - levels.own).sum(axis=0))
    return replace(levels, vcov=vcov, own=own, df=df)


def _few(share: Floats) -> bool:
    return bool(np.square(share).sum() * MANY_CLUSTERS > 1.0)


def _left(levels: Levels, columns: Floats, arm: int) -> tuple[Floats, Floats]:
    """What is left of each cluster's part of the level (g,), and its history about the mean (g, k)."""
    gradient, slopes = levels.gradient[arm], levels.slopes[0][arm]
    q = gradient.shape[0]
    off = columns - columns.mean(axis=0)
    history = off[:, q : q + slopes.shape[0]]
    return off[:, :q] @ gradient - history @ (slopes @ gradient), history


def _leverage(share: Floats, history: Floats) -> Floats:
    """Leverage of each cluster: its share, and that of its history; as of clusters alike where the two exceed one."""
    if not history.shape[1]:
        return share
    spread = np.sqrt(np.square(history).sum(axis=0))
    left, singular, _ = np.linalg.svd(history / np.where(spread > 0.0, spread, 1.0), full_matrices=False)
    own = np.square(left[:, singular > RANK]).sum(axis=1)
    whole = share + own
    return np.asarray(np.where(whole < ALL_OF_AN_ARM, whole, 1.0 / share.shape[0] + own))
