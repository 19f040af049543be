"""Strata of a propensity under many bootstrap counts: cuts, and what is compared within, anew in every draw.

A draw repeats row i ``counts[i]`` times; its cuts are quantiles of those copies, found in one walk up the scores.
"""

import math

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = tuple[Floats, Floats, Floats]
Cutting = tuple[int, bool, bool, bool]
DEPENDENT = 1e-11
CONSTANT = 1e-12
TINY = 2.3e-308


@compiled
def _even_cuts(ranked: Floats, copies: Floats, strata: int) -> Floats:
    """Quantiles that interpolate between order statistics of the copies."""
    out, last = np.empty(strata - 1), ranked.shape[0] - 1
    k, before, top = 0, 0.0, -1.0
    for copy in copies:
        top += copy
    for s in range(1, strata):
        place = top * (s / strata)
        low = math.floor(place)
        while before + copies[k] <= low:
            before += copies[k]
            k += 1
        lower, part = ranked[k], place - low
        upper = ranked[k + 1] if before + copies[k] <= low + 1 and k < last else lower
        gap = upper - lower
        out[s - 1] = lower + gap * part if part < 0.5 else upper - gap * (1.0 - part)
    return out


@compiled
def _weighted_cuts(ranked: Floats, copies: Floats, weights: Floats, strata: int) -> Floats:
    """Quantiles where each copy stands at the middle of its own weight, and between them lies a line."""
    out, last = np.empty(strata - 1), ranked.shape[0] - 1
    origin = weights[0] / 2.0
    length = -weights[last] / 2.0 - origin
    for i in range(last + 1):
        length += copies[i] * weights[i]
    k, before, behind = 0, 0.0, 0.0
    for s in range(1, strata):
        level = s / strata
        while k < last and level > (before + (copies[k] - 0.5) * weights[k] - origin) / length:
            behind = (before + (copies[k] - 0.5) * weights[k] - origin) / length
            before += copies[k] * weights[k]
            k += 1
        ahead = (before + 0.5 * weights[k] - origin) / length
        if k == 0 or level >= ahead:
            out[s - 1] = ranked[k]
        else:
            out[s - 1] = ranked[k - 1] + (ranked[k] - ranked[k - 1]) / (ahead - behind) * (level - behind)
    return out


@compiled
def _codes(scores: Floats, order: Ints, counts: Floats, rows: Rows, cutting: Cutting) -> Ints:
    """Stratum of every row: as many cuts as lie below its score."""
    columns, _, weights = rows
    strata, treated_only, even, _ = cutting
    n, m = order.shape[0], 0
    ranked, copies, held = np.empty(n), np.empty(n), np.empty(n)
    for i in order:
        if counts[i] > 0.0 and (columns[0, i] > 0.0 or not treated_only):
            ranked[m], copies[m], held[m] = scores[i], counts[i], weights[i]
            m += 1
    ranked, copies, held = ranked[:m], copies[:m], held[:m]
    cuts = _even_cuts(ranked, copies, strata) if even else _weighted_cuts(ranked, copies, held, strata)
    out, code = np.empty(n, np.int64), 0
    for i in order:
        while code < strata - 1 and cuts[code] < scores[i]:
            code += 1
        out[i] = code
    return out


@compiled
def _standardised(columns: Floats, held: Floats) -> float:
    """Centre and scale each row of the block in place, constant ones to zero; the scale of the first."""
    total, first = 0.0, 1.0
    for weight in held:
        total += weight
    for j in range(columns.shape[0]):
        center, square = 0.0, 0.0
        for i in range(held.shape[0]):
            center += held[i] * columns[j, i]
        center /= total
        for i in range(held.shape[0]):
            columns[j, i] -= center
            square += held[i] * columns[j, i] * columns[j, i]
        spread = math.sqrt(square / total)
        scale = 1.0 / spread if spread > CONSTANT * max(abs(center), TINY) else 0.0
        for i in range(held.shape[0]):
            columns[j, i] *= scale
        if j == 0:
            first = spread
    return first


