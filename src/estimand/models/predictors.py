"""What fitted learners predict with: small frozen functions that can be written to a file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.special import expit

from estimand.stats.arrays import Bools, Floats
from estimand.stats.basis import Basis

Predictor: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The same number everywhere."""

    value: float

    def __call__(self, features: Floats) -> Floats:
        """Predict for features of shape (m, p)."""
        return np.full(features.shape[0], self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Linear in centred and scaled columns, through the logistic curve for a probability.

    Attributes
    ----------
    center, scale : ndarray of shape (p,)
    kept : ndarray of shape (p,) of bool
    coefficients : ndarray of shape (1 + kept,)
    probability : bool
    """

    center: Floats
    scale: Floats
    kept: Bools
    coefficients: Floats
    probability: bool

    @classmethod
    def on(cls, basis: Basis, coefficients: Floats, *, probability: bool) -> "Line":
        """Line with coefficients in a basis, whose rows are let go."""
        return cls(basis.center, basis.scale, basis.kept, coefficients, probability)

    def __call__(self, features: Floats) -> Floats:
        """Predict for features of shape (m, p)."""
        basis = Basis(np.empty((0, self.coefficients.shape[0])), self.center, self.scale, self.kept)
        linear = np.asarray(basis.rows(features) @ self.coefficients)
        return np.asarray(expit(linear)) if self.probability else linear


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Two predictions, the second with weight ``share``."""

    first: Predictor
    second: Predictor
    share: float

    def __call__(self, features: Floats) -> Floats:
        """Predict for features of shape (m, p)."""
        return np.asarray((1.0 - self.share) * self.first(features) + self.share * self.second(features))
