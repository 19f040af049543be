"""Regressions on columns for cohorts, event times or cells, and averages of their coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.estimate import Baseline
from estimand.core.finding import Finding
from estimand.core.uncertainty import Normal, Unknown
from estimand.errors import DataError, DesignError, IdentificationError
from estimand.methods.panel.admitted import Admitted
from estimand.methods.panel.covariates import left_out_finding
from estimand.methods.panel.few_clusters import lonely
from estimand.methods.panel.regression_spread import Counted, cluster_counts, cluster_findings
from estimand.stats.absorb import absorber
from estimand.stats.absorbed import AbsorbedFit, absorbed_least_squares
from estimand.stats.absorbed_combinations import combination_scores, effective_clusters, identified
from estimand.stats.arrays import Bools, Floats
from estimand.stats.cluster import ClusterKind
from estimand.stats.enough_clusters import MANY_CLUSTERS
from estimand.stats.imputation import Average

SaturatedCovariance: TypeAlias = Literal["CR0", "CR1", "CR2"]


@dataclass(frozen=True, slots=True)
class Errors:
    """Options of the covariance.

    Attributes
    ----------
    kind : "CR0" | "CR1" | "CR2" or None
        None is chosen by clusters, weights and leverage.
    counted : "crossing" | "all" | "none"
        Absorbed levels that CR1 counts as parameters: those of dimensions that reach across clusters, all, or none but
        the constant.
    """

    kind: SaturatedCovariance | None
    counted: Counted

    def nested(self, fit: AbsorbedFit) -> Bools | None:
        """Dimensions that CR1 does not count; None for those within clusters."""
        if self.counted == "crossing":
            return None
        return np.full(len(fit.absorber.codes), self.counted == "none")


@dataclass(frozen=True, slots=True, eq=False)
class Saturated:
    """A regression on columns of interest and covariates, beside units, periods and further levels.

    Attributes
    ----------
    found : Admitted
    fit : AbsorbedFit
    columns : ndarray of shape (n, q + p)
        Those of interest first.
    identified : ndarray of shape (q,) of bool
        Columns of interest whose coefficient the data identify.
    coefficients : ndarray of shape (q,)
    findings : tuple of Finding
        Covariates left out.
    """

    found: Admitted
    fit: AbsorbedFit
    columns: Floats
    identified: Bools
    coefficients: Floats
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Linear combinations of coefficients.

    Attributes
    ----------
    value : ndarray of shape (k,)
    psi : ndarray of shape (clusters, k)
        What each cluster adds to the values.
    uncertainty : Normal | Unknown
        Unknown with one cluster treated, or one that is not.
    findings : tuple of Finding
    """

    value: Floats
    psi: Floats
    uncertainty: Normal | Unknown
    findings: tuple[Finding, ...]


def saturated(key: str, found: Admitted, interest: Floats, beside: Floats, sources: tuple[str, ...]) -> Saturated:
    """Fit the outcome on columns of interest (n, q) and others beside them (n, p), with units and periods absorbed.

    In repeated cross-sections the cohort stands for the unit.

    Parameters
    ----------
    sources : tuple of str, of length p
        Covariate that each of the columns beside is made from.

    Raises
    ------
    DataError
        If nothing is left to estimate the noise from.
    """
    timeline, weights = found.timeline, found.weights
    columns = np.hstack([interest, beside]) if beside.size else interest
    levels = absorber([found.group, timeline.period, *timeline.absorbed.values()], weights)
    fit = absorbed_least_squares(found.values, columns, levels, weights)
    if fit.df_residual < 1:
        raise DataError(
            f"{found.n:,} rows for {fit.rank_total:,} coefficients and levels leave nothing to estimate the noise.",
            remedy="Use fewer covariates or absorbed columns, or more data.",
        )
    q = interest.shape[1]
    return Saturated(
        found,
        fit,
        columns,
        identified(fit, columns)[:q],
        fit.coefficients[:q],
        left_out_finding(key, sources, fit.kept[q:]),
    )


