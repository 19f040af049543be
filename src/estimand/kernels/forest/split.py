"""The best split of a node by histograms of its marks.

A split sends codes up to a threshold left, and missing values to the side where they do better. It maximises
Σ_k (Σ_left wρ_k)²/Σ_left w + (Σ_right wρ_k)²/Σ_right w among those that leave each side rows enough, of every treatment
above its mean and below. A penalty times (Σw)²/(Σ_left w Σ_right w) is taken off, in units of the node's
Σ_k Σ (wρ_k)²/Σw.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled
from estimand.kernels.forest.packed import Rules, Split, Tried
from estimand.kernels.forest.relabel import UPPER

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]


@compiled
def _filled(column: Codes, rows: Rows, marks: Floats, histogram: Floats) -> None:
    histogram[:] = 0.0
    for i in range(rows.shape[0]):
        code = column[rows[i]]
        for m in range(histogram.shape[1]):
            histogram[code, m] += marks[i, m]


@compiled
def _enough(tally: float, rules: Rules) -> bool:
    """Whether a tally has rows enough."""
    upper = np.floor(tally / UPPER)
    rows = tally - UPPER * upper
    return rows >= rules[1] and (not rules[3] or min(upper, rows - upper) >= rules[0])


@compiled
def _score(left: Floats, total: Floats, rules: Rules) -> float:
    """Score of a split; minus infinity where a side is too small."""
    k = (left.shape[0] - 1) // 2
    weight, other = left[k], total[k] - left[k]
    score = 0.0
    for a in range(k):
        tally = left[k + 1 + a]
        if not (_enough(tally, rules) and _enough(total[k + 1 + a] - tally, rules)):
            return -np.inf
        away = total[a] - left[a]
        score += left[a] * left[a] / weight + away * away / other
    return float(score - rules[2] * total[k] * total[k] / (weight * other))


@compiled
def _swept(histogram: Floats, left: Floats, total: Floats, rules: Rules) -> tuple[float, int]:
    """Best score and threshold, the left side starting from ``left``, which is written to."""
    last = histogram.shape[1] - 1
    best, at = 0.0, -1
    for code in range(histogram.shape[0] - 1):
        if histogram[code, last] == 0.0:
            continue
        for m in range(last + 1):
            left[m] += histogram[code, m]
        score = _score(left, total, rules)
        if score > best:
            best, at = score, code
    return best, at


@compiled
def split_kernel(codes: Codes, rows: Rows, marks: Floats, tried: Tried, histogram: Floats, rules: Rules) -> Split:
    """Best split of a node among some features.

    Parameters
    ----------
    codes : ndarray of shape (p, n)
        The last code stands for missing.
    rows : ndarray of shape (m,)
    marks : ndarray of shape (≥ m, 2 K + 1)
    tried : tuple of ndarray
        See ``packed.packed_split_kernel``.
    histogram : ndarray of shape (codes + 2, 2 K + 1)
        Room to work in.
    rules : tuple
        See ``packed.Rules``.
    """
    bins, width = histogram.shape[0] - 2, histogram.shape[1]
    total, left, counts = histogram[bins], histogram[bins + 1], histogram[:bins]
    total[:] = 0.0
    for i in range(rows.shape[0]):
        for m in range(width):
            total[m] += marks[i, m]
    features, merits = tried
    best = (0.0, -1, 0, False)
    spread = 0.0
    for i in range(rows.shape[0]):
        for a in range(width // 2):
            spread += marks[i, a] * marks[i, a]
    rules = (rules[0], rules[1], rules[2] * spread / total[width // 2], rules[3])
    heavy = rows.shape[0] * total[width // 2] / spread if spread > 0.0 else 0.0
    for j in features:
        _filled(codes[j], rows, marks, counts)
        top = 0.0
        for missing_left in range(2 if counts[bins - 1, width - 1] > 0.0 else 1):
            left[:] = 0.0
            if missing_left:
                left[:] = counts[bins - 1]
            score, at = _swept(counts, left, total, rules)
            if score > best[0]:
                best = (score, j, at, missing_left == 1)
            top = max(top, score)
        merits[0, j] += top * heavy
        merits[1, j] += rows.shape[0]
    return best


def split_reference(codes: Codes, rows: Rows, marks: Floats, tried: Tried, bins: int, rules: Rules) -> Split:
    """Plain twin of :func:`split_kernel` and of ``packed_split_kernel``: every threshold, one at a time."""
    (features, merits), best = tried, (0.0, -1, 0, False)
    k = marks.shape[1] // 2
    unit = np.square(marks[:, :k]).sum() / marks[:, k].sum()
    for j in features:
        own, top = codes[j, rows], 0.0
        for missing_left in (False, True) if (own == bins - 1).any() else (False,):
            for at in np.unique(own[own < bins - 1]):
                side = (own <= at) | (missing_left & (own == bins - 1))
                score = _score_reference(marks, side, rules)
                top = max(top, score)
                if score > best[0]:
                    best = (score, int(j), int(at), missing_left)
        merits[:, j] += rows.shape[0] * top / unit, rows.shape[0]
    return best


def _score_reference(marks: Floats, goes: Bools, rules: Rules) -> float:
    k = marks.shape[1] // 2
    score, weights = 0.0, []
    for side in (marks[goes], marks[~goes]):
        upper = (side[:, k + 1 :] >= UPPER).sum(axis=0)
        arms = rules[3] and (np.minimum(upper, side.shape[0] - upper) < rules[0]).any()
        if side.shape[0] < rules[1] or arms:
            return float("-inf")
        weights.append(side[:, k].sum())
        score += float((side[:, :k].sum(axis=0) ** 2).sum() / weights[-1])
    spread = np.square(marks[:, :k]).sum() / sum(weights)
    return score - float(rules[2] * spread * sum(weights) ** 2 / (weights[0] * weights[1]))
