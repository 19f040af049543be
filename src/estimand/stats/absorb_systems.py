"""The equations left for the other dimensions once the one of most levels is taken out: three ways to solve them.

Small systems are solved by Cholesky; a balanced panel's by division; large ones by conjugate gradients, which on
these equations is the accelerated form of alternating projections (Correia 2017; Gaure 2013,
doi:10.1016/j.csda.2013.03.024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpstrf
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import connected_components

from estimand.errors import ConvergenceError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.blocks import blocks

MOST_DENSE = 1_500
DENSE_CELLS = 4
DEPENDENT = 1e-11
CLOSE = 1e-13
MOST_ITERATIONS = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows by their level of the leading dimension A and of the others, stacked.

    Attributes
    ----------
    leading : ndarray of shape (n,)
        Level in A.
    others : tuple of ndarray of shape (n,)
        Level in each other dimension.
    sizes : tuple of int
        Levels of the others.
    weights : ndarray of shape (n,) or None
    leading_mass : ndarray of shape (a,)
        Weight of each level of A.
    mass : ndarray of shape (m,)
        Weight of each other level, stacked.
    """

    leading: Ints
    others: tuple[Ints, ...]
    sizes: tuple[int, ...]
    weights: Floats | None
    leading_mass: Floats
    mass: Floats

    @classmethod
    def of(
        cls, leading: Ints, size: int, others: Sequence[Ints], sizes: Sequence[int], weights: Floats | None
    ) -> "Cells":
        """Count the weight of the levels."""
        mass = [np.bincount(each, weights, count) for each, count in zip(others, sizes, strict=True)]
        stacked = np.concatenate(mass) if mass else np.empty(0)
        held = np.bincount(leading, weights, size).astype(np.float64)
        return cls(leading, tuple(others), tuple(sizes), weights, held, stacked.astype(np.float64))

    def within(self, values: Floats, left: Floats) -> None:
        """Take out the weighted means within A: from values to what is left, both of shape (n,)."""
        means = self.averages(values)
        for block in blocks(values.shape[0]):
            np.subtract(values[block], means[self.leading[block]], out=left[block])

    def averages(self, values: Floats) -> Floats:
        """Weighted means within A, shape (a,)."""
        held = values if self.weights is None else values * self.weights
        return np.asarray(np.bincount(self.leading, held, self.leading_mass.shape[0]) / self.leading_mass)

    def sums(self, values: Floats) -> Floats:
        """Weighted sums within the other levels, shape (m,)."""
        held = values if self.weights is None else values * self.weights
        parts = [np.bincount(codes, held, size) for codes, size in zip(self.others, self.sizes, strict=True)]
        return np.concatenate(parts)

    def take_off(self, solution: Floats, means: Floats, left: Floats) -> None:
        """Take the other levels' values, less their means within A, off what is left, shape (n,)."""
        starts = np.concatenate(([0], np.cumsum(self.sizes)))
        parts = [solution[starts[i] : starts[i + 1]] for i in range(len(self.sizes))]
        for block in blocks(left.shape[0]):
            for codes, part in zip(self.others, parts, strict=True):
                left[block] -= part[codes[block]]
            left[block] += means[self.leading[block]]

    def spread(self, solution: Floats) -> Floats:
        """Sum of the other levels' values over the dimensions, shape (n,)."""
        out, start = np.zeros(self.leading.shape[0]), 0
        for codes, size in zip(self.others, self.sizes, strict=True):
            out += solution[start : start + size][codes]
            start += size
        return out


class System(Protocol):
    """Equations ``R'W M_A R x = right``.

    Attributes
    ----------
    rank : int
    rank_exact : bool
    """

    rank: int
    rank_exact: bool

    def solve(self, right: Floats, close: float) -> Floats:
        """Solve for x, shape (m,); what is left of the right side may be ``close`` by weight."""
        ...

    def means(self, solution: Floats) -> Floats:
        """Weighted means of R x within A, shape (a,)."""
        ...


@dataclass(slots=True, eq=False)
class Balanced:
    """Every level of A meets each level of the one other dimension once: the equations are diagonal."""

    mass: Floats
    groups: int
    rank: int
    rank_exact: bool = True

    def solve(self, right: Floats, close: float) -> Floats:
        """Divide; the right side sums to zero."""
        return np.asarray(right / self.mass)

    def means(self, solution: Floats) -> Floats:
        """All the same."""
        return np.full(self.groups, solution.mean())


