"""Coarsened covariates: bins, the cells they make, and how far apart two samples lie over cells.

Iacus, King & Porro (2012), doi:10.1093/pan/mpr013; Sturges (1926), doi:10.1080/01621459.1926.10502161; Scott (1979),
doi:10.1093/biomet/66.3.605.
"""

import numpy as np

from estimand.stats.arrays import Floats, Ints

ROUNDING = 1e-9


def sturges_bins(n: int) -> int:
    """Number of bins ``⌈log₂ n + 1⌉`` for n rows."""
    return int(np.ceil(np.log2(n) + 1.0))


def scott_bins(values: Floats) -> int:
    """Number of bins of the width ``3.49 s n^(-1/3)`` that cover the values, at least one."""
    spread, span = float(values.std(ddof=1)), float(np.ptp(values))
    return 1 if spread == 0.0 else max(1, int(np.ceil(span / (3.49 * spread) * values.shape[0] ** (1.0 / 3.0))))


def even_bins(values: Floats, bins: int) -> Ints:
    """Code of each value's bin among bins of equal width over the range, closed above, shape (n,).

    Values within rounding above an edge belong below it, so that no change of unit moves a row.
    """
    span = float(np.ptp(values))
    if span == 0.0:
        return np.zeros(values.shape[0], dtype=np.int64)
    place = (values - values.min()) / span * bins
    return np.asarray(np.clip(np.ceil(place - ROUNDING) - 1.0, 0, bins - 1), dtype=np.int64)


def cut_bins(values: Floats, cuts: Floats) -> Ints:
    """Code of each value's bin between cut points; a value on a cut belongs below it, shape (n,)."""
    return np.asarray(np.searchsorted(np.sort(cuts), values, side="left"))


def imbalance(cells: Ints, first: Floats, second: Floats) -> float:
    """Distance ``½ Σ |f - g|`` of two weighted samples over cells: 0 where alike, 1 where no cell holds both.

    Parameters
    ----------
    cells : ndarray of shape (n,)
    first, second : ndarray of shape (n,)
        Weight of each row in the one sample and the other.
    """
    size = int(cells.max()) + 1
    shares = [np.bincount(cells, weights=part, minlength=size) / part.sum() for part in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2.0)
