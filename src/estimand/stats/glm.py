"""Generalised linear models with canonical link: logistic and Poisson regression by Newton's method.

McCullagh & Nelder (1989); Albert & Anderson (1984), doi:10.1093/biomet/71.1.1, on when no optimum
exists. The fit keeps what M-estimation needs: the score of row i is
``residual[i] * basis.matrix[i]`` and ``hessian`` is minus its summed derivative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit, gammaln, xlogy

from estimand.stats.arrays import Floats
from estimand.stats.basis import Basis, gram, independent_basis

Family: TypeAlias = Literal["logistic", "poisson"]
GRADIENT_TOLERANCE = 1e-10
MAX_ITERATIONS = 60
STEP_TOLERANCE = 1e-8
SEPARATION_SLACK = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class GLMFit:
    """A maximum-likelihood fit, and whether it is one.

    Attributes
    ----------
    basis : Basis
        The design, of shape (n, q).
    coefficients : ndarray of shape (q,)
        In the basis.
    mean : ndarray of shape (n,)
        Fitted mean.
    residual : ndarray of shape (n,)
        Weighted outcome minus mean: the score of row i is ``residual[i] * basis.matrix[i]``.
    hessian : ndarray of shape (q, q)
        Minus the summed derivative of the scores.
    converged : bool
        Whether the mean score is zero to 1e-10 and the next step would not move the linear predictor.
    separated : bool
        Whether some combination of columns predicts the outcome perfectly in some rows and says nothing
        against it in the others, so that no optimum exists.
    iterations : int
    """

    family: Family
    basis: Basis
    coefficients: Floats
    mean: Floats
    residual: Floats
    hessian: Floats
    converged: bool
    separated: bool
    iterations: int

    def predict(self, raw: Floats) -> Floats:
        """Fitted mean at raw rows of shape (m, p)."""
        return _MEAN[self.family](np.asarray(self.basis.rows(raw) @ self.coefficients))


def _exp(linear: Floats) -> Floats:
    return np.asarray(np.exp(np.minimum(linear, 500.0)))


def _logistic_loss(outcome: Floats, linear: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, linear) - outcome * linear)


def _poisson_loss(outcome: Floats, linear: Floats) -> Floats:
    return np.asarray(_exp(linear) - outcome * linear)


_MEAN: dict[Family, Callable[[Floats], Floats]] = {"logistic": expit, "poisson": _exp}
_LOSS: dict[Family, Callable[[Floats, Floats], Floats]] = {
    "logistic": _logistic_loss,
    "poisson": _poisson_loss,
}


def fit_glm(raw: Floats, outcome: Floats, family: Family, weights: Floats | None = None) -> GLMFit:
    """Fit ``g(E[outcome]) = 1 + raw`` with the canonical link.

    Parameters
    ----------
    raw : ndarray of shape (n, p)
    outcome : ndarray of shape (n,)
        In [0, 1] for "logistic", non-negative for "poisson".
    family : "logistic" | "poisson"
    weights : ndarray of shape (n,), optional
        Observation weights, positive.
    """
    basis = independent_basis(raw, weights)
    z = basis.matrix
    weight = np.ones(z.shape[0]) if weights is None else weights
    coefficients = _start(z.shape[1], outcome, weight, family)
    linear = z @ coefficients
    loss = float(weight @ _LOSS[family](outcome, linear))
    converged, separated, iterations = False, False, 0
    mean, residual, hessian = _derivatives(z, outcome, weight, linear, family)
    while iterations < MAX_ITERATIONS:
        gradient = z.T @ residual
        step = _newton_step(hessian, gradient)
        if step is None:
            break
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE * _gradient_size(outcome, weight):
            travel = z @ step
            converged = bool(np.abs(travel).max() <= STEP_TOLERANCE * (1.0 + np.abs(linear).max()))
            separated = not converged and _separates(outcome, travel, family)
            if converged or separated:
                break
        iterations += 1
        coefficients, linear, loss = _line_search(z, outcome, weight, family, (coefficients, step, loss))
        mean, residual, hessian = _derivatives(z, outcome, weight, linear, family)
    return GLMFit(
        family,
        basis,
        coefficients,
        mean,
        residual,
        hessian,
        converged,
        separated,
        iterations,
    )


def _start(size: int, outcome: Floats, weight: Floats, family: Family) -> Floats:
    average = float(np.average(outcome, weights=weight))
    start = np.zeros(size)
    if family == "poisson":
        start[0] = np.log(max(average, 1e-12))
    else:
        bounded = min(max(average, 1e-12), 1.0 - 1e-12)
        start[0] = np.log(bounded / (1.0 - bounded))
    return start


def _derivatives(
    z: Floats, outcome: Floats, weight: Floats, linear: Floats, family: Family
) -> tuple[Floats, Floats, Floats]:
    mean = _MEAN[family](linear)
    curvature = weight * (mean * (1.0 - mean) if family == "logistic" else mean)
    return mean, np.asarray(weight * (outcome - mean)), gram(z, curvature)


def _gradient_size(outcome: Floats, weight: Floats) -> float:
    return float(weight.sum() * max(1.0, np.abs(outcome).max()))


def _newton_step(hessian: Floats, gradient: Floats) -> Floats | None:
    try:
        return np.asarray(cho_solve(cho_factor(hessian), gradient))
    except LinAlgError:
        return None


def _line_search(
    z: Floats, outcome: Floats, weight: Floats, family: Family, state: tuple[Floats, Floats, float]
) -> tuple[Floats, Floats, float]:
    """Halve the step until the loss does not grow."""
    coefficients, step, loss = state
    for _ in range(40):
        proposal = coefficients + step
        linear = z @ proposal
        value = float(weight @ _LOSS[family](outcome, linear))
        if value <= loss + 1e-12 * abs(loss):
            return proposal, linear, value
        step = step / 2.0
    return coefficients, z @ coefficients, loss


def _separates(outcome: Floats, travel: Floats, family: Family) -> bool:
    """Tell whether a step of the linear predictor never goes against the outcome of any row.

    With the score at zero a step that is still long leads either to an optimum, which some rows pull
    back to, or along such a direction for ever.
    """
    slack = SEPARATION_SLACK * np.abs(travel).max()
    may_rise = outcome >= 1.0 if family == "logistic" else np.zeros(outcome.shape, dtype=bool)
    may_fall = outcome <= 0.0
    return bool(np.all((travel <= slack) | may_rise) and np.all((travel >= -slack) | may_fall))


def log_likelihood(outcome: Floats, mean: Floats, family: Family) -> float:
    """Log-likelihood of outcomes at fitted means, summed over rows."""
    if family == "logistic":
        return float(xlogy(outcome, mean).sum() + xlogy(1.0 - outcome, 1.0 - mean).sum())
    return float((xlogy(outcome, mean) - mean - gammaln(outcome + 1.0)).sum())
