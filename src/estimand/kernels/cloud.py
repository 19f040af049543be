"""Matching in several dimensions: selection from blocks of distances, and greedy search."""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@compiled
def _threshold(row: Floats, lengths: Floats, count: int, best: Floats) -> float:
    """The ``count``-th smallest of ``lengths - 2 row``."""
    best[:] = np.inf
    for j in range(row.shape[0]):
        gap = lengths[j] - 2.0 * row[j]
        if gap < best[count - 1]:
            k = count - 1
            while k > 0 and best[k - 1] > gap:
                best[k] = best[k - 1]
                k -= 1
            best[k] = gap
    return float(best[count - 1])


@compiled
def _square(first: Floats, second: Floats) -> float:
    total = 0.0
    for d in range(first.shape[0]):
        total += (first[d] - second[d]) ** 2
    return total


@compiled
def nearest_block_kernel(
    products: Floats, targets: Floats, pool: Floats, sizes: Ints, ratio: int, limits: tuple[float, float]
) -> tuple[Ints, Ints]:
    """Pool points within the distance of the ``ratio``-th nearest row, ties included.

    Products of vectors tell roughly who is near; distances that decide are computed anew from the
    coordinates, so that the answer does not depend on how the products were blocked.

    Parameters
    ----------
    products : ndarray of shape (b, m)
        Inner products of targets and pool points.
    targets : ndarray of shape (b, q)
    pool : ndarray of shape (m, q)
        Distinct points.
    sizes : ndarray of shape (m,)
        Rows at each point.
    ratio : int
    limits : tuple of float
        Slack: points whose squared distance exceeds that of the ``ratio``-th row by no more are tied with it. Then
        the largest distance allowed, perhaps infinite.

    Returns
    -------
    ends : ndarray of shape (b + 1,)
        Target i has ``points[ends[i]:ends[i + 1]]``.
    points : ndarray
        Positions in the pool, ascending for each target.
    """
    b, m = products.shape
    slack, reach = limits
    count = min(ratio, m)
    best, ends = np.empty(max(count, 1)), np.zeros(b + 1, np.int64)
    lengths = np.array([_square(pool[j], np.zeros(pool.shape[1])) for j in range(m)])
    longest = lengths.max() if m else 0.0
    points, exact = np.empty(m, np.int64), np.empty(m)
    kept = np.empty(max(2 * b * count, 1), np.int64)
    used = 0
    for i in range(b):
        margin = 1e-12 * (_square(targets[i], np.zeros(targets.shape[1])) + longest)
        edge = _threshold(products[i], lengths, count, best) + slack + margin if m else 0.0
        near = 0
        for j in range(m):
            if lengths[j] - 2.0 * products[i, j] <= edge:
                points[near], exact[near] = j, _square(targets[i], pool[j])
                near += 1
        order = np.argsort(exact[:near])
        rows, farthest = 0, 0.0
        for k in range(near):
            if rows >= ratio:
                break
            rows += sizes[points[order[k]]]
            farthest = exact[order[k]]
        limit = min(farthest + slack, reach * reach)
        for k in range(near):
            if exact[k] <= limit:
                if used == kept.shape[0]:
                    kept = np.concatenate((kept, np.empty(used, np.int64)))
                kept[used] = points[k]
                used += 1
        ends[i + 1] = used
    return ends, kept[:used].copy()


def nearest_block_reference(
    products: Floats, targets: Floats, pool: Floats, sizes: Ints, ratio: int, limits: tuple[float, float]
) -> tuple[Ints, Ints]:
    """Plain twin of :func:`nearest_block_kernel`; it needs no products."""
    slack, reach = limits
    ends, points = [0], list[int]()
    for target in targets:
        squares = np.square(pool - target).sum(axis=1)
        order = np.argsort(squares, kind="stable")
        enough = np.searchsorted(np.cumsum(sizes[order]), ratio)
        if squares.size:
            farthest = squares[order[min(enough, squares.size - 1)]]
            points.extend(np.flatnonzero(squares <= min(farthest + slack, reach * reach)))
        ends.append(len(points))
    return np.array(ends, dtype=np.int64), np.array(points, dtype=np.int64)


@compiled
def greedy_cloud_kernel(targets: Floats, windows: Ints, pool: Floats, ratio: int, reach: float) -> Ints:
    """Match each target, in the order given, with the nearest pool row still unused; then again for the next round.

    Parameters
    ----------
    targets : ndarray of shape (t, q)
    windows : ndarray of shape (t, 2)
        Target i may have pool rows ``windows[i, 0]`` to ``windows[i, 1] - 1``.
    pool : ndarray of shape (q, m)
        One row per coordinate. Of rows equally near, the first is taken.
    ratio : int
        Rounds.
    reach : float
        Largest distance allowed.

    Returns
    -------
    ndarray of shape (t, ratio)
        Pool positions, or -1.
    """
    t, m = targets.shape[0], pool.shape[1]
    taken, squares = np.zeros(m), np.empty(m)
    out = np.full((t, ratio), -1)
    for turn in range(ratio):
        for i in range(t):
            if turn > 0 and out[i, turn - 1] < 0:
                continue
            low, high = windows[i, 0], windows[i, 1]
            squares[low:high] = taken[low:high]
            for d in range(pool.shape[0]):
                center = targets[i, d]
                for j in range(low, high):
                    squares[j] += (pool[d, j] - center) ** 2
            best, nearest = reach * reach, -1
            for j in range(low, high):
                if squares[j] < best or (nearest < 0 and squares[j] == best and best < np.inf):
                    best, nearest = squares[j], j
            if nearest >= 0:
                out[i, turn], taken[nearest] = nearest, np.inf
    return out


def greedy_cloud_reference(targets: Floats, windows: Ints, pool: Floats, ratio: int, reach: float) -> Ints:
    """Plain twin of :func:`greedy_cloud_kernel`."""
    out = np.full((targets.shape[0], ratio), -1)
    free = np.ones(pool.shape[1], dtype=bool)
    for turn in range(ratio):
        for i, (target, (low, high)) in enumerate(zip(targets, windows, strict=True)):
            left = low + np.flatnonzero(free[low:high])
            if left.size and (turn == 0 or out[i, turn - 1] >= 0):
                squares = np.square(pool[:, left] - target[:, None]).sum(axis=0)
                if squares.min() <= reach * reach:
                    out[i, turn] = left[int(squares.argmin())]
                    free[out[i, turn]] = False
    return out
