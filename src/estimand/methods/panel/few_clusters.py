"""Too few clusters for an average of their influence to be near normal: a warning, and the cluster jackknife."""

from collections.abc import Callable

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.methods.panel.admitted import Admitted
from estimand.methods.panel.regression_spread import ClusterCounts
from estimand.stats.arrays import Bools, Floats
from estimand.stats.enough_clusters import FEW_OF_A_KIND, MANY_CLUSTERS

MOST_REFITS = 1_000


def scarcity(found: Admitted) -> str | None:
    """Say which clusters are too few, over all or in a cohort; None where they suffice."""
    timeline, cluster = found.timeline, found.cluster
    total = int(cluster.max()) + 1
    if total < MANY_CLUSTERS:
        return f"{total} clusters, and {MANY_CLUSTERS} are held to suffice"
    seen = np.zeros((timeline.periods + 1, total), dtype=np.bool_)
    seen[timeline.cohort, cluster] = True
    count = seen.sum(axis=1)
    small = [
        f"cohort {timeline.labels[g]} has {count[g]}"
        for g in range(1, timeline.periods)
        if 0 < count[g] < FEW_OF_A_KIND
    ]
    if 0 < count[timeline.periods] < FEW_OF_A_KIND:
        small.append(f"those never treated have {count[timeline.periods]}")
    return f"{', '.join(small)} of {total:,} clusters, and {FEW_OF_A_KIND} are held to suffice" if small else None


def lonely(found: Admitted) -> str | None:
    """Say why no variance can be formed: one cluster treated, or, where all begin at once, one that is not."""
    if not found.clustered:
        return None
    treated = int(np.unique(found.cluster[~found.timeline.never]).shape[0])
    counts = ClusterCounts(treated, int(found.cluster.max()) + 1 - treated)
    return counts.lonely if treated == 1 or found.timeline.cohorts().shape[0] == 1 else None


def scarcity_finding(key: str, what: str, found: Admitted, used: str) -> Finding:
    """Warn of too few clusters, and say what the standard errors are."""
    return Finding(
        check=f"{key}.few_clusters",
        about=key,
        grade=Grade.WARN,
        subject="clusters",
        statistic=float(int(found.cluster.max()) + 1),
        threshold=float(MANY_CLUSTERS),
        message=f"Too few clusters for the usual standard errors: {what}. {used}",
        remedy="Read the interval with care; gather more clusters, or pool small cohorts.",
    )


def jackknife(found: Admitted, refit: Callable[[Bools], Floats], value: Floats) -> Floats | None:
    """Covariance from leaving out one cluster at a time: (G - 1)/G Σ (value₋g - value)(…)', shape (k, k).

    Parameters
    ----------
    found : Admitted
    refit : callable
        From the rows kept, shape (n,) of bool, to the values, shape (k,), not-a-number where a term is lost.
    value : ndarray of shape (k,)

    Returns
    -------
    ndarray of shape (k, k) or None
        None where there are more clusters than refits allowed, or leaving one out loses a term.
    """
    cluster = found.cluster
    total = int(cluster.max()) + 1
    if total > MOST_REFITS:
        return None
    gaps = []
    for g in range(total):
        gap = refit(cluster != g) - value
        if not np.isfinite(gap).all():
            return None
        gaps.append(gap)
    moved = np.stack(gaps)
    return np.asarray((total - 1) / total * moved.T @ moved)
