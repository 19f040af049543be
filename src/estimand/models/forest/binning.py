"""Cuts that turn features into codes of one byte, found once and remembered for new rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from estimand.core.frozen import Frozen
from estimand.errors import DataError, DesignError
from estimand.kernels.forest.bins import codes_kernel
from estimand.stats.arrays import Floats, Ints

Codes = npt.NDArray[np.uint8]
ROWS_FOR_CUTS = 200_000
MOST_FEATURES = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Cuts(Frozen):
    """Where the codes of each feature begin.

    Attributes
    ----------
    values : ndarray
        Cuts of all features one after the other.
    ends : ndarray of shape (p + 1,)
        Feature j has ``values[ends[j]:ends[j + 1]]``.
    bins : int
        Codes at most, the last of them for missing values.
    """

    values: Floats
    ends: Ints
    bins: int

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.ends.shape[0] - 1)

    def codes(self, features: Floats) -> Codes:
        """Codes of rows, feature by feature, shape (p, n).

        Raises
        ------
        DesignError
            If there are not as many columns as the cuts were found on.
        DataError
            If a value is infinite.
        """
        if features.shape[1] != self.features:
            raise DesignError(
                f"The forest was grown on {self.features} columns, and these rows have {features.shape[1]}.",
                remedy="Give the columns it was grown on, in their order.",
                found=features.shape[1],
                expected=self.features,
            )
        refuse_infinite(features)
        return np.asarray(codes_kernel(features, self.values, self.ends, self.bins - 1))


def find_cuts(features: Floats, bins: int) -> Cuts:
    """Cut each feature half-way between neighbours, at every value where they are few, else at quantiles.

    Parameters
    ----------
    features : ndarray of shape (n, p)
        Not-a-number where missing.
    bins : int
        Codes at most, from 3 to 256.

    Raises
    ------
    DataError
        If a value is infinite.
    DesignError
        If there are no features, or too many.
    """
    if not 0 < features.shape[1] <= MOST_FEATURES:
        raise DesignError(
            f"A forest splits on 1 to {MOST_FEATURES} columns, and there are {features.shape[1]}.",
            remedy="Give it columns to split on.",
            found=features.shape[1],
        )
    refuse_infinite(features)
    step = -(-features.shape[0] // ROWS_FOR_CUTS)
    cuts = [_column_cuts(column, bins - 1) for column in features[::step].T]
    ends = np.cumsum([0, *(found.shape[0] for found in cuts)])
    return Cuts(np.concatenate(cuts), ends, bins)


def refuse_infinite(features: Floats) -> None:
    """Refuse infinite values.

    Raises
    ------
    DataError
    """
    found = np.flatnonzero(np.isinf(features).any(axis=0))
    if found.size:
        raise DataError(
            f"Column {found[0]} of the features holds infinite values.",
            remedy="Leave those values missing, or put a number in their place.",
        )


def _column_cuts(column: Floats, most: int) -> Floats:
    """At most ``most - 1`` cuts, ascending, none where all values are equal."""
    ordered = np.sort(column[~np.isnan(column)])
    different = ordered[np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0.0)]
    if different.shape[0] <= most:
        return _between(different[:-1], different[1:])
    place = np.arange(1, most) * ordered.shape[0] // most
    below, above = ordered[place - 1], ordered[place]
    return np.unique(_between(below, above)[below < above])


def _between(below: Floats, above: Floats) -> Floats:
    """Half-way, and never on the upper value, which rounding might reach."""
    return np.minimum(below + (above - below) / 2.0, np.nextafter(above, -np.inf))
