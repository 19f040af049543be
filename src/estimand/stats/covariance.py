"""Heteroskedasticity-robust covariance of least squares: classical and HC0 to HC3.

MacKinnon & White (1985), doi:10.1016/0304-4076(85)90158-7.
"""

from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats
from estimand.stats.linear import LeastSquares

RobustKind: TypeAlias = Literal["HC0", "HC1", "HC2", "HC3"]
LEVERAGE_ONE = 1.0 - 1e-10


def leverage(fit: LeastSquares) -> Floats:
    """Diagonal of the hat matrix, shape (n,)."""
    z = fit.basis.matrix
    h: Floats = np.einsum("ij,ij->i", z @ fit.bread, z)
    return h if fit.weights is None else h * fit.weights


def adjusted_residual(fit: LeastSquares, kind: RobustKind) -> Floats:
    """Residuals scaled so that their squares estimate each row's variance, shape (n,).

    A row of leverage one is fitted exactly: its residual is zero and stays zero. Count such rows with
    :func:`saturated_rows`.
    """
    if kind == "HC0":
        return fit.residual
    n, q = fit.basis.matrix.shape
    if kind == "HC1":
        return np.asarray(fit.residual * np.sqrt(n / (n - q)))
    h = leverage(fit)
    slack = np.where(h < LEVERAGE_ONE, 1.0 - h, 1.0)
    residual = np.where(h < LEVERAGE_ONE, fit.residual, 0.0)
    return np.asarray(residual / (np.sqrt(slack) if kind == "HC2" else slack))


def saturated_rows(fit: LeastSquares) -> int:
    """Count the rows of leverage one, about whose variance the fit knows nothing."""
    return int(np.count_nonzero(leverage(fit) >= LEVERAGE_ONE))


def residual_variance(fit: LeastSquares) -> float:
    """Classical estimate of the error variance, with n - q degrees of freedom."""
    squares = np.square(fit.residual)
    if fit.weights is not None:
        squares = squares * fit.weights
    return float(squares.sum() / fit.df_residual)


def classical_covariance(fit: LeastSquares) -> Floats:
    """Covariance of the coefficients under equal error variance, shape (q, q)."""
    return np.asarray(residual_variance(fit) * fit.bread)


def robust_covariance(fit: LeastSquares, kind: RobustKind) -> Floats:
    """Sandwich covariance of the coefficients, shape (q, q)."""
    scores = fit.basis.matrix * adjusted_residual(fit, kind)[:, None]
    if fit.weights is not None:
        scores = scores * fit.weights[:, None]
    half = scores @ fit.bread
    return np.asarray(half.T @ half)
