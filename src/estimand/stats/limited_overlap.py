r"""Bounds on an average effect under no hidden confounding, where overlap is not assumed: Lee & Weidner (2021).

arXiv:2111.05243, "Bounding treatment effects by pooling limited information across observations". Rows that agree on
every covariate form a cell. With a true propensity p and any reference r, rows :math:`D_i` of a cell have
:math:`E[((r - 1)/r)^{D_i}] = 1 - p/r`, so that q of them tell

.. math:: v = 1 - (1 - p/r)^q \quad (q \text{ even}), \qquad v = 1 - (1 - p)(1 - p/r)^{q - 1} \quad (q \text{ odd}),

without bias, whatever the size of the cell. As :math:`v \le 1`, and v = 0 where nobody is treated,
:math:`l + v (E[Y \mid D = 1] - l)` is no more than :math:`E[Y(1)]` for an outcome of at least l. One row pooled is the
worst case of Manski; a reference that is right gives a point wherever there is overlap.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import comb

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.worst_case import End


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What a cell's rows say of both arms.

    Attributes
    ----------
    low, high : ndarray
        Ends of the effect in each cell.
    """

    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Pooling:
    """How much is pooled, and what the outcome can be.

    Attributes
    ----------
    rows : int
        Most rows of a cell that any part of the estimate may look at.
    limits : tuple of (floor, ceiling)
    """

    rows: int
    limits: tuple[float, float]


def pooling_weight(rows: Floats, own: Floats, reference: Floats, pooled: int) -> Floats:
    """Weight v of the mean of those in an arm, for cells of ``rows`` of which ``own`` are in it, without bias.

    Parameters
    ----------
    rows, own : ndarray of shape (cells,)
        ``rows`` is at least one.
    reference : ndarray of shape (cells,)
        Reference probability of the arm, inside (0, 1).
    pooled : int
        Rows pooled, q; all of a smaller cell.
    """
    q = np.minimum(float(pooled), rows)
    odd = q % 2.0
    turn = (reference - 1.0) / reference
    # An odd q sets one row outside the arm apart, and draws an even number of the others.
    apart = np.where(odd == 1.0, (rows - own) / rows, 1.0)
    draws, others = q - odd, rows - odd
    ways = comb(others, draws)
    out = np.ones(rows.shape[0])
    for k in range(pooled + 1):
        out -= apart * turn**k * comb(own, k) * comb(others - own, draws - k) / ways
    return out


def pooled_bounds(
    values: Floats, treated: Bools, cell: Ints, reference: Floats, pooling: Pooling
) -> tuple[End, End, Pooled]:
    """Ends of the average effect over everyone, and each cell's.

    The ends may cross, as estimates; those they estimate do not.

    Parameters
    ----------
    values : ndarray of shape (n,)
    treated : ndarray of shape (n,) of bool
    cell : ndarray of shape (n,)
        Codes 0, 1, … of the cells.
    reference : ndarray of shape (cells,)
        Reference propensity, taken as given: bounds are right for any.
    pooling : Pooling

    Returns
    -------
    low, high : End
        With the influence of the jackknife over rows, ψ = n b - (n - 1) b₋ - θ of the row's cell, whose variance is
        not below the true one on average (Efron & Stein 1981, doi:10.1214/aos/1176345462).
    cells : Pooled
    """
    n, size = values.shape[0], reference.shape[0]
    rows = np.bincount(cell, minlength=size).astype(float)
    counts = [np.bincount(cell[own], minlength=size).astype(float) for own in (treated, ~treated)]
    sums = [np.bincount(cell[own], values[own], minlength=size).astype(float) for own in (treated, ~treated)]
    found = _ends(rows, counts, sums, reference, pooling)
    member = (treated, ~treated)
    without = _ends(
        np.maximum(rows[cell] - 1.0, 1.0),
        [count[cell] - own.astype(float) for count, own in zip(counts, member, strict=True)],
        [total[cell] - own * values for total, own in zip(sums, member, strict=True)],
        reference[cell],
        pooling,
    )
    ends = []
    for whole, part in ((found.low, without.low), (found.high, without.high)):
        pseudo = (rows * whole)[cell] - (rows[cell] - 1.0) * part
        ends.append(End(float(rows @ whole) / n, np.asarray(pseudo - pseudo.mean())))
    return ends[0], ends[1], found


def _ends(rows: Floats, counts: list[Floats], sums: list[Floats], reference: Floats, pooling: Pooling) -> Pooled:
    """Ends of the effect in every cell."""
    floor, ceiling = pooling.limits
    means = [
        (pooling_weight(rows, count, share, pooling.rows), total / np.maximum(count, 1.0))
        for count, total, share in zip(counts, sums, (reference, 1.0 - reference), strict=True)
    ]
    low, high = ([at + weight * (mean - at) for weight, mean in means] for at in (floor, ceiling))
    return Pooled(np.asarray(low[0] - high[1]), np.asarray(high[0] - low[1]))
