"""Poisson pseudo-likelihood beside absorbed effects, by iteratively reweighted least squares.

Santos Silva & Tenreyro (2006), doi:10.1162/rest.88.4.641; Correia, Guimarães & Zylkin (2020),
doi:10.1177/1536867X20909691.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from estimand.stats.absorb import Absorber
from estimand.stats.absorbed import AbsorbedFit, absorbed_least_squares
from estimand.stats.arrays import Bools, Floats, Ints

MOST_ITERATIONS = 100
STEP_TOLERANCE = 1e-9
MOST_HALVINGS = 20
FARTHEST = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class PoissonFit:
    """A fit of ``log E[y] = X b + absorbed effects``.

    Attributes
    ----------
    fit : AbsorbedFit
        The last weighted least squares: its weights hold the mean, so its scores are those of the pseudo-likelihood.
    mean : ndarray of shape (n,)
    converged : bool
    iterations : int
    """

    fit: AbsorbedFit
    mean: Floats
    converged: bool
    iterations: int


def rows_with_outcome(outcome: Floats, codes: Sequence[Ints]) -> Bools:
    """Rows none of whose absorbed levels has only zeros, shape (n,): the others have mean zero and say nothing."""
    keep = np.ones(outcome.shape[0], dtype=np.bool_)
    before = -1
    while before != int(keep.sum()):
        before = int(keep.sum())
        for each in codes:
            total = np.bincount(each, np.where(keep, outcome, 0.0))
            keep &= total[each] > 0.0
    return keep


def absorbed_poisson(outcome: Floats, columns: Floats, absorber: Absorber, weights: Floats | None = None) -> PoissonFit:
    """Fit by Newton's method, halving steps that do not lower the deviance.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
        Not negative; no absorbed level may have only zeros.
    columns : ndarray of shape (n, k)
    absorber : Absorber
        Its weights are replaced.
    weights : ndarray of shape (n,), optional
        Positive.
    """
    held = np.ones(outcome.shape[0]) if weights is None else weights
    mean = (outcome + float(np.average(outcome, weights=held))) / 2.0
    linear, converged, iteration = np.log(mean), False, 0
    deviance = _deviance(outcome, mean, held)
    fit = _step(outcome, mean, linear, columns, absorber, held)
    while iteration < MOST_ITERATIONS and not converged:
        iteration += 1
        proposal = _working(outcome, mean, linear) - fit.residual
        move = proposal - linear
        converged = bool(np.abs(move).max() <= STEP_TOLERANCE * (1.0 + np.abs(linear).max()))
        linear, mean, deviance = _shortened(outcome, linear, move, held, deviance if iteration > 1 else np.inf)
        fit = _step(outcome, mean, linear, columns, absorber, held)
        if np.abs(linear).max() > FARTHEST + np.abs(np.log(np.maximum(outcome, 1.0))).max():
            break
    return PoissonFit(fit, mean, converged, iteration)


def _working(outcome: Floats, mean: Floats, linear: Floats) -> Floats:
    return np.asarray(linear + (outcome - mean) / mean)


def _step(
    outcome: Floats, mean: Floats, linear: Floats, columns: Floats, absorber: Absorber, held: Floats
) -> AbsorbedFit:
    weights = held * mean
    return absorbed_least_squares(_working(outcome, mean, linear), columns, absorber.reweighted(weights), weights)


def _shortened(
    outcome: Floats, linear: Floats, move: Floats, held: Floats, deviance: float
) -> tuple[Floats, Floats, float]:
    """Take the step, or the half, quarter, … of it that does not raise the deviance."""
    for _ in range(MOST_HALVINGS):
        ahead = linear + move
        mean = np.exp(np.minimum(ahead, 500.0))
        found = _deviance(outcome, mean, held)
        if found <= deviance * (1.0 + 1e-12) + 1e-12:
            break
        move = move / 2.0
    return ahead, mean, found


def _deviance(outcome: Floats, mean: Floats, held: Floats) -> float:
    return float(2.0 * held @ (xlogy(outcome, outcome / mean) - (outcome - mean)))
