"""A regression design made safe to solve: an intercept, then centred, scaled, independent columns.

Centring removes the condition number a large mean would add, scaling makes one tolerance serve every
column, and a sweep of the Gram matrix drops the columns that earlier ones already span. The fit is the
same as with the raw columns; :meth:`Basis.point` and :meth:`Basis.slope` translate back.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyrk

from estimand.stats.arrays import Bools, Floats, Ints

DEPENDENCE_TOLERANCE = 1e-11
CONSTANT_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Independent columns of a design with intercept.

    Attributes
    ----------
    matrix : ndarray of shape (n, q)
        A column of ones, then the kept columns, centred and scaled.
    center, scale : ndarray of shape (p,)
        Weighted mean and standard deviation of each raw column; scale is 1 where the column is constant.
    kept : ndarray of shape (p,) of bool
        Which raw columns are in the basis (q = 1 + the number kept).
    """

    matrix: Floats
    center: Floats
    scale: Floats
    kept: Bools

    @property
    def dropped(self) -> Ints:
        """Positions of the raw columns that the others already span."""
        return np.flatnonzero(~self.kept)

    def rows(self, raw: Floats) -> Floats:
        """Put raw rows of shape (m, p) into the basis, giving (m, q)."""
        out = np.empty((raw.shape[0], 1 + int(self.kept.sum())))
        out[:, 0] = 1.0
        np.divide(raw[:, self.kept] - self.center[self.kept], self.scale[self.kept], out=out[:, 1:])
        return out

    def point(self, raw: Floats) -> Floats:
        """Put one raw row of shape (p,) into the basis, giving (q,)."""
        row: Floats = self.rows(raw[None, :])[0]
        return row

    def slope(self, column: int) -> Floats:
        """Return the functional of shape (q,) that reads the raw coefficient of ``column``.

        Raises
        ------
        IndexError
            If the column was dropped: its coefficient is not identified.
        """
        if not self.kept[column]:
            raise IndexError(column)
        out = np.zeros(self.matrix.shape[1])
        position = 1 + int(self.kept[:column].sum())
        out[position] = 1.0 / self.scale[column]
        return out


def gram(matrix: Floats, weights: Floats | None = None) -> Floats:
    """Return ``matrix' diag(weights) matrix`` of shape (q, q), by a symmetric rank update."""
    rows = matrix if weights is None else matrix * np.sqrt(weights)[:, None]
    upper = dsyrk(1.0, rows.T, trans=0) if rows.flags.c_contiguous else dsyrk(1.0, rows, trans=1)
    lower: Floats = np.triu(upper, 1).T
    return np.asarray(np.triu(upper) + lower)


def independent_columns(cross: Floats, tolerance: float = DEPENDENCE_TOLERANCE) -> Bools:
    """Tell which columns, taken in order, add to the span of those before them.

    Parameters
    ----------
    cross : ndarray of shape (p, p)
        Gram matrix of columns of comparable length.
    tolerance : float
        A column is dropped when the squared share of it left unexplained falls below this.
    """
    size = cross.shape[0]
    kept = np.zeros(size, dtype=bool)
    factor = np.zeros((size, size))
    rank = 0
    for j in range(size):
        row = factor[:rank, j]
        left = cross[j, j] - row @ row
        if left <= tolerance * cross[j, j]:
            continue
        factor[rank, j:] = (cross[j, j:] - row @ factor[:rank, j:]) / np.sqrt(left)
        kept[j] = True
        rank += 1
    return kept


def independent_basis(raw: Floats, weights: Floats | None = None) -> Basis:
    """Build the basis of an intercept and the columns of ``raw``.

    Parameters
    ----------
    raw : ndarray of shape (n, p)
        Raw columns, finite; p may be 0.
    weights : ndarray of shape (n,), optional
        Observation weights for means and spread.
    """
    return basis_and_gram(raw, weights)[0]


def basis_and_gram(raw: Floats, weights: Floats | None = None) -> tuple[Basis, Floats]:
    """Build the same basis Z, and hand over ``Z' diag(weights) Z`` of shape (q, q), which decided what it keeps."""
    n, p = raw.shape
    center = np.average(raw, axis=0, weights=weights) if p else np.empty(0)
    matrix = np.empty((n, p + 1))
    matrix[:, 0] = 1.0
    np.subtract(raw, center, out=matrix[:, 1:])
    body = matrix[:, 1:]
    spread = np.sqrt(_mean_square(body, weights))
    varies = spread > CONSTANT_TOLERANCE * np.maximum(np.abs(center), np.finfo(float).tiny)
    scale = np.where(varies, spread, 1.0)
    body /= scale
    cross = gram(matrix, weights)
    kept = varies & independent_columns(cross[1:, 1:])
    if not kept.all():
        columns = np.concatenate(([True], kept))
        matrix, cross = np.ascontiguousarray(matrix[:, columns]), cross[np.ix_(columns, columns)]
    matrix.setflags(write=False)
    return Basis(matrix, center, scale, kept), cross


def _mean_square(body: Floats, weights: Floats | None) -> Floats:
    """Mean square of each column, without a copy of all of them."""
    if weights is None:
        return np.asarray(np.einsum("ij,ij->j", body, body) / body.shape[0])
    return np.asarray(np.einsum("i,ij,ij->j", weights, body, body) / weights.sum())
