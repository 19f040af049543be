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
from estimand.models.trained import Task, Trained, constant
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

    def fit(self, features: Floats, outcome: Floats, task: Task, seed: int) -> Trained:
        """Fit at the penalty of least out-of-fold loss; ``seed`` shuffles the inner folds.

        Raises
        ------
        ConvergenceError
            If coordinate descent does not converge.
        """
        if outcome.min() == outcome.max() or features.shape[1] == 0:
            return constant(float(outcome.mean()))
        basis = independent_basis(features)
        columns = basis.matrix[:, 1:]
        order = np.random.Generator(np.random.Philox(seed)).permutation(outcome.shape[0])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                fit = self._number if task == "regression" else self._probability
                level, slopes = fit(columns[order], outcome[order])
        except ConvergenceWarning as warning:
            raise ConvergenceError.because(
                warning, "A lasso did not converge.", remedy="Look for covariates of extreme scale."
            ) from None
        if task == "regression":
            return Trained(lambda rows: level + basis.rows(rows)[:, 1:] @ slopes)
        return Trained(lambda rows: 1.0 / (1.0 + np.exp(-level - basis.rows(rows)[:, 1:] @ slopes)))

    def _number(self, columns: Floats, outcome: Floats) -> tuple[float, Floats]:
        model = LassoCV(alphas=self.penalties, cv=self.folds, max_iter=MAX_ITERATIONS).fit(columns, outcome)
        return float(model.intercept_), np.asarray(model.coef_)

    def _probability(self, columns: Floats, outcome: Floats) -> tuple[float, Floats]:
        path = self._inverse_penalties(columns, outcome)
        fold = np.arange(outcome.shape[0]) % self.folds
        losses = [
            sum(self._held_out_loss(columns, outcome, fold == held, strength) for held in range(self.folds))
            for strength in path
        ]
        model = _l1_logistic(path[int(np.argmin(losses))]).fit(columns, outcome)
        return float(model.intercept_[0]), np.asarray(model.coef_[0])

    def _inverse_penalties(self, columns: Floats, outcome: Floats) -> Floats:
        """Grid from the least penalty that sets every slope to zero, down to a thousandth of it."""
        largest = np.abs(columns.T @ (outcome - outcome.mean())).max()
        return np.asarray(np.geomspace(1.0, 1000.0, max(2, self.penalties // 3)) / largest)

    def _held_out_loss(self, columns: Floats, outcome: Floats, held: Bools, strength: float) -> float:
        train = outcome[~held]
        if train.min() == train.max():
            return np.inf
        model = _l1_logistic(strength).fit(columns[~held], train)
        linear = model.decision_function(columns[held])
        return float((np.logaddexp(0.0, linear) - outcome[held] * linear).sum())


def _l1_logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(
        l1_ratio=1.0, C=strength, solver="saga", max_iter=MAX_ITERATIONS, tol=1e-4, random_state=0
    )
