"""Splits of rows that all weigh the same, by one pseudo-outcome: a row's marks in one whole number, a bin in another.

A number holds, from below, rows above the mean treatment, rows, and the pseudo-outcome in units so small that no sum of
a node overflows: one addition a row and feature does for three, exactly, whatever the order. With b bits for each count
the unit is Σ|ρ| / 2^(62 - 2b): 2⁻²⁶ of the mean |ρ| among 2,500 rows, 2⁻⁸ among 250,000.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled, compiled_wide
from estimand.kernels.forest.relabel import UPPER

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]
# What each side of a split must keep: rows above the mean of every treatment and below, and rows; a penalty; and
# whether there are treatments.
Rules = tuple[int, int, float, bool]
# Score, feature or -1, threshold, and whether missing values go left.
Split = tuple[float, int, int, bool]
# Features to try at a node, and merits of all; see ``packed_split_kernel``.
Tried = tuple[Ints, Floats]
# Bits of a count, and the numbers of all rows summed.
Sums = tuple[int, int]

# Rows above the mean of every treatment, and below, that each side of a split keeps: with none, a leaf says nothing.
EITHER = 1
MOST_ROWS, FEW_ROWS, ONE_WORD = 2**20, 48, 64
_ONE, _SHIFT, _BRUIJN = np.uint64(1), np.uint64(58), np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int64)
_PLACES[[((0x03F79D71B4CB0A89 << i) & (2**64 - 1)) >> 58 for i in range(64)]] = np.arange(64)


@compiled
def _bits(rows: int) -> int:
    bits = 1
    while (1 << bits) <= rows:
        bits += 1
    return bits


@compiled
def pack_kernel(marks: Floats, numbers: Ints) -> Sums:
    """Write the numbers of a node's rows; return the bits of a count and their sum.

    Parameters
    ----------
    marks : ndarray of shape (m, 3)
        Pseudo-outcome, weight and tally; see ``relabel``.
    numbers : ndarray of shape (≥ m,)
        Written to.
    """
    rows, size = marks.shape[0], 0.0
    bits = _bits(rows)
    for i in range(rows):
        size += abs(marks[i, 0])
    scale = 2.0 ** (61 - 2 * bits) / size if size > 0.0 else 0.0
    total = 0
    for i in range(rows):
        pull = np.int64(np.rint(marks[i, 0] * scale))
        upper = 1 if marks[i, 2] >= UPPER else 0
        numbers[i] = (pull << (2 * bits)) + (1 << bits) + upper
        total += numbers[i]
    return bits, total


@compiled
def _enough(number: int, bits: int, rules: Rules) -> bool:
    """Whether a sum has rows enough."""
    count = (number >> bits) & ((1 << bits) - 1)
    upper = number & ((1 << bits) - 1)
    return count >= rules[1] and (not rules[3] or (upper >= rules[0] and count - upper >= rules[0]))


@compiled
def _score(left: int, sums: Sums, penalty: float) -> float:
    """Squared pulls of both sides over their rows, in units of the node's."""
    bits, total = sums
    mask = (1 << bits) - 1
    rows, all_rows = float((left >> bits) & mask), float((total >> bits) & mask)
    pull, away = float(left >> (2 * bits)), float((total - left) >> (2 * bits))
    share = rows * (all_rows - rows)
    return (pull * pull * (all_rows - rows) + away * away * rows - penalty * all_rows * all_rows) / share


@compiled_wide
def _scored(lefts: Ints, scores: Floats, sums: Sums, rules: Rules) -> None:
    """Score every threshold, without branches; minus one where a side is too small."""
    bits, total = sums
    least, fewest, penalty, arms = rules
    mask, all_rows = (1 << bits) - 1, float((total >> bits) & ((1 << bits) - 1))
    for code in range(lefts.shape[0]):
        left, right = lefts[code], total - lefts[code]
        count, others = (left >> bits) & mask, (right >> bits) & mask
        upper, above = left & mask, right & mask
        smallest = min(upper, count - upper, above, others - above) if arms else least
        fits = (min(count, others) >= fewest) & (smallest >= least)
        pull, away, here, there = float(left >> (2 * bits)), float(right >> (2 * bits)), float(count), float(others)
        score = (pull * pull * there + away * away * here - penalty * all_rows * all_rows) / (here * there)
        scores[code] = score if fits else -1.0


