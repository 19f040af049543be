"""Multinomial logistic regression by Newton's method.

McCullagh & Nelder (1989), chapter 5. Arm 0 is the reference: predictor k is the log odds of arm k + 1 against it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import logsumexp

from estimand.stats.arrays import Floats, Ints
from estimand.stats.basis import Basis, independent_basis

GRADIENT_TOLERANCE = 1e-10
STEP_TOLERANCE = 1e-6
MAX_ITERATIONS = 60


@dataclass(frozen=True, slots=True, eq=False)
class MultinomialFit:
    """A maximum-likelihood fit, and whether it is one.

    Attributes
    ----------
    basis : Basis
        The design, of shape (n, q).
    coefficients : ndarray of shape (arms - 1, q)
    probability : ndarray of shape (n, arms)
    residual : ndarray of shape (n, arms - 1)
        Weighted indicator minus probability of each arm but the first.
    hessian : ndarray of shape ((arms - 1) q, (arms - 1) q)
        Minus the summed derivative of the scores.
    converged, separated : bool
    iterations : int
    """

    basis: Basis
    coefficients: Floats
    probability: Floats
    residual: Floats
    hessian: Floats
    converged: bool
    separated: bool
    iterations: int


def fit_multinomial(raw: Floats, arm: Ints, arms: int, weights: Floats | None = None) -> MultinomialFit:
    """Fit the probability of each arm.

    Parameters
    ----------
    raw : ndarray of shape (n, p)
    arm : ndarray of shape (n,)
        Codes 0 to arms - 1, each present.
    arms : int
    weights : ndarray of shape (n,), optional
        Observation weights, positive.
    """
    basis = independent_basis(raw, weights)
    z = basis.matrix
    weight = np.ones(z.shape[0]) if weights is None else weights
    indicator = (arm[:, None] == np.arange(1, arms)).astype(float)
    share = np.array([weight[arm == a].sum() for a in range(arms)]) / weight.sum()
    coefficients = np.zeros((arms - 1, z.shape[1]))
    coefficients[:, 0] = np.log(share[1:] / share[0])
    converged, separated, iterations = False, False, 0
    loss = _loss(z @ coefficients.T, indicator, weight)
    while True:
        probability = _probability(z @ coefficients.T)
        residual = weight[:, None] * (indicator - probability[:, 1:])
        hessian = _hessian(z, probability, weight)
        gradient = residual.T @ z
        step = _step(hessian, gradient)
        if step is None or iterations == MAX_ITERATIONS:
            break
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE * weight.sum():
            travel = np.abs(z @ step.T).max()
            converged = bool(travel <= STEP_TOLERANCE * (1.0 + np.abs(z @ coefficients.T).max()))
            separated = not converged
            break
        iterations += 1
        coefficients, loss = _searched(z, indicator, weight, coefficients, (step, loss))
    return MultinomialFit(basis, coefficients, probability, residual, hessian, converged, separated, iterations)


def _probability(linear: Floats) -> Floats:
    full = np.hstack([np.zeros((linear.shape[0], 1)), linear])
    return np.asarray(np.exp(full - logsumexp(full, axis=1, keepdims=True)))


def _loss(linear: Floats, indicator: Floats, weight: Floats) -> float:
    full = np.hstack([np.zeros((linear.shape[0], 1)), linear])
    return float(weight @ (logsumexp(full, axis=1) - (indicator * linear).sum(axis=1)))


def _hessian(z: Floats, probability: Floats, weight: Floats) -> Floats:
    m, q = probability.shape[1] - 1, z.shape[1]
    out = np.empty((m * q, m * q))
    for j in range(m):
        for k in range(j, m):
            curvature = weight * probability[:, j + 1] * ((j == k) - probability[:, k + 1])
            block = z.T @ (z * curvature[:, None])
            out[j * q : (j + 1) * q, k * q : (k + 1) * q] = block
            out[k * q : (k + 1) * q, j * q : (j + 1) * q] = block.T
    return out


def _step(hessian: Floats, gradient: Floats) -> Floats | None:
    try:
        return np.asarray(cho_solve(cho_factor(hessian), gradient.ravel()).reshape(gradient.shape))
    except LinAlgError:
        return None


def _searched(
    z: Floats, indicator: Floats, weight: Floats, coefficients: Floats, state: tuple[Floats, float]
) -> tuple[Floats, float]:
    """Halve the step until the loss does not grow."""
    step, loss = state
    for _ in range(40):
        proposal = coefficients + step
        value = _loss(z @ proposal.T, indicator, weight)
        if value <= loss + 1e-12 * abs(loss):
            return proposal, value
        step = step / 2.0
    return coefficients, loss
