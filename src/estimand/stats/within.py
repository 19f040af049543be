"""Spread within groups."""

import numpy as np

from estimand.stats.arrays import Floats, Ints


def spread_within(values: Floats, codes: Ints, weights: Floats | None = None) -> float:
    """Standard deviation of values about their group's mean, pooled over the groups.

    √(Σ w (y - ȳ_g)² / Σ w · n/(n - G)), which without weights is the usual pooled standard deviation.

    Parameters
    ----------
    values : ndarray of shape (n,)
    codes : ndarray of shape (n,)
        Group of each row.
    weights : ndarray of shape (n,), optional
        Positive.
    """
    _, group = np.unique(codes, return_inverse=True)
    held = np.ones(values.shape[0]) if weights is None else weights
    mean = np.bincount(group, weights=held * values) / np.bincount(group, weights=held)
    n, groups = values.shape[0], mean.shape[0]
    squares = float(held @ np.square(values - mean[group]) / held.sum())
    return float(np.sqrt(squares * n / (n - groups)))
