"""All group-time effects of a rollout in one pass, and what every unit adds to the error of their averages."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.did_aggregation import Aggregation
from estimand.stats.did_cross_sections import Section, level_scores
from estimand.stats.did_scores import Estimator, Group, Obstacle, Scores, change_scores
from estimand.stats.group_time import Cells
from estimand.stats.rollout import Followed, Sampled


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Cells fitted together.

    Attributes
    ----------
    cells : ndarray of shape (m,)
        Positions.
    scores : Scores or Obstacle
    treated, compared : slice or ndarray
        Where the scores' units are.
    counts : tuple of two int
        Treated and compared units; in cross-sections, rows.
    """

    cells: Ints
    scores: Scores | Obstacle
    treated: Ints | slice
    compared: Ints | slice
    counts: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """Effects of all cells.

    Attributes
    ----------
    value : ndarray of shape (m,)
        Not-a-number where an obstacle stands.
    obstacles : mapping of int to Obstacle
        By position of the cell.
    psi : ndarray of shape (k, n)
        Contributions times n to the terms asked for, at given shares of the cohorts; no row where none were.
    variance : ndarray of shape (m,)
    counts : ndarray of shape (m, 2)
    """

    value: Floats
    obstacles: dict[int, Obstacle]
    psi: Floats
    variance: Floats
    counts: Ints


def swept(
    rollout: Followed | Sampled,
    cells: Cells,
    estimator: Estimator,
    weights: Floats | None = None,
    cluster: Ints | None = None,
) -> Swept:
    """Estimate the cells.

    Parameters
    ----------
    weights : ndarray of shape (k, m), optional
        Of each cell in each term; without it only effects are found.
    cluster : ndarray of shape (n,), optional
        Clusters numbered from 0, where they are coarser than the rollout's units.
    """
    terms = 0 if weights is None else weights.shape[0]
    out = Swept(
        np.full(cells.size, np.nan),
        {},
        np.zeros((terms, rollout.size)),
        np.full(cells.size, np.nan),
        np.zeros((cells.size, 2), dtype=np.int64),
    )
    for block in _blocks(rollout, cells, estimator):
        out.counts[block.cells] = block.counts
        if isinstance(block.scores, str):
            out.obstacles.update(dict.fromkeys(block.cells.tolist(), block.scores))
            continue
        out.value[block.cells] = block.scores.value
        if weights is None:
            continue
        mixed = weights[:, block.cells] * rollout.size
        out.psi[:, block.treated] += mixed @ block.scores.treated
        out.psi[:, block.compared] += mixed @ block.scores.compared
        out.variance[block.cells] = _variance(block, block.scores, cluster)
    return out


def _variance(block: Block, scores: Scores, cluster: Ints | None) -> Floats:
    """Sum of squared contributions, summed within clusters, shape (m,)."""
    if cluster is None:
        sides = (scores.treated, scores.compared)
        return np.asarray(sum(np.einsum("mn,mn->m", side, side) for side in sides))
    codes = np.concatenate([cluster[block.treated], cluster[block.compared]])
    both = np.concatenate([scores.treated, scores.compared], axis=1)
    return np.array([np.square(np.bincount(codes, weights=row)).sum() for row in both])


def _blocks(rollout: Followed | Sampled, cells: Cells, estimator: Estimator) -> Iterator[Block]:
    for members in rollout.blocks(cells):
        if isinstance(rollout, Followed):
            yield _of_changes(rollout, cells, members, estimator)
        else:
            yield _of_levels(rollout, cells, members, estimator)


def _of_changes(rollout: Followed, cells: Cells, members: Ints, estimator: Estimator) -> Block:
    """Cells that share their units, from changes since the base period."""
    j = members[0]
    g, first = int(cells.cohort[j]), int(cells.first[j])
    treated: Ints | slice = slice(int(rollout.starts[g]), int(rollout.starts[g + 1]))
    compared = _from_cohort(rollout.starts, g, first)
    period, base = cells.period[members], cells.base[members]
    if rollout.seen is not None:
        both = rollout.seen[period[0]] & rollout.seen[base[0]]
        treated, compared = _where(both, treated), _where(both, compared)
    layer = int(cells.earlier[j]) if rollout.columns.shape[0] > 1 else 0
    groups = [Group(rollout.columns[layer][:, side], rollout.weights[layer, side]) for side in (treated, compared)]
    changes = [_change(rollout.outcome, period, base, side) for side in (treated, compared)]
    scores = change_scores(changes[0], changes[1], groups[0], groups[1], estimator)
    return Block(members, scores, treated, compared, (groups[0].size, groups[1].size))


