r"""Difference in differences of four means, with its standard error from sums by cluster.

.. math::
    \hat\Delta = (\bar v_{1,\text{after}} - \bar v_{1,\text{before}})
        - (\bar v_{0,\text{after}} - \bar v_{0,\text{before}})

Its influence is the sum of the means' own, each row's deviation from its mean over that mean's weight.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class MeansChange:
    """How much more one group's mean changed than another's.

    Attributes
    ----------
    gap : float
    std_error : float
        From sums of the influence by cluster; zero where nothing varies.
    clusters : int
        With rows in any of the four means.
    """

    gap: float
    std_error: float
    clusters: int


def change_in_means(
    values: Floats, treated: Bools, after: Bools, cluster: Ints, weights: Floats | None = None
) -> MeansChange | None:
    """Compare the change of a mean; None where one of the four has no rows.

    Parameters
    ----------
    values : ndarray of shape (n,)
    treated, after : ndarray of shape (n,) of bool
    cluster : ndarray of shape (n,)
        Rows of one depend on each other.
    weights : ndarray of shape (n,), optional
    """
    mass = np.ones(values.shape[0]) if weights is None else weights
    gap, psi = 0.0, np.zeros(values.shape[0])
    for member, sign in (
        (treated & after, 1.0),
        (treated & ~after, -1.0),
        (~treated & after, -1.0),
        (~treated & ~after, 1.0),
    ):
        total = float(mass[member].sum())
        if total <= 0.0:
            return None
        mean = float(mass[member] @ values[member]) / total
        gap += sign * mean
        psi[member] = sign * mass[member] * (values[member] - mean) / total
    groups, place = np.unique(cluster, return_inverse=True)
    summed = np.bincount(place, weights=psi, minlength=groups.shape[0])
    factor = groups.shape[0] / max(groups.shape[0] - 1, 1)
    return MeansChange(gap, float(np.sqrt(factor * np.square(summed).sum())), int(groups.shape[0]))
