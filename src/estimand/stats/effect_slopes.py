r"""Does the effect of a rollout vary with covariates, and does it matter for its average?

The outcome is regressed on levels of units and periods, covariates, an effect for each cell (cohort by period), and
the covariates among the treated, centred in each cell:
:math:`y = \alpha_i + \lambda_t + x'\beta_t + \sum_c \mathbb 1_c(\delta_c + \gamma'(x - \bar x_c)) + e`.
Cells hold whatever effects differ by between cohorts and over time, so that :math:`\gamma` is about covariates alone.
The test of :math:`\gamma = 0` is the approximate Hotelling one, with the least Satterthwaite degrees of freedom of the
single slopes (Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004, section 3.2).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from estimand.errors import UnsupportedError
from estimand.stats.absorb import absorber
from estimand.stats.absorbed import (
    AbsorbedFit,
    absorbed_least_squares,
    bias_reduced_scores,
    cluster_positions,
    clustered_covariance,
    effective_clusters,
    row_covariance,
)
from estimand.stats.absorbed_combinations import identified
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.enough_clusters import MANY_CLUSTERS
from estimand.stats.pretrends import joint_test

MOST_ENTRIES = 100_000_000
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class RolloutRows:
    """Rows of a rollout.

    Attributes
    ----------
    outcome : ndarray of shape (n,)
    group : ndarray of shape (n,)
        Unit, or cohort in repeated cross-sections.
    period : ndarray of shape (n,)
        From 0.
    cell : ndarray of shape (n,)
        Cohort by period of each treated row, from 0; -1 where it is not treated.
    cluster : ndarray of shape (n,) or None
    weights : ndarray of shape (n,) or None
        Of the fit.
    mass : ndarray of shape (n,)
        Of the averages.
    absorbed : tuple of ndarray of shape (n,)
        Further levels.
    """

    outcome: Floats
    group: Ints
    period: Ints
    cell: Ints
    cluster: Ints | None
    weights: Floats | None
    mass: Floats
    absorbed: tuple[Ints, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EffectSlopes:
    """How the effect varies with covariates.

    Attributes
    ----------
    slope, std_error : ndarray of shape (p,)
        What a standard deviation of each covariate adds to the effect; not-a-number where nothing tells.
    statistic : float
        F of all slopes being zero.
    rank : int
        Slopes tested.
    df : float
        Degrees of freedom of the denominator.
    p_value : float
    moved : float
        What the slopes add to the average effect over treated rows, in outcome units.
    """

    slope: Floats
    std_error: Floats
    statistic: float
    rank: int
    df: float
    p_value: float
    moved: float


def effect_slopes(rows: RolloutRows, covariates: Floats, drifting: Bools) -> EffectSlopes | None:
    """Test whether the effect varies with covariates; None where there are too few clusters to tell.

    Parameters
    ----------
    rows : RolloutRows
    covariates : ndarray of shape (n, p)
    drifting : ndarray of shape (p,) of bool
        Covariates that get a slope for each period: those constant within units, and all of cross-sections.

    Raises
    ------
    UnsupportedError
        If the columns are too many for memory.
    """
    n, p = covariates.shape
    cells, periods = int(rows.cell.max()) + 1, int(rows.period.max()) + 1
    width = cells + 2 * p + int(drifting.sum()) * (periods - 1)
    if n * width > MOST_ENTRIES:
        raise UnsupportedError(
            f"{width:,} columns for cohorts by period and covariates, of {n:,} rows each, are too many to fit.",
            remedy="Use fewer covariates, or coarser periods.",
            found=width,
        )
    spread = covariates.std(axis=0)
    standard = (covariates - covariates.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    dummies = np.asarray(rows.cell[:, None] == np.arange(cells), dtype=np.float64)
    columns = np.hstack([dummies, _entered(standard, drifting, rows.period), _within(standard, rows, cells)])
    levels = absorber([rows.group, rows.period, *rows.absorbed], rows.weights)
    fit = absorbed_least_squares(rows.outcome, columns, levels, rows.weights)
    terms = np.arange(int(fit.kept[:-p].sum()), int(fit.kept.sum()))
    if not terms.size or fit.df_residual < 1:
        return None
    vcov, df = _covariance(fit, columns, rows, terms)
    test, least = joint_test(fit.coefficients[-p:][fit.kept[-p:]], vcov), float(df.min())
    left = least - test.rank + 1.0
    if not left > 0.0:
        return None
    statistic = test.statistic * left / (least * test.rank)
    share = _shares(fit, columns, rows, cells)
    if not share.any():
        return None
    slope, error = np.full(p, np.nan), np.full(p, np.nan)
    slope[fit.kept[-p:]] = fit.coefficients[-p:][fit.kept[-p:]]
    error[fit.kept[-p:]] = np.sqrt(np.diag(vcov))
    # Least squares without the slopes has coefficients less by B12 B22^-1 γ, B = (X'X)^-1.
    without = fit.bread[: share.size, terms] @ np.linalg.solve(fit.bread[np.ix_(terms, terms)], slope[fit.kept[-p:]])
    moved = float(share @ without)
    p_value = float(fdtrc(test.rank, left, statistic))
    return EffectSlopes(slope, error, statistic, test.rank, left, p_value, moved)


def _shares(fit: AbsorbedFit, columns: Floats, rows: RolloutRows, cells: int) -> Floats:
    """Share of each kept cell among the treated rows of cells that are identified; zeros if there are none."""
    held = np.flatnonzero(rows.cell >= 0)
    total = np.bincount(rows.cell[held], rows.mass[held], cells) * identified(fit, columns)[:cells]
    kept = np.asarray(total[fit.kept[:cells]], dtype=np.float64)
    return kept / kept.sum() if kept.any() else kept


def _entered(standard: Floats, drifting: Bools, period: Ints) -> Floats:
    """Covariates as they are, and slopes in each period but the first of those that drift; units may hold levels."""
    later = period[:, None] == np.arange(1, int(period.max()) + 1)
    return np.hstack([standard, *(later * standard[:, [j]] for j in np.flatnonzero(drifting))])


def _within(standard: Floats, rows: RolloutRows, cells: int) -> Floats:
    """Covariates of treated rows about their average in the cell, shape (n, p)."""
    held = np.flatnonzero(rows.cell >= 0)
    cell, mass = rows.cell[held], rows.mass[held]
    total = np.bincount(cell, mass, cells)
    out = np.zeros(standard.shape)
    for j in range(standard.shape[1]):
        mean = np.bincount(cell, mass * standard[held, j], cells) / total
        out[held, j] = standard[held, j] - mean[cell]
    # What rounding leaves of a covariate that is alike in a cell is no variation.
    out[np.abs(out) < ROUNDING * np.abs(standard).max(axis=0)] = 0.0
    return out


def _covariance(fit: AbsorbedFit, columns: Floats, rows: RolloutRows, terms: Ints) -> tuple[Floats, Floats]:
    """Covariance of the slopes and their degrees of freedom: CR1 with many clusters or weights, else CR2."""
    if rows.cluster is None:
        return row_covariance(fit, "HC1")[np.ix_(terms, terms)], np.full(terms.size, float(fit.df_residual))
    if rows.weights is None and effective_clusters(fit, rows.cluster, terms) < MANY_CLUSTERS:
        scores = bias_reduced_scores(fit, columns, rows.outcome, rows.cluster, terms)
        return scores.covariance, scores.df
    groups = cluster_positions(rows.cluster)[0]
    return clustered_covariance(fit, rows.cluster, "CR1", None, terms), np.full(terms.size, groups - 1.0)
