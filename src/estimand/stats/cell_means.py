"""Weighted means of a value by group and period."""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class CellMeans:
    """Means of groups in periods.

    Attributes
    ----------
    mean : ndarray of shape (g, t)
        Not-a-number where a group has no row, or none with a weight.
    rows : ndarray of shape (g, t)
        Rows of each.
    """

    mean: Floats
    rows: Ints


def cell_means(value: Floats, group: Ints, period: Ints, shape: tuple[int, int], weights: Floats | None) -> CellMeans:
    """Average a value within each group and period: Σwy / Σw.

    Parameters
    ----------
    value : ndarray of shape (n,)
    group, period : ndarray of shape (n,)
        Codes from 0.
    shape : (g, t)
        Number of groups and periods.
    weights : ndarray of shape (n,) or None
        None weighs all rows alike.
    """
    cell, size = group * shape[1] + period, shape[0] * shape[1]
    weight = np.ones_like(value) if weights is None else weights
    total = np.bincount(cell, weights=weight, minlength=size)
    summed = np.bincount(cell, weights=weight * value, minlength=size)
    mean = np.where(total > 0.0, summed / np.where(total > 0.0, total, 1.0), np.nan)
    return CellMeans(mean.reshape(shape), np.bincount(cell, minlength=size).reshape(shape))
