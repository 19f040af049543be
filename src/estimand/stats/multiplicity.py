"""P-values of several tests read together."""

import numpy as np

from estimand.stats.arrays import Floats


def holm(p_values: Floats) -> Floats:
    """Step-down adjusted p-values: rejecting those at most α keeps the familywise error at α.

    Holm (1979), doi:10.2307/4615733.

    Parameters
    ----------
    p_values : ndarray of shape (m,)
    """
    order = np.argsort(p_values, kind="stable")
    size = p_values.shape[0]
    stepped = np.maximum.accumulate(p_values[order] * np.arange(size, 0, -1))
    out = np.empty(size)
    out[order] = np.minimum(1.0, stepped)
    return out


def bonferroni(p_values: Floats) -> Floats:
    """P-values times their number: rejecting those at most α keeps the familywise error at α, whatever the tests."""
    return np.asarray(np.minimum(1.0, p_values * p_values.shape[0]))


def false_discovery(p_values: Floats, *, dependent: bool = False) -> Floats:
    """Step-up adjusted p-values: rejecting those at most q keeps the false discovery rate at q.

    Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x, for independent or positively dependent
    tests; Benjamini & Yekutieli (2001), doi:10.1214/aos/1013699998, for any dependence.

    Parameters
    ----------
    p_values : ndarray of shape (m,)
    dependent : bool
        Whether to allow for any dependence.
    """
    size = p_values.shape[0]
    order = np.argsort(p_values, kind="stable")[::-1]
    ranks = np.arange(size, 0, -1)
    penalty = (1.0 / ranks).sum() if dependent else 1.0
    out = np.empty(size)
    out[order] = np.minimum(1.0, np.minimum.accumulate(p_values[order] * size / ranks * penalty))
    return out


def romano_wolf(statistics: Floats, draws: Floats) -> Floats:
    """Step-down adjusted p-values from draws of all statistics under the null, so from their joint distribution.

    Romano & Wolf (2005), doi:10.1198/016214504000000539, and (2016), doi:10.1016/j.spl.2016.02.012, for the form
    as p-values: each is compared with the largest of those not yet rejected.

    Parameters
    ----------
    statistics : ndarray of shape (m,)
        Absolute values, such as |t|.
    draws : ndarray of shape (b, m)
        Absolute values under the null.
    """
    order = np.argsort(-statistics, kind="stable")
    largest = np.maximum.accumulate(draws[:, order][:, ::-1], axis=1)[:, ::-1]
    exceeding = (largest >= statistics[order]).sum(axis=0)
    out = np.empty(statistics.shape[0])
    out[order] = np.maximum.accumulate((1.0 + exceeding) / (1.0 + draws.shape[0]))
    return out
