"""Pseudo-outcomes of a node, anew in each: what splitting is to tell apart.

With treatments W and outcome Y, θ is the node's weighted least-squares coefficient of Y on W beside an intercept, and

    ρ_i = A⁻¹ (W_i - W̄)(Y_i - Ȳ - (W_i - W̄)'θ),  A the node's mean of (W - W̄)(W - W̄)',

the influence of row i on θ (Athey, Tibshirani & Wager 2019, doi:10.1214/18-AOS1709, equation 8). Without treatments
ρ = Y - Ȳ: a regression tree. Rows of ``responses`` are weight, Y, W. Marks of a row are, for each of the K values told
apart, w ρ; then w; then for each treatment a tally, which counts the row, and in its upper half the row again where W
is above its mean.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]
UPPER = 2.0**26


@compiled
def marks_of(responses: int) -> int:
    """Marks of each row whose responses are so many."""
    return 2 * max(responses - 2, 1) + 1


@compiled
def _inverse(matrix: Floats) -> bool:
    """Invert a positive definite matrix in place by Gauss-Jordan; False where it is not."""
    size = matrix.shape[0]
    for c in range(size):
        pivot = matrix[c, c]
        if not pivot > 1e-12:
            return False
        for j in range(size):
            matrix[c, j] /= pivot
        matrix[c, c] = 1.0 / pivot
        for i in range(size):
            if i != c:
                factor = matrix[i, c]
                for j in range(size):
                    matrix[i, j] -= factor * matrix[c, j]
                matrix[i, c] = -factor / pivot
    return True


@compiled
def _centred_on_mean(responses: Floats, rows: Rows, marks: Floats, total: float) -> bool:
    """Marks of a regression."""
    level = 0.0
    for i in range(rows.shape[0]):
        level += responses[rows[i], 0] * responses[rows[i], 1]
    level /= total
    for i in range(rows.shape[0]):
        weight = responses[rows[i], 0]
        marks[i, 0] = weight * (responses[rows[i], 1] - level)
        marks[i, 1] = weight
        marks[i, 2] = 1.0
    return True


@compiled
def _one_treatment(responses: Floats, rows: Rows, marks: Floats, total: float) -> bool:
    """Marks with one treatment, up to the constant 1/A that moves no split."""
    outcome, level, square, cross = 0.0, 0.0, 0.0, 0.0
    for row in rows:
        weight, value, dose = responses[row, 0], responses[row, 1], responses[row, 2]
        outcome += weight * value
        level += weight * dose
        square += weight * dose * dose
        cross += weight * dose * value
    outcome /= total
    level /= total
    square -= total * level * level
    if not square > 1e-12 * total:
        return False
    slope = (cross - total * level * outcome) / square
    for i in range(rows.shape[0]):
        row = rows[i]
        weight, above = responses[row, 0], responses[row, 2] - level
        marks[i, 0] = weight * above * (responses[row, 1] - outcome - above * slope)
        marks[i, 1] = weight
        marks[i, 2] = 1.0 + UPPER if above > 0.0 else 1.0
    return True


@compiled
def _slopes(responses: Floats, rows: Rows, means: Floats, inner: Floats, slope: Floats) -> bool:
    """Means of outcome and treatments, the inverse of A, and θ; False where A has none."""
    k, total = slope.shape[0], 0.0
    cross = np.zeros(k)
    for row in rows:
        total += responses[row, 0]
        for a in range(k + 1):
            means[a] += responses[row, 0] * responses[row, 1 + a]
    means /= total
    for row in rows:
        for a in range(k):
            pull = responses[row, 0] * (responses[row, 2 + a] - means[1 + a]) / total
            cross[a] += pull * (responses[row, 1] - means[0])
            for b in range(k):
                inner[a, b] += pull * (responses[row, 2 + b] - means[1 + b])
    if not _inverse(inner):
        return False
    for a in range(k):
        for b in range(k):
            slope[a] += inner[a, b] * cross[b]
    return True


@compiled
def _several_treatments(responses: Floats, rows: Rows, marks: Floats) -> bool:
    """Marks with more treatments than one."""
    k = responses.shape[1] - 2
    means, inner, slope = np.zeros(k + 1), np.zeros((k, k)), np.zeros(k)
    if not _slopes(responses, rows, means, inner, slope):
        return False
    for i in range(rows.shape[0]):
        row = responses[rows[i]]
        left = row[1] - means[0]
        for a in range(k):
            left -= slope[a] * (row[2 + a] - means[1 + a])
        for a in range(k):
            pull = 0.0
            for b in range(k):
                pull += inner[a, b] * (row[2 + b] - means[1 + b])
            marks[i, a] = row[0] * pull * left
            marks[i, k + 1 + a] = 1.0 + UPPER if row[2 + a] > means[1 + a] else 1.0
        marks[i, k] = row[0]
    return True


@compiled
def relabel_kernel(responses: Floats, rows: Rows, marks: Floats) -> bool:
    """Write the marks of a node's rows; False where the treatments do not vary in it.

    Parameters
    ----------
    responses : ndarray of shape (n, 2 + K)
        Weight, outcome and treatments of every row.
    rows : ndarray of shape (m,)
        Rows of the node.
    marks : ndarray of shape (≥ m, 2 max(K, 1) + 1)
        Written to, in the order of ``rows``.
    """
    total = 0.0
    for i in range(rows.shape[0]):
        total += responses[rows[i], 0]
    if responses.shape[1] == 2:
        return _centred_on_mean(responses, rows, marks, total)
    if responses.shape[1] == 3:
        return _one_treatment(responses, rows, marks, total)
    return _several_treatments(responses, rows, marks)


def relabel_reference(responses: Floats, rows: Rows) -> Floats | None:
    """Plain twin of :func:`relabel_kernel`; None where the treatments do not vary."""
    weight, outcome, treatment = responses[rows, 0], responses[rows, 1], responses[rows, 2:]
    left, one = outcome - np.average(outcome, weights=weight), np.ones((rows.shape[0], 1))
    if treatment.shape[1] == 0:
        return np.column_stack([weight * left, weight, one])
    above = treatment - np.average(treatment, weights=weight, axis=0)
    inner = (above * weight[:, None]).T @ above / weight.sum()
    if np.linalg.eigvalsh(inner)[0] <= 1e-12:
        return None
    slope = np.linalg.solve(inner, above.T @ (weight * left) / weight.sum())
    scaled = above if treatment.shape[1] == 1 else np.linalg.solve(inner, above.T).T
    pseudo = scaled * (weight * (left - above @ slope))[:, None]
    return np.column_stack([pseudo, weight, one + UPPER * (above > 0.0)])
