"""The units of an A/A test, and a metric's columns over them."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.metric import Metric
from estimand.core.metric_moments import Counts, MetricMoments, part_names
from estimand.core.metric_rows import metric_column
from estimand.core.moments import Moments
from estimand.core.sample import Sample
from estimand.errors import UnsupportedError
from estimand.stats.arrays import AnyArray, Floats, Ints
from estimand.stats.few_clusters import ClusterRows
from estimand.stats.metric_rows import cluster_sums
from estimand.stats.reassignment import Products


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is assigned: rows, or clusters.

    Attributes
    ----------
    arm, stratum : ndarray of shape (n,)
    """

    arm: Ints
    stratum: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A metric's units, by stratum and by history.

    Attributes
    ----------
    metric : Metric
    names : tuple of tuple of str
        Columns of each block.
    stratum : tuple of int
    products : tuple of Products
    strata : tuple of str
    rows : tuple of (ndarray of shape (u,), ndarray of shape (u, p))
        Positions and columns of the units of each block.
    offset : float or None
        Of clusters.
    """

    metric: Metric
    names: tuple[tuple[str, ...], ...]
    stratum: tuple[int, ...]
    products: tuple[Products, ...]
    strata: tuple[str, ...]
    rows: tuple[tuple[Ints, Floats], ...]
    offset: float | None

    def moments(self, assigned: AnyArray, arms: tuple[str, ...]) -> list[MetricMoments]:
        """Moments under each of b assignments of shape (b, n)."""
        made = [part.moments(assigned, len(arms)) for part in self.products]
        zero = np.zeros(len(arms))
        out = []
        for dealt, parts in zip(assigned, zip(*made, strict=True), strict=True):
            held = tuple(
                Moments(names, arms, product.shift, part.units, part.mean, part.cross)
                for names, product, part in zip(self.names, self.products, parts, strict=True)
            )
            counts = Counts(np.asarray(np.sum([part.units for part in parts], axis=0)), zero, zero, zero)
            plain = MetricMoments(self.metric.name, self.strata, held, self.stratum, counts)
            out.append(plain if self.offset is None else self._clustered(plain, dealt, self.offset))
        return out

    def _clustered(self, plain: MetricMoments, dealt: AnyArray, offset: float) -> MetricMoments:
        """Moments whose units are clusters, under one assignment of shape (n,)."""
        rows = tuple(ClusterRows(columns, dealt[at], at) for at, columns in self.rows)
        return replace(plain, offset=offset, clustered=True, clusters=rows).lean()


def units_of(sample: Sample) -> Units:
    """Find the units that arms were assigned to.

    Raises
    ------
    UnsupportedError
        If arms vary within clusters, or rows are weighted.
    """
    stratum = np.zeros(sample.n, dtype=np.int64) if sample.stratum is None else sample.stratum
    if sample.weights is not None:
        raise UnsupportedError("An A/A test takes every unit once.", remedy="Leave the weights out.")
    if sample.cluster is None:
        return Units(sample.arm, stratum)
    arm, home = (_of_clusters(codes, sample.cluster) for codes in (sample.arm, stratum))
    if (arm[sample.cluster] != sample.arm).any() or (home[sample.cluster] != stratum).any():
        raise UnsupportedError(
            "Clusters have rows in two arms or strata, so they are not what was assigned.",
            remedy="Name as cluster what was assigned, such as the user.",
        )
    return Units(arm, home)


def _of_clusters(codes: Ints, cluster: Ints) -> Ints:
    out = np.zeros(int(cluster.max()) + 1, dtype=np.int64)
    out[cluster] = codes
    return out


def metric_blocks(sample: Sample, metric: Metric, units: Units) -> Blocks:
    """Place a metric's columns over the units that have a value."""
    columns = [sample.outcomes[metric.name], *(metric_column(sample, name) for name in metric.columns()[1:])]
    outcomes = 2 if metric.denominator is not None else 1
    held, at, offset = _over_units(columns, outcomes, sample)
    if offset is not None:
        outcomes = 2
    names = part_names(metric, clustered=offset is not None)
    known = ~np.isnan(held[:, outcomes:]).any(axis=1)
    stratum = units.stratum[at]
    found = []
    for s in range(len(sample.strata)):
        for history, width in ((True, held.shape[1]), (False, outcomes)):
            inside = np.flatnonzero((stratum == s) & (known == history))
            if inside.size:
                rows = (at[inside], held[inside, :width])
                found.append((names[:width], s, Products.of(*rows), rows))
    labels, places, products, rows_of = zip(*found, strict=True)
    return Blocks(metric, labels, places, products, sample.strata, rows_of, offset)


def _over_units(columns: list[Floats], outcomes: int, sample: Sample) -> tuple[Floats, Ints, float | None]:
    """Columns (u, p) of the units with a value, their positions, and the offset of sums within clusters."""
    if sample.cluster is None:
        whole = np.stack(columns, axis=1)
        at = np.flatnonzero(~np.isnan(whole[:, :outcomes]).any(axis=1))
        return whole[at], at, None
    sums = cluster_sums(columns, outcomes, sample.cluster, np.zeros(sample.n, dtype=np.int64))
    if sums is None:
        raise ValueError("all clusters are in one group")
    present = ~np.isnan(np.stack(columns[:outcomes])).any(axis=0)
    return np.stack(sums.columns, axis=1), np.unique(sample.cluster[present]), sums.offset
