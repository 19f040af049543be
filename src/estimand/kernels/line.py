"""Matching on a line: sorted scores, binary search, and pointers to the next unused row.

A *pool* is sorted within *windows*: target i may be matched with pool positions ``windows[i, 0]`` to
``windows[i, 1] - 1``, whose scores ascend. Distances are absolute differences of scores.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@compiled
def _first_at_least(pool: Floats, low: int, high: int, score: float) -> int:
    while low < high:
        middle = (low + high) // 2
        if pool[middle] < score:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _split_from(pool: Floats, low: int, high: int, hint: int, score: float) -> int:
    """First position whose score is at least ``score``, found in doubling steps from a hint."""
    if hint < low or hint > high:
        hint = low
    step = 1
    if hint < high and pool[hint] < score:
        bottom = hint + 1
        while hint + step < high and pool[hint + step] < score:
            bottom = hint + step + 1
            step *= 2
        return _first_at_least(pool, bottom, min(hint + step, high), score)
    top = hint
    while hint - step >= low and pool[hint - step] >= score:
        top = hint - step
        step *= 2
    return _first_at_least(pool, max(hint - step, low), top, score)


@compiled
def _walk(pool: Floats, low: int, high: int, split: int, score: float, ratio: int) -> tuple[int, int, float]:
    """Positions of the ``ratio`` nearest, and the distance of the farthest; there may be fewer."""
    left, right, distance = split, split, -1.0
    for _ in range(ratio):
        below = score - pool[left - 1] if left > low else np.inf
        above = pool[right] - score if right < high else np.inf
        if below == np.inf and above == np.inf:
            break
        if below <= above:
            distance = below
            left -= 1
        else:
            distance = above
            right += 1
    return left, right, distance


@compiled
def _lowest_within(pool: Floats, low: int, left: int, split: int, score: float, limit: float) -> int:
    """First position left of ``split`` whose squared distance is at most ``limit``, in doubling steps from ``left``."""
    if left < split and (score - pool[left]) ** 2 > limit:
        bottom, top = left + 1, split
    else:
        step, top = 1, left
        while left - step >= low and (score - pool[left - step]) ** 2 <= limit:
            top = left - step
            step *= 2
        bottom = max(left - step, low)
    while bottom < top:
        middle = (bottom + top) // 2
        if (score - pool[middle]) ** 2 <= limit:
            top = middle
        else:
            bottom = middle + 1
    return bottom


@compiled
def _highest_within(pool: Floats, high: int, right: int, split: int, score: float, limit: float) -> int:
    """Position after the last one from ``split`` on whose squared distance is at most ``limit``."""
    if right > split and (pool[right - 1] - score) ** 2 > limit:
        bottom, top = split, right - 1
    else:
        step, bottom = 1, right
        while right + step <= high and (pool[right + step - 1] - score) ** 2 <= limit:
            bottom = right + step
            step *= 2
        top = min(right + step - 1, high)
    while bottom < top:
        middle = (bottom + top) // 2
        if (pool[middle] - score) ** 2 <= limit:
            bottom = middle + 1
        else:
            top = middle
    return bottom


@compiled
def interval_kernel(
    scores: Floats, windows: Ints, pool: Floats, ratio: int, slack: float, reach: float
) -> tuple[Ints, Ints]:
    """Stretch of the pool within the distance of the ``ratio``-th nearest row, ties included.

    Each search starts where the last one ended, so targets in ascending order cost no binary search at all.

    Parameters
    ----------
    scores : ndarray of shape (t,)
    windows : ndarray of shape (t, 2)
    pool : ndarray of shape (m,)
    ratio : int
    slack : float
        Rows whose squared distance exceeds that of the ``ratio``-th by no more are tied with it.
    reach : float
        Largest distance allowed; may be infinite.

    Returns
    -------
    start, stop : ndarray of shape (t,)
        Equal where nothing is within reach.
    """
    start, stop = np.empty(scores.shape[0], np.int64), np.empty(scores.shape[0], np.int64)
    split = 0
    for i in range(scores.shape[0]):
        low, high, score = windows[i, 0], windows[i, 1], scores[i]
        split = _split_from(pool, low, high, split, score)
        left, right, distance = _walk(pool, low, high, split, score, ratio)
        if distance < 0.0:
            start[i], stop[i] = low, low
            continue
        limit = min(distance * distance + slack, reach * reach)
        start[i] = _lowest_within(pool, low, left, split, score, limit)
        stop[i] = _highest_within(pool, high, right, split, score, limit)
    return start, stop


def interval_reference(
    scores: Floats, windows: Ints, pool: Floats, ratio: int, slack: float, reach: float
) -> tuple[Ints, Ints]:
    """Plain twin of :func:`interval_kernel`."""
    start, stop = windows[:, 0].copy(), windows[:, 0].copy()
    for i, (score, (low, high)) in enumerate(zip(scores, windows, strict=True)):
        squares = np.square(score - pool[low:high])
        if squares.size:
            farthest = np.sort(squares)[min(ratio, squares.size) - 1]
            inside = low + np.flatnonzero(squares <= min(farthest + slack, reach * reach))
            if inside.size:
                start[i], stop[i] = inside[0], inside[-1] + 1
    return start, stop


@compiled
def _root(parent: Ints, position: int) -> int:
    while parent[position] != position:
        parent[position] = parent[parent[position]]
        position = parent[position]
    return position


@compiled
def _nearest_unused(
    score: float, window: Ints, pool: Floats, first: Ints, ranks: Ints, links: tuple[Ints, Ints]
) -> int:
    """Nearest unused position, of equals the one of lowest rank; -1 where none is left."""
    low, high = window[0], window[1]
    above, below = links
    split = _first_at_least(pool, low, high, score)
    right = _root(above, split)
    left = _root(below, split) - 1
    if left >= low:
        left = _root(above, max(first[left], low))
    if left < low:
        return right if right < high else -1
    if right >= high:
        return left
    under, over = score - pool[left], pool[right] - score
    if under < over or (under == over and ranks[left] < ranks[right]):
        return left
    return right


@compiled
def greedy_line_kernel(scores: Floats, windows: Ints, pool: Floats, ranks: Ints, ratio: int, reach: float) -> Ints:
    """Match each target, in the order given, with the nearest pool row still unused; then again for the next round.

    Parameters
    ----------
    scores : ndarray of shape (t,)
    windows : ndarray of shape (t, 2)
    pool : ndarray of shape (m,)
        Equal scores of a window in ascending rank.
    ranks : ndarray of shape (m,)
        Of two rows equally near, the lower rank is taken.
    ratio : int
        Rounds.
    reach : float
        Largest distance allowed.

    Returns
    -------
    ndarray of shape (t, ratio)
        Pool positions, or -1.
    """
    t, m = scores.shape[0], pool.shape[0]
    above, below, first = np.arange(m + 1), np.arange(m + 1), np.arange(m)
    for j in range(1, m):
        if pool[j] == pool[j - 1]:
            first[j] = first[j - 1]
    out = np.full((t, ratio), -1)
    for turn in range(ratio):
        for i in range(t):
            if turn > 0 and out[i, turn - 1] < 0:
                continue
            j = _nearest_unused(scores[i], windows[i], pool, first, ranks, (above, below))
            if j >= 0 and abs(scores[i] - pool[j]) <= reach:
                out[i, turn] = j
                above[j] = j + 1
                below[j + 1] = j
    return out


def greedy_line_reference(scores: Floats, windows: Ints, pool: Floats, ranks: Ints, ratio: int, reach: float) -> Ints:
    """Plain twin of :func:`greedy_line_kernel`."""
    out = np.full((scores.shape[0], ratio), -1)
    free = np.ones(pool.shape[0], dtype=bool)
    for turn in range(ratio):
        for i, (score, (low, high)) in enumerate(zip(scores, windows, strict=True)):
            left = low + np.flatnonzero(free[low:high])
            if left.size and (turn == 0 or out[i, turn - 1] >= 0):
                gap = np.abs(score - pool[left])
                j = left[np.lexsort((ranks[left], gap))[0]]
                if abs(score - pool[j]) <= reach:
                    out[i, turn], free[j] = j, False
    return out


@compiled
def alignment_kernel(scores: Floats, pool: Floats, reach: float) -> Ints:
    """Match as many targets as can be, each with a row of its own, at the least total distance.

    On a line some optimal matching never crosses, so a table over (targets so far, pool rows so far) finds it.

    Parameters
    ----------
    scores : ndarray of shape (t,)
        Ascending.
    pool : ndarray of shape (m,)
        Ascending.
    reach : float
        Largest distance allowed.

    Returns
    -------
    ndarray of shape (t,)
        Pool positions, or -1.
    """
    t, m = scores.shape[0], pool.shape[0]
    choice = np.zeros((t, m + 1), np.uint8)
    lost, cost = np.zeros(m + 1, np.int64), np.zeros(m + 1)
    for i in range(t):
        before_lost, before_cost = lost[0], cost[0]
        lost[0] += 1
        for j in range(1, m + 1):
            gap = abs(scores[i] - pool[j - 1])
            best_lost, best_cost, best = lost[j] + 1, cost[j], 0
            if lost[j - 1] < best_lost or (lost[j - 1] == best_lost and cost[j - 1] <= best_cost):
                best_lost, best_cost, best = lost[j - 1], cost[j - 1], 1
            paired = before_cost + gap
            if gap <= reach and (before_lost < best_lost or (before_lost == best_lost and paired < best_cost)):
                best_lost, best_cost, best = before_lost, paired, 2
            before_lost, before_cost = lost[j], cost[j]
            lost[j], cost[j], choice[i, j] = best_lost, best_cost, best
    out = np.full(t, -1)
    i, j = t - 1, m
    while i >= 0 and j > 0:
        if choice[i, j] == 1:
            j -= 1
        elif choice[i, j] == 2:
            out[i] = j - 1
            i -= 1
            j -= 1
        else:
            i -= 1
    return out


def alignment_reference(scores: Floats, pool: Floats, reach: float) -> Ints:
    """Plain twin of :func:`alignment_kernel`: the same table, filled by recursion."""
    table: dict[tuple[int, int], tuple[int, float, tuple[tuple[int, int], ...]]] = {}
    table |= {(i, 0): (i, 0.0, ()) for i in range(scores.shape[0] + 1)}
    table |= {(0, j): (0, 0.0, ()) for j in range(pool.shape[0] + 1)}
    for i, score in enumerate(scores):
        for j, other in enumerate(pool):
            lost, cost, pairs = table[i, j + 1]
            ways = [table[i + 1, j], (lost + 1, cost, pairs)]
            if abs(score - other) <= reach:
                lost, cost, pairs = table[i, j]
                ways.append((lost, cost + float(abs(score - other)), (*pairs, (i, j))))
            table[i + 1, j + 1] = min(ways, key=lambda way: way[:2])
    out = np.full(scores.shape[0], -1)
    for i, j in table[scores.shape[0], pool.shape[0]][2]:
        out[i] = j
    return out
