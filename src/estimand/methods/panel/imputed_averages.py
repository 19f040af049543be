"""Averages of imputed effects, and how each cluster moves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.estimate import Baseline
from estimand.methods.panel.admitted import Admitted
from estimand.methods.panel.cells import Averages, Cells
from estimand.stats.arrays import Bools, Floats
from estimand.stats.effects import Effect
from estimand.stats.imputation import Imputed, impute

Noise: TypeAlias = Literal["bias_reduced", "conservative", "leave_out", "two_stage"]
# Power of one minus a cluster's share of its cell, by which its distance from the cell's average is divided.
LOST_TO_THE_AVERAGE: Mapping[Noise, float] = {"bias_reduced": 0.5, "conservative": 0.0, "leave_out": 1.0}
NOTHING = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Averaged:
    """Averages of imputed effects.

    Attributes
    ----------
    value : ndarray of shape (k,)
    psi : ndarray of shape (clusters, k)
        What each cluster adds to the values; sums to zero.
    spread : ndarray of shape (clusters, k)
        The same, whose squares sum to the covariance.
    baseline : Baseline
        Averages of what was imputed.
    by_cell : ndarray of shape (c,)
        Average of each cell.
    """

    value: Floats
    psi: Floats
    spread: Floats
    baseline: Baseline
    by_cell: Floats


def averaged(found: Admitted, fit: Imputed, cells: Cells, averages: Averages, noise: Noise) -> Averaged:
    """Average the effects, and sum the noise within clusters: Σ v ε̃ of Borusyak, Jaravel & Spiess (2024).

    Parameters
    ----------
    found : Admitted
    fit : Imputed
    cells : Cells
        Of the treated rows reached.
    averages : Averages
    noise : "bias_reduced" | "conservative" | "leave_out" | "two_stage"
        What the effect of a treated row is less, to stand for its noise: the average of its cell, of the cell's other
        clusters, or the estimate; "bias_reduced" is the first, scaled up by what residuals lack.
    """
    sought = cells.averages(averages.shares(cells))
    clusters = int(found.cluster.max()) + 1
    value = np.array([average.of(fit.effect) for average in sought])

    def summed(values: Floats | None = None) -> Floats:
        return np.stack([average.within(found.cluster, clusters, values) for average in sought], axis=1)

    share = summed()
    carried = fit.carried(sought, found.cluster, clusters)
    if noise == "two_stage":
        psi = spread = carried + summed(fit.effect) - share * value
    else:
        overall, power = float(value[0]), LOST_TO_THE_AVERAGE[noise]
        psi = carried + summed(_residual(found, fit, cells, overall, 0.0))
        spread = psi if power == 0.0 else summed(_residual(found, fit, cells, overall, power))
        if noise == "bias_reduced":
            left = fit.remaining(sought, found.cluster, clusters)
            spread = spread + carried / np.sqrt(np.where(left > NOTHING, left, 1.0))
        elif power > 0.0:
            spread = spread + carried
    level = np.array([average.of(found.values) for average in sought])
    moved = summed(found.values) - share * level - spread
    baseline = Baseline(level - value, moved.T @ moved, spread.T @ moved)
    held = cells.of_row >= 0
    total = np.bincount(cells.of_row[held], weights=(cells.mass * fit.effect)[held], minlength=cells.cohort.shape[0])
    return Averaged(value, psi, spread, baseline, np.asarray(total / cells.total))


def _residual(found: Admitted, fit: Imputed, cells: Cells, overall: float, power: float) -> Floats:
    """Effect of each treated row less the average of its cell, shape (n,).

    The average weighs clusters by their squared weight in the cell, which makes the sum of squares least. The distance
    is divided by a power of one minus the cluster's share of these squares: by the first power it is the distance from
    the average of the others, by its root it has on average the variance of the noise. Where a cell has one cluster,
    its own average would leave nothing, so the average of all treated rows takes its place.
    """
    clusters, count = int(found.cluster.max()) + 1, cells.cohort.shape[0]
    held = np.flatnonzero(cells.of_row >= 0)
    mass, effect = cells.mass[held], fit.effect[held]
    pair, position = np.unique(cells.of_row[held] * clusters + found.cluster[held], return_inverse=True)
    total = np.bincount(position, weights=mass)
    cell = pair // clusters
    squares = np.bincount(cell, weights=np.square(total), minlength=count)
    products = np.bincount(cell, weights=total * np.bincount(position, weights=mass * effect), minlength=count)
    alone = np.bincount(cell, minlength=count) == 1
    average = np.where(alone, overall, products / np.where(squares > 0.0, squares, 1.0))
    out = np.zeros(found.n)
    out[held] = effect - average[cells.of_row[held]]
    if power > 0.0:
        share = np.where(alone[cell], 0.0, np.square(total) / squares[cell])
        out[held] /= (1.0 - share[position]) ** power
    return out


def averaged_again(
    found: Admitted, effects: tuple[Effect, ...], parts: tuple[Bools, Cells, Averages], keep: Bools
) -> Floats:
    """The averages from some of the rows, shape (k,); not-a-number where none of an average's rows is reached.

    Parameters
    ----------
    parts : tuple of (untreated rows, cells, averages)
    keep : ndarray of shape (n,) of bool
    """
    untreated, cells, averages = parts
    rows = np.flatnonzero(keep)
    weights = None if found.weights is None else found.weights[rows]
    if not untreated[rows].any():
        return np.full(len(averages.terms), np.nan)
    again = [effect.take(rows) for effect in effects]
    fit = impute(found.values[rows], found.group[rows], again, untreated[rows], weights)
    left = cells.take(rows, fit.reached)
    shares = averages.shares(left)
    lost = np.asarray(np.isnan(shares).any(axis=1))
    sought = left.averages(np.where(lost[:, None], 0.0, shares))
    return np.where(lost, np.nan, [average.of(fit.effect) for average in sought])
