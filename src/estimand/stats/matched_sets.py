"""Sensitivity of matched sets, one treated row with one or more controls, to hidden confounding.

Huber's M-statistic of Rosenbaum (2007), doi:10.1111/j.1541-0420.2006.00717.x: within a set every difference of two
outcomes goes through ``ψ(d / s) = sign(d) min(1, |d| / (k s))``, with s a quantile of all |d|, and a row's score is the
sum over the set's other rows, over the size of the set. The statistic is the sum of the treated rows' scores. Its
largest mean under Γ is found set by set, by the asymptotic separability of Gastwirth, Krieger & Rosenbaum (2000),
doi:10.1111/1467-9868.00249.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from estimand.kernels.separable import separable_kernel
from estimand.stats.arrays import Floats, Ints

FINE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSets:
    """Outcomes by set, sets of one size together.

    Attributes
    ----------
    blocks : tuple of ndarray of shape (sets, size)
        The first column is the treated row's.
    """

    blocks: tuple[Floats, ...]

    @classmethod
    def of(cls, pairs: Ints, values: Floats) -> "MatchedSets":
        """Sets from (row of the target, row matched with it), shape (m, 2), and outcomes of shape (n,)."""
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        owner, partner = pairs[order, 0], pairs[order, 1]
        heads, first, counts = np.unique(owner, return_index=True, return_counts=True)
        blocks = []
        for size in np.unique(counts):
            at = np.flatnonzero(counts == size)
            controls = partner[first[at][:, None] + np.arange(size)]
            blocks.append(np.hstack([values[heads[at]][:, None], values[controls]]))
        return cls(tuple(blocks))

    def differences(self) -> Floats:
        """Treated minus the mean of the controls, shape (sets,)."""
        return np.concatenate([block[:, 0] - block[:, 1:].mean(axis=1) for block in self.blocks])

    def shifted(self, effect: float) -> "MatchedSets":
        """Take an additive effect off the treated rows."""
        return MatchedSets(tuple(np.hstack([block[:, :1] - effect, block[:, 1:]]) for block in self.blocks))

    def turned(self) -> "MatchedSets":
        """Turn the sign of every outcome."""
        return MatchedSets(tuple(-block for block in self.blocks))


def m_scores(sets: MatchedSets, trim: float = 2.5, quantile: float = 0.5) -> tuple[Floats, ...]:
    """Scores of every row by block, each of shape (sets, size).

    Where more differences than ``quantile`` are zero there is no scale, and ψ is the sign of the difference: the
    limit of a scale that vanishes.

    Parameters
    ----------
    sets : MatchedSets
    trim : float
        k, in units of the scale.
    quantile : float
        Of the absolute differences, that makes the scale.
    """
    halves = [np.triu_indices(block.shape[1], 1) for block in sets.blocks]
    apart = [block.T[first] - block.T[second] for block, (first, second) in zip(sets.blocks, halves, strict=True)]
    scale = trim * _quantile_of_both_signs(np.abs(np.concatenate([gap.ravel() for gap in apart])), quantile)
    scores = []
    for block, gap, (first, second) in zip(sets.blocks, apart, halves, strict=True):
        bent = np.sign(gap) if scale <= 0.0 else np.clip(gap / scale, -1.0, 1.0)
        summed = np.zeros(block.T.shape)
        for one, other, part in zip(first, second, bent, strict=True):
            summed[one] += part
            summed[other] -= part
        scores.append(np.ascontiguousarray(summed.T / block.shape[1]))
    return tuple(scores)


def _quantile_of_both_signs(sizes: Floats, share: float) -> float:
    """Interpolated quantile of a list in which every number stands twice, as a difference does with its negative."""
    place = share * (2.0 * sizes.shape[0] - 1.0)
    low, high = int(place) // 2, min((int(place) + 1) // 2, sizes.shape[0] - 1)
    parts = np.partition(sizes, (low, high))
    return float(parts[low] + (place - int(place)) * (parts[high] - parts[low]))


def separable_deviate(scores: tuple[Floats, ...], gamma: float) -> tuple[float, float]:
    """Statistic, and its distance from its largest mean under Γ in standard deviations."""
    statistic = float(sum(block[:, 0].sum() for block in scores))
    moments = [separable_kernel(block, gamma) for block in scores]
    gap = statistic - sum(mean for mean, _ in moments)
    variance = sum(part for _, part in moments)
    return statistic, gap / math.sqrt(variance) if variance > 0.0 else math.copysign(math.inf, gap) if gap else 0.0


def m_largest_p(scores: tuple[Floats, ...], gamma: float) -> float:
    """Largest one-sided p-value under Γ that treated outcomes lie above their controls'."""
    return float(ndtr(-separable_deviate(scores, gamma)[1]))


def m_shift_bounds(sets: MatchedSets, gamma: float, z: float = 0.0, trim: float = 2.5) -> tuple[float, float]:
    """Bounds on an additive effect, by inverting the M-test at Γ: of the M-estimate, or with ``z`` its interval.

    An end is infinite where the sets are too few for the test to reject anything.
    """
    return _m_shift(sets, gamma, z, trim), -_m_shift(sets.turned(), gamma, z, trim)


def _m_shift(sets: MatchedSets, gamma: float, z: float, trim: float) -> float:
    """Least effect that the test against a larger one does not reject."""

    def excess(effect: float) -> float:
        return separable_deviate(m_scores(sets.shifted(effect), trim), gamma)[1] - z

    gaps = [block[:, :1] - block[:, 1:] for block in sets.blocks]
    low, high = min(float(gap.min()) for gap in gaps), max(float(gap.max()) for gap in gaps)
    width = high - low
    low, high = low - width, high + width
    if width == 0.0 or excess(low) <= 0.0:
        return -math.inf if width else low
    return float(brentq(excess, low, high, xtol=FINE * width))
