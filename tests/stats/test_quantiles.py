"""Weighted quantiles against brute force, the density against known ones, and what counts as a point of mass."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from estimand.stats.quantiles import Distribution


def distribution(values: np.ndarray, weights: np.ndarray | None = None) -> Distribution:
    return Distribution.of(values, np.ones(values.shape[0]) if weights is None else weights, np.arange(values.shape[0]))


def check_loss(values: np.ndarray, weights: np.ndarray, level: float, point: float) -> float:
    apart = values - point
    return float(weights @ (apart * (level - (apart < 0.0))))


@given(seed=st.integers(0, 10_000), level=st.floats(0.02, 0.98), ties=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_quantile_minimises_the_check_function(seed: int, level: float, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=25), rng.exponential(size=25) + 0.01
    values = np.round(values, 1) if ties else values
    found = distribution(values, weights).quantile(level)
    best = min(check_loss(values, weights, level, point) for point in values)
    assert check_loss(values, weights, level, found) <= best + 1e-9 * weights.sum()


@given(seed=st.integers(0, 1000), level=st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]))
@settings(max_examples=40, deadline=None)
def test_it_turns_with_its_outcome_and_ignores_copies(seed: int, level: float) -> None:
    values = np.random.default_rng(seed).normal(size=20)
    found = distribution(values).quantile(level)
    assert distribution(-values).quantile(1.0 - level) == pytest.approx(-found, abs=1e-12)
    assert distribution(np.repeat(values, 3)).quantile(level) == found
    assert distribution(5.0 + 2.0 * values).quantile(level) == pytest.approx(5.0 + 2.0 * found, rel=1e-12)


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_the_density_is_that_of_the_normal(level: float) -> None:
    values = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    made = distribution(values)
    assert made.density(level) == pytest.approx(norm.pdf(norm.ppf(level)), rel=0.03)
    assert distribution(3.0 * values).density(level) == pytest.approx(made.density(level) / 3.0, rel=1e-9)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 0.99])
def test_the_density_by_counting_is_that_of_a_skewed_tail_too(level: float) -> None:
    normal = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    made, at = distribution(np.exp(normal)), norm.ppf(level)
    assert made.density_by_counting(level) == pytest.approx(norm.pdf(at) / np.exp(at), rel=0.03)
    scaled = distribution(3.0 * np.exp(normal))
    assert scaled.density_by_counting(level) == pytest.approx(made.density_by_counting(level) / 3.0, rel=1e-9)


def test_an_error_by_that_density_is_half_the_interval_by_counting() -> None:
    values = np.random.default_rng(2).exponential(size=500)
    error = np.sqrt(0.9 * 0.1 / 500)
    low, high = (distribution(values).quantile(0.9 + sign * 1.96 * error) for sign in (-1.0, 1.0))
    assert 2.0 * 1.96 * error / distribution(values).density_by_counting(0.9) == pytest.approx(high - low, rel=1e-12)
    assert distribution(np.ones(50)).density_by_counting(0.5) == 0.0


def test_points_of_mass() -> None:
    rng = np.random.default_rng(1)
    mixed = np.concatenate([np.zeros(300), rng.exponential(size=700)])
    made = distribution(mixed)
    assert made.atom_at(0.25) == pytest.approx(0.3)
    assert made.atom_at(0.5) == 0.0
    assert made.heap_near(0.31, 1.96) == (0.0, pytest.approx(0.3))
    assert made.heap_near(0.5, 1.96) is None
    assert distribution((rng.random(200) < 0.4).astype(float)).atom_at(0.5) > 0.5
    assert distribution(rng.normal(size=200)).atom_at(0.5) == 0.0


def test_one_heavy_row_and_one_row_drawn_often_are_no_points_of_mass() -> None:
    values = np.arange(10.0)
    weights = np.ones(10)
    weights[4] = 9.0
    assert distribution(values, weights).atom_at(0.5) == 0.0
    again = np.repeat(values, 20)
    assert Distribution.of(again, np.ones(200), np.repeat(np.arange(10), 20)).atom_at(0.5) == 0.0
    assert distribution(again).atom_at(0.5) == pytest.approx(0.1)
