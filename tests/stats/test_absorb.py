"""Absorbed effects are what dummies for every level would be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estimand.stats.absorb_systems as systems
from estimand.errors import ConvergenceError
from estimand.stats.absorb import Absorber, absorber
from estimand.stats.absorb_systems import Balanced, Direct, Grid, Iterated, ordered_grid


def dummies(codes: list[np.ndarray]) -> np.ndarray:
    """A column for every level of every dimension."""
    return np.hstack([codes_[:, None] == np.unique(codes_) for codes_ in codes]).astype(float)


def by_dummies(codes: list[np.ndarray], values: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Residuals and rank through the singular values of the dummies."""
    root = np.ones(values.shape[0]) if weights is None else np.sqrt(weights)
    left, singular, _ = np.linalg.svd(dummies(codes) * root[:, None], full_matrices=False)
    rank = int((singular > 1e-9 * singular.max()).sum())
    held = (values.T * root).T
    left = left[:, :rank]
    return ((held - left @ (left.T @ held)).T / root).T, rank


@st.composite
def panels(draw: st.DrawFn) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
    """One to three dimensions with gaps, singletons and separate components; two columns; weights or none."""
    n = draw(st.integers(2, 60))
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    codes = [rng.integers(0, size, n) * draw(st.sampled_from([1, 3])) for size in sizes]
    if draw(st.booleans()):
        half = np.arange(n) % 2
        codes = [2 * each + half for each in codes]
    values = rng.normal(size=(n, 2)) * [1.0, 1e3] + [0.0, 1e4]
    return codes, values, rng.uniform(0.1, 10.0, n) if draw(st.booleans()) else None


@settings(max_examples=150, deadline=None)
@given(panels())
def test_residuals_and_rank_are_those_of_dummies(panel: tuple[list[np.ndarray], np.ndarray, np.ndarray | None]) -> None:
    codes, values, weights = panel
    found = absorber(codes, weights)
    expected, rank = by_dummies(codes, values, weights)
    assert found.rank == rank
    assert found.rank_exact
    assert found.residualise(values) == pytest.approx(expected, abs=1e-8, rel=0.0)
    assert found.residualise(values[:, 0]) == pytest.approx(expected[:, 0], abs=1e-10, rel=0.0)


@settings(max_examples=60, deadline=None)
@given(panels())
def test_the_iteration_gives_what_the_factor_gives(
    panel: tuple[list[np.ndarray], np.ndarray, np.ndarray | None],
) -> None:
    codes, values, weights = panel
    if len(codes) == 1:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "MOST_DENSE", 0)
        found = absorber(codes, weights)
    expected, rank = by_dummies(codes, values, weights)
    assert isinstance(found.system, Iterated | Balanced)
    assert found.rank >= rank
    if found.rank_exact:
        assert found.rank == rank
    assert found.residualise(values) == pytest.approx(expected, abs=1e-7, rel=0.0)