@compiled
def _swept(bins: Ints, start: int, sums: Sums, rules: Rules, room: tuple[Ints, Floats]) -> float:
    """Write the scores of all thresholds, the left side starting from ``start``; the best of them."""
    lefts, scores = room
    left, top = start, 0
    for code in range(lefts.shape[0]):
        left += bins[code]
        lefts[code] = left
    _scored(lefts, scores, sums, rules)
    # Positive numbers order as their bits do, and whole numbers have a maximum several at a time.
    places = scores.view(np.int64)
    for code in range(places.shape[0]):
        top = max(top, places[code])
    lefts[0] = top
    return float(lefts.view(np.float64)[0])


@compiled
def _first(scores: Floats, best: float) -> int:
    at = 0
    while scores[at] != best:
        at += 1
    return at


@compiled
def _hopped(bins: Ints, seen: np.uint64, start: int, sums: Sums, rules: Rules) -> tuple[float, int]:
    """The same over the bins that hold rows, found by the bits of a word."""
    bits, total = sums
    left, best, at = start, 0.0, -1
    while seen:
        lowest = seen & (~seen + _ONE)
        seen ^= lowest
        code = _PLACES[(lowest * _BRUIJN) >> _SHIFT]
        left += bins[code]
        if not _enough(left, bits, rules):
            continue
        if not _enough(total - left, bits, rules):
            break
        score = _score(left, sums, rules[2])
        if score > best:
            best, at = score, code
    return best, at


@compiled
def _filled(column: Codes, rows: Rows, numbers: Ints, bins: Ints) -> None:
    bins[:] = 0
    for i in range(rows.shape[0]):
        bins[column[rows[i]]] += numbers[i]


@compiled
def _filled_few(column: Codes, rows: Rows, numbers: Ints, bins: Ints) -> np.uint64:
    """Fill, and mark in a word the bins that hold rows."""
    bins[:] = 0
    seen = np.uint64(0)
    for i in range(rows.shape[0]):
        code = column[rows[i]]
        bins[code] += numbers[i]
        seen |= _ONE << np.uint64(code)
    return seen


@compiled
def _spread(numbers: Ints, bits: int) -> float:
    """Mean square of the pseudo-outcomes."""
    total = 0.0
    for number in numbers:
        total += float(number >> (2 * bits)) ** 2
    return float(total / numbers.shape[0])


@compiled
def packed_split_kernel(
    codes: Codes, rows: Rows, packed: tuple[Ints, Sums], tried: Tried, bins: Ints, rules: Rules
) -> Split:
    """Best split of a node among some features; see ``split.split_kernel``.

    Parameters
    ----------
    codes : ndarray of shape (p, n)
    rows : ndarray of shape (m,)
    packed : tuple
        Numbers of the rows, shape (≥ m,), and their sums; see :func:`pack_kernel`.
    tried : tuple of ndarray
        Features to try, of which the first wins among equals; and, of shape (2, p), merits that are added to: rows
        times a feature's best score in units of the node's mean square, and rows.
    bins : ndarray of shape (codes,)
        Room to work in.
    rules : tuple
    """
    (numbers, sums), (features, merits) = packed, tried
    best = (0.0, -1, 0, False)
    spread = _spread(numbers[: rows.shape[0]], sums[0])
    rules = (rules[0], rules[1], rules[2] * spread, rules[3])
    heavy = rows.shape[0] / spread if spread > 0.0 else 0.0
    few = rows.shape[0] <= FEW_ROWS and bins.shape[0] <= ONE_WORD
    last = bins.shape[0] - 1
    room = (np.empty(last, np.int64), np.empty(last))
    for j in features:
        if few:
            seen = _filled_few(codes[j], rows, numbers, bins) & ~(_ONE << np.uint64(last))
            score, at = _hopped(bins, seen, 0, sums, rules)
            top = score
            if score > best[0]:
                best = (score, j, at, False)
        else:
            _filled(codes[j], rows, numbers, bins)
            score = _swept(bins, 0, sums, rules, room)
            top = score
            if score > best[0]:
                best = (score, j, _first(room[1], score), False)
        if bins[last] != 0:
            score = _swept(bins, bins[last], sums, rules, room)
            if score > best[0]:
                best = (score, j, _first(room[1], score), True)
            top = max(top, score)
        merits[0, j] += top * heavy
        merits[1, j] += rows.shape[0]
    return best
