"""An outcome model averaged over rows as if all were in one arm, without a design of every row for every arm."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from estimand.core.nuisances import Score
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import Basis

Family = Literal["linear", "logistic", "poisson"]
BLOCK = 131_072
HIGHEST = 500.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of the model: an indicator of each arm but control, covariates, and products of the two.

    Attributes
    ----------
    arms : int
        Control included.
    features : int
    crossed : tuple of int
        Covariates whose slopes differ between arms, by position.
    """

    arms: int
    features: int
    crossed: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return (self.arms - 1) * (1 + len(self.crossed)) + self.features

    def products(self, arm: int) -> slice:
        """Columns of the products with one arm, which is not control."""
        start = self.arms - 1 + self.features + (arm - 1) * len(self.crossed)
        return slice(start, start + len(self.crossed))

    def design(self, arm: Ints, features: Floats) -> Floats:
        """Columns at rows of the given arms, shape (n, width)."""
        out = np.empty((features.shape[0], self.width))
        crossed = features if len(self.crossed) == self.features else features[:, self.crossed]
        out[:, self.arms - 1 : self.arms - 1 + self.features] = features
        for a in range(1, self.arms):
            own: Bools = arm == a
            out[:, a - 1] = own
            np.multiply(crossed, own[:, None], out=out[:, self.products(a)])
        return out

    def slopes(self, arm: int) -> Floats:
        """Derivative of the columns with respect to the covariates in one arm, shape (width, features)."""
        out = np.zeros((self.width, self.features))
        out[self.arms - 1 : self.arms - 1 + self.features] = np.eye(self.features)
        if arm:
            out[self.products(arm), list(self.crossed)] = np.eye(len(self.crossed))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted outcome model."""

    layout: Layout
    basis: Basis
    coefficients: Floats
    score: Score
    family: Family

    def line(self, arm: int, center: Floats) -> tuple[Floats, Floats]:
        """Basis at covariates ``center`` in one arm (q,), and its derivative with respect to covariates (q, features).

        In one arm the basis is linear in the covariates, so these two give it at every row.
        """
        at = self.layout.design(np.array([arm]), center[None, :])[0]
        kept = self.basis.kept
        slopes = self.layout.slopes(arm)[kept] / self.basis.scale[kept, None]
        return self.basis.point(at), np.vstack([np.zeros((1, self.layout.features)), slopes])

    def respond(self, linear: Floats) -> tuple[Floats, Floats]:
        """Predictions, and their derivative, at linear predictors of any shape."""
        if self.family == "linear":
            return linear, np.ones_like(linear)
        if self.family == "poisson":
            mean = np.exp(np.minimum(linear, HIGHEST))
            return mean, mean
        mean = expit(linear)
        return mean, mean * (1.0 - mean)


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """Averages of a model in which rows count by their shares.

    Attributes
    ----------
    mean : ndarray of shape (j,)
    psi : ndarray of shape (n, j)
    """

    mean: Floats
    psi: Floats


def standardised(model: Model, features: list[Floats], shares: Floats, arms: list[int]) -> Standardised:
    r"""Average predictions over rows put in one arm, with their influence.

    :math:`\psi = s (m(a, X) - \mu) + S H^{-1} E[s \, \partial m(a, X) / \partial\theta]`, for shares s of mean one and
    the model's score S and Hessian H; rows that were not fitted have no score.

    Parameters
    ----------
    features : list of ndarray of shape (·, p)
        Covariates of n rows in all, those fitted first.
    shares : ndarray of shape (n, j)
        Weight of each row in each average, of mean one.
    arms : list of int, of length j
        Arm that the rows are put in.
    """
    n, fitted = shares.shape[0], model.score.residual.shape[0]
    center = features[0].mean(axis=0)
    every = range(model.layout.arms)
    lines = [model.line(arm, center) for arm in every]
    base = np.array([point @ model.coefficients for point, _ in lines])
    slopes = np.column_stack([slope.T @ model.coefficients for _, slope in lines])
    prediction, derivative = model.respond(base + _times(features, center, slopes))
    mean = np.einsum("ij,ij->j", shares, prediction[:, arms]) / n
    moved = shares * derivative[:, arms]
    total, cross = moved.sum(axis=0), _crossed(features, center, moved)
    psi = shares * (prediction[:, arms] - mean)
    for j, arm in enumerate(arms):
        gradient = (total[j] * lines[arm][0] + lines[arm][1] @ cross[:, j]) / n
        psi[:fitted, j] += model.score.carried(gradient[None, :]) * (n / fitted)
    return Standardised(mean, psi)


def _centred(features: list[Floats], center: Floats) -> Iterator[tuple[slice, Floats]]:
    """Rows less the centre, a block that fits in the processor's cache at a time."""
    size, start = max(1, BLOCK // max(1, center.shape[0])), 0
    for part in features:
        for first in range(0, part.shape[0], size):
            block = part[first : first + size] - center
            yield slice(start, start + block.shape[0]), block
            start += block.shape[0]


def _times(features: list[Floats], center: Floats, right: Floats) -> Floats:
    """``(X - c) R`` for R of shape (p, r), giving (n, r)."""
    out = np.empty((sum(part.shape[0] for part in features), right.shape[1]))
    for rows, block in _centred(features, center):
        np.matmul(block, right, out=out[rows])
    return out


def _crossed(features: list[Floats], center: Floats, left: Floats) -> Floats:
    """``(X - c)' L`` for L of shape (n, r), giving (p, r)."""
    out = np.zeros((center.shape[0], left.shape[1]))
    for rows, block in _centred(features, center):
        out += block.T @ left[rows]
    return out
