"""How two groups differ in the means of many columns, or a group from all others in one."""

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.influence import sum_within


def standardised(values: Floats, errors: Floats) -> Floats:
    """Values over their errors; one without error is zero for sure, or infinitely far from it."""
    certain = np.where(values == 0.0, 0.0, np.copysign(np.inf, values))
    return np.asarray(np.divide(values, errors, out=certain, where=errors > 0.0))


def contrast_of_means(columns: Floats, members: tuple[Bools, Bools], weights: Floats, units: Ints) -> Floats:
    """Means of one group and of another, the first less the second and its standard error, shape (4, p).

    Standard errors are those of a sum over independent units, which may have rows in both groups.

    Parameters
    ----------
    columns : ndarray of shape (n, p)
    members : pair of ndarray of shape (n,) of bool
        Each with a row.
    weights : ndarray of shape (n,)
        Positive.
    units : ndarray of shape (n,)
    """
    share = [np.where(member, weights, 0.0) / weights[member].sum() for member in members]
    mean = [part @ columns for part in share]
    pull = share[0][:, None] * (columns - mean[0]) - share[1][:, None] * (columns - mean[1])
    codes, place = np.unique(units, return_inverse=True)
    summed = pull if codes.shape[0] == units.shape[0] else sum_within(pull, place, codes.shape[0])
    return np.stack([mean[0], mean[1], mean[0] - mean[1], np.sqrt(np.square(summed).sum(axis=0))])
