"""Weights that balance moments, with the influence function of the means they give.

Hainmueller (2012), doi:10.1093/pan/mpr025; Imai & Ratkovic (2014), doi:10.1111/rssb.12027; Zhao & Percival (2017),
doi:10.1515/jci-2016-0010, for the double robustness of entropy balancing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from estimand.stats.arrays import Bools, Floats
from estimand.stats.glm import fit_glm

TOLERANCE = 1e-10
MAX_ITERATIONS = 200
FAR = 50.0
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Balanced:
    """One arm's balancing weights.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Zero outside the arm.
    carried : callable
        From moments w (y - μ) of shape (n,) to the influence they inherit through the weights, shape (n,).
    converged : bool
    outside : bool
        Whether the target's moments seem out of the arm's reach.
    """

    weights: Floats
    carried: Callable[[Floats], Floats]
    converged: bool
    outside: bool

    def mean(self, values: Floats) -> tuple[float, Floats]:
        """Weighted mean, and its influence of shape (n,)."""
        mean = float(self.weights @ values / self.weights.sum())
        moment = self.weights * (values - mean)
        return mean, np.asarray((moment + self.carried(moment)) / self.weights.mean())


def balance_to(basis: Floats, member: Bools, target: Floats, design: Floats) -> Balanced:
    """Weight an arm to the target's moments by entropy balancing.

    Parameters
    ----------
    basis : ndarray of shape (n, q)
        A column of ones, then centred and scaled moments.
    member : ndarray of shape (n,) of bool
        Rows of the arm.
    target : ndarray of shape (n,)
        Weight of each row in the target.
    design : ndarray of shape (n,)
        Base weights that the arm's weights stay close to.
    """
    goal = target @ basis[:, 1:] / target.sum()
    offset = basis[:, 1:] - goal
    inside = offset[member]
    solved = _tilt(inside, design[member])
    weights = np.zeros(member.shape[0])
    weights[member] = design[member] * np.exp(np.minimum(inside @ solved.coefficients - solved.shift, FAR))
    share = target / target.mean()

    def carried(moment: Floats) -> Floats:
        pull = moment @ offset
        cross = (offset * weights[:, None]).T @ offset
        slope = np.linalg.lstsq(cross, pull, rcond=1e-12)[0]
        return np.asarray(-weights * (offset @ slope) + weights.mean() * share * (offset @ slope))

    return Balanced(weights, carried, solved.converged, not solved.converged)


@dataclass(frozen=True, slots=True, eq=False)
class _Tilt:
    coefficients: Floats
    shift: float
    converged: bool


def _tilt(offset: Floats, base: Floats) -> _Tilt:
    """Minimise log Σ b exp(λ'x): at the optimum the tilted mean of x is zero."""
    size = offset.shape[1]
    coefficients = np.zeros(size)
    value, probability, shift = _log_partition(offset, base, coefficients)
    for _ in range(MAX_ITERATIONS):
        gradient = probability @ offset
        if size == 0 or np.abs(gradient).max() <= TOLERANCE:
            return _Tilt(coefficients, shift, True)
        deviation = offset - gradient
        hessian = (deviation * probability[:, None]).T @ deviation
        step = _descent(hessian, gradient)
        if step is None:
            break
        length = 1.0
        while length > 1e-10:
            proposal = coefficients - length * step
            trial, weights, moved = _log_partition(offset, base, proposal)
            if trial <= value - 1e-4 * length * float(gradient @ step) + ROUNDING * (1.0 + abs(value)):
                break
            length /= 2.0
        else:
            break
        coefficients, value, probability, shift = proposal, trial, weights, moved
        if np.abs(offset @ coefficients).max() > 1e3:
            break
    return _Tilt(coefficients, shift, bool(size == 0 or np.abs(probability @ offset).max() <= 1e-8))


def _log_partition(offset: Floats, base: Floats, coefficients: Floats) -> tuple[float, Floats, float]:
    linear = offset @ coefficients
    shift = float(linear.max())
    raw = base * np.exp(linear - shift)
    total = float(raw.sum())
    return shift + float(np.log(total)), raw / total, shift


def _descent(hessian: Floats, gradient: Floats) -> Floats | None:
    ridge = 1e-12 * max(1.0, float(np.trace(hessian)))
    try:
        return np.asarray(cho_solve(cho_factor(hessian + ridge * np.eye(hessian.shape[0])), gradient))
    except LinAlgError:
        return None


def balance_by_propensity(basis: Floats, treated: Bools, design: Floats, target: str) -> tuple[Balanced, Balanced]:
    """Solve for a logistic propensity whose inverse-probability weights balance the basis (CBPS).

    Parameters
    ----------
    basis : ndarray of shape (n, q)
    treated : ndarray of shape (n,) of bool
    design : ndarray of shape (n,)
    target : "ATE" | "ATT"

    Returns
    -------
    tuple of Balanced
        Of the treated and of control.
    """
    coefficients = fit_glm(basis[:, 1:], treated.astype(float), "logistic", design)
    start = np.zeros(basis.shape[1])
    start[: coefficients.coefficients.shape[0]] = coefficients.coefficients
    theta, converged = _root(basis, treated, design, target, start)
    odds = np.exp(np.clip(basis @ theta, -FAR, FAR))
    one = design * treated * (1.0 if target == "ATT" else 1.0 + 1.0 / odds)
    zero = design * ~treated * (odds if target == "ATT" else 1.0 + odds)
    slope_one = np.zeros_like(odds) if target == "ATT" else -1.0 / (1.0 + odds)
    slope_zero = np.ones_like(odds) if target == "ATT" else odds / (1.0 + odds)
    residual = one - zero
    curvature = zero if target == "ATT" else design * np.where(treated, 1.0 / odds, odds)
    hessian = (basis * curvature[:, None]).T @ basis

    def side(weights: Floats, slope: Floats) -> Balanced:
        return Balanced(weights, _carrier(basis, residual, hessian, slope), converged, not converged)

    return side(one, slope_one), side(zero, slope_zero)


def overlap_balance(basis: Floats, treated: Bools, design: Floats, target: str) -> tuple[Balanced, Balanced]:
    """Overlap weights of a logistic propensity, which balance its basis exactly."""
    fit = fit_glm(basis[:, 1:], treated.astype(float), "logistic", design)
    e = fit.mean
    one, zero = design * treated * (1.0 - e), design * ~treated * e

    def side(weights: Floats, slope: Floats) -> Balanced:
        carrier = _carrier(fit.basis.matrix, fit.residual, fit.hessian, slope)
        return Balanced(weights, carrier, fit.converged, fit.separated)

    return side(one, -e), side(zero, 1.0 - e)


def _carrier(basis: Floats, residual: Floats, hessian: Floats, slope: Floats) -> Callable[[Floats], Floats]:
    """Influence inherited through coefficients with score residual × basis, for weights of a given log slope."""

    def carried(moment: Floats) -> Floats:
        return np.asarray(residual * (basis @ np.linalg.solve(hessian, basis.T @ (moment * slope))))

    return carried


def _root(basis: Floats, treated: Bools, design: Floats, target: str, start: Floats) -> tuple[Floats, bool]:
    """Newton's method on the balance equations, which are the gradient of a concave function."""

    def height(theta: Floats) -> float:
        linear = np.clip(basis @ theta, -FAR, FAR)
        if target == "ATT":
            return float(design @ np.where(treated, linear, -np.exp(linear)))
        return float(design @ np.where(treated, linear - np.exp(-linear), -linear - np.exp(linear)))

    theta, best = start, height(start)
    size = float(design.sum())
    for _ in range(MAX_ITERATIONS):
        odds = np.exp(np.clip(basis @ theta, -FAR, FAR))
        if target == "ATT":
            residual, curvature = design * np.where(treated, 1.0, -odds), design * np.where(treated, 0.0, odds)
        else:
            residual = design * np.where(treated, 1.0 + 1.0 / odds, -1.0 - odds)
            curvature = design * np.where(treated, 1.0 / odds, odds)
        gradient = basis.T @ residual
        if np.abs(gradient).max() <= TOLERANCE * size:
            return theta, True
        step = _descent((basis * curvature[:, None]).T @ basis, gradient)
        if step is None:
            break
        length = 1.0
        while length > 1e-10 and height(theta + length * step) < best - ROUNDING * (1.0 + abs(best)):
            length /= 2.0
        theta = theta + length * step
        best = height(theta)
    return theta, bool(np.abs(gradient).max() <= 1e-8 * size)
