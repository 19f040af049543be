r"""Effect on all units, from the effect on those who could have seen the change.

Where the others are not moved, the effect on a mean over everyone is :math:`p \Delta` for a share p triggered of N
units, with variance :math:`p^2 V + \Delta \Delta' p (1 - p)/N`: given who was triggered, the estimate has mean
:math:`\Delta`, so that it and the share do not covary. The level of a ratio is
:math:`R_a = \{p N_a + (1 - p) N_u\} / \{p D_a + (1 - p) D_u\}`, with the untriggered u the same in every arm; its
effect is no multiple of that on the triggered, and is linearised in all its parts.

Deng & Hu (2015), doi:10.1145/2684822.2685307.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Diluted:
    """Effect over all units.

    Attributes
    ----------
    share : float
        Triggered.
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    """

    share: float
    value: Floats
    vcov: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PairMeans:
    """Means of numerator and denominator of some units, (..., 2), and their covariance, (..., 2, 2)."""

    mean: Floats
    vcov: Floats


def diluted_mean(value: Floats, vcov: Floats, triggered: float, untriggered: float) -> Diluted:
    """Effect on a mean over all units.

    Parameters
    ----------
    value, vcov : ndarray of shape (k,), (k, k)
        Effects on the triggered, and their covariance.
    triggered, untriggered : float
        Units over all arms.
    """
    units = triggered + untriggered
    share = triggered / units
    return Diluted(share, share * value, share**2 * vcov + np.outer(value, value) * share * (1.0 - share) / units)


def diluted_ratio(arms: PairMeans, rest: PairMeans, triggered: float, untriggered: float) -> Diluted:
    """Effect on a ratio of means over all units.

    Parameters
    ----------
    arms : PairMeans
        Of the triggered units of each of a arms, (a, 2).
    rest : PairMeans
        Of the untriggered units of all arms, (2,).
    triggered, untriggered : float
        Units over all arms.
    """
    units = triggered + untriggered
    share = triggered / units
    whole = share * arms.mean + (1.0 - share) * rest.mean
    level = whole[:, 0] / whole[:, 1]
    slope = np.stack([1.0 / whole[:, 1], -level / whole[:, 1]], axis=1)
    own = share**2 * np.einsum("aq,aqr,ar->a", slope, arms.vcov, slope)
    common = (1.0 - share) ** 2 * slope @ rest.vcov @ slope.T
    by_share = np.einsum("aq,aq->a", slope, arms.mean - rest.mean)
    vcov = np.diag(own) + common + np.outer(by_share, by_share) * share * (1.0 - share) / units
    k = level.shape[0] - 1
    contrast = np.hstack([-np.ones((k, 1)), np.eye(k)])
    return Diluted(share, level[1:] - level[0], contrast @ vcov @ contrast.T)


def equal_shares_p_value(triggered: Floats, untriggered: Floats) -> float:
    """P-value of one share triggered in all arms, by Pearson's χ²; one where all or none were.

    Parameters
    ----------
    triggered, untriggered : ndarray of shape (a,)
        Units of each arm.
    """
    units = triggered + untriggered
    share = triggered.sum() / units.sum()
    if not 0.0 < share < 1.0:
        return 1.0
    statistic = (np.square(triggered - share * units) / (units * share * (1.0 - share))).sum()
    return float(chdtrc(units.shape[0] - 1, statistic))
