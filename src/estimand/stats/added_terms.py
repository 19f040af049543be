r"""What a linear index leaves out: a score test of squares and products, and what they would change.

A model with canonical link fitted on a basis Z has the scores :math:`Z_i r_i`, with the (weighted) residual r, and
information :math:`Z'VZ`. For further terms T, freed of what Z already says,

.. math:: \tilde T = T - Z \Pi, \quad \Pi = (Z'VZ)^{-1} Z'VT, \quad S = \tilde T' r,

:math:`S' (\sum_g S_g S_g')^{-1} S` is chi-squared where the terms have no part in the mean, whatever the variance, with
:math:`S_g` the sum over an independent unit (Wooldridge 1991). :math:`\hat\gamma = (\tilde T'V\tilde T)^{-1} S` is what
least squares with the terms added gives them, and one Newton step towards it for another link. A square of the fitted
value among the terms makes it a test of Ramsey (1969) too; of the propensity's index, of Pregibon (1980).

References: Ramsey (1969), doi:10.1111/j.2517-6161.1969.tb00796.x; Pregibon (1980), doi:10.2307/2346405; Wooldridge
(1991), Journal of Econometrics 47, 5-46.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import chdtrc, expit

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import Basis, gram, independent_columns
from estimand.stats.glm import fit_glm
from estimand.stats.influence import sum_within
from estimand.stats.linear import least_squares

Link: TypeAlias = Literal["linear", "logistic", "poisson"]
OWN_TOLERANCE = 1e-6
LARGEST = 500.0
SQUARES = 10
CROSSED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """Terms beside a fitted model.

    Attributes
    ----------
    projection : ndarray of shape (q, k)
        Π: what the basis says of each term.
    kept : ndarray of shape (k,) of bool
        Terms that the basis, and those before them, do not span.
    coefficients : ndarray of shape (k,)
        γ; zero for a term not kept.
    scores : ndarray of shape (n, kept)
        Each row's part in the score of the kept terms.
    share : float
        Part of the residual variance that the terms explain, at most 1.
    """

    projection: Floats
    kept: Bools
    coefficients: Floats
    scores: Floats
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A fitted index with terms beside it.

    Attributes
    ----------
    basis : Basis
    slopes : ndarray of shape (q,)
    link : "linear" | "logistic" | "poisson"
    added : Added
    """

    basis: Basis
    slopes: Floats
    link: Link
    added: Added

    def average(self, raw: Floats, terms: Floats, share: Floats) -> tuple[float, float]:
        """Mean prediction under shares that sum to one, and what the terms would add to it.

        Parameters
        ----------
        raw : ndarray of shape (m, p)
        terms : ndarray of shape (m, k)
        share : ndarray of shape (m,)
        """
        added = self.added
        z = self.basis.rows(raw)
        index = z @ self.slopes
        mean = _mean(index, self.link)
        bent = _mean(index + terms @ added.coefficients - z @ (added.projection @ added.coefficients), self.link)
        return float(share @ mean), float(share @ (bent - mean))


def leading_pairs(numeric: Bools, order: Ints, most: int) -> tuple[tuple[int, int], ...]:
    """Pairs of columns to multiply: squares of numeric ones, and products of the first few, the leading first.

    Parameters
    ----------
    numeric : ndarray of shape (p,) of bool
        Columns whose square says something new.
    order : ndarray of shape (p,)
        Columns, the leading first.
    most : int
        How many pairs at most.
    """
    first = order[:CROSSED].tolist()
    squares = [int(j) for j in order if numeric[j]][:SQUARES]
    place = {int(j): i for i, j in enumerate(order)}
    pairs = [(j, j) for j in squares] + [(i, j) for at, j in enumerate(first) for i in first[:at]]
    pairs.sort(key=lambda pair: (place[pair[1]], pair[0] != pair[1], place[pair[0]]))
    return tuple(pairs[:most])


def products(values: Floats, pairs: Sequence[tuple[int, int]]) -> Floats:
    """Products of standardised columns, themselves centred and scaled, shape (n, pairs)."""
    used = sorted({j for pair in pairs for j in pair})
    at = {j: i for i, j in enumerate(used)}
    columns = scaled(values[:, used])
    return scaled(np.stack([columns[:, at[i]] * columns[:, at[j]] for i, j in pairs], axis=1))


