"""Logistic regression under many weights, each fitted by Newton's method from one start to its own optimum."""

import math

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
CHUNK = 512
MOST_STEPS = 25
PIVOT = 1e-9


@compiled
def _solve(matrix: Floats, right: Floats) -> bool:
    """Solve a symmetric system in place by Cholesky; false where a column is all but spanned by those before it."""
    q = right.shape[0]
    for j in range(q):
        whole = matrix[j, j]
        left = whole
        for k in range(j):
            left -= matrix[j, k] * matrix[j, k]
        if not left > PIVOT * whole:
            return False
        root = math.sqrt(left)
        matrix[j, j] = root
        for i in range(j + 1, q):
            entry = matrix[i, j]
            for k in range(j):
                entry -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = entry / root
    for i in range(q):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(q - 1, -1, -1):
        for k in range(i + 1, q):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return True


@compiled
def _slopes(
    chunks: Floats, outcome: Floats, weights: Floats, coefficients: Floats, gradient: Floats, hessian: Floats
) -> None:
    """Fill in the gradient (q,) of the log-likelihood and its Hessian (q, q), the sign of the latter turned."""
    m, q, size = chunks.shape
    residual, curved = np.empty(size), np.empty((q, size))
    gradient[:], hessian[:] = 0.0, 0.0
    for c in range(m):
        z = chunks[c]
        linear = np.dot(coefficients, z)
        own, held = outcome[c], weights[c]
        for i in range(size):
            mean = 1.0 / (1.0 + math.exp(-linear[i]))
            residual[i] = held[i] * (own[i] - mean)
            linear[i] = held[i] * (mean * (1.0 - mean))
        for j in range(q):
            for i in range(size):
                curved[j, i] = linear[i] * z[j, i]
        gradient += np.dot(z, residual)
        hessian += np.dot(curved, z.T)


@compiled
def weighted_logit_kernel(
    chunks: Floats, outcome: Floats, weights: Floats, start: Floats, tolerances: tuple[float, float]
) -> Floats:
    """Coefficients of every draw; see :func:`weighted_logit_reference`, of whose rows these are chunks.

    Parameters
    ----------
    chunks : ndarray of shape (m, q, 512)
        The design's rows, transposed within chunks; the last is filled up.
    outcome : ndarray of shape (m, 512)
    weights : ndarray of shape (b, m, 512)
        Zero where the last chunk is filled up.
    start : ndarray of shape (q,)
    tolerances : tuple of float
        Of the mean score, and of the last step.
    """
    b, q = weights.shape[0], start.shape[0]
    out = np.full((b, q), np.nan)
    gradient, hessian = np.empty(q), np.empty((q, q))
    for draw in range(b):
        held = weights[draw]
        current, total = start.copy(), held.sum()
        for _ in range(MOST_STEPS):
            _slopes(chunks, outcome, held, current, gradient, hessian)
            flat = np.abs(gradient).max() <= tolerances[0] * total
            if not _solve(hessian, gradient):
                break
            if flat and np.abs(gradient).max() <= tolerances[1]:
                out[draw] = current
                break
            current += gradient
    return out


def weighted_logit_reference(
    basis: Floats, outcome: Floats, weights: Floats, start: Floats, tolerances: tuple[float, float]
) -> Floats:
    """Coefficients of shape (b, q) of logistic regressions under weights, not-a-number where there is no optimum.

    Parameters
    ----------
    basis : ndarray of shape (n, q)
    outcome : ndarray of shape (n,)
    weights : ndarray of shape (b, n)
    start : ndarray of shape (q,)
    tolerances : tuple of float
    """
    out = np.full((weights.shape[0], start.shape[0]), np.nan)
    for draw, held in enumerate(weights):
        current = start.copy()
        for _ in range(MOST_STEPS):
            with np.errstate(over="ignore"):
                mean = 1.0 / (1.0 + np.exp(-basis @ current))
            gradient = basis.T @ (held * (outcome - mean))
            hessian = (basis * (held * mean * (1.0 - mean))[:, None]).T @ basis
            scale = 1.0 / np.sqrt(np.maximum(np.diag(hessian), np.finfo(float).tiny))
            if not np.linalg.eigvalsh(hessian * np.outer(scale, scale))[0] > PIVOT:
                break
            step = np.linalg.solve(hessian, gradient)
            if np.abs(gradient).max() <= tolerances[0] * held.sum() and np.abs(step).max() <= tolerances[1]:
                out[draw] = current
                break
            current += step
    return out


def in_chunks(rows: Floats) -> Floats:
    """Rows of shape (b, n) as (b, m, 512), zero where the last chunk is filled up."""
    b, n = rows.shape
    m = -(-n // CHUNK)
    out = np.zeros((b, m * CHUNK))
    out[:, :n] = rows
    return out.reshape(b, m, CHUNK)
