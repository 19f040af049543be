"""Bounds on an average effect that hold whatever was not measured, or not observed.

Manski (1990), American Economic Review 80(2): with an outcome between ``floor`` and ``ceiling``, the outcome nobody saw
is one of them at worst. Manski & Pepper (2000), doi:10.1111/1468-0262.00144, on monotone response and selection.
Horowitz & Manski (2000), doi:10.1080/01621459.2000.10473902, on outcomes missing in an experiment.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats
from estimand.stats.influence import weighted_mean_influence


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """One end of a bound.

    Attributes
    ----------
    value : float
    psi : ndarray of shape (n,)
        Its influence: estimate - truth ≈ Σψ/n.
    """

    value: float
    psi: Floats

    def less(self, other: "End") -> "End":
        """Difference of two ends."""
        return End(self.value - other.value, self.psi - other.psi)


def mean_end(values: Floats, weights: Floats) -> End:
    """Weighted mean of a number that every row has."""
    mean = float(weights @ values / weights.sum())
    return End(mean, weighted_mean_influence(values, weights, mean))


def filled(values: Floats, seen: Bools, weights: Floats, unseen: float) -> End:
    """Mean of an outcome with one value put where it was not seen.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Read only where ``seen``.
    seen : ndarray of shape (n,) of bool
    weights : ndarray of shape (n,)
        Zero for rows the mean is not over.
    unseen : float
    """
    return mean_end(np.where(seen, values, unseen), weights)


def worst_case(
    values: Floats, seen: tuple[Bools, Bools], weights: tuple[Floats, Floats], limits: tuple[float, float]
) -> tuple[End, End]:
    """Ends of the effect of treatment against control.

    Parameters
    ----------
    values : ndarray of shape (n,)
    seen : tuple of ndarray of shape (n,) of bool
        Rows whose outcome under treatment, and under control, was seen.
    weights : tuple of ndarray of shape (n,)
        Of the rows that stand for the population under treatment, and under control.
    limits : tuple of (floor, ceiling)
    """
    floor, ceiling = limits
    treated = [filled(values, seen[0], weights[0], unseen) for unseen in (floor, ceiling)]
    control = [filled(values, seen[1], weights[1], unseen) for unseen in (ceiling, floor)]
    return treated[0].less(control[0]), treated[1].less(control[1])


def seen_difference(values: Floats, seen: tuple[Bools, Bools], weights: Floats) -> End:
    """Difference between the mean outcomes seen under treatment and under control."""
    known = np.where(seen[0] | seen[1], values, 0.0)
    return mean_end(known, weights * seen[0]).less(mean_end(known, weights * seen[1]))


def nothing(rows: int) -> End:
    """An end at zero, known for certain."""
    return End(0.0, np.zeros(rows))
