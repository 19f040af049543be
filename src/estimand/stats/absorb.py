"""Effects of many levels taken out of columns without a column for each level.

With A the dimension of most levels and R the indicators of the others, the residual of v on all levels is
``M_A (v - R x)``, where M_A takes out weighted means within A and x solves ``R'W M_A R x = R'W M_A v``
(Frisch & Waugh 1933, doi:10.2307/1907330). A panel's periods are few, so that system is small and solved exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.stats.absorb_systems import Cells, Grid, System, grid_of, ordered_grid, system_of
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.blocks import blocks

REFINED = 1e-13
ROUNDING = 1e-15
LOOKED_AT = 1_000
MOST_PASSES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Absorber:
    """Levels to take out of columns.

    Attributes
    ----------
    codes : tuple of ndarray of shape (n,)
        Level of each row in each dimension, numbered without gaps.
    sizes : tuple of int
        Number of levels of each dimension.
    weights : ndarray of shape (n,) or None
    rank : int
        Number of independent levels, the constant among them.
    rank_exact : bool
        Whether ``rank`` is exact; with three or more large dimensions it is an upper bound.
    """

    codes: tuple[Ints, ...]
    sizes: tuple[int, ...]
    weights: Floats | None
    cells: Cells | None
    system: System | None
    rank: int
    rank_exact: bool

    def residualise(self, values: Floats) -> Floats:
        """Take out the weighted projection on the levels.

        Parameters
        ----------
        values : ndarray of shape (n,) or (n, k)

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        ConvergenceError
            If several large dimensions are too loosely connected for the iteration.
        """
        if self.cells is None:
            return np.array(values, dtype=np.float64)
        columns = values[None, :] if values.ndim == 1 else values.T
        out = np.empty(columns.shape)
        for column, left in zip(columns, out, strict=True):
            self._column(self.cells, np.ascontiguousarray(column, dtype=np.float64), left)
        return out[0] if values.ndim == 1 else out.T

    def _column(self, cells: Cells, values: Floats, left: Floats) -> None:
        """Write what is left of a column."""
        if isinstance(self.system, Grid):
            self.system.residual(values, left)
            return
        cells.within(values, left)
        if self.system is None:
            return
        close = max(REFINED * _largest(left), ROUNDING * _largest(values))
        for _ in range(MOST_PASSES):
            sums = cells.sums(left)
            if _largest(sums / cells.mass) <= close:
                break
            solution = self.system.solve(sums, close)
            cells.take_off(solution, self.system.means(solution), left)

    def reweighted(self, weights: Floats) -> "Absorber":
        """Return the absorber of the same levels under other positive weights, shape (n,)."""
        return _assembled(self.codes, self.sizes, weights)

    def only(self, dimensions: Bools) -> "Absorber":
        """Return the absorber of some of the dimensions, a mask."""
        chosen = np.flatnonzero(dimensions)
        return _assembled(tuple(self.codes[j] for j in chosen), tuple(self.sizes[j] for j in chosen), self.weights)

    def nested_in(self, groups: AnyArray) -> Bools:
        """Tell in which dimensions every level lies within one group, or has one value, shape (dimensions,)."""
        found = np.zeros(len(self.codes), dtype=np.bool_)
        for j, (codes, size) in enumerate(zip(self.codes, self.sizes, strict=True)):
            found[j] = codes is groups or alike_within(codes, groups, size)
        return found


def absorber(codes: Sequence[Ints], weights: Floats | None = None) -> Absorber:
    """Prepare levels to be taken out.

    Parameters
    ----------
    codes : sequence of ndarray of shape (n,)
        Non-negative level of each row, one array for each dimension; numbers may be skipped.
    weights : ndarray of shape (n,), optional
        Positive.
    """
    if len(codes) == 2 and weights is None:
        shape = ordered_grid(*codes)
        if shape is not None:
            leading, other = codes
            cells, grid = grid_of(leading, other, *shape)
            return Absorber(tuple(codes), shape, None, cells, grid, sum(shape) - 1, rank_exact=True)
    compact = [_without_gaps(each) for each in codes]
    return _assembled(tuple(each for each, _ in compact), tuple(size for _, size in compact), weights)


def alike_within(codes: Ints, values: AnyArray, size: int) -> bool:
    """Tell whether every level, of codes below ``size``, holds one value only."""
    return _alike(codes[:LOOKED_AT], values[:LOOKED_AT], size) and _alike(codes, values, size)


def _alike(codes: Ints, groups: AnyArray, size: int) -> bool:
    home = np.zeros(size, dtype=groups.dtype)
    home[codes] = groups
    return all(np.array_equal(home[codes[block]], groups[block]) for block in blocks(codes.shape[0]))


def _largest(values: Floats) -> float:
    return float(max(values.max(), -values.min()))


def _without_gaps(codes: Ints) -> tuple[Ints, int]:
    """Number the levels that occur from 0, in order."""
    if codes.shape[0] == 0:
        return codes, 0
    top = int(codes.max()) + 1
    if top > 8 * codes.shape[0] + 1024:
        levels, numbered = np.unique(codes, return_inverse=True)
        return numbered.astype(np.int64), int(levels.shape[0])
    seen = np.zeros(top, dtype=np.bool_)
    seen[codes] = True
    if seen.all():
        return codes, top
    return (np.cumsum(seen) - 1)[codes], int(seen.sum())


def _assembled(codes: tuple[Ints, ...], sizes: tuple[int, ...], weights: Floats | None) -> Absorber:
    if not codes:
        return Absorber(codes, sizes, weights, None, None, 0, rank_exact=True)
    first = int(np.argmax(sizes))
    others = [j for j in range(len(codes)) if j != first]
    cells = Cells.of(codes[first], sizes[first], [codes[j] for j in others], [sizes[j] for j in others], weights)
    if not others:
        return Absorber(codes, sizes, weights, cells, None, sizes[first], rank_exact=True)
    system = system_of(cells)
    return Absorber(codes, sizes, weights, cells, system, sizes[first] + system.rank, system.rank_exact)
