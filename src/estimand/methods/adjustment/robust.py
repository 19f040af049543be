"""Which covariance a least-squares estimate gets, and what it was called."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.sample import Sample
from estimand.errors import DesignError, IdentificationError
from estimand.methods.adjustment.contrast import Spread
from estimand.stats.cluster import Block, ClusterKind, block_scores, effective_clusters
from estimand.stats.enough_clusters import MANY_CLUSTERS

Covariance: TypeAlias = Literal["classical", "HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR2"]


def clustered_spread(blocks: Sequence[Block], sample: Sample, kind: ClusterKind | None) -> Spread:
    """Cluster-robust covariance of the blocks' functionals.

    By default CR1 with t(G - 1) under weights, and where at least 40 clusters would be left if all had equal
    leverage, else CR2 with Satterthwaite degrees of freedom.

    Raises
    ------
    DesignError
        If the design names no cluster.
    IdentificationError
        If the fit leaves no variation between clusters.
    """
    if sample.cluster is None:
        raise DesignError(
            f"Covariance '{kind}' needs clusters, and the design names none.",
            remedy="Name the cluster column in the design, or use one of HC0 to HC3.",
        )
    if kind is None:
        weighted = any(block.fit.weights is not None for block in blocks)
        kind = "CR1" if weighted or effective_clusters(blocks, sample.cluster) >= MANY_CLUSTERS else "CR2"
    scores = block_scores(blocks, sample.cluster, kind)
    if scores.df is not None and np.isnan(scores.df).any():
        raise IdentificationError(
            "The covariates tell the clusters apart, so nothing is left from which CR2 could learn how clusters vary.",
            remedy="Leave out covariates that are constant within clusters, or cluster by a finer column.",
        )
    return Spread(scores.covariance, scores.df, kind)


def covariance_kind(option: Covariance | None, sample: Sample) -> Covariance | None:
    """Resolve the option: HC3 by default without clusters; with them None, to be chosen by leverage.

    Raises
    ------
    DesignError
        If the design has clusters and the option ignores them.
    """
    if option is None:
        return "HC3" if sample.cluster is None else None
    if sample.cluster is not None and not option.startswith("CR"):
        raise DesignError(
            f"Covariance '{option}' ignores the clusters that the design names.",
            remedy="Use CR0, CR1 or CR2, or leave `covariance` out; or remove the cluster from the design.",
        )
    return option