@dataclass(slots=True, eq=False)
class Grid(Balanced):
    """A balanced panel whose rows are in order of A, then of the other dimension."""

    def residual(self, values: Floats, out: Floats) -> None:
        """Take out the means of rows and columns of the grid, by blocks of rows: both of shape (n,)."""
        size = self.mass.shape[0]
        total = np.zeros(size)
        for block in blocks(values.shape[0], size):
            part = values[block]
            means = np.einsum("ij->i", part.reshape(-1, size)) / size
            left = np.subtract(part, np.repeat(means, size), out=out[block])
            total += np.einsum("ij->j", left.reshape(-1, size))
        total /= self.groups
        for block in blocks(values.shape[0], size):
            grid = out[block].reshape(-1, size)
            grid -= total


@dataclass(slots=True, eq=False)
class Direct:
    """A small system, factored once, in the levels that are independent."""

    factor: tuple[Floats, bool]
    scale: Floats
    kept: Ints
    shares: Floats | csr_array
    rank: int
    rank_exact: bool = True

    def solve(self, right: Floats, close: float) -> Floats:
        """Solve in the kept levels; zero in the others."""
        out, scale = np.zeros(right.shape[0]), self.scale[self.kept]
        out[self.kept] = cho_solve(self.factor, right[self.kept] / scale, check_finite=False) / scale
        return out

    def means(self, solution: Floats) -> Floats:
        """Through the shares of each level of A that lie in the others."""
        return np.asarray(self.shares @ solution)


@dataclass(slots=True, eq=False)
class Iterated:
    """A large system, solved by conjugate gradients preconditioned by the levels' weights."""

    cells: Cells
    rank: int
    rank_exact: bool

    def solve(self, right: Floats, close: float) -> Floats:
        """Iterate until what is left is ``close``, or 1e-13 of the right side.

        Raises
        ------
        ConvergenceError
        """
        mass = self.cells.mass
        solution, left = np.zeros(right.shape[0]), right.copy()
        ahead = left / mass
        step, size = ahead.copy(), float(left @ ahead)
        goal = max(CLOSE**2 * size, close**2 * float(mass.sum()))
        for _ in range(MOST_ITERATIONS):
            if size <= goal:
                return solution
            spread = self.cells.spread(step)
            self.cells.within(spread, spread)
            image = self.cells.sums(spread)
            curvature = float(step @ image)
            if curvature <= 0.0:
                return solution
            pace = size / curvature
            solution += pace * step
            left -= pace * image
            ahead = left / mass
            before, size = size, float(left @ ahead)
            step = ahead + size / before * step
        raise ConvergenceError(
            f"Effects of {mass.shape[0] + self.cells.leading_mass.shape[0]:,} levels were not taken out in "
            f"{MOST_ITERATIONS:,} steps: few rows connect their levels.",
            remedy="Absorb fewer effects, or leave out levels that hardly move between the others.",
        )

    def means(self, solution: Floats) -> Floats:
        """By averaging over rows."""
        return self.cells.averages(self.cells.spread(solution))


def system_of(cells: Cells) -> System:
    """Choose and prepare the way to solve for the other dimensions."""
    n, groups, size = cells.leading.shape[0], cells.leading_mass.shape[0], cells.mass.shape[0]
    alone = len(cells.others) == 1
    if alone and cells.weights is None and n == groups * size:
        if ordered_grid(cells.leading, cells.others[0]) is not None:
            return Grid(cells.mass, groups, size - 1)
        if _each_once(cells):
            return Balanced(cells.mass, groups, size - 1)
    if size > MOST_DENSE:
        return Iterated(cells, _rank_above(cells), rank_exact=alone)
    shares = _shares(cells)
    crossed: Any = shares.T @ (shares * cells.leading_mass[:, None])
    met = np.asarray(crossed.toarray() if issparse(crossed) else crossed)
    scale = np.sqrt(cells.mass)
    scaled = (_crossed_with_itself(cells) - met) / scale[:, None] / scale[None, :]
    kept = _connected(met) if alone else _independent(scaled)
    return Direct(cho_factor(scaled[np.ix_(kept, kept)]), scale, kept, shares, kept.shape[0])


