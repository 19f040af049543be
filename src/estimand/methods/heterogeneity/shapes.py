"""Where effects are large: averages of doubly robust scores along single covariates, and over a grid of two.

All are averages over everyone with such values, whatever the target of the estimate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail
from estimand.core.sample import Sample
from estimand.methods.heterogeneity.covariates import LEAST_ROWS, Covariate, covariate, leading
from estimand.stats.arrays import Floats, Ints
from estimand.stats.effect_curve import effect_curve, tube_critical_value
from estimand.stats.effect_groups import group_averages
from estimand.stats.effect_scores import Known, arm_scores
from estimand.stats.intervals import critical_value

SHOWN = 4
PLACES = 25
ROWS_IN_CELL = 200
FEWEST_BINS, MOST_BINS = 2, 5
BY_COVARIATE = ("arm", "covariate", "level", "at", "value", "std_error", "low", "high", "band_low", "band_high", "rows")
BY_PAIR = ("arm", "across", "down", "across_bin", "down_bin", "rows", "value", "std_error", "predicted")
BINS = ("covariate", "bin", "level", "low", "high")
SHAPES = (
    Detail(
        "by_covariate", "by arm, covariate and place", "average effect by scores, with intervals and band [outcome]"
    ),
    Detail("by_pair", "by arm and bins of two covariates", "average effect by scores in each cell [outcome]"),
    Detail("pair_bins", "by covariate and bin", "bins of the two covariates [their units]"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What is averaged.

    Attributes
    ----------
    sample : Sample
    arms : tuple of str
        As the estimate's terms are called.
    scores, effects : ndarray of shape (n, K)
        Doubly robust scores and predicted effects, of each arm against control.
    weights : ndarray of shape (n,)
    level : float
    """

    sample: Sample
    arms: tuple[str, ...]
    scores: Floats
    effects: Floats
    weights: Floats
    level: float


