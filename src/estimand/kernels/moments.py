"""Moments of a metric within groups of rows, in one pass.

Every group's values are taken less the first of them, which lies within √n standard deviations of their mean, so that
centring afterwards costs at most log₁₀ n of the sixteen digits, however large the mean.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


Sums = tuple[Floats, Floats, Floats, Floats, Floats]


@compiled
def _held(block: Floats, outcomes: int, i: int) -> int:
    """How many of the first columns row i has: all, the outcomes alone, or none."""
    for j in range(outcomes):
        if np.isnan(block[j, i]):
            return 0
    for j in range(outcomes, block.shape[0]):
        if np.isnan(block[j, i]):
            return outcomes
    return int(block.shape[0])


@compiled
def moments_kernel(block: Floats, outcomes: int, group: Ints, groups: int) -> Sums:
    """Sums of a block of rows within groups, for rows with all columns and for rows with the outcomes alone.

    Parameters
    ----------
    block : ndarray of shape (p, n)
        Not-a-number where missing.
    outcomes : int
        The first columns, without which a row counts as missing; the others are its history.
    group : ndarray of shape (n,)
        In 0..groups-1; below zero for rows to pass over.
    groups : int

    Returns
    -------
    units : ndarray of shape (2 groups,)
        Rows of every group with history, then without.
    first : ndarray of shape (2 groups, p)
        Values of the first row of each; zero for columns it lacks.
    total : ndarray of shape (2 groups, p)
        Sums of the values less the first.
    product : ndarray of shape (2 groups, p, p)
        Sums of products of the values less the first; the lower triangle, diagonal included.
    missing : ndarray of shape (groups,)
    """
    p, n = block.shape
    units, missing = np.zeros(2 * groups), np.zeros(groups)
    first, total = np.zeros((2 * groups, p)), np.zeros((2 * groups, p))
    product = np.zeros((2 * groups, p, p))
    less = np.empty(p)
    for i in range(n):
        slot = group[i]
        if slot < 0:
            continue
        held = _held(block, outcomes, i)
        if held == 0:
            missing[slot] += 1.0
            continue
        if held < p:
            slot += groups
        if units[slot] == 0.0:
            first[slot, :held] = block[:held, i]
        units[slot] += 1.0
        for j in range(held):
            less[j] = block[j, i] - first[slot, j]
            total[slot, j] += less[j]
            for k in range(j + 1):
                product[slot, j, k] += less[j] * less[k]
    return units, first, total, product, missing


@compiled
def pair_kernel(value: Floats, beside: Floats, both: bool, group: Ints, groups: int) -> Sums:
    """Sums of two columns, as :func:`moments_kernel` takes them of a block of two, in a third of the time.

    Parameters
    ----------
    value, beside : ndarrays of shape (n,)
        Not-a-number where missing.
    both : bool
        Whether a row needs both columns to count; else the second is its history.
    group : ndarray of shape (n,)
    groups : int
    """
    missing, first, sums = np.zeros(groups), np.zeros((2 * groups, 2)), np.zeros((2 * groups, 6))
    for i in range(value.shape[0]):
        slot = group[i]
        if slot < 0:
            continue
        x, y = value[i], beside[i]
        if np.isnan(x) or (both and np.isnan(y)):
            missing[slot] += 1.0
            continue
        if np.isnan(y):
            slot += groups
            y = 0.0
        # The six numbers of a slot lie side by side.
        if sums[slot, 0] == 0.0:
            first[slot, 0], first[slot, 1] = x, y
        x -= first[slot, 0]
        y -= first[slot, 1]
        sums[slot, 0] += 1.0
        sums[slot, 1] += x
        sums[slot, 2] += y
        sums[slot, 3] += x * x
        sums[slot, 4] += y * x
        sums[slot, 5] += y * y
    product = np.zeros((2 * groups, 2, 2))
    product[:, 0, 0], product[:, 1, 0], product[:, 1, 1] = sums[:, 3], sums[:, 4], sums[:, 5]
    return sums[:, 0].copy(), first, sums[:, 1:3].copy(), product, missing


def moments_reference(block: Floats, outcomes: int, group: Ints, groups: int) -> Sums:
    """Plain twin of :func:`moments_kernel`."""
    p = block.shape[0]
    units, missing = np.zeros(2 * groups), np.zeros(groups)
    first, total = np.zeros((2 * groups, p)), np.zeros((2 * groups, p))
    product = np.zeros((2 * groups, p, p))
    gone = np.isnan(block)
    without = gone[:outcomes].any(axis=0)
    whole = ~gone.any(axis=0)
    for g in range(groups):
        mine = group == g
        missing[g] = np.count_nonzero(mine & without)
        for slot, rows, held in ((g, mine & whole, p), (g + groups, mine & ~whole & ~without, outcomes)):
            values = block[:held, rows]
            units[slot] = values.shape[1]
            if values.shape[1]:
                first[slot, :held] = values[:, 0]
                less = values - values[:, [0]]
                total[slot, :held] = less.sum(axis=1)
                product[slot, :held, :held] = np.tril(less @ less.T)
    return units, first, total, product, missing
