"""Refits of regressions under many weights at once: matrix products over batches of draws, every fit to its end.

Rows are taken a block at a time, so that no array is larger than a block by a batch, or a batch by the rows.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.influence import sum_within

# A block of a batch, and what is worked out beside it, stay in a core's second cache.
BLOCK_CELLS = 65_536
MOST_STEPS = 25
# A Hessian from less than this away, in the scaled columns, serves for the steps that remain.
NEAR = 1e-3
# In the scaled columns too, and far below what any estimate shows.
LEFT = 1e-11
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


def blocks_of(rows: int, width: int) -> list[slice]:
    """Slices of the rows such that an array of one by ``width`` has at most 65,536 cells."""
    size = max(BLOCK_CELLS // width, 1)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


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

        After a step of length s that followed one of length r, at most about s²/r is left to go, whether steps shrink
        at a steady rate or faster; a draw is done where that is below 1e-11. Not-a-number where it never is.
        """
        b, q = weights.shape[0], self.start.shape[0]
        out, hessian = np.full((b, q), np.nan), np.empty((b, q, q))
        active, current, before = np.arange(b), self.start[None, :], np.ones(b)
        for _ in range(MOST_STEPS):
            held = weights if active.shape[0] == b else weights[active]
            gradient, curved = self._slopes(held, current, bool((before > NEAR).any()))
            hessian = hessian if curved is None else unpacked(curved, q)
            step = solved(hessian, gradient)
            current, length = current + step, np.abs(step).max(axis=1)
            done = np.square(length) <= LEFT * before
            out[active[done]] = current[done]
            going = ~done & np.isfinite(length)
            if not going.any():
                break
            active, current, before, hessian = active[going], current[going], length[going], hessian[going]
        return out

    def _slopes(self, weights: Floats, coefficients: Floats, bent: bool) -> tuple[Floats, Floats | None]:
        """Gradients (b, q) of the log-likelihood and, if asked for, minus its packed Hessians (b, q (q + 1) / 2)."""
        b, q = weights.shape[0], self.start.shape[0]
        first, second = np.triu_indices(q)
        gradient, curved = np.zeros((b, q)), np.zeros((b, first.shape[0]))
        for part in blocks_of(self.basis.shape[0], max(b, first.shape[0])):
            held, z = weights[:, part], np.ascontiguousarray(self.basis[part].T)
            mean = logistic(coefficients @ z)
            gradient += _crossed(held, self.outcome[part] - mean, z)
            if bent:
                curved += _crossed(held, mean * (1.0 - mean), z[first] * z[second])
        return gradient, curved if bent else None


def _crossed(weights: Floats, factors: Floats, columns: Floats) -> Floats:
    """Weighted sums (b, m) over rows of columns (m, r) times factors of shape (b, r), or (1, r) if draws share them."""
    if factors.shape[0] == 1:
        return np.asarray(weights @ (columns * factors).T)
    return np.asarray(np.multiply(weights, factors, out=factors) @ columns.T)


def odds(linear: Floats) -> Floats:
    """Return ``exp(linear)``, in place of the argument and never infinite."""
    return np.exp(np.minimum(linear, 700.0, out=linear), out=linear)


def logistic(linear: Floats) -> Floats:
    """Return ``1 / (1 + exp(-linear))``, in place of the argument."""
    against = odds(np.negative(linear, out=linear))
    against += 1.0
    return np.reciprocal(against, out=against)


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
        for part in blocks_of(self.units.shape[0], max(total.shape)):
            total += weights[:, self.units[part]] @ self.sums[part]
        pairs = self.size * (self.size + 1) // 2
        gram = unpacked(total[:, :pairs], self.size)
        return solved(gram, total[:, pairs : pairs + self.size]), total[:, pairs + self.size :]
