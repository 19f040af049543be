"""Covariates as a reader knows them: the columns a data column was encoded into, as numbers or as levels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from estimand.core.display import true_minus
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats, Ints

MOST_LEVELS = 8
LEAST_ROWS = 50
OTHERS = "others"
MISSING = "missing"


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """One covariate of a sample.

    Attributes
    ----------
    name : str
        Of the data's column.
    values : ndarray of shape (n,) or None
        Where it is a number of more than eight different values; not-a-number where it was not recorded.
    codes : ndarray of shape (n,)
        Position among ``levels``; -1 where it is a number, or of too few rows.
    levels : tuple of str
        Each with 50 rows or more; the rest are the others, where they are as many together.
    """

    name: str
    values: Floats | None
    codes: Ints
    levels: tuple[str, ...]


def leading(importance: Mapping[str, float], count: int) -> tuple[str, ...]:
    """Names of the covariates that effects turn on most; ties keep their order."""
    return tuple(sorted(importance, key=lambda name: -importance[name])[:count])


def covariate(sample: Sample, name: str) -> Covariate:
    """Put the encoded columns of one data column together again."""
    features = sample.features
    places = [j for j, feature in enumerate(features.features) if feature.source == name]
    if features.features[places[0]].level is not None:
        codes = features.values[:, places].argmax(axis=1)
        return _levels(name, codes, [str(features.features[j].level) for j in places])
    values = features.values[:, places[0]]
    if len(places) > 1:
        values = np.where(features.values[:, places[1]] > 0.0, np.nan, values)
    known = np.unique(values[~np.isnan(values)])
    if known.shape[0] > MOST_LEVELS:
        return Covariate(name, values, np.full(values.shape[0], -1), ())
    codes = np.where(np.isnan(values), known.shape[0], np.searchsorted(known, values))
    return _levels(name, codes, [true_minus(f"{value:g}") for value in known] + [MISSING])


def _levels(name: str, codes: Ints, names: list[str]) -> Covariate:
    """Keep the levels that have rows enough, in their order, and put the rest together."""
    count = np.bincount(codes, minlength=len(names))
    common = np.sort(np.argsort(-count, kind="stable")[:MOST_LEVELS])
    kept = [int(j) for j in common if count[j] >= LEAST_ROWS]
    many = int(count.sum() - count[kept].sum()) >= LEAST_ROWS
    place = np.full(len(names), len(kept) if many else -1)
    place[kept] = np.arange(len(kept))
    return Covariate(name, None, place[codes], (*(names[j] for j in kept), *([OTHERS] if many else [])))
