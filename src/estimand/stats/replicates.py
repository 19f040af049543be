"""Refits of regressions under many weights at once: matrix products over batches of draws, every fit to its end.

Rows are taken a block at a time, so that no array is larger than a block by a batch, or a batch by the rows.
"""

from dataclasses import dataclass

import numpy as np

from estimand.kernels.weighted_logit import in_chunks, weighted_logit_kernel
from estimand.stats.arrays import Floats, Ints
from estimand.stats.glm import GRADIENT_TOLERANCE, STEP_TOLERANCE
from estimand.stats.influence import sum_within

BLOCK_ROWS = 1024
# A correlation matrix whose least eigenvalue is below this is left to the refit that sorts its columns out.
NEARLY_DEPENDENT = 1e-9


def products_of(columns: Floats) -> Floats:
    """Products of all pairs of columns, shape (n, q (q + 1) / 2)."""
    first, second = np.triu_indices(columns.shape[1])
    return np.asarray(columns[:, first] * columns[:, second])


def unpacked(packed: Floats, size: int) -> Floats:
    """Symmetric matrices of shape (b, q, q) from their upper triangles (b, q (q + 1) / 2)."""
    first, second = np.triu_indices(size)
    out = np.empty((packed.shape[0], size, size))
    out[:, first, second] = packed
    out[:, second, first] = packed
    return out


def blocks_of(rows: int) -> list[slice]:
    """Slices of at most 1,024 rows."""
    return [slice(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS)]


def solved(gram: Floats, right: Floats) -> Floats:
    """Solutions of shape (b, q) of symmetric systems; not-a-number where one is nearly singular."""
    out = np.full(right.shape, np.nan)
    diagonal = np.einsum("bii->bi", gram)
    live = np.flatnonzero((diagonal > 0.0).all(axis=1) & np.isfinite(gram).all(axis=(1, 2)))
    scale = 1.0 / np.sqrt(diagonal[live])
    correlation = gram[live] * scale[:, :, None] * scale[:, None, :]
    sound = np.linalg.eigvalsh(correlation)[:, 0] > NEARLY_DEPENDENT
    live, scale, correlation = live[sound], scale[sound], correlation[sound]
    out[live] = scale * np.linalg.solve(correlation, (right[live] * scale)[:, :, None])[:, :, 0]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """A logistic regression to be refitted.

    Attributes
    ----------
    basis : ndarray of shape (n, q)
        Independent columns of comparable length, ones first.
    outcome : ndarray of shape (n,)
        Zeros and ones.
    start : ndarray of shape (q,)
        Coefficients of the fit without weights.
    """

    basis: Floats
    outcome: Floats
    start: Floats

    def refitted(self, weights: Floats) -> Floats:
        """Coefficients of shape (b, q) under weights (b, n), each by Newton's method from ``start`` to its optimum.

        Convergence is that of :func:`~estimand.stats.glm.fit_glm`: a mean score of zero to 1e-10, and a last step
        that would move no coefficient of the scaled columns. Not-a-number where that is not reached.
        """
        chunks = np.ascontiguousarray(in_chunks(self.basis.T).transpose(1, 0, 2))
        outcome = in_chunks(self.outcome[None, :])[0]
        tolerances = (GRADIENT_TOLERANCE, STEP_TOLERANCE)
        return weighted_logit_kernel(chunks, outcome, in_chunks(weights), self.start, tolerances)


def logistic(linear: Floats) -> Floats:
    """Return ``1 / (1 + exp(-linear))``, in place of the argument."""
    np.negative(linear, out=linear)
    np.exp(np.minimum(linear, 700.0, out=linear), out=linear)
    linear += 1.0
    return np.reciprocal(linear, out=linear)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A least-squares fit to be refitted, as sums over units.

    Attributes
    ----------
    sums : ndarray of shape (u, m)
        Of each unit with rows here: the products of its columns, their products with the outcome, then whatever
        else is to be averaged.
    units : ndarray of shape (u,)
        Their positions among the weights.
    size : int
        Number of columns.
    """

    sums: Floats
    units: Ints
    size: int

    @classmethod
    def of(cls, columns: Floats, outcome: Floats, beside: Floats, units: Ints, weights: Floats) -> "Line":
        """Sum over units the columns (n, q), outcome (n,) and what is beside them (n, m), weighted by row."""
        raw = np.hstack([products_of(columns), columns * outcome[:, None], beside]) * weights[:, None]
        codes, position = np.unique(units, return_inverse=True)
        if codes.shape[0] == raw.shape[0]:
            return cls(raw, units, columns.shape[1])
        return cls(sum_within(raw, position, codes.shape[0]), codes, columns.shape[1])

    def refitted(self, weights: Floats) -> tuple[Floats, Floats]:
        """Coefficients (b, q) under weights of the units (b, u), and the weighted sums (b, m) of what is beside."""
        total = np.zeros((weights.shape[0], self.sums.shape[1]))
        for part in blocks_of(self.units.shape[0]):
            total += weights[:, self.units[part]] @ self.sums[part]
        pairs = self.size * (self.size + 1) // 2
        gram = unpacked(total[:, :pairs], self.size)
        return solved(gram, total[:, pairs : pairs + self.size]), total[:, pairs + self.size :]
