"""Columns that are a level for each code, or a covariate's slope for each, without writing them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array, hstack

from estimand.stats.arrays import Floats, Ints

Matrix: TypeAlias = Floats | csr_array
MOST_DENSE = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Columns of a design: a level for each code, or a slope of a covariate for each.

    Attributes
    ----------
    codes : ndarray of shape (n,)
        From 0 to ``size`` - 1.
    size : int
    slope : ndarray of shape (n,) or None
        The covariate; None for a level.
    """

    codes: Ints
    size: int
    slope: Floats | None = None

    def take(self, rows: Ints) -> "Effect":
        """Keep the given rows."""
        return Effect(self.codes[rows], self.size, None if self.slope is None else self.slope[rows])

    def scaled(self, values: Floats, rows: Ints | None = None) -> Floats:
        """Values (m,) of some rows times the slope there."""
        if self.slope is None:
            return values
        return np.asarray(values * (self.slope if rows is None else self.slope[rows]))


def sums(effects: Sequence[Effect], rows: Ints, values: Floats) -> Floats:
    """Sum values (m,) of some rows times each column, shape (K,)."""
    parts = [
        np.bincount(effect.codes[rows], weights=effect.scaled(values, rows), minlength=effect.size)
        for effect in effects
    ]
    return np.concatenate(parts).astype(np.float64)


def fitted_values(effects: Sequence[Effect], slopes: Floats) -> Floats:
    """Columns times their coefficients (K,), shape (n,)."""
    out = np.zeros(effects[0].codes.shape[0])
    first = 0
    for effect in effects:
        part = slopes[first : first + effect.size]
        first += effect.size
        if part.any():
            out += effect.scaled(part[effect.codes])
    return out


def tally(codes: Ints, groups: int, effects: Sequence[Effect], values: Floats) -> Matrix:
    """Sum values (n,) times each column within codes, shape (groups, K); sparse where large."""
    if groups * sum(effect.size for effect in effects) <= MOST_DENSE:
        parts = [
            np.bincount(
                codes * effect.size + effect.codes, weights=effect.scaled(values), minlength=groups * effect.size
            ).reshape(groups, effect.size)
            for effect in effects
        ]
        return np.hstack(parts).astype(np.float64, copy=False)
    sparse = [
        csr_array((effect.scaled(values), (codes, effect.codes)), shape=(groups, effect.size)) for effect in effects
    ]
    return csr_array(hstack(sparse, format="csr"))


def cross_product(effects: Sequence[Effect], weights: Floats) -> Floats:
    """Weighted cross-product of the columns, shape (K, K)."""
    start = np.cumsum([0, *(effect.size for effect in effects)])
    out = np.zeros((int(start[-1]), int(start[-1])))
    for i, left in enumerate(effects):
        held = left.scaled(weights)
        for j in range(i, len(effects)):
            block = dense(tally(left.codes, left.size, (effects[j],), held))
            out[start[i] : start[i + 1], start[j] : start[j + 1]] = block
            out[start[j] : start[j + 1], start[i] : start[i + 1]] = block.T
    return out


def dense(matrix: Matrix) -> Floats:
    """The matrix as an array."""
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())
