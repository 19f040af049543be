r"""One answer from several random splits: medians, at levels that stay honest whatever the splits have in common.

The median of the splits' values, of the lower and of the upper ends of their intervals at the level
:math:`1 - \alpha/2`, holds at :math:`1 - \alpha`; twice the median p-value is one. Where the median of S p-values is at
most :math:`\alpha/2`, at least half of them are, which by Markov's inequality happens with chance :math:`\alpha` at
most: for any S, and however the splits depend on each other.

Chernozhukov, Demirer, Duflo & Fernández-Val (2025), doi:10.3982/ECTA19303.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Floats
from estimand.stats.group_contrast import standardised


@dataclass(frozen=True, slots=True, eq=False)
class SplitMedian:
    """Medians over splits, each of shape (m,)."""

    value: Floats
    low: Floats
    high: Floats

    def increasing(self) -> "SplitMedian":
        """Values and ends put in increasing order, which cannot worsen them where the truth increases.

        Chernozhukov, Fernández-Val & Galichon (2009), doi:10.1093/biomet/asp030.
        """
        return SplitMedian(np.sort(self.value), np.sort(self.low), np.sort(self.high))


def split_median(values: Floats, errors: Floats, level: float) -> SplitMedian:
    """Medians of values and of the ends of intervals; the lower and upper one of an even number, whichever is wider.

    Parameters
    ----------
    values, errors : ndarray of shape (S, m)
    level : float
    """
    reach = float(ndtri(1.0 - (1.0 - level) / 4.0)) * errors
    return SplitMedian(
        np.median(values, axis=0),
        np.quantile(values - reach, 0.5, axis=0, method="lower"),
        np.quantile(values + reach, 0.5, axis=0, method="higher"),
    )


def split_p_value(values: Floats, errors: Floats, *, two_sided: bool) -> Floats:
    """Twice the median p-value, at most one, shape (m,); one-sided against zero or less.

    Parameters
    ----------
    values, errors : ndarray of shape (S, m)
        A value without error is zero for sure, or not zero for sure.
    two_sided : bool
    """
    statistics = standardised(values, errors)
    tail = ndtr(-np.abs(statistics)) * 2.0 if two_sided else ndtr(-statistics)
    return np.asarray(np.minimum(1.0, 2.0 * np.quantile(tail, 0.5, axis=0, method="higher")))
