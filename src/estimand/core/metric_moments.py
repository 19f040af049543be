"""Moments of one metric: what every mean, proportion, count, ratio and adjusted result is read from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.metric import Metric
from estimand.core.moments import Moments
from estimand.errors import DesignError
from estimand.stats.arrays import Floats
from estimand.stats.enough_clusters import MANY_CLUSTERS
from estimand.stats.few_clusters import ClusterRows, effective_units, has_few
from estimand.stats.metric_rows import ClusterSums, GroupedMoments

VALUE, DENOMINATOR = "value", "denominator"
COVARIATE, COVARIATE_DENOMINATOR = "covariate", "covariate_denominator"
# Clusters beyond which their sums are kept no more, where every arm has many.
KEPT = 20_000
PARTS = (VALUE, DENOMINATOR, COVARIATE, COVARIATE_DENOMINATOR)


@dataclass(frozen=True, slots=True, eq=False)
class Counts(Frozen):
    """Rows of each arm, every field of shape (a,).

    Attributes
    ----------
    rows : ndarray
        Behind the units: equal to them unless units are clusters.
    missing : ndarray
        Left out because they have no value.
    odd : ndarray
        That the kind does not expect: a zero denominator of a ratio, a negative revenue.
    capped : ndarray
        Whose value was cut to the cap.
    """

    rows: Floats
    missing: Floats
    odd: Floats
    capped: Floats

    def merge(self, other: "Counts") -> "Counts":
        """Add the counts of other rows."""
        return Counts(
            self.rows + other.rows, self.missing + other.missing, self.odd + other.odd, self.capped + other.capped
        )


@dataclass(frozen=True, slots=True, eq=False)
class MetricMoments(Frozen):
    """Moments of a metric's columns per stratum and arm, over the units that have a value.

    The columns are called by the parts they play: ``value``; ``denominator`` of a ratio, and of anything summed
    within clusters, where it counts rows; ``covariate`` and ``covariate_denominator``. Units without history are in
    strata of their own, whose moments hold no covariate.

    Attributes
    ----------
    metric : str
    strata : tuple of str, of length s
        Labels of the declared strata; one empty label where there are none.
    parts : tuple of Moments, of length s or more
        All of the same arms, in the order of ``stratum``. Means are after one shift per column.
    stratum : tuple of int
        Position in ``strata`` of every part.
    counts : Counts
    cap : float or None
    offset : float
        Added to every mean, or ratio, of the value.
    clustered : bool
        Whether a unit is a cluster of rows.
    clusters : tuple of ClusterRows or None
        The clusters of every part, as far as they are kept.
    skewness : float or None
        Of the units about the mean of their arm, where it was asked for.
    """

    metric: str
    strata: tuple[str, ...]
    parts: tuple[Moments, ...]
    stratum: tuple[int, ...]
    counts: Counts
    cap: float | None = None
    offset: float = 0.0
    clustered: bool = False
    clusters: tuple[ClusterRows, ...] | None = None
    skewness: float | None = None
    untriggered: "MetricMoments | None" = None
    received: "MetricMoments | None" = None

    @property
    def arms(self) -> tuple[str, ...]:
        """Labels of the arms, the control first."""
        return self.parts[0].arms

    @property
    def units(self) -> Floats:
        """Units of each arm, shape (a,)."""
        return np.asarray(np.sum([part.units for part in self.parts], axis=0))

    @property
    def is_ratio(self) -> bool:
        """Whether the metric is a ratio of two means."""
        return DENOMINATOR in self.parts[0].columns

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """The value, and the denominator where there is one."""
        return (VALUE, DENOMINATOR) if self.is_ratio else (VALUE,)

    def covariates(self, part: int) -> tuple[str, ...]:
        """Covariates that the units of a part have."""
        return tuple(name for name in self.parts[part].columns if name not in self.outcome_columns)

    def pooled(self) -> Moments:
        """Moments of the outcome columns over all strata."""
        return reduce(Moments.merge, (part.only(self.outcome_columns) for part in self.parts))

    def effective_units(self) -> Floats:
        """Units of each arm as if all were of equal size, by the denominator; shape (a,)."""
        whole = self.pooled()
        if not self.is_ratio:
            return whole.units
        d = whole.position(DENOMINATOR)
        return effective_units(whole.units, whole.shift[d] + whole.means[:, d], whole.cross[:, d, d])

    def few_clusters(self, parts: Sequence[int], columns: tuple[str, ...]) -> ClusterRows | None:
        """Clusters of some parts, over columns that all of them have, where some arm has few; else None."""
        if self.clusters is None:
            return None
        at = [self.parts[parts[0]].position(name) for name in columns]
        rows = reduce(ClusterRows.merge, (self.clusters[j].only(at) for j in parts))
        return rows if has_few(rows, len(self.arms)) else None

    def by_stratum(self) -> tuple[Moments, ...]:
        """Moments of the outcome columns of each declared stratum, users with and without history together."""
        found: list[Moments] = []
        for s in range(len(self.strata)):
            inside = (part for at, part in zip(self.stratum, self.parts, strict=True) if at == s)
            found.append(reduce(Moments.merge, (part.only(self.outcome_columns) for part in inside)))
        return tuple(found)

    def lean(self) -> "MetricMoments":
        """Leave the clusters out where they are too many to keep, and many in every arm."""
        many = self.units.sum() > KEPT and self.effective_units().min() >= MANY_CLUSTERS
        return replace(self, clusters=None) if self.clustered and many else self

    def merge(self, other: "MetricMoments") -> "MetricMoments":
        """Add the moments of other units; the two sets of units must not overlap.

        Raises
        ------
        DesignError
            If metrics, strata, caps or arms differ.
        """
        same = (self.metric, self.strata, self.stratum, self.cap, self.offset, self.clustered)
        if same != (other.metric, other.strata, other.stratum, other.cap, other.offset, other.clustered):
            raise DesignError(
                "Moments of different metrics, strata or caps cannot be added.",
                remedy="Sum up the same metric and strata, with a fixed cap, from each set of units.",
            )
        parts = tuple(a.merge(b) for a, b in zip(self.parts, other.parts, strict=True))
        counts = self.counts.merge(other.counts)
        held = None
        if self.clusters is not None and other.clusters is not None:
            held = tuple(a.merge(b) for a, b in zip(self.clusters, other.clusters, strict=True))
        beside = _joined(self.untriggered, other.untriggered)
        received = None
        if self.received is not None and other.received is not None:
            received = self.received.merge(other.received)
        told = replace(self, parts=parts, counts=counts, clusters=held, skewness=None)
        return replace(told, untriggered=beside, received=received)


def _joined(first: MetricMoments | None, second: MetricMoments | None) -> MetricMoments | None:
    """Moments of both, where there are both; else of either."""
    if first is None or second is None:
        return first or second
    return first.merge(second)


def assembled(
    metric: Metric,
    labels: tuple[tuple[str, ...], tuple[str, ...]],
    found: GroupedMoments,
    counts: Counts,
    cap: float | None = None,
    clusters: ClusterSums | None = None,
) -> MetricMoments:
    """Put moments within groups, numbered stratum by stratum and arm by arm, under their names.

    Parameters
    ----------
    metric : Metric
    labels : (arms, strata)
    found : GroupedMoments
    counts : Counts
    cap : float, optional
    clusters : ClusterSums, optional
        What was summed up, where units are clusters.
    """
    arms, strata = labels
    a = len(arms)
    names = part_names(metric, clustered=clusters is not None)
    held: list[tuple[int, Moments]] = []
    rows: list[ClusterRows] = []
    for s in range(len(strata)):
        inside = slice(s * a, (s + 1) * a)
        for moments in (found.held, found.bare):
            if (s == 0 and moments is found.held) or moments.units[inside].any():
                p = moments.mean.shape[1]
                sides = (found.shift[:p], moments.units[inside], moments.mean[inside], moments.cross[inside])
                held.append((s, Moments(names[:p], arms, *sides)))
                if clusters is not None:
                    rows.append(_clusters_of(clusters, range(s * a, (s + 1) * a), p, bare=moments is found.bare))
    return MetricMoments(
        metric=metric.name,
        strata=strata,
        parts=tuple(part for _, part in held),
        stratum=tuple(s for s, _ in held),
        counts=counts,
        cap=cap,
        offset=0.0 if clusters is None else clusters.offset,
        clustered=clusters is not None,
        clusters=tuple(rows) if clusters is not None else None,
    )


def _clusters_of(sums: ClusterSums, groups: range, columns: int, *, bare: bool) -> ClusterRows:
    """Clusters of one stratum with history, or of those without."""
    outcomes = 2
    inside = (sums.group >= groups.start) & (sums.group < groups.stop)
    if len(sums.columns) > outcomes:
        inside &= np.isnan(sums.columns[outcomes]) == bare
    at = np.flatnonzero(inside)
    values = np.stack([column[at] for column in sums.columns[:columns]], axis=1)
    return ClusterRows(values, sums.group[at] - groups.start, sums.code[at])


def part_names(metric: Metric, *, clustered: bool) -> tuple[str, ...]:
    """Names of the columns of a metric's moments, in order."""
    ratio = clustered or metric.denominator is not None
    history = metric.covariate is not None
    below = history and (clustered or metric.covariate_denominator is not None)
    wanted = (True, ratio, history, below)
    return tuple(name for name, there in zip(PARTS, wanted, strict=True) if there)
