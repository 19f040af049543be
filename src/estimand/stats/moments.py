"""Counts, means and centred cross-products per arm, and their exact merge.

Chan, Golub & LeVeque (1983), doi:10.1080/00031305.1983.10483115.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class ArmMoments:
    """Second-order moments of p columns in each of a arms.

    Attributes
    ----------
    units : ndarray of shape (a,)
    mean : ndarray of shape (a, p)
    cross : ndarray of shape (a, p, p)
        Sums of products of deviations from the arm's mean.
    """

    units: Floats
    mean: Floats
    cross: Floats

    def variance(self) -> Floats:
        """Sample variances of shape (a, p), with n - 1; not-a-number in an arm of fewer than two units."""
        freedom = np.where(self.units > 1.0, self.units - 1.0, np.nan)
        return np.asarray(np.diagonal(self.cross, axis1=1, axis2=2) / freedom[:, None])


def arm_moments(values: Floats, arm: Ints, arms: int) -> ArmMoments:
    """Moments of values of shape (n, p) within arms coded 0..arms-1; an empty arm has zero units."""
    p = values.shape[1]
    units, mean, cross = np.zeros(arms), np.zeros((arms, p)), np.zeros((arms, p, p))
    for a in range(arms):
        rows = values[arm == a]
        units[a] = rows.shape[0]
        if rows.shape[0]:
            mean[a] = rows.mean(axis=0)
            deviation = rows - mean[a]
            cross[a] = deviation.T @ deviation
    return ArmMoments(units, mean, cross)


def merge_moments(first: ArmMoments, second: ArmMoments) -> ArmMoments:
    """Moments of the union of two disjoint sets of units."""
    units = first.units + second.units
    safe = np.where(units > 0.0, units, 1.0)
    gap = second.mean - first.mean
    share = second.units / safe
    mean = np.where(first.units[:, None] > 0.0, first.mean + gap * share[:, None], second.mean)
    lift = (first.units * second.units / safe)[:, None, None] * gap[:, :, None] * gap[:, None, :]
    return ArmMoments(units, mean, first.cross + second.cross + lift)