def combined(
    key: str,
    made: Saturated,
    shares: Floats,
    errors: Errors,
    drawn: Floats | None = None,
) -> Combined:
    """Combine coefficients, with their covariance.

    By default CR1 with t(G - 1) under weights, without clusters (then HC1), and where at least 40 clusters would be
    left if all had equal leverage; else CR2 with Satterthwaite degrees of freedom.

    Parameters
    ----------
    shares : ndarray of shape (k, q)
        Zero for columns that are not identified.
    errors : Errors
    drawn : ndarray of shape (clusters, k), optional
        What clusters add through the shares, where these are estimated.

    Raises
    ------
    DesignError
        If clusters are asked for, and the design has none.
    IdentificationError
        If the regression leaves no variation between clusters.
    """
    found, fit = made.found, made.fit
    q = shares.shape[1]
    combinations = np.zeros((shares.shape[0], int(fit.kept.sum())))
    combinations[:, : int(fit.kept[:q].sum())] = shares[:, fit.kept[:q]]
    kind = _chosen(made, combinations, errors.kind)
    data = (found.values, made.columns)
    value, alone = shares @ made.coefficients, lonely(found)
    if alone is not None:
        return Combined(value, np.zeros((0, value.shape[0])), Unknown(alone), _warnings(key, found, "none"))
    scores = combination_scores(fit, data, found.cluster, combinations, kind, errors.nested(fit))
    if np.isnan(scores.df).any():
        raise IdentificationError(
            "The columns tell the clusters apart, so nothing is left from which CR2 could learn how clusters vary.",
            remedy="Leave out covariates that are constant within clusters, or cluster by a finer column.",
        )
    plain = combination_scores(fit, data, found.cluster, combinations, "CR0").scores
    spread = scores.scores
    if drawn is not None:
        noise = float(np.square(plain).sum())
        inflated = float(np.square(spread).sum()) / noise if kind == "CR1" and noise > 0.0 else 1.0
        plain, spread = plain + drawn, spread + drawn * np.sqrt(inflated)
    df = scores.df if found.clustered else np.full(shares.shape[0], float(fit.df_residual))
    normal = Normal(np.asarray(spread.T @ spread), df, "identity", kind if found.clustered else "HC1")
    return Combined(value, plain, normal, _warnings(key, found, kind))


def _chosen(made: Saturated, combinations: Floats, covariance: SaturatedCovariance | None) -> ClusterKind:
    found = made.found
    if not found.clustered:
        if covariance is None:
            return "CR1"
        raise DesignError(
            f"Covariance '{covariance}' needs clusters, and the design names none.",
            remedy="Name the unit or the cluster in the design, or leave `covariance` out.",
        )
    if covariance is not None:
        return covariance
    if made.fit.weights is not None:
        return "CR1"
    enough = effective_clusters(made.fit, found.cluster, combinations) >= MANY_CLUSTERS
    return "CR1" if enough else "CR2"


def _warnings(key: str, found: Admitted, kind: str) -> tuple[Finding, ...]:
    sample = found.case.sample()
    used = sample if found.n == sample.n else sample.take(found.rows)
    return cluster_findings(key, used, cluster_counts(used), kind)


def drawn_rows(found: Admitted, sought: Sequence[Average], effect: Floats, value: Floats) -> Floats:
    """What each cluster adds to averages of effects by having rows of other effects, shape (clusters, k).

    The rows averaged are a sample too, so an average moves by ``w (effect - average)`` with each of them: for cells,
    through how many rows each holds (Sun & Abraham 2021, doi:10.1016/j.jeconom.2020.09.006).

    Parameters
    ----------
    found : Admitted
    sought : sequence of Average, of length k
        Weights sum to one.
    effect : ndarray of shape (n,)
    value : ndarray of shape (k,)
    """
    clusters = int(found.cluster.max()) + 1
    moved = [
        average.within(found.cluster, clusters, effect) - average.within(found.cluster, clusters) * own
        for average, own in zip(sought, value, strict=True)
    ]
    return np.stack(moved, axis=1)


def untreated_level(found: Admitted, sought: Sequence[Average], result: Combined) -> Baseline | None:
    """Average outcome of the rows of each term less its effect, and its covariance; None where that is unknown."""
    if isinstance(result.uncertainty, Unknown):
        return None
    level = np.array([average.of(found.values) for average in sought])
    moved = drawn_rows(found, sought, found.values, level) - result.psi
    return Baseline(level - result.value, moved.T @ moved, result.psi.T @ moved)
