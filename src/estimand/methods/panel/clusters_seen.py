"""What there is to say of a panel's clusters before any number: none is named, units move, a cohort is one cluster."""

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.arrays import Ints


def no_cluster_finding(about: str) -> Finding:
    """Warn that rows are taken as independent, though treatment came to groups."""
    return Finding(
        check=f"{about}.no_cluster",
        about=about,
        grade=Grade.WARN,
        subject="cluster",
        message="The design names neither unit nor cluster, so standard errors take rows as independent, "
        "though treatment reached whole groups at once.",
        remedy="Name the groups that treatment reached, such as regions, as cluster.",
    )


def moved_units(sample: Sample) -> int:
    """Number of units whose rows are in more than one cluster."""
    unit = None if sample.timeline is None else sample.timeline.unit
    cluster = sample.cluster
    if unit is None or cluster is None or cluster is unit:
        return 0
    one = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    one[unit] = cluster
    return int(np.unique(unit[one[unit] != cluster]).shape[0])


def moved_findings(about: str, sample: Sample) -> tuple[Finding, ...]:
    """Warn of units in several clusters: their rows depend on each other, and the covariance takes them apart."""
    moved = moved_units(sample)
    if not moved:
        return ()
    return (
        Finding(
            check=f"{about}.moved_units",
            about=about,
            grade=Grade.WARN,
            subject="cluster",
            statistic=float(moved),
            threshold=0.0,
            message=f"{moved:,} unit{'s are' if moved > 1 else ' is'} in more than one cluster over time, and the "
            "standard errors take the rows of a unit in different clusters as independent.",
            remedy="Name a cluster that a unit stays in, such as the one it was first seen in.",
        ),
    )


def cohorts_of_one_cluster(cohort: Ints, cluster: Ints, cohorts: Ints) -> Ints:
    """Those of ``cohorts`` all of whose rows are in one cluster, in order.

    Parameters
    ----------
    cohort, cluster : ndarray of shape (n,)
    cohorts : ndarray of shape (c,)
    """
    size = int(cohort.max()) + 1
    low, high = np.full(size, cluster.max(), dtype=np.int64), np.full(size, cluster.min(), dtype=np.int64)
    np.minimum.at(low, cohort, cluster)
    np.maximum.at(high, cohort, cluster)
    return np.asarray(cohorts[low[cohorts] == high[cohorts]], dtype=np.int64)
