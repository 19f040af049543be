"""Ordinary and weighted least squares."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from estimand.stats.arrays import Floats
from estimand.stats.basis import Basis, basis_and_gram


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A least-squares fit on an independent basis.

    Attributes
    ----------
    basis : Basis
        The design, of shape (n, q).
    coefficients : ndarray of shape (q,)
        In the basis; read raw ones through ``basis.slope`` and ``basis.point``.
    bread : ndarray of shape (q, q)
        ``(Z'WZ)^-1``.
    residual : ndarray of shape (n,)
        Outcome minus fit, in outcome units.
    weights : ndarray of shape (n,) or None
    """

    basis: Basis
    coefficients: Floats
    bread: Floats
    residual: Floats
    weights: Floats | None

    @property
    def df_residual(self) -> int:
        """Observations minus fitted coefficients."""
        n, q = self.basis.matrix.shape
        return int(n - q)

    def predict(self, raw: Floats) -> Floats:
        """Fitted mean at raw rows of shape (m, p)."""
        return np.asarray(self.basis.rows(raw) @ self.coefficients)

    def value(self, functional: Floats) -> float:
        """Value of a linear functional of the coefficients, shape (q,)."""
        return float(functional @ self.coefficients)

    def loading(self, functional: Floats) -> Floats:
        """Weight of each residual in the functional's sampling error, shape (n,): ``w Z (Z'WZ)^-1 c``."""
        load = self.basis.matrix @ (self.bread @ functional)
        return load if self.weights is None else load * self.weights


def least_squares(raw: Floats, outcome: Floats, weights: Floats | None = None) -> LeastSquares:
    """Fit ``outcome ~ 1 + raw`` by (weighted) least squares.

    The normal equations are solved by Cholesky on centred and scaled columns, then refined once against
    the residuals, which squares the relative error of the solve (Björck 1996, section 6.6).

    Parameters
    ----------
    raw : ndarray of shape (n, p)
    outcome : ndarray of shape (n,)
    weights : ndarray of shape (n,), optional
        Precision weights, positive.
    """
    basis, cross = basis_and_gram(raw, weights)
    z = basis.matrix
    factor = cho_factor(cross)
    target = outcome if weights is None else outcome * weights
    coefficients = cho_solve(factor, z.T @ target)
    residual = outcome - z @ coefficients
    correction = cho_solve(factor, z.T @ (residual if weights is None else residual * weights))
    coefficients = coefficients + correction
    residual = outcome - z @ coefficients
    bread = cho_solve(factor, np.eye(z.shape[1]))
    return LeastSquares(basis, coefficients, (bread + bread.T) / 2, residual, weights)