@compiled
def _factor(cross: Floats, kept: Ints) -> int:
    """Cholesky factor in the first rows, of the columns that add to those before them; how many, named in ``kept``."""
    size, rank = cross.shape[0], 0
    factor = np.zeros((size, size))
    for j in range(size):
        left = cross[j, j]
        for k in range(rank):
            left -= factor[k, j] * factor[k, j]
        if left <= DEPENDENT * cross[j, j]:
            continue
        root = math.sqrt(left)
        for i in range(j, size):
            entry = cross[j, i]
            for k in range(rank):
                entry -= factor[k, j] * factor[k, i]
            factor[rank, i] = entry / root
        kept[rank] = j
        rank += 1
    for k in range(rank):
        for j in range(size):
            cross[k, j] = factor[k, j]
    return rank


@compiled
def _solve(factor: Floats, kept: Ints, rank: int, right: Floats) -> Floats:
    """Coefficients of the kept columns; zero elsewhere."""
    out, half = np.zeros(right.shape[0]), np.empty(right.shape[0])
    for i in range(rank):
        half[i] = right[kept[i]]
        for k in range(i):
            half[i] -= factor[k, kept[i]] * half[k]
        half[i] /= factor[i, kept[i]]
    for i in range(rank - 1, -1, -1):
        entry = half[i]
        for k in range(i + 1, rank):
            entry -= factor[i, kept[k]] * out[kept[k]]
        out[kept[i]] = entry / factor[i, kept[i]]
    return out


@compiled
def _centred(outcome: Floats, held: Floats) -> Floats:
    """Outcome less its weighted mean."""
    out, total, level = outcome.copy(), 0.0, 0.0
    for i in range(held.shape[0]):
        total += held[i]
        level += held[i] * outcome[i]
    for i in range(held.shape[0]):
        out[i] -= level / total
    return out


@compiled
def _slope(block: Floats, held: Floats) -> float:
    """Least-squares coefficient of a block's first row beside the others and an intercept; its last is the outcome.

    Not-a-number where the columns leave no row over, as any outcome would then be fitted. Overwrites the block.
    """
    q, m = block.shape[0] - 1, block.shape[1]
    outcome, columns = _centred(block[q], held), block[:q]
    scale = _standardised(columns, held)
    curved, right = np.empty((q, m)), np.empty(q)
    for j in range(q):
        for i in range(m):
            curved[j, i] = held[i] * columns[j, i]
    cross, kept, found = np.dot(curved, columns.T), np.empty(q, np.int64), 0.0
    rank = _factor(cross, kept)
    if rank + 1 >= m:
        return np.nan
    for _ in range(2):
        for j in range(q):
            right[j] = 0.0
            for i in range(m):
                right[j] += curved[j, i] * outcome[i]
        step = _solve(cross, kept, rank, right)
        found += step[0]
        for j in range(q):
            for i in range(m):
                outcome[i] -= step[j] * columns[j, i]
    return found / scale


@compiled
def _stratum(codes: Ints, counts: Floats, rows: Rows, s: int, size: int) -> tuple[Floats, Floats]:
    """Columns above the outcome, and weights, of the different rows of a stratum."""
    columns, values, weights = rows
    q, m = columns.shape[0], 0
    block, held = np.empty((q + 1, size)), np.empty(size)
    for i in range(codes.shape[0]):
        if counts[i] > 0.0 and codes[i] == s:
            for j in range(q):
                block[j, m] = columns[j, i]
            block[q, m], held[m] = values[i], counts[i] * weights[i]
            m += 1
    return block, held