def _change(outcome: Floats, period: Ints, base: Ints, side: Ints | slice) -> Floats:
    out = np.empty((period.shape[0], outcome[0, side].shape[0]))
    for j in range(period.shape[0]):
        np.subtract(outcome[period[j], side], outcome[base[j], side], out=out[j])
    return out


def _from_cohort(starts: Ints, own: int, first: int) -> Ints | slice:
    """Units of the cohorts from ``first`` on, but for the own."""
    if own < first:
        return slice(int(starts[first]), int(starts[-1]))
    return np.concatenate([np.arange(starts[first], starts[own]), np.arange(starts[own + 1], starts[-1])])


def _where(both: Bools, side: Ints | slice) -> Ints:
    if isinstance(side, slice):
        return np.asarray(np.flatnonzero(both[side]) + side.start)
    return np.asarray(side[both[side]])


def _of_levels(rollout: Sampled, cells: Cells, members: Ints, estimator: Estimator) -> Block:
    """One cell of repeated cross-sections."""
    j = int(members[0])
    g, first = int(cells.cohort[j]), int(cells.first[j])
    others = [c for c in range(first, rollout.periods + 1) if c != g]
    times = int(cells.period[j]), int(cells.base[j])
    rows = [_rows(rollout, [g], t) for t in times] + [_rows(rollout, others, t) for t in times]
    parts = [Section(rollout.outcome[at], Group(rollout.columns[:, at], rollout.weights[at])) for at in rows]
    scores = level_scores((parts[0], parts[1], parts[2], parts[3]), estimator)
    treated, compared = np.concatenate(rows[:2]), np.concatenate(rows[2:])
    return Block(members, scores, treated, compared, (treated.size, compared.size))


def _rows(rollout: Sampled, cohorts: list[int], period: int) -> Ints:
    spans = [rollout.rows(c, period) for c in cohorts]
    return np.concatenate([np.arange(span.start, span.stop) for span in spans])


@dataclass(frozen=True, slots=True, eq=False)
class Averaged:
    """Terms of an aggregation.

    Attributes
    ----------
    value : ndarray of shape (k,)
    effects : Swept
        Its ψ runs through the cohorts' shares too.
    weights : ndarray of shape (k, m)
        Of each cell in each term.
    """

    value: Floats
    effects: Swept
    weights: Floats


def averaged(
    rollout: Followed | Sampled, cells: Cells, aggregation: Aggregation, estimator: Estimator, cluster: Ints | None
) -> Averaged:
    """Estimate the terms with everyone's influence, through the effects and through the cohorts' shares."""
    cohort, share = _shares(rollout)
    weights = aggregation.weights(share[cells.cohort])
    effects = swept(rollout, cells, estimator, weights, cluster)
    slopes = aggregation.slopes(share[cells.cohort], effects.value, cells.cohort, rollout.cohorts)
    scale = rollout.mass * (rollout.size / rollout.mass.sum())
    np.add(effects.psi, slopes[:, cohort] * scale, out=effects.psi)
    return Averaged(weights @ effects.value, effects, weights)


def values_again(
    rollout: Followed | Sampled, multiples: Floats, cells: Cells, aggregation: Aggregation, estimator: Estimator
) -> Floats | None:
    """Terms with each unit's weight multiplied, shape (k,); None where a cell is then not identified."""
    left = rollout.times(multiples)
    effects = swept(left, cells, estimator)
    if effects.obstacles:
        return None
    _, share = _shares(left)
    return np.asarray(aggregation.weights(share[cells.cohort]) @ effects.value)


def _shares(rollout: Followed | Sampled) -> tuple[Ints, Floats]:
    """Cohort of each unit, and each cohort's share of the weight."""
    cohort = rollout.cohort
    share = np.bincount(cohort, weights=rollout.mass, minlength=rollout.cohorts)
    return cohort, np.asarray(share / share.sum())