def grid_of(leading: Ints, other: Ints, groups: int, size: int) -> tuple[Cells, Grid]:
    """Cells and equations of an ordered grid of so many levels each."""
    held, mass = np.full(groups, float(size)), np.full(size, float(groups))
    return Cells(leading, (other,), (size,), None, held, mass), Grid(mass, groups, size - 1)


def ordered_grid(leading: Ints, other: Ints) -> tuple[int, int] | None:
    """Numbers of levels of two dimensions, where each meets each once and rows are in order of both; else None."""
    n = leading.shape[0]
    size = int(other[-1]) + 1 if n else 0
    if size < 1 or n % size or leading[-1] != n // size - 1:
        return None
    levels = np.arange(size)
    for block in blocks(n, size):
        groups = np.arange(block.start // size, block.stop // size)
        if not np.equal(other[block].reshape(-1, size), levels).all():
            return None
        if not np.equal(leading[block].reshape(-1, size), groups[:, None]).all():
            return None
    return n // size, size


def _each_once(cells: Cells) -> bool:
    size = cells.sizes[0]
    counts = np.bincount(cells.leading * size + cells.others[0], minlength=size * cells.leading_mass.shape[0])
    return bool(counts.min() == 1)


def _shares(cells: Cells) -> Floats | csr_array:
    """Share of each level of A in each other level, shape (a, m); by dimension the rows sum to one."""
    groups, size = cells.leading_mass.shape[0], cells.mass.shape[0]
    n = cells.leading.shape[0]
    if groups * size <= DENSE_CELLS * n * len(cells.others) + 10_000:
        parts = [
            np.bincount(cells.leading * count + codes, cells.weights, groups * count).reshape(groups, count)
            for codes, count in zip(cells.others, cells.sizes, strict=True)
        ]
        return np.asarray(np.hstack(parts) / cells.leading_mass[:, None])
    offset = np.concatenate(([0], np.cumsum(cells.sizes)[:-1]))
    column = np.concatenate([codes + start for codes, start in zip(cells.others, offset, strict=True)])
    share = (np.ones(n) if cells.weights is None else cells.weights) / cells.leading_mass[cells.leading]
    rows, held = np.tile(cells.leading, len(cells.others)), np.tile(share, len(cells.others))
    return csr_array((held, (rows, column)), shape=(groups, size))


def _crossed_with_itself(cells: Cells) -> Floats:
    """``R'WR``: weights of pairs of other levels, shape (m, m)."""
    out, starts = np.diag(cells.mass), np.concatenate(([0], np.cumsum(cells.sizes)))
    for i, first in enumerate(cells.others):
        for j in range(i):
            count = cells.sizes[j]
            key = first * count + cells.others[j]
            block = np.bincount(key, cells.weights, cells.sizes[i] * count).reshape(cells.sizes[i], count)
            out[starts[i] : starts[i + 1], starts[j] : starts[j + 1]] = block
            out[starts[j] : starts[j + 1], starts[i] : starts[i + 1]] = block.T
    return out


def _connected(met: Floats) -> Ints:
    """Levels but the first of each component of the graph of levels that meet in some level of A."""
    _, component = connected_components(met > 0.0, directed=False)
    _, first = np.unique(component, return_index=True)
    return np.setdiff1d(np.arange(met.shape[0]), first)


def _independent(scaled: Floats) -> Ints:
    """Levels that are independent given A, by Cholesky with pivots, of a system scaled to weights of one."""
    if scaled.diagonal().max() <= DEPENDENT:
        return np.zeros(0, dtype=np.int64)
    _, pivots, rank, _ = dpstrf(scaled, tol=DEPENDENT, lower=1)
    return np.sort(pivots[:rank] - 1)


def _rank_above(cells: Cells) -> int:
    """Rank given A: of one other dimension exactly, of more at most.

    A dimension loses at least as many levels as there are components of its graph with any dimension before it.
    """
    total, before = 0, [(cells.leading, cells.leading_mass.shape[0])]
    for codes, size in zip(cells.others, cells.sizes, strict=True):
        total += size - max(_components(codes, size, other, count) for other, count in before)
        before.append((codes, size))
    return total


def _components(first: Ints, rows: int, second: Ints, columns: int) -> int:
    size = rows + columns
    graph = csr_array((np.ones(first.shape[0]), (first, rows + second)), shape=(size, size))
    return int(connected_components(graph, directed=False, return_labels=False))
