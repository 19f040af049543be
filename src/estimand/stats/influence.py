"""Influence algebra: an estimate is its value and one number per independent unit.

With ``estimate - truth ≈ sum(psi) / n``, every covariance, difference and linear map follows from ψ.
van der Vaart (1998), chapter 5; Stefanski & Boos (2002), doi:10.1198/000313002753631330.
"""

import numpy as np

from estimand.stats.arrays import Floats, Ints


def sum_within(psi: Floats, codes: Ints, groups: int) -> Floats:
    """Sum ψ of shape (n, k) within groups, giving (groups, k)."""
    columns = [np.bincount(codes, weights=psi[:, j], minlength=groups) for j in range(psi.shape[1])]
    return np.stack(columns, axis=1) if columns else np.empty((groups, 0))


def influence_covariance(psi: Floats, n: int) -> Floats:
    """Covariance ``Σψψ' / n²`` of shape (k, k)."""
    return np.asarray(psi.T @ psi / float(n) ** 2)


def place(psi: Floats, positions: Ints, size: int) -> Floats:
    """Put rows of ψ at their positions among ``size`` units, zero where unused."""
    out = np.zeros((size, psi.shape[1]))
    np.add.at(out, positions, psi)
    return out


def weighted_mean_influence(values: Floats, weights: Floats, mean: float) -> Floats:
    """ψ of a weighted mean with known weights: ``w (y - mean) / mean(w)``, shape (n,)."""
    return np.asarray(weights * (values - mean) / weights.mean())
