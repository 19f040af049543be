"""Moments of a metric from its columns in memory: fixed chunks of rows, merged in order; and sums within clusters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from estimand.kernels.moments import Sums, moments_kernel, pair_kernel
from estimand.stats.arrays import AnyArray, Floats, Ints
from estimand.stats.moments import ArmMoments, merge_moments

CHUNK = 131_072
Spread: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class GroupedMoments:
    """Moments within groups: rows with history, and rows without.

    Attributes
    ----------
    shift : ndarray of shape (p,)
        Taken off the means.
    held : ArmMoments of p columns in g groups
    bare : ArmMoments of the outcome columns in g groups
        Of rows whose other columns are missing.
    missing : ndarray of shape (g,)
        Rows without the outcome.
    """

    shift: Floats
    held: ArmMoments
    bare: ArmMoments
    missing: Floats

    def merge(self, other: "GroupedMoments") -> "GroupedMoments":
        """Add the moments of other rows."""
        with np.errstate(invalid="ignore"):
            off = other.shift - self.shift
            held = merge_moments(self.held, _moved(other.held, off))
            bare = merge_moments(self.bare, _moved(other.bare, off))
        return GroupedMoments(self.shift, held, bare, self.missing + other.missing)


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """Columns summed within clusters.

    Attributes
    ----------
    columns : tuple of ndarray of shape (c,)
        The value less ``offset``, and the denominator, of every cluster; then its history, not-a-number for clusters
        without any.
    group : ndarray of shape (c,)
        Group of each cluster.
    code : ndarray of shape (c,)
        Of each cluster, ascending.
    offset : float
    """

    columns: tuple[Floats, ...]
    group: Ints
    code: Ints
    offset: float


def grouped_moments(
    columns: Sequence[Floats], outcomes: int, group: Ints, groups: int, spread: Spread = map
) -> GroupedMoments:
    """Moments of columns of shape (n,) within groups.

    Parameters
    ----------
    columns : sequence of p ndarrays of shape (n,)
        Numbers of any type; not-a-number where missing.
    outcomes : int
        The first of them, which a row needs to count.
    group : ndarray of shape (n,)
        In 0..groups-1; below zero for rows to pass over.
    groups : int
    spread : callable
        Maps a function over the chunks, in order.
    """
    n = group.shape[0]
    shift = np.array([_middle(column[:CHUNK]) for column in columns])

    def summed(start: int) -> GroupedMoments:
        part = slice(start, start + CHUNK)
        own = group[part].astype(np.int64, copy=False)
        return centred(shift, outcomes, _sums([column[part] for column in columns], outcomes, own, groups))

    whole: GroupedMoments | None = None
    for part in spread(summed, range(0, max(n, 1), CHUNK)):
        whole = part if whole is None else whole.merge(part)
    if whole is None:
        raise ValueError("no chunk of rows")
    return whole


def _sums(columns: Sequence[AnyArray], outcomes: int, group: Ints, groups: int) -> Sums:
    """Sums of a chunk of rows, by the quicker kernel where there are few columns."""
    if len(columns) > 2:
        return moments_kernel(np.array(columns, dtype=np.float64), outcomes, group, groups)
    value, beside = _locked(columns[0]), _locked(columns[-1])
    units, first, total, lower, missing = pair_kernel(value, beside, outcomes == len(columns), group, groups)
    p = len(columns)
    return units, first[:, :p], total[:, :p], lower[:, :p, :p], missing


def _locked(column: AnyArray) -> Floats:
    """One kind of array, however a table hands out its columns: each kind would be compiled for anew."""
    plain = np.ascontiguousarray(column, dtype=np.float64).view()
    plain.flags.writeable = False
    return plain


def _moved(moments: ArmMoments, off: Floats) -> ArmMoments:
    return ArmMoments(moments.units, moments.mean + off[: moments.mean.shape[1]], moments.cross)


def centred(shift: Floats, outcomes: int, sums: Sums) -> GroupedMoments:
    """Moments from sums of values less a value of the group; see :func:`~estimand.kernels.moments.moments_kernel`."""
    units, first, total, lower, missing = sums
    groups, p = missing.shape[0], shift.shape[0]
    product = np.where(np.tri(p, dtype=np.bool_), lower, lower.transpose(0, 2, 1))
    safe = np.maximum(units, 1.0)[:, None]
    drift = total / safe
    # Infinite values show as sums that are no numbers; the caller tells of them.
    with np.errstate(invalid="ignore"):
        mean = np.where(units[:, None] > 0.0, first - shift + drift, 0.0)
        cross = product - drift[:, :, None] * total[:, None, :]
    held = ArmMoments(units[:groups], mean[:groups], cross[:groups])
    if outcomes == p:
        empty = ArmMoments(np.zeros(groups), np.zeros((groups, p)), np.zeros((groups, p, p)))
        return GroupedMoments(shift, held, empty, missing)
    bare = ArmMoments(units[groups:], mean[groups:, :outcomes], cross[groups:, :outcomes, :outcomes])
    return GroupedMoments(shift, held, bare, missing)


def cluster_sums(columns: Sequence[Floats], outcomes: int, cluster: Ints, group: Ints) -> ClusterSums | None:
    """Sum columns within clusters; None where a cluster lies in several groups.

    A mean over rows becomes Σ value / Σ rows over clusters, and so does its history; a value is taken less its overall
    mean first, which keeps its digits. Rows without the outcome are passed over; rows without history count where they
    have an outcome, and a cluster none of whose rows has history is without it.
    """
    present = ~np.isnan(np.stack(tuple(columns[:outcomes]))).any(axis=0) & (group >= 0)
    inside, own = np.flatnonzero(present), group[present]
    named, code = np.unique(cluster[present], return_inverse=True)
    count = int(code.max(initial=-1)) + 1
    home = np.empty(count, dtype=np.int64)
    home[code] = own
    if (home[code] != own).any():
        return None
    offset = 0.0 if outcomes == 2 else _middle(columns[0][inside])
    totals = [np.asarray(np.bincount(code, weights=columns[0][inside] - offset, minlength=count), dtype=float)]
    below = columns[1][inside] if outcomes == 2 else None
    totals.append(np.bincount(code, weights=below, minlength=count).astype(float))
    history = columns[outcomes:]
    if history:
        known = ~np.isnan(np.stack([column[inside] for column in history])).any(axis=0)
        rows = np.bincount(code[known], minlength=count).astype(float)
        level = 0.0 if len(history) == 2 else _middle(history[0][inside][known])
        first = np.bincount(code[known], weights=history[0][inside][known] - level, minlength=count)
        weights = history[1][inside][known] if len(history) == 2 else None
        second = np.bincount(code[known], weights=weights, minlength=count)
        totals += [np.where(rows > 0.0, part, np.nan) for part in (first, second)]
    return ClusterSums(tuple(totals), home, named, offset)


def _middle(values: Floats) -> float:
    """Mean of the values that are there; zero where none is."""
    if values.size == 0:
        return 0.0
    mean = float(values.mean())
    if not np.isnan(mean):
        return mean
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else 0.0
