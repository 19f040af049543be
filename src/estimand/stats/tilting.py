"""Weighted means whose weights are known only up to a factor: the marginal sensitivity model.

Tan (2006), doi:10.1198/016214506000000023: given the covariates, what was not measured changes the odds of treatment
by a factor between 1/Λ and Λ. Zhao, Small & Bhattacharya (2019), doi:10.1111/rssb.12327: the extremes of a weighted
mean then take the factor Λ above one value of the outcome and 1/Λ below it.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class TiltedMean:
    """Rows of one arm in ascending order of the outcome, each with weight ``fixed + factor × free``.

    Attributes
    ----------
    values : ndarray of shape (m,)
    ahead : ndarray of shape (4, m + 1)
        Running sums of the fixed weight, the same times the outcome, the free weight and that times the outcome.
    """

    values: Floats
    ahead: Floats

    @classmethod
    def of(cls, values: Floats, fixed: Floats, free: Floats) -> "TiltedMean":
        """Sort rows once, for every Λ; outcomes are held relative to their middle, to keep their digits."""
        order = np.argsort(values, kind="stable")
        ascending = values[order]
        centred = ascending - ascending[ascending.shape[0] // 2]
        parts = np.stack([fixed[order], fixed[order] * centred, free[order], free[order] * centred])
        return cls(ascending, np.concatenate([np.zeros((4, 1)), np.cumsum(parts, axis=1)], axis=1))

    def extreme(self, factor: float) -> float:
        """Largest mean where the factor is Λ ≥ 1, least where it is 1/Λ.

        Rows above a cut get the factor, rows below it its inverse; the exact optimum of the linear-fractional
        programme is among the m + 1 cuts.
        """
        fixed, fixed_sum, _, _ = self.ahead[:, -1]
        (below, below_sum), (total, total_sum) = self.ahead[2:], self.ahead[2:, -1]
        top = fixed_sum + below_sum / factor + (total_sum - below_sum) * factor
        bottom = fixed + below / factor + (total - below) * factor
        means = top / bottom
        best = means.max() if factor >= 1.0 else means.min()
        return float(best) + float(self.values[self.values.shape[0] // 2])


def tilt(values: Floats, mean: float, factor: float) -> Floats:
    """Factor of each row at the extreme that :meth:`TiltedMean.extreme` found, shape (n,)."""
    return np.where(values > mean, factor, 1.0 / factor)
