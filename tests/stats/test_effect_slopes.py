"""Slopes of a rollout's effect on covariates: against plain least squares with a column for every level."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from estimand.errors import UnsupportedError
from estimand.stats import effect_slopes as module
from estimand.stats.effect_slopes import EffectSlopes, RolloutRows, effect_slopes

PERIODS = 5


def rollout(
    units: int, seed: int, *, slope: float = 0.0, drop: float = 0.0, weighted: bool = False
) -> tuple[RolloutRows, np.ndarray]:
    """Two cohorts and one never treated, with a covariate of the unit and one of the row."""
    rng = np.random.default_rng(seed)
    start = np.array([2, 3, PERIODS])[np.arange(units) % 3]
    unit, period = np.divmod(np.arange(units * PERIODS), PERIODS)
    still = (rng.normal(size=units) - 0.4 * (start == 2))[unit]
    moving = rng.normal(size=unit.size)
    treated = period >= start[unit]
    y = rng.normal(size=units)[unit] + 0.3 * period * (1.0 + still) + 0.5 * moving + rng.normal(size=unit.size)
    y += treated * (1.0 + 0.5 * (start[unit] == 2) + 0.3 * (period - start[unit]) + slope * still)
    keep = np.flatnonzero(rng.random(unit.size) >= drop)
    cell = np.full(unit.size, -1)
    cell[treated] = np.unique(start[unit][treated] * PERIODS + period[treated], return_inverse=True)[1]
    weights = rng.uniform(0.5, 2.0, unit.size) if weighted else np.ones(unit.size)
    parts = (y, unit, period, cell, unit, weights, weights)
    outcome, group, time, cells, cluster, w, mass = (part[keep] for part in parts)
    rows = RolloutRows(outcome, group, time, cells, cluster, w if weighted else None, mass)
    return rows, np.column_stack([still, moving])[keep]


def found(rows: RolloutRows, covariates: np.ndarray) -> EffectSlopes:
    made = effect_slopes(rows, covariates, np.array([True, False]))
    assert made is not None
    return made


def by_columns(rows: RolloutRows, covariates: np.ndarray) -> dict[str, np.ndarray | float]:
    """The same by least squares on every level, covariates as they are, and a sandwich by cluster."""
    n, w = rows.outcome.size, np.ones(rows.outcome.size) if rows.weights is None else rows.weights
    count = rows.cell.max() + 1
    dummies = (rows.cell[:, None] == np.arange(count)).astype(float)
    units = (rows.group[:, None] == np.unique(rows.group)).astype(float)
    times = (rows.period[:, None] == np.arange(1, PERIODS)).astype(float)
    about = np.zeros_like(covariates)
    for c in range(count):
        own = rows.cell == c
        about[own] = covariates[own] - np.average(covariates[own], axis=0, weights=rows.mass[own])
    short = np.column_stack([units, times, times * covariates[:, :1], covariates[:, 1], dummies])
    full = np.column_stack([short, about])
    before = np.linalg.solve(short.T @ (w[:, None] * short), short.T @ (w * rows.outcome))[-count:]
    bread = np.linalg.inv(full.T @ (w[:, None] * full))
    beta = bread @ full.T @ (w * rows.outcome)
    scores = full * (w * (rows.outcome - full @ beta))[:, None]
    summed = np.stack([scores[rows.cluster == g].sum(axis=0) for g in np.unique(rows.cluster)])
    groups, counted = len(summed), full.shape[1] - units.shape[1] + 1
    vcov = bread @ summed.T @ summed @ bread * groups / (groups - 1) * (n - 1) / (n - counted)
    total = np.bincount(rows.cell[rows.cell >= 0], rows.mass[rows.cell >= 0])
    wald = beta[-2:] @ np.linalg.solve(vcov[-2:, -2:], beta[-2:])
    spread = covariates.std(axis=0)
    return {
        "slope": beta[-2:] * spread,
        "error": np.sqrt(np.diag(vcov)[-2:]) * spread,
        "f": wald * (groups - 2) / (2 * (groups - 1)),
        "df": groups - 2,
        "moved": total @ (beta[-2 - count : -2] - before) / total.sum(),
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("drop", [0.0, 0.15])
def test_slopes_and_test_are_those_of_least_squares_on_every_level(drop: float, weighted: bool) -> None:
    rows, covariates = rollout(150, 1, slope=0.4, drop=drop, weighted=weighted)
    made, expected = found(rows, covariates), by_columns(rows, covariates)
    assert made.slope == pytest.approx(expected["slope"], abs=1e-8)
    assert made.std_error == pytest.approx(expected["error"], abs=1e-8)
    assert made.moved == pytest.approx(expected["moved"], abs=1e-8)
    assert (made.rank, made.df) == (2, expected["df"])
    assert made.statistic == pytest.approx(expected["f"], rel=1e-8)
    assert made.p_value == pytest.approx(stats.f(2, expected["df"]).sf(expected["f"]), rel=1e-7)


def test_cohorts_and_periods_of_other_effects_are_no_slopes() -> None:
    rows, covariates = rollout(120, 2)
    larger = replace(rows, outcome=rows.outcome + np.where(rows.cell >= 0, 10.0 * rows.cell, 0.0))
    assert found(larger, covariates).slope == pytest.approx(found(rows, covariates).slope, abs=1e-8)


def test_scale_and_shift_of_the_covariates_and_order_of_rows_do_not_matter() -> None:
    rows, covariates = rollout(120, 3, slope=0.3, drop=0.1)
    order = np.random.default_rng(4).permutation(rows.outcome.size)
    names = ("outcome", "group", "period", "cell", "cluster", "mass")
    shuffled = replace(rows, **{name: getattr(rows, name)[order] for name in names})
    one, other = found(rows, covariates), found(shuffled, 1e3 * covariates[order] - 7.0)
    assert other.statistic == pytest.approx(one.statistic, rel=1e-8)
    assert other.moved == pytest.approx(one.moved, abs=1e-8)


def test_one_covariate_is_tested_by_the_square_of_its_t() -> None:
    rows, covariates = rollout(30, 5, slope=0.3)
    made = effect_slopes(rows, covariates[:, :1], np.array([True]))
    assert made is not None
    assert made.statistic == pytest.approx((made.slope[0] / made.std_error[0]) ** 2, rel=1e-10)
    assert made.df < 29.0  # CR2 with Satterthwaite's, which are fewer than clusters less one


def test_a_covariate_that_restates_another_adds_no_slope() -> None:
    rows, covariates = rollout(120, 6, slope=0.4)
    twice = np.column_stack([covariates, 2.0 * covariates[:, 0]])
    made = effect_slopes(rows, twice, np.array([True, False, True]))
    assert made is not None
    once = found(rows, covariates)
    assert (made.rank, np.isnan(made.slope).tolist()) == (2, [False, False, True])
    assert made.statistic == pytest.approx(once.statistic, rel=1e-8)
    assert made.moved == pytest.approx(once.moved, abs=1e-8)


def test_nothing_is_said_of_a_covariate_alike_among_the_treated_nor_of_more_than_clusters_bear() -> None:
    rows, covariates = rollout(60, 7)
    alike = np.where(rows.cell >= 0, 0.1, covariates[:, 1])
    weighed = replace(rows, mass=np.random.default_rng(8).uniform(0.5, 2.0, rows.outcome.size))
    assert effect_slopes(weighed, alike[:, None], np.array([False])) is None
    few, _ = rollout(9, 8)
    many = np.random.default_rng(9).normal(size=(few.outcome.size, 8))
    assert effect_slopes(few, many, np.zeros(8, dtype=bool)) is None


def test_columns_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, covariates = rollout(60, 10)
    monkeypatch.setattr(module, "MOST_ENTRIES", 1_000)
    with pytest.raises(UnsupportedError, match="13 columns"):
        found(rows, covariates)


@pytest.mark.parametrize("units", [24, 150])
def test_it_rejects_as_often_as_it_says(units: int) -> None:
    """With few clusters, where CR2 is taken, as with many."""
    draws = 150
    below = [found(*rollout(units, 1_000 + j)).p_value < 0.1 for j in range(draws)]
    assert np.mean(below) < 0.1 + 4 * np.sqrt(0.09 / draws)
    assert np.mean(below) > 0.01
