"""Which covariance a regression beside absorbed effects gets, how it is called, and what to warn of."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.errors import DesignError, IdentificationError
from estimand.methods.panel.clusters_seen import moved_findings, no_cluster_finding
from estimand.stats.absorbed import (
    AbsorbedFit,
    bias_reduced_scores,
    clustered_covariance,
    effective_clusters,
    numbered_clusters,
    row_covariance,
)
from estimand.stats.arrays import Floats, Ints
from estimand.stats.enough_clusters import FEW_OF_A_KIND, MANY_CLUSTERS
from estimand.stats.levels import occurring

PanelCovariance: TypeAlias = Literal["CR0", "CR1", "CR2", "HC1", "classical"]
Counted: TypeAlias = Literal["crossing", "all", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A regression, and what it was fitted to.

    Attributes
    ----------
    fit : AbsorbedFit
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, k)
    terms : ndarray of shape (j,)
        Positions, among the kept columns, of those to be reported.
    """

    fit: AbsorbedFit
    outcome: Floats
    columns: Floats
    terms: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PanelSpread:
    """Covariance of the reported terms.

    Attributes
    ----------
    vcov : ndarray of shape (j, j)
    df : ndarray of shape (j,)
    correction : str
    """

    vcov: Floats
    df: Floats
    correction: str


def regression_spread(
    fitted: Fitted, sample: Sample, kind: PanelCovariance | None, counted: Counted = "crossing"
) -> PanelSpread:
    """Covariance of the reported terms.

    By default, with clusters: CR1 with t(G - 1) under weights, and where at least 40 clusters would be left if all had
    equal leverage, else CR2 with Satterthwaite degrees of freedom; without clusters HC1.

    Parameters
    ----------
    counted : "crossing" | "all" | "none"
        Absorbed levels that CR1 counts as parameters: those of dimensions that reach across clusters, all, or none.

    Raises
    ------
    DesignError
        If clusters are asked for, and the design has none.
    IdentificationError
        If the regression leaves no variation between clusters.
    """
    fit, terms = fitted.fit, fitted.terms
    if kind in {"HC1", "classical"} or (kind is None and sample.cluster is None):
        return _by_rows(fitted, sample, "HC1" if kind is None else kind)
    if sample.cluster is None:
        raise DesignError(
            f"Covariance '{kind}' needs clusters, and the design names none.",
            remedy="Name the unit or the cluster in the design, or use HC1.",
        )
    chosen = _by_leverage(fitted, sample.cluster) if kind is None else kind
    if chosen == "CR2":
        scores = bias_reduced_scores(fit, fitted.columns, fitted.outcome, sample.cluster, terms)
        if np.isnan(scores.df).any():
            raise IdentificationError(
                "The columns tell the clusters apart, so nothing is left from which CR2 could learn how clusters vary.",
                remedy="Leave out covariates that are constant within clusters, or cluster by a finer column.",
            )
        return PanelSpread(scores.covariance, scores.df, chosen)
    nested = None if counted == "crossing" else np.full(len(fit.absorber.codes), counted == "none")
    vcov = clustered_covariance(fit, sample.cluster, "CR0" if chosen == "CR0" else "CR1", nested, terms)
    groups = numbered_clusters(fit, sample.cluster)[0]
    return PanelSpread(vcov, np.full(terms.shape[0], groups - 1.0), chosen)


def _by_leverage(fitted: Fitted, cluster: Ints) -> PanelCovariance:
    """CR1 under weights or with many clusters of like leverage, else CR2."""
    many = fitted.fit.weights is not None or effective_clusters(fitted.fit, cluster, fitted.terms) >= MANY_CLUSTERS
    return "CR1" if many else "CR2"


def _by_rows(fitted: Fitted, sample: Sample, kind: str) -> PanelSpread:
    if kind == "classical" and sample.weight_kind == "sampling":
        raise DesignError(
            "The classical covariance does not hold under sampling weights.",
            remedy="Leave `covariance` out, or use HC1.",
        )
    terms = fitted.terms
    vcov = row_covariance(fitted.fit, "classical" if kind == "classical" else "HC1")
    left = float(fitted.fit.df_residual)
    return PanelSpread(vcov[np.ix_(terms, terms)], np.full(terms.shape[0], left), kind)


@dataclass(frozen=True, slots=True)
class ClusterCounts:
    """Clusters with a treated row, and those without one."""

    treated: int
    untreated: int

    @property
    def fewest(self) -> int:
        """Of either kind."""
        return min(self.treated, self.untreated)

    @property
    def lonely(self) -> str | None:
        """Why no clustered variance can be formed; None where it can."""
        if self.treated == 1:
            return "one cluster is treated, so nothing shows how treated clusters vary."
        if self.untreated == 1 and self.treated > 0:
            return "one cluster is not treated, so nothing shows how untreated clusters vary."
        return None


def cluster_counts(sample: Sample) -> ClusterCounts | None:
    """Count clusters with and without treated rows; None without clusters."""
    if sample.cluster is None:
        return None
    largest = int(sample.cluster.max())
    groups = int(np.count_nonzero(occurring(sample.cluster, largest)))
    count = int(np.count_nonzero(occurring(sample.cluster[sample.arm > 0], largest)))
    return ClusterCounts(count, groups - count)


def cluster_findings(about: str, sample: Sample, counts: ClusterCounts | None, correction: str) -> tuple[Finding, ...]:
    """Warn where no cluster is named or units move between them, where few are treated or not, and where CR1 is too."""
    if counts is None:
        return (no_cluster_finding(about),)
    total = counts.treated + counts.untreated
    # Where every cluster is treated at some time, the later treated stand in for the untreated.
    few = counts.treated if counts.untreated == 0 else counts.fewest
    weighted = sample.weights is not None and correction == "CR1" and total < MANY_CLUSTERS
    moved = moved_findings(about, sample)
    if few >= FEW_OF_A_KIND and not weighted:
        return moved
    why = (
        f"{counts.treated:,} clusters are treated and {counts.untreated:,} are not; with fewer than {FEW_OF_A_KIND} of "
        "either, no clustered standard error can be relied on."
        if few < FEW_OF_A_KIND
        else f"{total} clusters are few for CR1, and CR2 is not offered under weights."
    )
    return (
        *moved,
        Finding(
            check=f"{about}.few_clusters",
            about=about,
            grade=Grade.WARN,
            subject="cluster",
            statistic=float(few if few < FEW_OF_A_KIND else total),
            threshold=float(FEW_OF_A_KIND if few < FEW_OF_A_KIND else MANY_CLUSTERS),
            message=why,
            remedy="Compare with a permutation of who is treated, such as the placebos of synthetic_control.",
            evidence=Table({"clusters": ["treated", "untreated"], "count": [counts.treated, counts.untreated]}),
        ),
    )
