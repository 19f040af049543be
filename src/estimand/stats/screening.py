"""What a column tells of another before any model is fitted: separation, association, chance, repeats.

Hanley & McNeil (1982), doi:10.1148/radiology.143.1.7063747, for the area under the curve as a rank sum.
"""

import numpy as np
from scipy.special import ndtri

from estimand.stats.arrays import AnyArray, Bools, Floats, Ints

SMALLEST_LEVEL = 5


def average_ranks(values: Floats) -> Floats:
    """Ranks 1 … n of values of shape (n,), ties sharing their average."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place])


def area_under_curve(ranks: Floats, positive: Bools) -> float:
    """Probability that a positive row ranks above another, ties counting half; not-a-number without both."""
    ones = int(np.count_nonzero(positive))
    zeros = positive.size - ones
    if not ones or not zeros:
        return float("nan")
    return float((ranks[positive].sum() - ones * (ones + 1) / 2.0) / (ones * zeros))


def pooled_levels(codes: Ints, smallest: int = SMALLEST_LEVEL) -> Ints:
    """Codes with every level of fewer than ``smallest`` rows put into one, so that chance cannot make it pure."""
    counts = np.bincount(codes)
    rare = counts < smallest
    lookup = np.where(rare, counts.size, np.arange(counts.size))
    return np.asarray(lookup[codes])


def level_area(codes: Ints, positive: Bools) -> float:
    """Area under the curve of levels ordered by their share of positive rows."""
    counts = np.bincount(codes)
    ones = np.bincount(codes[positive], minlength=counts.size)
    share = ones / np.maximum(counts, 1)
    order = np.argsort(share, kind="stable")
    above, zeros = ones[order], (counts - ones)[order]
    if not above.sum() or not zeros.sum():
        return float("nan")
    below = np.cumsum(zeros) - zeros
    return float((above * (below + zeros / 2.0)).sum() / (above.sum() * zeros.sum()))


def level_correlation(codes: Ints, values: Floats) -> float:
    """Square root of the adjusted share of the variance of ``values`` that lies between levels."""
    counts = np.bincount(codes)
    used, n = int(np.count_nonzero(counts)), values.size
    total = float(np.square(values - values.mean()).sum())
    if total <= 0.0 or n <= used:
        return 0.0
    means = np.bincount(codes, weights=values) / np.maximum(counts, 1)
    within = float(np.square(values - means[codes]).sum())
    return float(np.sqrt(max(0.0, 1.0 - (within / (n - used)) / (total / (n - 1)))))


def quantile_bins(values: Floats, bins: int) -> Ints:
    """Codes of about equally filled bins of values of shape (n,); ties stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, values, side="left"), dtype=np.int64)


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation of two columns; 0 where one is constant or both are empty."""
    if not first.size:
        return 0.0
    x, y = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0.0 else 0.0


def null_std_error(values: Floats, treated: Bools, weights: Floats, units: Ints | None) -> Floats:
    """Standard error of a difference of weighted means were the two groups alike, shape (p,).

    Parameters
    ----------
    values : ndarray of shape (n, p)
    treated : ndarray of shape (n,) of bool
        The others are the control group.
    weights : ndarray of shape (n,)
        Zero for rows of neither group.
    units : ndarray of shape (n,) or None
        Codes of the groups within which rows depend; None where rows are independent. With one group the
        error is infinite.
    """
    rows = weights > 0.0
    each, own = weights[rows], treated[rows]
    totals = [float(each[group].sum()) or 1.0 for group in (own, ~own)]
    pulled = values[rows] - each @ values[rows] / each.sum()
    pulled *= np.where(own, each / totals[0], -each / totals[1])[:, None]
    if units is None:
        count = pulled.shape[0]
    else:
        _, codes = np.unique(units[rows], return_inverse=True)
        count = int(codes.max()) + 1
        pulled = np.stack([np.bincount(codes, weights=column) for column in pulled.T], axis=1)
    if count < 2:
        return np.full(values.shape[1], np.inf)
    inflation = count / (count - 1.0)
    return np.asarray(np.sqrt(inflation * np.square(pulled).sum(axis=0)))


def chance_multiple(rate: float, comparisons: int) -> float:
    """Standard errors that the largest of some differences exceeds by chance at most at ``rate``."""
    return float(-ndtri(rate / (2.0 * max(1, comparisons))))


def leave_one_out_shift(values: Floats, treated: Bools) -> Floats:
    """Standard errors by which a difference of two means moves when a row is left out, shape (n,).

    Parameters
    ----------
    values : ndarray of shape (n,)
    treated : ndarray of shape (n,) of bool
        Each group has at least two rows. Zero where neither group varies.
    """
    out = np.zeros(values.size)
    variance = 0.0
    for group in (treated, ~treated):
        own = values[group]
        deviation = own - own.mean()
        variance += float(deviation @ deviation) / ((own.size - 1) * own.size)
        out[group] = deviation / (own.size - 1)
    return out / np.sqrt(variance) if variance > 0.0 else np.zeros(values.size)


def row_hashes(columns: list[AnyArray]) -> AnyArray:
    """Hash rows of columns of shape (n,), numbers by value: equal rows hash alike, shape (n,) of uint64."""
    total = np.zeros(columns[0].shape[0], dtype=np.uint64)
    for column in columns:
        bits = (np.asarray(column, dtype=np.float64) + 0.0).view(np.uint64)
        total = _mixed(total ^ _mixed(bits)) + np.uint64(0x9E3779B97F4A7C15)
    return total


def _mixed(z: AnyArray) -> AnyArray:
    """Scramble 64 bits; Steele, Lea & Flood (2014), doi:10.1145/2660193.2660195."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
