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
    shrinkage : ndarray of shape (q,)
        What a ridge takes off every row's score; zero without one.
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
    shrinkage: Floats
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


@dataclass(frozen=True, slots=True, eq=False)
class _Objective:
    """Negative log-likelihood, with a ridge on the slopes, at a linear predictor."""

    z: Floats
    outcome: Floats
    weight: Floats
    family: Family
    penalty: Floats

    def value(self, coefficients: Floats, linear: Floats) -> float:
        loss = float(self.weight @ _LOSS[self.family](self.outcome, linear))
        return loss + 0.5 * float(self.penalty @ np.square(coefficients))

    def slopes(self, coefficients: Floats, linear: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, residual, gradient of the log-likelihood, and Hessian of its negative."""
        mean = _MEAN[self.family](linear)
        residual = self.weight * (self.outcome - mean)
        curvature = self.weight * (mean * (1.0 - mean) if self.family == "logistic" else mean)
        gradient = self.z.T @ residual - self.penalty * coefficients
        hessian = gram(self.z, curvature)
        hessian[np.diag_indices_from(hessian)] += self.penalty
        return mean, np.asarray(residual), np.asarray(gradient), hessian

    @property
    def size(self) -> float:
        """What a gradient is small against."""
        return float(self.weight.sum() * max(1.0, np.abs(self.outcome).max()))


def fit_glm(raw: Floats, outcome: Floats, family: Family, weights: Floats | None = None, ridge: float = 0.0) -> GLMFit:
    """Fit ``g(E[outcome]) = 1 + raw`` with the canonical link.

    Parameters
    ----------
    raw : ndarray of shape (n, p)
    outcome : ndarray of shape (n,)
        In [0, 1] for "logistic", non-negative for "poisson".
    family : "logistic" | "poisson"
    weights : ndarray of shape (n,), optional
        Observation weights, positive.
    ridge : float
        Adds ``ridge / 2`` times the squared raw slopes to the negative log-likelihood; the intercept is free.
    """
    basis = independent_basis(raw, weights)
    z = basis.matrix
    weight = np.ones(z.shape[0]) if weights is None else weights
    penalty = np.concatenate(([0.0], ridge / np.square(basis.scale[basis.kept])))
    objective = _Objective(z, outcome, weight, family, penalty)
    coefficients = _start(z.shape[1], outcome, weight, family)
    linear = z @ coefficients
    loss = objective.value(coefficients, linear)
    converged, separated, iterations = False, False, 0
    mean, residual, gradient, hessian = objective.slopes(coefficients, linear)
    while iterations < MAX_ITERATIONS:
        step = _newton_step(hessian, gradient)
        if step is None:
            break
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE * objective.size:
            travel = z @ step
            converged = bool(np.abs(travel).max() <= STEP_TOLERANCE * (1.0 + np.abs(linear).max()))
            separated = not converged and _separates(outcome, travel, family)
            if converged or separated:
                break
        iterations += 1
        coefficients, linear, loss = _line_search(objective, coefficients, step, loss)
        mean, residual, gradient, hessian = objective.slopes(coefficients, linear)
    shrinkage = penalty * coefficients / z.shape[0]
    return GLMFit(
        family, basis, coefficients, mean, residual, hessian, shrinkage, converged, separated, iterations
    )  # fmt: skip


def _start(size: int, outcome: Floats, weight: Floats, family: Family) -> Floats:
    average = float(np.average(outcome, weights=weight))
    start = np.zeros(size)
    if family == "poisson":
        start[0] = np.log(max(average, 1e-12))
    else:
        bounded = min(max(average, 1e-12), 1.0 - 1e-12)
        start[0] = np.log(bounded / (1.0 - bounded))
    return start


def _newton_step(hessian: Floats, gradient: Floats) -> Floats | None:
    try:
        return np.asarray(cho_solve(cho_factor(hessian), gradient))
    except LinAlgError:
        return None


def _line_search(
    objective: _Objective, coefficients: Floats, step: Floats, loss: float
) -> tuple[Floats, Floats, float]:
    """Halve the step until the loss does not grow."""
    for _ in range(40):
        proposal = coefficients + step
        linear = objective.z @ proposal
        value = objective.value(proposal, linear)
        if value <= loss + 1e-12 * abs(loss):
            return proposal, linear, value
        step = step / 2.0
    return coefficients, objective.z @ coefficients, loss


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
