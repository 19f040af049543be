"""Matching without replacement with a number of controls that varies: Ming & Rosenbaum (2000)."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from estimand.errors import UnsupportedError
from estimand.methods.adjustment.matching_report import LARGEST_CLOUD
from estimand.stats.arrays import Floats, Ints
from estimand.stats.neighbours import Rule, Space

STEPS = 60


def allotted(propensity: Floats, ratio: int, bounds: tuple[int, int], pool: int) -> Ints:
    """How many controls each treated row asks for, by its odds of control, shape (t,).

    Proportional to (1 - e)/e within the bounds, by a factor for which they add up to ``ratio`` each or the whole pool;
    rounded down, then up where most was lost.

    Parameters
    ----------
    propensity : ndarray of shape (t,)
    ratio : int
        Controls on average.
    bounds : tuple of (least, most)
    pool : int
    """
    odds, (least, most) = (1.0 - propensity) / propensity, bounds
    total = min(ratio * odds.shape[0], pool)
    low, high = 0.0, most / float(odds.min())
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if np.clip(middle * odds, least, most).sum() < total else (low, middle)
    wanted = np.clip(high * odds, least, most)
    out = np.floor(wanted + 1e-9).astype(np.int64)
    left = total - int(out.sum())
    if left > 0:
        lost = np.where(out < most, wanted - out, -1.0)
        out[np.argsort(-lost, kind="stable")[:left]] += 1
    return out


def greedy_rounds(space: Space, order: Ints, pool: Ints, asked: tuple[Rule, Ints]) -> Ints:
    """Nearest unused controls, round by round, each treated row in as many rounds as it asks for: (t, most), or -1."""
    rule, wanted = asked
    out = np.full((order.shape[0], int(wanted.max())), -1)
    open_ = np.ones(order.shape[0], dtype=bool)
    for turn in range(out.shape[1]):
        turning = np.flatnonzero(open_ & (wanted > turn))
        if not turning.size or not pool.size:
            break
        chosen = space.greedy(order[turning], pool, Rule(1, rule.slack, rule.reach))[:, 0]
        out[turning, turn] = chosen
        open_[turning] = chosen >= 0
        pool = np.setdiff1d(pool, chosen)
    return out


def optimal_rounds(space: Space, rows: tuple[Ints, Ints], strata: Ints | None, asked: tuple[Rule, Ints]) -> Ints:
    """Controls of the least total distance within bounds, ``ratio`` on average: rows of shape (t, most), or -1.

    Every treated row has its least number of controls before any has more; then as many are used as the average asks
    for. A flow of least cost from controls to treated rows, solved as an assignment of controls to slots.
    """
    (order, pool), (rule, bounds) = rows, asked
    out = np.full((order.shape[0], int(bounds[1])), -1)
    kinds = np.zeros(int(max(order.max(), pool.max())) + 1, dtype=np.int64) if strata is None else strata
    for kind in np.unique(kinds[order]):
        treated, held = np.flatnonzero(kinds[order] == kind), pool[kinds[pool] == kind]
        if held.size:
            pairs = np.repeat(order[treated], held.size), np.tile(held, treated.size)
            distance = space.distances(*pairs).reshape(treated.size, held.size)
            _fill(out, treated, held, (distance, rule, bounds))
    return out


def _fill(out: Ints, treated: Ints, held: Ints, asked: tuple[Floats, Rule, Ints]) -> None:
    distance, rule, (least, most) = asked
    t, m = distance.shape
    near = distance <= rule.reach
    used = int(min(m, max(rule.ratio, least) * t))
    step = (float(distance[near].max(initial=0.0)) + 1.0) * (m + 1.0)
    own = np.where(near, distance - 2.0 * step, 0.0)
    more = np.where(near, distance - step, 0.0)
    slots = np.concatenate([np.repeat(own, least, axis=0), np.repeat(more, most - least, axis=0)])
    idle = np.full((m - used, m), -4.0 * step)
    owner = np.concatenate([np.repeat(np.arange(t), least), np.repeat(np.arange(t), most - least)])
    place, control = linear_sum_assignment(np.concatenate([slots, idle]))
    for slot, j in zip(place.tolist(), control.tolist(), strict=True):
        if slot < owner.shape[0] and near[owner[slot], j]:
            row = out[treated[owner[slot]]]
            row[np.argmax(row < 0)] = held[j]


def refuse_wide(arm: Ints, most: int) -> None:
    """Refuse an optimal matching with varying numbers whose table would be too large.

    Raises
    ------
    UnsupportedError
        Naming the greedy matching.
    """
    treated, control = int((arm == 1).sum()), int((arm == 0).sum())
    cells = control * (treated * most + control)
    if cells > LARGEST_CLOUD:
        raise UnsupportedError(
            f"An optimal matching with varying numbers of controls here fills a table of {cells:,} cells, and "
            f"{LARGEST_CLOUD:,} is the most offered.",
            remedy="Use algorithm 'nearest', whose numbers follow the odds of the propensity.",
            found=cells,
            expected=LARGEST_CLOUD,
        )
