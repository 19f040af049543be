r"""One answer from folds taken in turn, each judged by what was learned from those before it.

What folds say of each other is not independent where each is both learned from and judged: under no effect the pooled
statistic then has about twice the variance that is claimed for it. Taken in turn, the standardised statistics are
differences of a martingale, so that :math:`\sum_k z_k / \sqrt{K}` is standard normal, however poor the rules. The
estimate that goes with it weighs folds by one over their standard errors.

Luedtke & van der Laan (2016), doi:10.1214/15-AOS1384; Wager (2024), doi:10.48550/arXiv.2405.05534.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True)
class Combined:
    """An average over folds.

    Attributes
    ----------
    value, std_error : float
    folds : int
        How many had something to say.
    """

    value: float
    std_error: float
    folds: int

    @property
    def p_value(self) -> float:
        """One-sided, against a value of zero or less."""
        return float(ndtr(-self.value / self.std_error))

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided interval."""
        reach = float(ndtri(0.5 + level / 2.0)) * self.std_error
        return self.value - reach, self.value + reach


def in_turn(values: Floats, errors: Floats) -> Combined | None:
    """Combine folds; those without an error are left out, and None is returned where none is left.

    Parameters
    ----------
    values, errors : ndarray of shape (K,)
        Of each fold, given those before it; not-a-number or zero error where it had nothing to say.
    """
    told = np.isfinite(values) & np.isfinite(errors) & (errors > 0.0)
    if not told.any():
        return None
    weight = 1.0 / errors[told]
    total, count = float(weight.sum()), int(told.sum())
    return Combined(float(weight @ values[told]) / total, float(np.sqrt(count)) / total, count)
