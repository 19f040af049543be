"""What added columns still tell of an outcome, given others."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from estimand.stats.arrays import Floats, Ints
from estimand.stats.cluster import cluster_scores
from estimand.stats.covariance import robust_covariance
from estimand.stats.intervals import critical_value
from estimand.stats.linear import least_squares


@dataclass(frozen=True, slots=True, eq=False)
class Association:
    """Coefficients of added columns, and the test that all are zero.

    Attributes
    ----------
    columns : tuple of int
        Which of the added columns have one: those that the others do not span.
    value, std_error : ndarray of shape (k,)
    interval : ndarray of shape (k, 2)
    p : float
        That all are zero, by the Wald statistic W: W/k against F(k, n - q), or with G clusters Hotelling's
        W (G - k)/((G - 1) k) against F(k, G - k).
    df : float
        Of one coefficient: n - q, or G - 1.
    """

    columns: tuple[int, ...]
    value: Floats
    std_error: Floats
    interval: Floats
    p: float
    df: float


def added_association(
    held: Floats,
    added: Floats,
    outcome: Floats,
    weights: Floats | None = None,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> Association | None:
    """Regress the outcome on columns held and columns added, and test the latter.

    Covariance HC1, or CR1 by cluster. None where the held columns span all that is added, the fit leaves no
    residual, or clusters are too few for the test.

    Parameters
    ----------
    held : ndarray of shape (n, p)
    added : ndarray of shape (n, m)
    outcome : ndarray of shape (n,)
    weights : ndarray of shape (n,), optional
    cluster : ndarray of shape (n,), optional
    """
    fit = least_squares(np.hstack([held, added]), outcome, weights)
    first = held.shape[1]
    columns = tuple(int(j) for j in np.flatnonzero(fit.basis.kept[first:]))
    if not columns or fit.df_residual < 1:
        return None
    functionals = np.stack([fit.basis.slope(first + j) for j in columns])
    value = functionals @ fit.coefficients
    if cluster is None:
        vcov, df = functionals @ robust_covariance(fit, "HC1") @ functionals.T, float(fit.df_residual)
    else:
        vcov = cluster_scores(fit, functionals, cluster, "CR1").covariance
        df = float(np.unique(cluster).shape[0] - 1)
    k = len(columns)
    if df < k or np.linalg.matrix_rank(vcov) < k:
        return None
    std_error = np.sqrt(np.diag(vcov))
    half = critical_value(level, np.full(k, df), k) * std_error
    wald = max(0.0, float(value @ np.linalg.solve(vcov, value))) / k
    left = df if cluster is None else df - k + 1.0
    p = float(fdtrc(k, left, wald * left / df))
    return Association(columns, value, std_error, np.stack([value - half, value + half], axis=1), p, df)
