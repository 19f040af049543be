"""Rows in time set beside each other as arrays."""

import numpy as np
import pytest

from estimand.stats.did_jackknife import jackknife_covariance, left_out_moves, welch_freedom
from estimand.stats.intervals import welch_df
from estimand.stats.rollout import Rows, followed, sampled


def rows(seed: int = 0, units: int = 7, periods: int = 3) -> tuple[Rows, np.ndarray]:
    """Units in no order, first treated in 1 or 2 or never."""
    rng = np.random.default_rng(seed)
    cohort = np.array([3, 1, 2, 3, 1, 3, 2])[:units]
    order = rng.permutation(units * periods)
    unit, period = np.repeat(np.arange(units), periods)[order], np.tile(np.arange(periods), units)[order]
    still = rng.normal(size=units)
    return Rows(
        period=period,
        cohort=cohort[unit],
        outcome=10.0 * unit + period,
        columns=still[unit][:, None],
        weights=None,
        cluster=100 + unit,
    ), unit


def test_units_stand_by_cohort_and_keep_their_outcomes() -> None:
    table, unit = rows()
    made = followed(table, unit, 3)
    assert made.seen is None
    assert made.columns.shape == (1, 2, 7)
    assert made.starts.tolist() == [0, 0, 2, 4, 7]
    assert made.cohort.tolist() == [1, 1, 2, 2, 3, 3, 3]
    assert made.cluster.tolist() == [101, 104, 102, 106, 100, 103, 105]
    assert made.outcome.tolist() == [[10.0 * (c - 100) + t for c in made.cluster] for t in range(3)]
    left = made.times(1.0 + (made.cluster == 102) - (made.cluster == 104))
    assert left.starts.tolist() == [0, 0, 1, 3, 6]
    assert left.weights[0].tolist() == left.mass.tolist() == [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    assert left.outcome[2].tolist() == [12.0, 22.0, 62.0, 2.0, 32.0, 52.0]


def test_gaps_are_marked_and_what_varies_has_a_layer_for_each_period() -> None:
    table, unit = rows()
    gone = (unit == 4) & (table.period == 1)
    made = followed(table.take(~gone), unit[~gone], 3)
    assert made.seen is not None
    assert made.seen.sum(axis=1).tolist() == [7, 6, 7]
    assert not made.seen[1, made.cluster == 104].any()
    varying = Rows(table.period, table.cohort, table.outcome, table.outcome[:, None], 1.0 + table.period, table.cluster)
    layered = followed(varying, unit, 3)
    assert layered.columns.shape == (3, 2, 7)
    standard = (table.outcome - table.outcome.mean()) / table.outcome.std()
    for i in range(unit.shape[0]):
        at = int(np.flatnonzero(layered.cluster == 100 + unit[i])[0])
        assert layered.columns[table.period[i], 1, at] == pytest.approx(standard[i])
    assert layered.mass == pytest.approx(np.full(7, 2.0))


def test_a_unit_drawn_twice_is_two_units() -> None:
    table, unit = rows()
    twice = np.concatenate([np.arange(unit.shape[0]), np.flatnonzero(unit == 2)])
    made = followed(table.take(twice), unit[twice], 3)
    assert made.size == 8
    assert np.sort(made.cluster).tolist() == [100, 101, 102, 102, 103, 104, 105, 106]
    assert made.seen is None
    assert made.outcome[1, made.cluster == 102].tolist() == [21.0, 21.0]


def test_cross_sections_stand_by_cohort_and_period() -> None:
    table, _ = rows()
    made = sampled(table, 3)
    for g in (1, 2, 3):
        for t in range(3):
            expected = np.sort(table.outcome[(table.cohort == g) & (table.period == t)])
            assert np.sort(made.outcome[made.rows(g, t)]).tolist() == expected.tolist()
    left = made.times(np.where(made.cluster == 101, 0.0, 1.5))
    assert (left.weights == 1.5).all()
    assert left.outcome[left.rows(1, 2)].tolist() == [42.0]
    assert left.cohort.tolist() == made.cohort[made.cluster != 101].tolist()


def test_the_jackknife_of_a_mean_is_its_variance_and_of_two_has_welchs_freedom() -> None:
    rng = np.random.default_rng(2)
    y = np.concatenate([rng.normal(size=9), 3.0 * rng.normal(size=4)])
    group = np.repeat([0, 1], [9, 4])
    mean = np.array([y[group == a].mean() for a in (0, 1)])
    exact = []
    for i in range(13):
        keep = np.arange(13) != i
        exact.append([y[keep & (group == 1)].mean() - y[keep & (group == 0)].mean() - (mean[1] - mean[0])])
    moves = np.array(exact)
    size = np.array([9.0, 4.0])
    # One value fewer in each divisor than the variance of a mean has: the jackknife errs on the side of caution.
    pieces = np.array([y[group == a].var(ddof=1) for a in (0, 1)]) / (size - 1.0)
    assert jackknife_covariance(moves)[0, 0] == pytest.approx(12.0 / 13.0 * pieces.sum(), rel=1e-12)
    assert welch_freedom(moves, group)[0] == pytest.approx(welch_df(pieces * size, size), rel=1e-12)
    psi = (y - y.mean())[:, None]
    straight = jackknife_covariance(left_out_moves(psi, 13, 13))
    assert straight[0, 0] == pytest.approx(y.var(ddof=1) / 13, rel=1e-12)
