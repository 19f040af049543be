"""Parametric learners: least squares and logistic regression."""

import numpy as np
from pydantic import Field

from estimand.core.declared import Declared
from estimand.core.nuisances import Failure, Score
from estimand.errors import UnsupportedError
from estimand.models.predictors import Line
from estimand.models.trained import Lesson, Trained
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.glm import fit_glm
from estimand.stats.linear import least_squares
from estimand.stats.multinomial import fit_multinomial


class Linear(Declared):
    """Linear in the covariates: least squares for a number, logistic regression for a zero or one."""

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit by maximum likelihood; the seed is not used."""
        if lesson.task == "classification":
            return logistic_fit(features, lesson)
        fit = least_squares(features, lesson.outcome, lesson.weights)
        weighted = fit.residual if lesson.weights is None else fit.residual * lesson.weights
        hessian = np.asarray(np.linalg.inv(fit.bread), dtype=np.float64)
        score = Score.single(fit.basis.matrix, weighted, hessian)
        line = Line.on(fit.basis, fit.coefficients, probability=False)
        return Trained(line, lesson.outcome - fit.residual, score, fit.basis.kept)


class Logistic(Declared):
    """Logistic regression, by maximum likelihood unless a ridge is asked for.

    Parameters
    ----------
    ridge : float
        Adds ``ridge / 2`` times the squared raw slopes to the negative log-likelihood (scikit-learn's 1/C); the
        estimating equation, and with it the variance of what builds on it, follows.
    """

    ridge: float = Field(default=0.0, ge=0)

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit by Newton's method; the seed is not used.

        Raises
        ------
        UnsupportedError
            If the outcome is not zero or one.
        """
        if lesson.task != "classification":
            raise UnsupportedError(
                "Learner 'logistic' needs an outcome of zeros and ones.",
                remedy="Use 'linear', 'lasso' or 'boosting' for the outcome.",
            )
        return logistic_fit(features, lesson, self.ridge)


def logistic_fit(features: Floats, lesson: Lesson, ridge: float = 0.0) -> Trained:
    """Fit a logistic regression; it names its failure where the covariates predict perfectly, or Newton stalls."""
    fit = fit_glm(features, lesson.outcome, "logistic", lesson.weights, ridge)
    score = Score.single(fit.basis.matrix, fit.residual, fit.hessian, fit.shrinkage)
    failure = _failure(fit.separated, fit.converged, fit.iterations)
    line = Line.on(fit.basis, fit.coefficients, probability=True)
    return Trained(line, fit.mean, score, fit.basis.kept, failure)


def multinomial_propensity(
    features: Floats, arm: Ints, arms: int, weights: Floats | None
) -> tuple[Floats, Score, Bools, Failure | None]:
    """Fit the probability of each of several arms by multinomial logistic regression.

    Returns
    -------
    probability : ndarray of shape (n, arms)
    score : Score
    kept : ndarray of shape (p,) of bool
    failure : Failure or None
        Where the covariates predict the arm perfectly, or Newton's method stalls.
    """
    fit = fit_multinomial(features, arm, arms, weights)
    score = Score(fit.basis.matrix, fit.residual, fit.hessian, np.zeros((arms - 1, fit.basis.matrix.shape[1])))
    return fit.probability, score, fit.basis.kept, _failure(fit.separated, fit.converged, fit.iterations)


def _failure(separated: bool, converged: bool, iterations: int) -> Failure | None:
    if separated:
        return Failure(
            "A logistic regression has no optimum: the covariates predict some rows perfectly.",
            "Drop or coarsen the covariate that does, or use learner 'lasso' or 'boosting'.",
            separated=True,
        )
    if not converged:
        return Failure(
            f"A logistic regression did not converge in {iterations} steps.",
            "Look for covariates of extreme scale or near-perfect prediction.",
            separated=False,
        )
    return None
