"""When groups were first treated, from rows of which some may be missing."""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.blocks import blocks


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """When the group of each row was first treated, all shape (n,).

    Attributes
    ----------
    start : ndarray
        Time of its first treated period; not-a-number where never, minus infinity where it is not seen before it is
        treated.
    switched_off : ndarray of bool
        Whether it was treated and later was not.
    unseen : ndarray of bool
        Whether it is not seen in the periods just before it is first seen treated.
    settled : ndarray of bool
        Whether, of these, its start was settled by that of others.
    """

    start: Floats
    switched_off: Bools
    unseen: Bools
    settled: Bools


def derived_starts(time: Floats, code: Ints, on: Bools) -> Starts:
    """Derive when each row's group was first treated.

    A group's start lies after the last period in which it is seen untreated, and no later than the first in which it is
    seen treated. Where periods lie between, it is settled if just one start of groups that are seen on both sides
    of theirs falls among these: a rollout has few dates. Otherwise it is the first period seen treated.

    Parameters
    ----------
    time : ndarray of shape (n,)
    code : ndarray of shape (n,)
        Group of each row, from 0.
    on : ndarray of shape (n,) of bool
        Rows that are treated.
    """
    times = np.unique(np.concatenate([np.unique(time[block]) for block in blocks(time.shape[0])]))
    groups = int(code.max()) + 1
    first, last = np.full(groups, np.inf), np.full(groups, -np.inf)
    for block in blocks(time.shape[0]):
        np.minimum.at(first, code[block][on[block]], time[block][on[block]])
    off = np.zeros(groups, dtype=np.bool_)
    for block in blocks(time.shape[0]):
        group, when = code[block], time[block]
        begun = first[group]
        before = (when < begun) & (begun < np.inf)
        np.maximum.at(last, group[before], when[before])
        off[group[~on[block] & (when > begun)]] = True
    start = np.where(np.isinf(first), np.nan, np.where(np.isinf(last), -np.inf, first))
    within = np.isfinite(start)
    unseen = within & (np.searchsorted(times, first) - np.searchsorted(times, last) > 1)
    settled = np.zeros(groups, dtype=np.bool_)
    if unseen.any():
        certain = np.unique(start[within & ~unseen])
        low, high = np.searchsorted(certain, last, side="right"), np.searchsorted(certain, first, side="right")
        settled = unseen & (high - low == 1)
        start[settled] = certain[low[settled]]
    return Starts(start[code], *(_of_rows(marked, code) for marked in (off, unseen, settled)))


def _of_rows(marked: Bools, code: Ints) -> Bools:
    """Whether the group of each row is marked."""
    return marked[code] if marked.any() else np.zeros(code.shape, dtype=np.bool_)
