"""Sensitivity of matched pairs to hidden confounding, by Rosenbaum's Γ.

Two rows of a pair may differ in their odds of treatment by a factor of at most Γ for a reason that was not measured.
Within a pair the treated row is then the one with the higher outcome with a probability between 1 / (1 + Γ) and
Γ / (1 + Γ), and every p-value and estimate becomes an interval. Rosenbaum (2002), Observational Studies, chapter 4,
doi:10.1007/978-1-4757-3692-2; Rosenbaum (1993) for the Hodges-Lehmann estimate, doi:10.1080/01621459.1993.10476405.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, ndtr

from estimand.kernels.walsh import walsh_rank_kernel
from estimand.stats.arrays import Floats
from estimand.stats.ranks import midranks

LARGEST = 1e6
TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class SignedRanks:
    """Wilcoxon's signed ranks of paired differences, as far as the test needs them.

    Attributes
    ----------
    positive : float
        Sum of the ranks of the positive differences.
    total, squares : float
        Sum of all ranks, and of their squares.
    """

    positive: float
    total: float
    squares: float

    @classmethod
    def of(cls, differences: Floats) -> "SignedRanks":
        """Rank differences (treated minus control, at least one not zero); zeros are left out, ties share ranks."""
        moved = differences[differences != 0.0]
        ranks = midranks(np.abs(moved))
        return cls(float(ranks[moved > 0.0].sum()), float(ranks.sum()), float(np.square(ranks).sum()))

    def p_bounds(self, gamma: float) -> tuple[float, float]:
        """Least and largest one-sided p-value that differences lie above zero.

        Under Γ ≥ 1 the sum of the positive ranks r has its largest mean ``λ Σr``, λ = Γ / (1 + Γ), with variance
        ``λ (1 - λ) Σr²``; the normal approximation, without a correction for continuity.
        """
        share = gamma / (1.0 + gamma)
        spread = math.sqrt(share * (1.0 - share) * self.squares)
        least, largest = (float(ndtr((part * self.total - self.positive) / spread)) for part in (1.0 - share, share))
        return least, largest


def mcnemar_bounds(more: int, fewer: int, gamma: float) -> tuple[float, float]:
    """Least and largest one-sided p-value of McNemar's exact test.

    Parameters
    ----------
    more, fewer : int
        Pairs in which only the treated row had the outcome, and only the control.
    gamma : float
        At least 1.
    """
    if more == 0:
        return 1.0, 1.0
    share = gamma / (1.0 + gamma)
    least, largest = (float(betainc(more, fewer + 1, part)) for part in (1.0 - share, share))
    return least, largest


def shift_bounds(differences: Floats, gamma: float, z: float = 0.0) -> tuple[float, float]:
    """Bounds on an additive effect, by inverting the signed-rank test at Γ.

    With ``z = 0`` the bounds of the Hodges-Lehmann estimate: the shifts at which the rank sum equals its largest and
    its least mean. With a critical value, the ends of the confidence interval that allows for Γ; its variance takes
    ranks as untied. An end is infinite where there are too few pairs for the test to reject anything.

    Parameters
    ----------
    differences : ndarray of shape (n,)
    gamma, z : float
    """
    ascending = np.sort(np.asarray(differences, dtype=float))
    n = ascending.shape[0]
    count, share = n * (n + 1) / 2.0, gamma / (1.0 + gamma)
    reach = z * math.sqrt(share * (1.0 - share) * count * (2.0 * n + 1.0) / 3.0)
    return _shift(ascending, share * count + reach), _shift(ascending, (1.0 - share) * count - reach)


def _shift(ascending: Floats, above: float) -> float:
    """Return the shift that leaves so many Walsh averages above it; the middle where a stretch of shifts does."""
    n = ascending.shape[0]
    if above <= 0.0:
        return math.inf
    if above >= n * (n + 1) / 2.0:
        return -math.inf
    first, second = math.ceil(above), math.floor(above) + 1
    upper = float(walsh_rank_kernel(ascending, first))
    return upper if first == second else 0.5 * (upper + float(walsh_rank_kernel(ascending, second)))


def turning_point(largest_p: Callable[[float], float], alpha: float) -> float | None:
    """Γ at which the largest p-value reaches ``alpha``, by bisection; infinite beyond a million.

    Returns
    -------
    float or None
        None where the test does not reject even without hidden confounding.
    """
    if largest_p(1.0) > alpha:
        return None
    low, high = 1.0, 2.0
    while largest_p(high) <= alpha:
        if high > LARGEST:
            return math.inf
        low, high = high, 2.0 * high
    while high - low > TOLERANCE * high:
        middle = 0.5 * (low + high)
        if largest_p(middle) <= alpha:
            low = middle
        else:
            high = middle
    return low
