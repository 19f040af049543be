"""What methods may ask of fitted nuisances, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.learner import Learner
from estimand.errors import ConvergenceError
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Score(Frozen):
    """The estimating equation of a parametric fit with m linear predictors, kept in factors.

    Attributes
    ----------
    basis : ndarray of shape (n, q)
        Derivative of each linear predictor; the score of row i for predictor j is
        ``residual[i, j] * basis[i] - shrinkage[j]``.
    residual : ndarray of shape (n, m)
    hessian : ndarray of shape (m q, m q)
        Minus the summed derivative of the scores, predictor by predictor.
    shrinkage : ndarray of shape (m, q)
        What a penalty takes off every row's score; zero without one.
    """

    basis: Floats
    residual: Floats
    hessian: Floats
    shrinkage: Floats

    @classmethod
    def single(cls, basis: Floats, residual: Floats, hessian: Floats, shrinkage: Floats | None = None) -> "Score":
        """Score of one linear predictor, from a residual of shape (n,)."""
        off = np.zeros(basis.shape[1]) if shrinkage is None else shrinkage
        return cls(basis, residual[:, None], hessian, off[None, :])

    def carried(self, gradient: Floats) -> Floats:
        """Influence that a functional inherits through the fitted coefficients, shape (n,).

        Parameters
        ----------
        gradient : ndarray of shape (m, q)
            Mean derivative of the functional's estimating function with respect to the coefficients.
        """
        n = self.residual.shape[0]
        direction = np.linalg.solve(self.hessian / n, gradient.ravel()).reshape(gradient.shape)
        inherited = (self.residual * (self.basis @ direction.T)).sum(axis=1)
        return np.asarray(inherited - (self.shrinkage * direction).sum())


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a fit has no optimum.

    Attributes
    ----------
    message, remedy : str
    separated : bool
        Whether the covariates predict some rows perfectly.
    """

    message: str
    remedy: str
    separated: bool

    def error(self) -> ConvergenceError:
        """Build the error that a caller who needs the optimum raises."""
        return ConvergenceError(self.message, remedy=self.remedy)


@dataclass(frozen=True, slots=True)
class Apart:
    """An arm that the covariates tell from control completely.

    Attributes
    ----------
    arm : int
    covariate : str or None
        The data column that does so alone, where one does.
    """

    arm: int
    covariate: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Fit(Frozen):
    """Predictions of one nuisance.

    Attributes
    ----------
    prediction : ndarray of shape (n, arms) or (n,)
        The propensity of each arm, or the outcome predicted under one arm.
    loss : mapping of str to float
        Log loss or mean squared error, by part.
    calibration : mapping of str to float
        Slope of the observed on the predicted, by part; 1 is calibrated.
    score : Score or None
        Only for in-sample parametric fits.
    dropped : tuple of str
        Features that others already span.
    notes : tuple of str
        What a reader should know of the fit, such as a learner that could not take part.
    failure : Failure or None
        Where an in-sample parametric fit has no optimum: the predictions are then those of its last step.
    """

    prediction: Floats
    loss: Mapping[str, float] = FrozenMap({})
    calibration: Mapping[str, float] = FrozenMap({})
    score: Score | None = None
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """How rows are split for out-of-fold predictions.

    Attributes
    ----------
    folds : int or tuple of int
        A number (1 means in-sample), or the fold of each row.
    repeat : int
        Which repetition; each splits anew.
    """

    folds: int | tuple[int, ...]
    repeat: int = 0

    @property
    def in_sample(self) -> bool:
        """Whether the model sees the rows it predicts."""
        return self.folds == 1


@dataclass(frozen=True, slots=True)
class Nuisance:
    """One nuisance to fit.

    Attributes
    ----------
    part : "propensity" | "outcome" | "mean"
        Probability of each arm, outcome under one arm, or outcome whatever the arm, each given the features.
    learner : Learner
    plan : FoldPlan
    arm : int or None
        For "outcome".
    pooled : bool
        For "outcome": one model with the arm as a feature, instead of the arm's own rows.
    """

    part: Literal["propensity", "outcome", "mean"]
    learner: Learner
    plan: FoldPlan
    arm: int | None = None
    pooled: bool = False


class Nuisances(Protocol):
    """Fitted once per request, shared by every method of a study."""

    def fit(self, *requests: Nuisance) -> tuple[Fit, ...]:
        """Fit what is not yet fitted, all models side by side."""
        ...

    def propensity(self, learner: Learner, plan: FoldPlan) -> Fit:
        """Probability of each arm given the features."""
        ...

    def attempt(self, learner: Learner, plan: FoldPlan) -> Fit:
        """Propensity as it came out: a fit without an optimum is handed back with its failure."""
        ...

    def outcome(self, arm: int, learner: Learner, plan: FoldPlan, pooled: bool) -> Fit:
        """Outcome predicted under one arm, from its own rows or one model with the arm as a feature."""
        ...

    def fold_ids(self, plan: FoldPlan) -> Ints:
        """Fold of each row."""
        ...

    def apart(self) -> Apart | None:
        """First arm that the covariates tell from control completely, if one is."""
        ...
