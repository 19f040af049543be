"""Whether the covariates of a sample tell an arm from control completely, beyond what chance would do."""

import numpy as np

from estimand.core.nuisances import Apart
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats
from estimand.stats.separation import CHANCE, chance_apart, column_apart, told_apart


def arm_apart(sample: Sample) -> Apart | None:
    """Find the first arm that a hyperplane through the covariates has on one side, with control on the other.

    Separation that arms given out at random would show as well, because the covariates are many against the independent
    units, is no evidence: where Cover's bound on its probability is above ``CHANCE``, only a covariate that separates
    the arms alone counts, by the same bound times the number of columns. Weights have no part in it.
    """
    if not sample.features.features:
        return None
    for a in range(1, len(sample.arms)):
        rows = (sample.arm == a) | (sample.arm == 0)
        features = sample.features.values if rows.all() else sample.features.values[rows]
        own = sample.arm[rows] == a
        cluster = None if sample.cluster is None else sample.cluster[rows]
        columns = features.shape[1]
        if chance_apart(own, cluster, columns) <= CHANCE:
            if told_apart(features, own):
                return Apart(a, _alone(sample, features, own))
        elif chance_apart(own, cluster, 1) * columns <= CHANCE:
            name = _alone(sample, features, own)
            if name is not None:
                return Apart(a, name)
    return None


def _alone(sample: Sample, features: Floats, own: Bools) -> str | None:
    """Name a covariate that separates the arms alone."""
    found = np.flatnonzero(column_apart(features, own))
    return sample.features.features[int(found[0])].source if found.size else None
