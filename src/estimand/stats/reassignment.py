"""Moments of fixed units under many assignments: products once, then one sum per assignment and arm."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kstwo

from estimand.stats.arrays import AnyArray, Floats, Ints
from estimand.stats.moments import ArmMoments


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Columns of some units, less their means, and the products of each two.

    Attributes
    ----------
    units : ndarray of shape (u,)
        Positions among all units.
    shift : ndarray of shape (p,)
    values : ndarray of shape (u, 1 + p + p (p + 1) / 2)
        Ones, columns, products.
    """

    units: Ints
    shift: Floats
    values: Floats

    @classmethod
    def of(cls, units: Ints, columns: Floats) -> "Products":
        """Prepare columns of shape (u, p)."""
        shift = columns.mean(axis=0)
        z = columns - shift
        first, second = np.tril_indices(z.shape[1])
        return cls(units, shift, np.hstack([np.ones((z.shape[0], 1)), z, z[:, first] * z[:, second]]))

    def moments(self, assigned: AnyArray, arms: int) -> list[ArmMoments]:
        """Moments by arm under each of b assignments.

        Parameters
        ----------
        assigned : ndarray of shape (b, n)
            Arm of every unit.
        arms : int
        """
        own = assigned if self.units.shape[0] == assigned.shape[1] else assigned[:, self.units]
        sums = np.empty((assigned.shape[0], arms, self.values.shape[1]))
        for a in range(1, arms):
            sums[:, a] = (own == a).astype(np.float64) @ self.values
        sums[:, 0] = self.values.sum(axis=0) - sums[:, 1:].sum(axis=1)
        return [self._centred(part) for part in sums]

    def _centred(self, sums: Floats) -> ArmMoments:
        p = self.shift.shape[0]
        units = np.rint(sums[:, 0])
        mean = sums[:, 1 : p + 1] / np.maximum(units, 1.0)[:, None]
        product = np.zeros((sums.shape[0], p, p))
        first, second = np.tril_indices(p)
        product[:, first, second] = product[:, second, first] = sums[:, p + 1 :]
        return ArmMoments(units, mean, product - units[:, None, None] * mean[:, :, None] * mean[:, None, :])


def shuffled(arm: Ints, stratum: Ints, repetitions: int, rng: np.random.Generator) -> AnyArray:
    """Deal the arms anew within strata, as often as they are there: shape (b, n).

    Parameters
    ----------
    arm, stratum : ndarray of shape (n,)
    repetitions : int
    rng : numpy.random.Generator
    """
    out = np.empty((repetitions, arm.shape[0]), dtype=np.int8)
    narrow = arm.astype(np.int8)
    for s in np.unique(stratum):
        inside = np.flatnonzero(stratum == s)
        whole = inside.shape[0] == arm.shape[0]
        out[:, slice(None) if whole else inside] = rng.permuted(np.tile(narrow[inside], (repetitions, 1)), axis=1)
    return out


def uniform_p_value(values: Floats) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of numbers in [0, 1] from the uniform distribution, and its exact p-value.

    Parameters
    ----------
    values : ndarray of shape (n,)
    """
    n = values.shape[0]
    ordered = np.sort(values)
    steps = np.arange(n + 1) / n
    distance = float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
    return distance, float(kstwo.sf(distance, n))
