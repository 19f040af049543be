r"""What doubly robust scores say of groups and of covariates.

The mean of Γ in a group is the average effect there, and its least-squares projection on covariates,
:math:`\Gamma = \beta_0 + (x - \bar x)'\beta + u`, the best linear approximation of the effect (Semenova & Chernozhukov
2021, doi:10.1093/ectj/utaa027): scores as orthogonal as these leave the covariance what it is for a known outcome.
Groups by predicted effect are those of Chernozhukov, Demirer, Duflo & Fernández-Val (2025), doi:10.3982/ECTA19303.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.covariance import robust_covariance
from estimand.stats.influence import influence_covariance, sum_within
from estimand.stats.linear import LeastSquares, least_squares


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """Average effects of groups.

    Attributes
    ----------
    value : ndarray of shape (G,)
    vcov : ndarray of shape (G, G)
    rows : ndarray of shape (G,)
    """

    value: Floats
    vcov: Floats
    rows: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Best linear approximation of an effect.

    Attributes
    ----------
    slope : ndarray of shape (p,)
        Of each covariate [outcome per unit]; not-a-number where others span it.
    std_error : ndarray of shape (p,)
    kept : ndarray of shape (p,) of bool
    """

    slope: Floats
    std_error: Floats
    kept: Bools


def group_averages(scores: Floats, group: Ints, weights: Floats, units: Ints) -> Grouped:
    """Average scores within groups.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    group : ndarray of shape (n,)
        From 0, each with a row.
    weights : ndarray of shape (n,)
    units : ndarray of shape (n,)
        Independent unit of each row.
    """
    count, n = int(group.max()) + 1, scores.shape[0]
    member = weights[:, None] * (group[:, None] == np.arange(count))
    total = member.sum(axis=0)
    value = member.T @ scores / total
    psi = member * (scores[:, None] - value) * (n / total)
    return Grouped(value, _covariance(psi, units), np.bincount(group, minlength=count))


def ranked_groups(effects: Floats, fold: Ints, groups: int) -> Ints:
    """Group of each row by the rank of its effect within its fold, from the least; ties keep the order of rows.

    Within a fold the effects come from one model that its rows had no part in, so that the groups owe nothing to their
    outcomes.
    """
    out = np.empty(effects.shape[0], dtype=np.int64)
    for k in np.unique(fold):
        rows = np.flatnonzero(fold == k)
        place = np.argsort(np.argsort(effects[rows], kind="stable"), kind="stable")
        out[rows] = place * groups // rows.shape[0]
    return out


def linear_projection(scores: Floats, columns: Floats, weights: Floats | None, units: Ints) -> Projected:
    """Regress scores on covariates: HC3, or by unit where some have several rows.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    columns : ndarray of shape (n, p)
    weights : ndarray of shape (n,) or None
    units : ndarray of shape (n,)
    """
    fit = least_squares(columns, scores, weights)
    vcov = projection_covariance(fit, units)
    kept, scale = fit.basis.kept, fit.basis.scale
    slope, error = np.full(kept.shape[0], np.nan), np.full(kept.shape[0], np.nan)
    slope[kept] = fit.coefficients[1:] / scale[kept]
    error[kept] = np.sqrt(np.diag(vcov)[1:]) / scale[kept]
    return Projected(slope, error, kept)


def projection_covariance(fit: LeastSquares, units: Ints) -> Floats:
    """Covariance of a projection's coefficients, shape (q, q): HC3, or by unit where some have several rows."""
    if np.unique(units).shape[0] == units.shape[0]:
        return robust_covariance(fit, "HC3")
    pull = fit.basis.matrix * (fit.residual if fit.weights is None else fit.residual * fit.weights)[:, None]
    return _covariance(fit.residual.shape[0] * pull @ fit.bread, units)


def _covariance(psi: Floats, units: Ints) -> Floats:
    codes, place = np.unique(units, return_inverse=True)
    return influence_covariance(sum_within(psi, place, codes.shape[0]), psi.shape[0])
