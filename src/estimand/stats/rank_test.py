r"""Ranks of two samples: whether they are of one distribution, and how often one is above the other.

With midranks :math:`R` over both samples, :math:`U` counts the pairs in which the second is above, ties by half, and
:math:`p = U / (m n)` is the probability index :math:`P(Y_1 > Y_0) + P(Y_1 = Y_0) / 2`.

Mann & Whitney (1947), doi:10.1214/aoms/1177730491, test that both are of one distribution. Brunner & Munzel (2000),
doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U, give the variance of p without that: the placements
of each sample in the other, as in DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr

from estimand.stats.arrays import Floats
from estimand.stats.intervals import critical_value
from estimand.stats.ranks import midranks


@dataclass(frozen=True, slots=True)
class Ranked:
    """Two samples ranked together.

    Attributes
    ----------
    wins : float
        U: pairs in which the second sample is above, ties by half.
    index : float
        Share of those pairs.
    z, p_value : float
        Of one distribution; z is not-a-number, and the p-value one, where all values are the same.
    variance : float
        Of the index, whatever the distributions; zero where the samples do not overlap.
    df : float
        Degrees of freedom of that variance.
    """

    wins: float
    index: float
    z: float
    p_value: float
    variance: float
    df: float


def ranked(first: Floats, second: Floats, *, correct: bool = True) -> Ranked:
    """Rank two samples together.

    Parameters
    ----------
    first, second : ndarray of shape (m,) and (n,)
        Two values or more each.
    correct : bool
        Whether U is brought half a pair nearer to its mean for the p-value.
    """
    m, n = first.shape[0], second.shape[0]
    both = midranks(np.concatenate([first, second]))
    below = (both[m:] - midranks(second)) / m
    above = (both[:m] - midranks(first)) / n
    wins = float(below.sum()) * m
    z = _standardised(wins, both, (m, n), correct)
    shares = np.array([above.var(ddof=1) / m, below.var(ddof=1) / n])
    variance = float(shares.sum())
    loss = float((np.square(shares) / np.array([m - 1.0, n - 1.0])).sum())
    df = variance**2 / loss if loss > 0.0 else np.inf
    p_value = 1.0 if np.isnan(z) else min(1.0, 2.0 * float(ndtr(-abs(z))))
    return Ranked(wins, wins / (m * n), z, p_value, variance, df)


def _standardised(wins: float, ranks: Floats, sizes: tuple[int, int], correct: bool) -> float:
    """U less its mean over its error where both samples are of one distribution, allowing for ties."""
    m, n = sizes
    total = float(m + n)
    _, ties = np.unique(ranks, return_counts=True)
    repeated = float(((ties**3.0) - ties).sum()) / (total * (total - 1.0))
    spread = np.sqrt(m * n / 12.0 * (total + 1.0 - repeated))
    away = wins - 0.5 * m * n
    away -= np.sign(away) * min(0.5, abs(away)) if correct else 0.0
    return float(away / spread) if spread > 0.0 else np.nan


def index_interval(found: Ranked, sizes: tuple[int, int], level: float) -> tuple[float, float]:
    """Interval of the index: t on the logit, by the placements.

    Where no value of one sample is below any of the other, that has no error. The set then ends at the bound that
    pairs of different units give, of which there are as many as the smaller sample has units, each sure of the same:
    ``(α / 2)^(1 / min(m, n))`` from the far end.
    """
    if found.variance <= 0.0:
        edge = (0.5 * (1.0 - level)) ** (1.0 / min(sizes))
        return (edge, 1.0) if found.index > 0.5 else (0.0, 1.0 - edge) if found.index < 0.5 else (1.0 - edge, edge)
    reach = float(critical_value(level, np.array([found.df]), 1)[0]) * np.sqrt(found.variance)
    slope = found.index * (1.0 - found.index)
    middle = float(logit(found.index))
    return float(expit(middle - reach / slope)), float(expit(middle + reach / slope))