def shapes(case: Case, known: Known, effects: Floats, importance: Mapping[str, float]) -> dict[str, Any]:
    """Details ``by_covariate``, ``by_pair`` and ``pair_bins``, of the covariates that effects turn on most.

    Parameters
    ----------
    case : Case
    known : Known
        What the doubly robust scores are made of.
    effects : ndarray of shape (n, K)
        As predicted.
    importance : mapping of str to float
        Of every covariate.
    """
    under = arm_scores(known)
    arms = tuple(term.label for term in case.arm_terms())
    scored = Scored(case.sample(), arms, under[:, 1:] - under[:, :1], effects, known.weights, case.level)
    asked = (covariate(scored.sample, name) for name in leading(importance, SHOWN))
    told = [item for item in asked if item.values is not None or len(item.levels) > 1]
    single = [row for item in told for row in _along(scored, item)]
    bins, pair = _over_two(scored, told[:2]) if len(told) > 1 else ([], [])
    tables = {"by_covariate": (BY_COVARIATE, single), "by_pair": (BY_PAIR, pair), "pair_bins": (BINS, bins)}
    return {name: _columns(*made) for name, made in tables.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Averages:
    """Average effects at places or in levels, and the critical value of a band for all of them."""

    places: Sequence[float | None]
    levels: Sequence[str]
    value: Floats
    error: Floats
    critical: float
    rows: Sequence[int | None]


def _along(scored: Scored, item: Covariate) -> list[tuple[Any, ...]]:
    """Average effects along one covariate, with intervals and a band for all."""
    rows: list[tuple[Any, ...]] = []
    for j, arm in enumerate(scored.arms):
        found = _in_levels(scored, item, j) if item.values is None else _on_curve(scored, item.values, j)
        reach, wide = found.error * critical_value(scored.level, None, 1), found.error * found.critical
        ends = (found.value - reach, found.value + reach, found.value - wide, found.value + wide)
        numbers = (column.tolist() for column in (found.value, found.error, *ends))
        told = zip(found.levels, found.places, *numbers, found.rows, strict=True)
        rows.extend((arm, item.name, *row) for row in told)
    return rows


def _in_levels(scored: Scored, item: Covariate, j: int) -> _Averages:
    """Šidák's band holds whatever the groups have in common, and is exact where they are independent."""
    held = np.flatnonzero(item.codes >= 0)
    units, weights = scored.sample.units[held], scored.weights[held]
    found = group_averages(scored.scores[held, j], item.codes[held], weights, units)
    size = len(item.levels)
    critical = float(critical_value(scored.level ** (1.0 / size), None, 1)[0])
    error = np.sqrt(np.diag(found.vcov))
    return _Averages((None,) * size, item.levels, found.value, error, critical, found.rows.tolist())


def _on_curve(scored: Scored, values: Floats, j: int) -> _Averages:
    """Places with as many rows between each and the next, and a smooth curve's values there."""
    known = ~np.isnan(values)
    at = np.unique(np.quantile(values[known], (np.arange(PLACES) + 0.5) / PLACES))
    units = scored.sample.units[known]
    found = effect_curve(scored.scores[known, j], values[known], at, scored.weights[known], units)
    critical = tube_critical_value(found.length, scored.level)
    empty = at.shape[0]
    return _Averages(at.tolist(), ("",) * empty, found.value, found.std_error, critical, (None,) * empty)


def _over_two(scored: Scored, pair: list[Covariate]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Bins of two covariates, and the average effect where they cross; cells of few rows have none."""
    size = int(np.clip(int(np.sqrt(scored.sample.n / ROWS_IN_CELL)), FEWEST_BINS, MOST_BINS))
    binned = [_binned(item, size) for item in pair]
    bins = [(item.name, j, *row) for item, (_, told) in zip(pair, binned, strict=True) for j, row in enumerate(told)]
    (across, wide), (down, _) = ((codes, len(told)) for codes, told in binned)
    cell = np.where((across < 0) | (down < 0), -1, down * wide + across)
    names, rows = (pair[0].name, pair[1].name), []
    for j, arm in enumerate(scored.arms):
        for at, count, numbers in _cells(scored, cell, j):
            rows.append((arm, *names, at % wide, at // wide, count, *numbers))
    return bins, rows


def _cells(scored: Scored, cell: Ints, j: int) -> list[tuple[int, int, tuple[float | None, ...]]]:
    """Each cell that has rows, how many, and its value, standard error and mean prediction."""
    inside = np.flatnonzero(cell >= 0)
    held, group = np.unique(cell[inside], return_inverse=True)
    weights, predicted = scored.weights[inside], scored.effects[inside, j]
    found = group_averages(scored.scores[inside, j], group, weights, scored.sample.units[inside])
    mean = np.bincount(group, weights * predicted) / np.bincount(group, weights)
    error = np.sqrt(np.diag(found.vcov))
    told = zip(held.tolist(), found.rows.tolist(), zip(found.value, error, mean, strict=True), strict=True)
    return [(at, rows, tuple(map(float, numbers)) if rows >= LEAST_ROWS else (None,) * 3) for at, rows, numbers in told]


def _binned(item: Covariate, size: int) -> tuple[Ints, list[tuple[str, float | None, float | None]]]:
    """Bin of each row, -1 where it was not recorded, with each bin's level, or its least and largest value."""
    if item.values is None:
        return item.codes, [(level, None, None) for level in item.levels]
    known = ~np.isnan(item.values)
    held = item.values[known]
    cuts = np.quantile(held, np.arange(1, size) / size)
    _, inside = np.unique(np.searchsorted(cuts, held, side="left"), return_inverse=True)
    codes = np.full(item.values.shape[0], -1)
    codes[known] = inside
    ends = [(held[inside == j].min(), held[inside == j].max()) for j in range(int(inside.max()) + 1)]
    return codes, [("", float(low), float(high)) for low, high in ends]


def _columns(names: Sequence[str], rows: list[tuple[Any, ...]]) -> FrozenMap[Any]:
    """Columns by name: arrays where all are numbers, which a record keeps beside itself where they are long."""
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    return FrozenMap({name: np.array(held) if _numbers(held) else held for name, held in columns.items()})


def _numbers(held: list[Any]) -> bool:
    return bool(held) and all(isinstance(value, int | float) for value in held)
