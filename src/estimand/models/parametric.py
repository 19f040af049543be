"""Parametric learners: least squares and logistic regression."""

import numpy as np
from pydantic import Field

from estimand.core.declared import Declared
from estimand.core.nuisances import Score
from estimand.errors import ConvergenceError, UnsupportedError
from estimand.models.trained import Task, Trained
from estimand.stats.arrays import Floats
from estimand.stats.glm import fit_glm
from estimand.stats.linear import least_squares


class Linear(Declared):
    """Linear in the covariates: least squares for a number, logistic regression for a zero or one."""

    def fit(self, features: Floats, outcome: Floats, task: Task, seed: int) -> Trained:
        """Fit by maximum likelihood; ``seed`` is not used."""
        if task == "classification":
            return logistic_fit(features, outcome)
        fit = least_squares(features, outcome)
        hessian = np.asarray(np.linalg.inv(fit.bread), dtype=np.float64)
        score = Score(fit.basis.matrix, fit.residual, hessian, np.zeros(hessian.shape[0]))
        return Trained(fit.predict, outcome - fit.residual, score, fit.basis.kept)


class Logistic(Declared):
    """Logistic regression, by maximum likelihood unless a ridge is asked for.

    Parameters
    ----------
    ridge : float
        Adds ``ridge / 2`` times the squared raw slopes to the negative log-likelihood (scikit-learn's 1/C); the
        estimating equation, and with it the variance of what builds on it, follows.
    """

    ridge: float = Field(default=0.0, ge=0)

    def fit(self, features: Floats, outcome: Floats, task: Task, seed: int) -> Trained:
        """Fit by Newton's method; ``seed`` is not used.

        Raises
        ------
        UnsupportedError
            If the outcome is not zero or one.
        """
        if task != "classification":
            raise UnsupportedError(
                "Learner 'logistic' needs an outcome of zeros and ones.",
                remedy="Use 'linear', 'lasso' or 'boosting' for the outcome.",
            )
        return logistic_fit(features, outcome, self.ridge)


def logistic_fit(features: Floats, outcome: Floats, ridge: float = 0.0) -> Trained:
    """Fit a logistic regression, or say why there is none.

    Raises
    ------
    ConvergenceError
        If the covariates predict the outcome perfectly, or Newton's method stalls.
    """
    fit = fit_glm(features, outcome, "logistic", ridge=ridge)
    if fit.separated:
        raise ConvergenceError(
            "A logistic regression has no optimum: the covariates predict some rows perfectly.",
            remedy="Drop or coarsen the covariate that does, or use learner 'lasso' or 'boosting'.",
        )
    if not fit.converged:
        raise ConvergenceError(
            f"A logistic regression did not converge in {fit.iterations} steps.",
            remedy="Look for covariates of extreme scale or near-perfect prediction.",
        )
    score = Score(fit.basis.matrix, fit.residual, fit.hessian, fit.shrinkage)
    return Trained(fit.predict, fit.mean, score, fit.basis.kept)
