"""The covariates column by column, as the data held them: numbers, or categories with their levels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.screening import average_ranks, pooled_levels, quantile_bins

BINS = 20


@dataclass(frozen=True, eq=False)
class Covariate:
    """One covariate, on the rows that have it.

    Attributes
    ----------
    name : str
    values : ndarray of shape (n,)
        Numbers, or codes into ``levels``.
    levels : tuple of str
        Empty for a number that takes more than two values.
    present : ndarray of shape (m,) of bool
        Which of the sample's rows have a value of their own; n of them.
    """

    name: str
    values: Floats
    levels: tuple[str, ...]
    present: Bools

    @cached_property
    def ranks(self) -> Floats:
        """Average ranks of the values."""
        return average_ranks(self.values)

    @cached_property
    def cells(self) -> Ints:
        """Levels, the rare ones pooled; bins of about equal size where there are none."""
        if self.levels:
            return pooled_levels(self.values.astype(np.int64))
        return quantile_bins(self.values, BINS)


def covariates_of(sample: Sample) -> Iterator[Covariate]:
    """Rebuild each covariate from its encoded features; a value that was filled in counts as missing."""
    groups: dict[str, list[int]] = {}
    for j, feature in enumerate(sample.features.features):
        groups.setdefault(feature.source, []).append(j)
    for name, columns in groups.items():
        yield _categories(sample, name, columns) or _numbers(sample, name, columns)


def _categories(sample: Sample, name: str, columns: list[int]) -> Covariate | None:
    levels = [sample.features.features[j].level for j in columns]
    if levels[0] is None:
        return None
    codes = sample.features.values[:, columns].argmax(axis=1).astype(np.float64)
    return Covariate(name, codes, tuple(str(level) for level in levels), np.ones(sample.n, dtype=np.bool_))


def _numbers(sample: Sample, name: str, columns: list[int]) -> Covariate:
    values = sample.features.values[:, columns[0]]
    present = np.ones(sample.n, dtype=np.bool_)
    if len(columns) > 1:
        present = sample.features.values[:, columns[1]] == 0.0
    held = np.ascontiguousarray(values[present])
    low, high = held.min(), held.max()
    if low < high and not ((held > low) & (held < high)).any():
        return Covariate(name, (held == high).astype(np.float64), (f"{low:g}", f"{high:g}"), present)
    return Covariate(name, held, (), present)
