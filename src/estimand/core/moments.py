"""Counts, means and centred cross-products per arm: all that mean-based methods need, without rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json
from estimand.core.nearest import did_you_mean
from estimand.core.sample import Sample
from estimand.errors import DataError, DesignError
from estimand.stats.arrays import Floats
from estimand.stats.moments import ArmMoments, arm_moments, merge_moments


@dataclass(frozen=True, slots=True, eq=False)
class Moments(Frozen):
    """Second-order moments over metric columns, per arm, after a shift.

    Attributes
    ----------
    columns : tuple of str, of length p
    arms : tuple of str, of length a
        The first is the control arm.
    shift : ndarray of shape (p,)
        Subtracted from every value before summing, so that a large mean costs no digits.
    units : ndarray of shape (a,)
        Analysis units in each arm.
    means : ndarray of shape (a, p)
        Of the shifted columns.
    cross : ndarray of shape (a, p, p)
        Sums of products of deviations from the arm's mean.
    """

    columns: tuple[str, ...]
    arms: tuple[str, ...]
    shift: Floats
    units: Floats
    means: Floats
    cross: Floats

    @classmethod
    def from_sample(cls, sample: Sample, outcomes: tuple[str, ...] | None = None) -> "Moments":
        """Sum up a sample's outcomes; every one must be present in every row.

        Raises
        ------
        DataError
            If an outcome is missing in some row: the cross-products would be over different units.
        """
        names = tuple(sample.outcomes) if outcomes is None else outcomes
        for name in names:
            if not sample.present[name].all():
                raise DataError(
                    f"Outcome '{name}' is missing in some rows, so its moments would be over other units.",
                    remedy="Sum up the rows where it is present: sample.take(sample.present[name]).",
                )
        values = np.stack([sample.outcomes[name] for name in names], axis=1)
        shift = values.mean(axis=0)
        part = arm_moments(values - shift, sample.arm, len(sample.arms))
        return cls(names, sample.arms, shift, part.units, part.mean, part.cross)

    def merge(self, other: "Moments") -> "Moments":
        """Add the moments of other units; the two sets of units must not overlap.

        Raises
        ------
        DesignError
            If columns or arms differ.
        """
        if self.columns != other.columns or self.arms != other.arms:
            raise DesignError(
                "Moments over different columns or arms cannot be added.",
                remedy="Build both with the same metrics and arms, in the same order.",
                found=(other.columns, other.arms),
                expected=(self.columns, self.arms),
            )
        moved = ArmMoments(other.units, other.means + (other.shift - self.shift), other.cross)
        whole = merge_moments(ArmMoments(self.units, self.means, self.cross), moved)
        return Moments(self.columns, self.arms, self.shift, whole.units, whole.mean, whole.cross)

    def only(self, columns: tuple[str, ...]) -> "Moments":
        """Moments of some of the columns, in the order given."""
        at = np.array([self.position(column) for column in columns], dtype=np.intp)
        picked = (self.shift[at], self.units, self.means[:, at], self.cross[:, at[:, None], at])
        return Moments(columns, self.arms, *picked)

    def position(self, column: str) -> int:
        """Position of a column.

        Raises
        ------
        DesignError
            If the moments do not hold it.
        """
        if column not in self.columns:
            raise DesignError(
                f"The moments hold no column '{column}'.",
                remedy=did_you_mean(column, self.columns),
                found=column,
            )
        return self.columns.index(column)

    def mean(self, column: str) -> Floats:
        """Mean of a column in each arm, shape (a,); not-a-number in an empty arm."""
        j = self.position(column)
        return np.where(self.units > 0.0, self.shift[j] + self.means[:, j], np.nan)

    def variance(self, column: str) -> Floats:
        """Sample variance of a column in each arm, shape (a,); not-a-number below two units."""
        j = self.position(column)
        freedom = np.where(self.units > 1.0, self.units - 1.0, np.nan)
        return np.asarray(self.cross[:, j, j] / freedom)

    def to_dict(self) -> dict[str, Json]:
        """Return the moments as JSON."""
        return {
            "columns": list(self.columns),
            "arms": list(self.arms),
            "shift": self.shift.tolist(),
            "units": self.units.tolist(),
            "means": self.means.tolist(),
            "cross": self.cross.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Moments":
        """Rebuild moments from their JSON."""
        arrays = (np.array(data[name], dtype=float) for name in ("shift", "units", "means", "cross"))
        return cls(tuple(data["columns"]), tuple(data["arms"]), *arrays)
