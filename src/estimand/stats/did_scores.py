"""Effect on one cohort from the changes of its units and of those it is compared with.

Sant'Anna & Zhao (2020), doi:10.1016/j.jeconom.2020.06.003, equations 2.1 to 2.4 and 3.1. The doubly robust form is
their first, with a logit by maximum likelihood and least squares among the compared.

Contributions are what ψ/n is elsewhere: ``estimate - truth ≈ Σ contribution`` over the units of both groups. All
arrays run over units in their last axis.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit

from estimand.stats.arrays import Bools, Floats
from estimand.stats.basis import independent_columns
from estimand.stats.glm import GRADIENT_TOLERANCE, STEP_TOLERANCE, fit_glm

Estimator: TypeAlias = Literal["dr", "ipw", "or"]
Obstacle: TypeAlias = Literal[
    "nobody treated", "nobody to compare with", "too few treated", "too few compared", "covariates apart",
    "propensity separated",
]  # fmt: skip
PLAIN_STEPS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Units on one side of a comparison.

    Attributes
    ----------
    columns : ndarray of shape (q, n)
        Covariates, the first row ones.
    weights : ndarray of shape (n,)
    """

    columns: Floats
    weights: Floats

    @property
    def size(self) -> int:
        """Number of units n."""
        return int(self.weights.shape[0])

    def gram(self, extra: Floats | float = 1.0) -> Floats:
        """Weighted cross-products of the columns, shape (q, q)."""
        return np.asarray((self.columns * (self.weights * extra)) @ self.columns.T)

    def among(self, kept: Bools) -> "Group":
        """Keep some of the columns."""
        return self if kept.all() else Group(self.columns[kept], self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Effects, and how much each unit contributes to their error.

    Attributes
    ----------
    value : ndarray of shape (m,)
    treated, compared : ndarray of shape (m, n)
    """

    value: Floats
    treated: Floats
    compared: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Odds:
    """A logit of being treated, at the compared and the treated.

    Attributes
    ----------
    treated, compared : ndarray of shape (n,)
        Probabilities.
    inverse : ndarray of shape (q, q)
        Inverse of the summed Hessian.
    """

    treated: Floats
    compared: Floats
    inverse: Floats


def change_scores(
    treated_change: Floats, compared_change: Floats, treated: Group, compared: Group, estimator: Estimator
) -> Scores | Obstacle:
    """Effects from changes of shape (m, n) of the treated and the compared, one for each row."""
    kept = usable(treated, compared, estimator)
    if isinstance(kept, str):
        return kept
    treated, compared = treated.among(kept), compared.among(kept)
    odds = None if estimator == "or" else propensity(treated, compared)
    if isinstance(odds, str):
        return odds
    if estimator == "ipw":
        return _weighted(treated_change, compared_change, treated, compared, odds)
    inverse = inverted(compared.gram())
    slopes = (compared_change * compared.weights) @ compared.columns.T @ inverse
    left = compared_change - slopes @ compared.columns
    scores = _weighted(treated_change - slopes @ treated.columns, left, treated, compared, odds)
    total = treated.weights.sum()
    moved = -(treated.columns @ treated.weights) / total
    if odds is not None:
        weights = compared.weights * odds.compared / (1.0 - odds.compared)
        moved += compared.columns @ weights / weights.sum()
    carried = left * (compared.weights * (moved @ inverse @ compared.columns))
    return Scores(scores.value, scores.treated, scores.compared + carried)


def _weighted(
    treated_change: Floats, compared_change: Floats, treated: Group, compared: Group, odds: Odds | None
) -> Scores:
    """Weighted mean of the treated less that of the compared; without odds the compared count as nought."""
    total = treated.weights.sum()
    mean = treated_change @ treated.weights / total
    own = (treated_change - mean[:, None]) * (treated.weights / total)
    if odds is None:
        return Scores(mean, own, np.zeros_like(compared_change))
    weights = compared.weights * odds.compared / (1.0 - odds.compared)
    weights /= weights.sum()
    against = compared_change @ weights
    moment = (compared_change - against[:, None]) * weights
    if treated.columns.shape[0] == 1:
        return Scores(mean - against, own, -moment)
    steep = (moment @ compared.columns.T) @ odds.inverse
    own -= (steep @ treated.columns) * (treated.weights * (1.0 - odds.treated))
    moment -= (steep @ compared.columns) * (compared.weights * odds.compared)
    return Scores(mean - against, own, -moment)


def usable(treated: Group, compared: Group, estimator: Estimator) -> Bools | Obstacle:
    """Tell which columns are independent in both groups together, or what keeps a model from being fitted."""
    if not treated.size or not compared.size:
        return "nobody to compare with" if treated.size else "nobody treated"
    kept = np.ones(treated.columns.shape[0], dtype=np.bool_)
    among = compared.gram()
    if kept.shape[0] > 1:
        kept = spanning(among + treated.gram())
    rank = int(kept.sum())
    if compared.size < rank or (estimator != "or" and treated.size < rank):
        return "too few compared" if compared.size < rank else "too few treated"
    if estimator != "ipw" and not spanning(among[np.ix_(kept, kept)]).all():
        return "covariates apart"
    return kept


def spanning(cross: Floats) -> Bools:
    """Tell which columns of given cross-products add to the span of those before them."""
    length = np.sqrt(np.diag(cross))
    length[length == 0.0] = 1.0
    return independent_columns(cross / np.outer(length, length))


def inverted(cross: Floats) -> Floats:
    """Inverse of a positive definite matrix."""
    return np.asarray(cho_solve(cho_factor(cross), np.eye(cross.shape[0])))


def propensity(treated: Group, compared: Group) -> Odds | Obstacle:
    """Logit of being treated by Newton's method, of groups held apart so that nothing is copied.

    Plain steps reach the optimum where there is one; where they do not, :func:`fit_glm` decides.
    """
    share = treated.weights.sum() / (treated.weights.sum() + compared.weights.sum())
    if treated.columns.shape[0] == 1:
        return Odds(np.full(treated.size, share), np.full(compared.size, share), np.zeros((1, 1)))
    slopes = np.zeros(treated.columns.shape[0])
    slopes[0] = np.log(share / (1.0 - share))
    size = treated.weights.sum() + compared.weights.sum()
    for _ in range(PLAIN_STEPS):
        linear = slopes @ treated.columns, slopes @ compared.columns
        odds, gradient = _slopes(treated, compared, expit(linear[0]), expit(linear[1]))
        if odds is None:
            break
        step = odds.inverse @ gradient
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE * size:
            travel = max(np.abs(step @ treated.columns).max(), np.abs(step @ compared.columns).max())
            reach = max(np.abs(linear[0]).max(), np.abs(linear[1]).max())
            if travel <= STEP_TOLERANCE * (1.0 + reach):
                return odds
        slopes = slopes + step
    return _judged(treated, compared)


def _slopes(treated: Group, compared: Group, treated_mean: Floats, compared_mean: Floats) -> tuple[Odds | None, Floats]:
    """Gradient of the log-likelihood at given probabilities, with the inverse of the Hessian, where it has one."""
    missed = treated.weights * (1.0 - treated_mean)
    risked = compared.weights * compared_mean
    gradient = treated.columns @ missed - compared.columns @ risked
    hessian = treated.gram((1.0 - treated_mean) * treated_mean) + compared.gram((1.0 - compared_mean) * compared_mean)
    try:
        return Odds(treated_mean, compared_mean, inverted(hessian)), gradient
    except (LinAlgError, ValueError):
        return None, gradient


def _judged(treated: Group, compared: Group) -> Odds | Obstacle:
    raw = np.concatenate([treated.columns[1:].T, compared.columns[1:].T])
    outcome = np.repeat([1.0, 0.0], [treated.size, compared.size])
    fit = fit_glm(raw, outcome, "logistic", np.concatenate([treated.weights, compared.weights]))
    if not fit.converged:
        return "propensity separated"
    odds, _ = _slopes(treated, compared, fit.mean[: treated.size], fit.mean[treated.size :])
    return "propensity separated" if odds is None else odds