def balanced(units: int, periods: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(units * periods)
    rows = np.arange(units * periods)[order]
    return rows // periods, rows % periods, np.random.default_rng(seed + 1).normal(size=units * periods)


def test_a_balanced_panel_takes_the_closed_form() -> None:
    unit, period, values = balanced(40, 7)
    found = absorber([unit, period])
    assert isinstance(found.system, Balanced)
    unit_mean = np.bincount(unit, values) / 7
    period_mean = np.bincount(period, values) / 40
    expected = values - unit_mean[unit] - period_mean[period] + values.mean()
    assert found.residualise(values) == pytest.approx(expected, abs=1e-13)
    assert found.rank == 46


@pytest.mark.parametrize(("units", "periods"), [(40, 7), (3, 50), (9_000, 4)])
def test_a_balanced_panel_in_order_takes_the_grid(units: int, periods: int) -> None:
    unit, period = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    values = np.random.default_rng(2).normal((0.0, 1e3), size=(units * periods, 2))
    found = absorber([unit, period])
    assert isinstance(found.system, Grid)
    assert (found.sizes, found.rank) == ((units, periods), units + periods - 1)
    order = np.random.default_rng(3).permutation(units * periods)
    mixed = absorber([unit[order], period[order]])
    assert not isinstance(mixed.system, Grid)
    assert found.residualise(values)[order] == pytest.approx(mixed.residualise(values[order]), abs=1e-12)


@pytest.mark.parametrize("row", [0, 5, 39_999])
def test_one_row_out_of_place_is_no_grid(row: int) -> None:
    unit, period = np.repeat(np.arange(10_000), 4), np.tile(np.arange(4), 10_000)
    assert ordered_grid(unit, period) == (10_000, 4)
    assert ordered_grid(np.where(np.arange(40_000) == row, 7_000, unit), period) is None
    assert ordered_grid(unit, np.where(np.arange(40_000) == row, (period + 1) % 4, period)) is None
    assert ordered_grid(unit[1:], period[1:]) is None


def test_a_panel_in_which_a_row_takes_the_place_of_another_is_not_taken_as_balanced() -> None:
    unit, period, values = balanced(6, 4)
    period = np.where((unit == 2) & (period == 1), 3, period)
    found = absorber([unit, period])
    assert isinstance(found.system, Direct)
    assert found.residualise(values) == pytest.approx(by_dummies([unit, period], values, None)[0], abs=1e-12)


def test_three_dimensions_of_which_one_holds_another() -> None:
    rng = np.random.default_rng(4)
    unit, period = np.repeat(np.arange(30), 8), np.tile(np.arange(8), 30)
    region_period = (unit % 3) * 8 + period
    values, keep = rng.normal(size=240), rng.random(240) > 0.2
    codes = [unit[keep], period[keep], region_period[keep]]
    expected, rank = by_dummies(codes, values[keep], None)
    found = absorber(codes)
    assert found.rank == rank
    assert found.residualise(values[keep]) == pytest.approx(expected, abs=1e-11)
    assert absorber([unit, unit % 3]).rank == 30


def test_sparse_cells_give_what_dense_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    codes, weights, values = (
        [rng.integers(0, 50, 400), rng.integers(0, 30, 400)],
        rng.uniform(1, 2, 400),
        rng.normal(size=400),
    )
    dense = absorber(codes, weights).residualise(values)
    monkeypatch.setattr(systems, "DENSE_CELLS", -1_000)
    assert absorber(codes, weights).residualise(values) == pytest.approx(dense, abs=1e-12)


def test_many_levels_in_both_dimensions() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 4_000, 20_000), rng.integers(0, 3_000, 20_000)
    values = rng.normal(size=20_000)
    found = absorber([first, second])
    assert isinstance(found.system, Iterated)
    left = found.residualise(values)
    assert np.abs(np.bincount(first, left)).max() <= 1e-10
    assert np.abs(np.bincount(second, left)).max() <= 1e-10
    assert left == pytest.approx(found.residualise(values + first * 0.7 - second * 3.1), abs=1e-8)


def test_a_chain_too_long_for_the_iteration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "MOST_DENSE", 0)
    monkeypatch.setattr(systems, "MOST_ITERATIONS", 50)
    step = np.arange(800)
    chain: Absorber = absorber([(step + 1) // 2, step // 2])
    with pytest.raises(ConvergenceError, match="levels") as caught:
        chain.residualise(np.random.default_rng(0).normal(size=800))
    assert "Absorb fewer" in caught.value.remedy


def test_nothing_absorbed_leaves_the_columns_as_they_are() -> None:
    values = np.arange(6.0)
    found = absorber([])
    assert found.rank == 0
    assert found.residualise(values) == pytest.approx(values, abs=0.0)


def test_reweighted_is_made_with_the_weights() -> None:
    unit, period, values = balanced(9, 5)
    weights = np.random.default_rng(2).uniform(0.5, 3.0, 45)
    fresh = absorber([unit, period], weights).residualise(values)
    assert absorber([unit, period]).reweighted(weights).residualise(values) == pytest.approx(fresh, abs=1e-13)


def test_nesting_is_seen() -> None:
    unit, period, _ = balanced(12, 4)
    assert absorber([unit, period]).nested_in(unit // 3).tolist() == [True, False]
    assert absorber([unit, period]).nested_in(period % 2).tolist() == [False, True]