def scaled(values: Floats) -> Floats:
    """Columns of mean zero and standard deviation one; a constant one is zero."""
    centred = values - values.mean(axis=0)
    spread = np.sqrt(np.square(centred).mean(axis=0))
    return np.asarray(centred / np.where(spread > 0.0, spread, 1.0))


def add_terms(design: Floats, residual: Floats, curvature: Floats, terms: Floats) -> Added:
    """Hold terms against the residual of a fitted model.

    Parameters
    ----------
    design : ndarray of shape (n, q)
        Independent columns, the intercept among them.
    residual : ndarray of shape (n,)
        Weighted outcome minus mean.
    curvature : ndarray of shape (n,)
        Weighted derivative of the mean with respect to the index.
    terms : ndarray of shape (n, k)
    """
    q = design.shape[1]
    both = np.hstack([design, terms])
    cross = gram(both, curvature)
    length = np.sqrt(np.maximum(np.diag(cross), np.finfo(float).tiny))
    kept = independent_columns(cross / np.outer(length, length), OWN_TOLERANCE)[q:]
    projection: Floats = np.asarray(np.linalg.solve(cross[:q, :q], cross[:q, q:]), dtype=np.float64)
    left = (cross[q:, q:] - cross[q:, :q] @ projection)[np.ix_(kept, kept)]
    free = terms[:, kept] - design @ projection[:, kept]
    scores: Floats = np.asarray(free * residual[:, None], dtype=np.float64)
    total = scores.sum(axis=0)
    coefficients = np.zeros(terms.shape[1])
    coefficients[kept] = np.linalg.solve(left, total)
    size = float((np.square(residual) / np.maximum(curvature, np.finfo(float).tiny)).sum())
    share = float(total @ coefficients[kept]) / size if size > 0.0 else 0.0
    return Added(projection, kept, coefficients, scores, min(1.0, share))


def fitted_line(
    raw: Floats, outcome: Floats, terms: Floats, link: Link = "linear", weights: Floats | None = None
) -> Line | None:
    """Fit an index and hold terms against it; None where it has no optimum.

    Parameters
    ----------
    raw : ndarray of shape (n, p)
    outcome : ndarray of shape (n,)
    terms : ndarray of shape (n, k)
    link : "linear" | "logistic" | "poisson"
    weights : ndarray of shape (n,), optional
    """
    if link == "linear":
        plain = least_squares(raw, outcome, weights)
        own = np.ones(outcome.shape[0]) if weights is None else weights
        added = add_terms(plain.basis.matrix, plain.residual * own, own, terms)
        return Line(plain.basis, plain.coefficients, link, added)
    fit = fit_glm(raw, outcome, link, weights)
    if not fit.converged:
        return None
    slope = fit.mean * (1.0 - fit.mean) if link == "logistic" else fit.mean
    curvature = slope if weights is None else slope * weights
    return Line(fit.basis, fit.coefficients, link, add_terms(fit.basis.matrix, fit.residual, curvature, terms))


def joint_p_value(parts: Sequence[tuple[Floats, Ints]]) -> float:
    """P-value of all terms of all parts having no part in the means, robust to variance and to dependence in units.

    Parameters
    ----------
    parts : sequence of (scores of shape (n_a, k_a), units of shape (n_a,))
        Units shared by parts are summed across them.
    """
    codes, position = np.unique(np.concatenate([units for _, units in parts]), return_inverse=True)
    width = sum(scores.shape[1] for scores, _ in parts)
    summed = np.zeros((codes.shape[0], width))
    row, column = 0, 0
    for scores, units in parts:
        end = column + scores.shape[1]
        summed[:, column:end] = sum_within(scores, position[row : row + units.shape[0]], codes.shape[0])
        row, column = row + units.shape[0], end
    total, spread = summed.sum(axis=0), gram(summed)
    length = np.sqrt(np.diag(spread))
    kept = (length > 0.0) & independent_columns(spread / np.maximum(np.outer(length, length), np.finfo(float).tiny))
    if not kept.any():
        return 1.0
    statistic = float(total[kept] @ np.linalg.solve(spread[np.ix_(kept, kept)], total[kept]))
    return float(chdtrc(float(kept.sum()), statistic))


def _mean(index: Floats, link: Link) -> Floats:
    if link == "linear":
        return index
    return np.asarray(np.exp(np.minimum(index, LARGEST)) if link == "poisson" else expit(index))
