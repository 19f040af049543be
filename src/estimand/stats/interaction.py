r"""Do the effects of two treatments add, or does one change the other?

With :math:`R_{al}` the level of a metric among units of arm a and of level l of another treatment, the effect of a at
l over that at the first level is :math:`R_{al} - R_{0l} - R_{a1} + R_{01}`: none where effects add. All of them are
tested by Wald's statistic, over units or clusters; a ratio is linearised.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from estimand.stats.arrays import Floats, Ints

RANK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """Differences between effects, and the test that all are zero.

    Attributes
    ----------
    value, std_error : ndarray of shape (a - 1, l - 1)
    statistic : float
        F.
    p_value : float
    """

    value: Floats
    std_error: Floats
    statistic: float
    p_value: float


def interaction(columns: tuple[Floats, Floats], cell: Ints, shape: tuple[int, int], units: Ints) -> Interaction | None:
    """Test the interaction of two treatments; None where a cell has fewer than two units, or nothing varies.

    Parameters
    ----------
    columns : (value, denominator), each of shape (n,)
        The denominator is ones for a mean.
    cell : ndarray of shape (n,)
        Arm times the number of levels, plus level.
    shape : (a, l)
        Arms and levels.
    units : ndarray of shape (n,)
        Codes of the independent units.
    """
    a, levels = shape
    cells = a * levels
    rows, below = np.bincount(cell, minlength=cells), np.bincount(cell, columns[1], minlength=cells)
    if rows.min() < 2 or not (below > 0.0).all():
        return None
    level = np.bincount(cell, columns[0], minlength=cells) / below
    part = (columns[0] - level[cell] * columns[1]) / below[cell]
    covariance, free = _covariance(part, cell, cells, units)
    contrast = _contrast(a, levels)
    value, spread = contrast @ level, contrast @ covariance @ contrast.T
    error = np.sqrt(np.diag(spread))
    if not (error > 0.0).all():
        return None
    scaled = spread / np.outer(error, error)
    rank = int(np.linalg.matrix_rank(scaled, tol=RANK, hermitian=True))
    z = value / error
    statistic = max(0.0, float(z @ np.linalg.pinv(scaled, rcond=RANK, hermitian=True) @ z)) / rank
    p_value = float(fdtrc(rank, free, statistic))
    table = (a - 1, levels - 1)
    return Interaction(value.reshape(table), error.reshape(table), statistic, p_value)


def _covariance(part: Floats, cell: Ints, cells: int, units: Ints) -> tuple[Floats, float]:
    """Covariance of the cells' levels, and degrees of freedom."""
    groups, position = np.unique(units, return_inverse=True)
    count = groups.shape[0]
    if count == part.shape[0]:
        rows = np.bincount(cell, minlength=cells)
        variance = np.bincount(cell, np.square(part), minlength=cells) * rows / (rows - 1.0)
        return np.asarray(np.diag(variance)), float(count - cells)
    within = np.bincount(position * cells + cell, part, minlength=count * cells).reshape(count, cells)
    return np.asarray((within.T @ within) * (count / (count - 1.0))), float(count - 1)


def _contrast(arms: int, levels: int) -> Floats:
    """Differences of differences from the first arm and level, shape ((a - 1)(l - 1), a l)."""
    by_arm = np.hstack([-np.ones((arms - 1, 1)), np.eye(arms - 1)])
    by_level = np.hstack([-np.ones((levels - 1, 1)), np.eye(levels - 1)])
    return np.asarray(np.kron(by_arm, by_level), dtype=np.float64)