@compiled
def _compared(codes: Ints, counts: Floats, rows: Rows, cutting: Cutting) -> float:
    """Average of the strata's effects; not-a-number where one lacks an arm, or rows for its columns."""
    columns, values, weights = rows
    strata, treated_only, _, regression = cutting
    cells, sums = np.zeros((strata, 2)), np.zeros((strata, 2))
    sizes = np.zeros(strata, np.int64)
    for i in range(codes.shape[0]):
        if counts[i] > 0.0:
            own, held = int(columns[0, i]), counts[i] * weights[i]
            cells[codes[i], own] += held
            sums[codes[i], own] += held * values[i]
            sizes[codes[i]] += 1
    total, whole = 0.0, 0.0
    for s in range(strata):
        if cells[s, 0] <= 0.0 or cells[s, 1] <= 0.0:
            return np.nan
        share = cells[s, 1] if treated_only else cells[s, 0] + cells[s, 1]
        if regression:
            block, held = _stratum(codes, counts, rows, s, sizes[s])
            effect = _slope(block, held)
        else:
            effect = sums[s, 1] / cells[s, 1] - sums[s, 0] / cells[s, 0]
        total += share * effect
        whole += share
    return total / whole


@compiled
def strata_kernel(scores: Floats, order: Ints, counts: Floats, rows: Rows, cutting: Cutting) -> Floats:
    """Effect of every draw, shape (b,); see :func:`strata_reference`.

    Parameters
    ----------
    scores : ndarray of shape (b, n)
        Not-a-number throughout a draw that has none.
    order : ndarray of shape (b, n)
        Rows by ascending score.
    counts : ndarray of shape (b, n)
    rows : tuple of ndarray (1 + p, n), ndarray (n,), ndarray (n,)
        The arm as zeros and ones above the covariates; the outcome; the weights.
    cutting : tuple of int, bool, bool, bool
        Number of strata; whether the target is those treated; whether all weights that count in a cut are equal;
        whether regressions are fitted within, else means compared.
    """
    out = np.full(counts.shape[0], np.nan)
    for draw in range(counts.shape[0]):
        if not np.isnan(scores[draw, 0]):
            codes = _codes(scores[draw], order[draw], counts[draw], rows, cutting)
            out[draw] = _compared(codes, counts[draw], rows, cutting)
    return out


def strata_reference(scores: Floats, counts: Floats, rows: Rows, cutting: Cutting) -> Floats:
    """Effect of every draw from its rows written out; not-a-number where a stratum lacks an arm, or rows."""
    columns, values, weights = rows
    strata, treated_only, even, regression = cutting
    out, levels = np.full(counts.shape[0], np.nan), np.arange(1, strata) / strata
    for draw, (score, count) in enumerate(zip(scores, counts, strict=True)):
        picked = np.repeat(np.arange(values.shape[0]), count.astype(int))
        chance, arm, held = score[picked], columns[0, picked] > 0.0, weights[picked]
        about = picked[arm] if treated_only else picked
        about = about[np.argsort(score[about], kind="stable")]
        middle = np.cumsum(weights[about]) - weights[about] / 2.0
        place = (middle - middle[0]) / (middle[-1] - middle[0])
        cuts = np.quantile(score[about], levels) if even else np.interp(levels, place, score[about])
        codes, effects, shares = np.searchsorted(cuts, chance), np.full(strata, np.nan), np.zeros(strata)
        for s in range(strata):
            here = codes == s
            shares[s] = held[here & arm].sum() if treated_only else held[here].sum()
            if (here & arm).any() and (here & ~arm).any():
                design = columns[:, picked[here]].T if regression else columns[:1, picked[here]].T
                different = np.unique(picked[here]).shape[0] if regression else 3
                effects[s] = _first_slope(design, values[picked[here]], np.sqrt(held[here]), different)
        out[draw] = shares @ effects / shares.sum()
    return out


def _first_slope(columns: Floats, outcome: Floats, root: Floats, different: int) -> float:
    """Coefficient of the first column beside an intercept, each column taken if those before it do not span it."""
    taken = root[:, None]
    for j, column in enumerate((columns * root[:, None]).T):
        left = column - taken @ np.linalg.lstsq(taken, column)[0]
        centred = column - root * (root @ column) / (root @ root)
        if j == 0 or left @ left > DEPENDENT * (centred @ centred):
            taken = np.column_stack([taken, column])
    if taken.shape[1] >= different:
        return float("nan")
    return float(np.linalg.lstsq(taken, outcome * root)[0][1])
