"""What a leaf keeps of its rows, and what rows outside a bag gather from it.

A leaf keeps the weighted means, over the rows that estimate, of Y; W; the products of the W; and each W times Y: with K
treatments 2 + 2K + K(K + 1)/2 - 1 numbers s. A row outside a bag of two trees gathers, from its leaves there, how many
bags; the sum of m = (s₁ + s₂)/2; of the products of m; and of the products of s₁ - s₂. Effects are made of the first,
their variance of all: no second pass.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]


@compiled
def means_of(treatments: int) -> int:
    """Numbers that a leaf keeps."""
    return 1 + 2 * treatments + treatments * (treatments + 1) // 2


@compiled
def gathered_of(means: int) -> int:
    """Numbers that a row gathers from leaves that keep so many."""
    return 1 + means + means * (means + 1)


@compiled
def leaf_kernel(responses: Floats, rows: Rows, out: Floats) -> None:
    """Write the means of a leaf's rows.

    Parameters
    ----------
    responses : ndarray of shape (n, 2 + K)
        Weight, outcome and treatments of every row.
    rows : ndarray of shape (m,)
    out : ndarray of shape (q,)
    """
    k = responses.shape[1] - 2
    total = 0.0
    out[:] = 0.0
    for i in range(rows.shape[0]):
        row = responses[rows[i]]
        total += row[0]
        out[0] += row[0] * row[1]
        at = 1
        for a in range(k):
            out[at] += row[0] * row[2 + a]
            at += 1
        for a in range(k):
            for b in range(a, k):
                out[at] += row[0] * row[2 + a] * row[2 + b]
                at += 1
        for a in range(k):
            out[at] += row[0] * row[2 + a] * row[1]
            at += 1
    for m in range(out.shape[0]):
        out[m] /= total


@compiled
def _products(a: float, b: float, c: float, d: float, into: Floats) -> None:
    into[0] += a * a
    into[1] += a * b
    into[2] += a * c
    into[3] += a * d
    into[4] += b * b
    into[5] += b * c
    into[6] += b * d
    into[7] += c * c
    into[8] += c * d
    into[9] += d * d


@compiled
def _gather_four(first: Floats, second: Floats, into: Floats) -> None:
    """The same for one treatment, written out: loops so short cost more than what they do."""
    a, b, c, d = first[0] + second[0], first[1] + second[1], first[2] + second[2], first[3] + second[3]
    a, b, c, d = 0.5 * a, 0.5 * b, 0.5 * c, 0.5 * d
    into[0] += 1.0
    into[1] += a
    into[2] += b
    into[3] += c
    into[4] += d
    _products(a, b, c, d, into[5:15])
    _products(first[0] - second[0], first[1] - second[1], first[2] - second[2], first[3] - second[3], into[15:25])


@compiled
def gather_kernel(first: Floats, second: Floats, into: Floats) -> None:
    """Add the means of a row's two leaves in one bag to what it has gathered."""
    q = first.shape[0]
    if q == 4:
        _gather_four(first, second, into)
        return
    into[0] += 1.0
    for m in range(q):
        into[1 + m] += 0.5 * (first[m] + second[m])
    at = 1 + q
    for a in range(q):
        middle = 0.25 * (first[a] + second[a])
        for b in range(a, q):
            into[at] += middle * (first[b] + second[b])
            at += 1
    for a in range(q):
        apart = first[a] - second[a]
        for b in range(a, q):
            into[at] += apart * (first[b] - second[b])
            at += 1


def leaf_reference(responses: Floats, rows: Rows) -> Floats:
    """Plain twin of :func:`leaf_kernel`."""
    weight, outcome, treatment = responses[rows, 0], responses[rows, 1], responses[rows, 2:]
    upper = np.triu_indices(treatment.shape[1])
    products = treatment[:, upper[0]] * treatment[:, upper[1]]
    columns = np.column_stack([outcome, treatment, products, treatment * outcome[:, None]])
    return np.asarray(weight @ columns / weight.sum())


def gather_reference(first: Floats, second: Floats) -> Floats:
    """Plain twin of :func:`gather_kernel`: what one bag adds."""
    upper = np.triu_indices(first.shape[0])
    middle, apart = (first + second) / 2.0, first - second
    return np.concatenate([[1.0], middle, np.outer(middle, middle)[upper], np.outer(apart, apart)[upper]])
