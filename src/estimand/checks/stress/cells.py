"""Cells of discrete covariates in which each of two arms still has enough rows with the outcome."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimand.core.sample import Encoded
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.levels import numbered

MOST_LEVELS = 12
LEAST_OBSERVED = 50
GLANCE = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A partition of rows by covariates.

    Attributes
    ----------
    sources : tuple of str
        The data columns.
    code : ndarray of shape (n,)
        Codes 0, 1, … of the cells.
    """

    sources: tuple[str, ...]
    code: Ints

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.code.max()) + 1


def observed_cells(
    features: tuple[Encoded, ...], spared: tuple[str, ...], observed: Bools, sides: tuple[Bools, Bools]
) -> Cells | None:
    """Cross discrete covariates, as the design lists them, while every cell keeps enough observed rows on both sides.

    A covariate that would leave a cell with fewer than ``LEAST_OBSERVED`` on a side is passed over. What is crossed
    depends on covariates, arms and who was observed, never on an outcome, so it does not choose the answer.

    Parameters
    ----------
    features : tuple of Encoded
        Of samples whose rows follow one another, n in all.
    spared : tuple of str
        Data columns that are not to make cells.
    observed : ndarray of shape (n,) of bool
    sides : tuple of ndarray of shape (n,) of bool
        Rows of either arm; rows of neither are put in cell 0.

    Returns
    -------
    Cells or None
        None where no covariate does.
    """
    own = sides[0] | sides[1]
    chosen: list[str] = []
    code, count = np.zeros(own.shape[0], dtype=np.int64), 1
    for source, levels in _discrete(features):
        crossed = np.zeros_like(code)
        crossed[own] = numbered((code * MOST_LEVELS + levels)[own])[1]
        size = int(crossed.max()) + 1
        fewest = min(int(np.bincount(crossed[side & observed], minlength=size).min()) for side in sides)
        if source not in spared and size > count and fewest >= LEAST_OBSERVED:
            chosen.append(source)
            code, count = crossed, size
    return Cells(tuple(chosen), code) if chosen else None


def _discrete(features: tuple[Encoded, ...]) -> Iterator[tuple[str, Ints]]:
    """Data columns with few values, and the codes of their values, shape (n,)."""
    listed = features[0].features
    for source in dict.fromkeys(feature.source for feature in listed):
        columns = [j for j, feature in enumerate(listed) if feature.source == source]
        values = np.vstack([encoded.values[:, columns] for encoded in features])
        if _levels(values[:GLANCE]) is None:
            continue
        levels = _levels(values)
        if levels is not None:
            yield source, levels


def _levels(values: Floats) -> Ints | None:
    """Codes of the different rows of shape (n, k); None where they are more than ``MOST_LEVELS``."""
    code = np.zeros(values.shape[0], dtype=np.int64)
    for column in values.T:
        distinct, own = np.unique(column, return_inverse=True)
        if distinct.shape[0] > MOST_LEVELS:
            return None
        code = numbered(code * MOST_LEVELS + own)[1]
        if code.max() >= MOST_LEVELS:
            return None
    return code
