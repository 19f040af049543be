"""Lasso and l1-penalised logistic regression, the penalty chosen by cross-validation.

Tibshirani (1996), doi:10.1111/j.2517-6161.1996.tb02080.x; by scikit-learn.
"""

import warnings

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, LogisticRegression

from estimand.core.declared import Declared
from estimand.errors import ConvergenceError
from estimand.models.predictors import Line
from estimand.models.trained import Lesson, Trained, constant
from estimand.stats.arrays import Bools, Floats
from estimand.stats.basis import independent_basis

MAX_ITERATIONS = 20_000


class Lasso(Declared):
    """L1-penalised regression on standardised covariates.

    Parameters
    ----------
    folds : int
        Inner folds that choose the penalty.
    penalties : int
        Points on the path of penalties.
    """

    folds: int = Field(default=5, ge=2)
    penalties: int = Field(default=30, ge=2)

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit at the penalty of least out-of-fold loss; the seed shuffles the inner folds.

        Raises
        ------
        ConvergenceError
            If coordinate descent does not converge.
        """
        if lesson.outcome.min() == lesson.outcome.max() or features.shape[1] == 0:
            return constant(lesson)
        basis = independent_basis(features, lesson.weights)
        columns = basis.matrix[:, 1:]
        order = np.random.Generator(np.random.Philox(lesson.seed)).permutation(lesson.outcome.shape[0])
        weights = np.ones(order.shape[0]) if lesson.weights is None else lesson.weights
        number = lesson.task == "regression"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                fit = self._number if number else self._probability
                level, slopes = fit(columns[order], lesson.outcome[order], weights[order])
        except ConvergenceWarning as warning:
            raise ConvergenceError.because(
                warning, "A lasso did not converge.", remedy="Look for covariates of extreme scale."
            ) from None
        return Trained(Line.on(basis, np.concatenate(([level], slopes)), probability=not number))

    def _number(self, columns: Floats, outcome: Floats, weights: Floats) -> tuple[float, Floats]:
        model = LassoCV(alphas=self.penalties, cv=self.folds, max_iter=MAX_ITERATIONS)
        model.fit(columns, outcome, sample_weight=weights)
        return float(model.intercept_), np.asarray(model.coef_)

    def _probability(self, columns: Floats, outcome: Floats, weights: Floats) -> tuple[float, Floats]:
        path = self._inverse_penalties(columns, outcome, weights)
        fold = np.arange(outcome.shape[0]) % self.folds
        losses = [
            sum(_held_out_loss(columns, outcome, weights, fold == held, strength) for held in range(self.folds))
            for strength in path
        ]
        model = _l1_logistic(columns, outcome, weights, path[int(np.argmin(losses))])
        return float(model.intercept_[0]), np.asarray(model.coef_[0])

    def _inverse_penalties(self, columns: Floats, outcome: Floats, weights: Floats) -> Floats:
        """Grid from the least penalty that sets every slope to zero, down to a thousandth of it."""
        largest = np.abs(columns.T @ (weights * (outcome - np.average(outcome, weights=weights)))).max()
        return np.asarray(np.geomspace(1.0, 1000.0, max(2, self.penalties // 3)) / largest)


def _held_out_loss(columns: Floats, outcome: Floats, weights: Floats, held: Bools, strength: float) -> float:
    train = outcome[~held]
    if train.min() == train.max():
        return np.inf
    model = _l1_logistic(columns[~held], train, weights[~held], strength)
    linear = model.decision_function(columns[held])
    return float(weights[held] @ (np.logaddexp(0.0, linear) - outcome[held] * linear))


def _l1_logistic(columns: Floats, outcome: Floats, weights: Floats, strength: float) -> LogisticRegression:
    """Fit at one penalty; the solver's step assumes that no weight exceeds one, so the scale moves to the penalty."""
    heaviest = float(weights.max())
    model = LogisticRegression(
        l1_ratio=1.0, C=strength * heaviest, solver="saga", max_iter=MAX_ITERATIONS, tol=1e-4, random_state=0
    )
    return model.fit(columns, outcome, sample_weight=weights / heaviest)
