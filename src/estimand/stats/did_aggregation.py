"""Averages of group-time effects, and how they move with the effects and with the cohorts' shares.

Callaway & Sant'Anna (2021), doi:10.1016/j.jeconom.2020.12.001, section 3.2 and corollary 2. A mix weights cells by
the share of their cohort: ``Σ v p a / Σ v p`` with counts v, shares p, effects a. A term is a linear combination of
mixes.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.group_time import Cells

Aggregate: TypeAlias = Literal["simple", "group", "event", "calendar", "group_time"]


@dataclass(frozen=True, slots=True, eq=False)
class Aggregation:
    """Terms as combinations of mixes of cells.

    Attributes
    ----------
    counts : ndarray of shape (mixes, m)
        How often each cell counts in each mix.
    combination : ndarray of shape (k, mixes)
    places : ndarray of shape (k - overall,)
        Event times, cohorts, periods or cells of the terms after the headline.
    """

    counts: Floats
    combination: Floats
    places: Ints

    def weights(self, share: Floats) -> Floats:
        """Weight of each cell in each term, shape (k, m), at each cell's share (m,)."""
        mixed = self.counts * share
        return np.asarray(self.combination @ (mixed / mixed.sum(axis=1, keepdims=True)))

    def slopes(self, share: Floats, effects: Floats, cohort: Ints, size: int) -> Floats:
        """Slopes of the terms in the cohorts' shares, shape (k, size).

        Shares times slopes sum to zero: only the ratio of shares matters, so that a unit's contribution through the
        shares is its weight times its cohort's slope, over the sum of weights.
        """
        mixed = self.counts * share
        total = mixed.sum(axis=1, keepdims=True)
        gap = self.counts * (effects - (mixed @ effects)[:, None] / total) / total
        by_cohort = np.zeros((self.counts.shape[0], size))
        np.add.at(by_cohort.T, cohort, gap.T)
        return np.asarray(self.combination @ by_cohort)


def aggregated(cells: Cells, clock: Ints, aggregate: Aggregate, balance: int | None = None) -> Aggregation:
    """Form the terms of an aggregation: the overall, then its parts; cells alone for "group_time".

    Parameters
    ----------
    cells : Cells
        Those that are identified.
    clock : ndarray of shape (T,)
    aggregate : str
    balance : int, optional
        For "event": keep cohorts seen at least this many steps after treatment starts, and event times up to it.

    Returns
    -------
    Aggregation
        With no term where no cell after treatment is left.
    """
    if aggregate == "group_time":
        each = np.eye(cells.size)
        return Aggregation(each, each, np.arange(cells.size))
    post = cells.post
    if not post.any():
        return _nothing(cells)
    if aggregate == "simple":
        return _listed([post], np.empty(0, dtype=np.int64), 1)
    if aggregate == "event":
        return _events(cells, clock, balance)
    place = cells.cohort if aggregate == "group" else cells.period
    places = np.unique(place[post])
    members = [post & (place == one) for one in places]
    if aggregate == "calendar":
        return _listed(members, places, len(members))
    number = np.bincount(cells.cohort[post], minlength=int(cells.cohort.max()) + 1)[cells.cohort]
    overall = post / np.maximum(number, 1)
    return Aggregation(np.vstack([overall, *members]).astype(np.float64), np.eye(len(members) + 1), places)


def _events(cells: Cells, clock: Ints, balance: int | None) -> Aggregation:
    """By steps since treatment started, of cohorts with an effect after it; overall the mean from zero on."""
    event = clock[cells.period] - clock[cells.cohort]
    used = np.isin(cells.cohort, cells.cohort[cells.post])
    if balance is not None:
        used &= (clock[-1] - clock[cells.cohort] >= balance) & (event <= balance)
        used &= event >= balance - (clock[-1] - clock[0])
    if not (used & (event >= 0)).any():
        return _nothing(cells)
    places = np.unique(event[used])
    members = [used & (event == one) for one in places]
    return _listed(members, places, int(np.count_nonzero(places >= 0)))


def _nothing(cells: Cells) -> Aggregation:
    return Aggregation(np.empty((0, cells.size)), np.empty((0, 0)), np.empty(0, dtype=np.int64))


def _listed(members: list[Bools], places: Ints, last: int) -> Aggregation:
    """An overall that is the plain mean of the last mixes, then one term for each place."""
    size = len(members)
    counts = np.array(members, dtype=np.float64)
    head = np.zeros((1, size))
    head[0, size - last :] = 1.0 / last
    return Aggregation(counts, np.vstack([head, np.eye(size)[size - places.shape[0] :]]), places)
