"""Largest mean of a matched-set statistic under hidden confounding, set by set.

Gastwirth, Krieger & Rosenbaum (2000), doi:10.1111/1467-9868.00249: in a set of scores in ascending order, the
confounder that pushes the expected score of the treated row up most is present in the last of them. How many they are
is what makes the mean largest, and of equals what makes the variance largest.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]


@compiled
def separable_kernel(scores: Floats, gamma: float) -> tuple[float, float]:
    """Largest mean of the sum of the treated rows' scores at Γ, and its variance there.

    Parameters
    ----------
    scores : ndarray of shape (sets, size)
    gamma : float
        At least 1.
    """
    sets, size = scores.shape
    ordered = np.empty(size)
    mean = variance = 0.0
    for i in range(sets):
        total = squares = 0.0
        for j in range(size):
            score, k = scores[i, j], j
            while k > 0 and ordered[k - 1] > score:
                ordered[k] = ordered[k - 1]
                k -= 1
            ordered[k] = score
            total += score
            squares += score * score
        best = spread = -np.inf
        first = second = 0.0
        for without in range(1, size):
            first += ordered[without - 1]
            second += ordered[without - 1] ** 2
            weight = without + gamma * (size - without)
            centre = (gamma * total - (gamma - 1.0) * first) / weight
            around = (gamma * squares - (gamma - 1.0) * second) / weight - centre * centre
            if centre > best or (centre == best and around > spread):
                best, spread = centre, around
        mean += best
        variance += spread
    return mean, variance


def separable_reference(scores: Floats, gamma: float) -> tuple[float, float]:
    """Plain twin of :func:`separable_kernel`."""
    ordered = np.sort(scores, axis=1)
    size = ordered.shape[1]
    without = np.arange(1.0, size)
    weight = without + gamma * (size - without)
    first, second = np.cumsum(ordered, axis=1), np.cumsum(np.square(ordered), axis=1)
    means = (gamma * first[:, -1:] - (gamma - 1.0) * first[:, :-1]) / weight
    spreads = (gamma * second[:, -1:] - (gamma - 1.0) * second[:, :-1]) / weight - np.square(means)
    best = means.max(axis=1, keepdims=True)
    return float(best.sum()), float(np.where(means == best, spreads, -np.inf).max(axis=1).sum())
