"""Influence algebra on numbers small enough to check by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.influence import influence_covariance, place, sum_within, weighted_mean_influence


def test_sums_within_groups_are_those_of_a_loop_and_empty_groups_are_zero() -> None:
    psi = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])
    summed = sum_within(psi, np.array([2, 0, 2, 0]), 4)
    assert summed.tolist() == [[10.0, 100.0], [0.0, 0.0], [5.0, 50.0], [0.0, 0.0]]


def test_summing_no_terms_gives_no_columns() -> None:
    assert sum_within(np.empty((3, 0)), np.array([0, 1, 1]), 2).shape == (2, 0)


def test_covariance_is_the_cross_product_over_n_squared() -> None:
    psi = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 4.0]])
    assert influence_covariance(psi, 5) == pytest.approx(np.array([[10.0, -1.0], [-1.0, 21.0]]) / 25)


def test_placing_adds_repeated_positions_and_leaves_zeros() -> None:
    placed = place(np.array([[1.0], [2.0], [4.0]]), np.array([3, 0, 3]), 5)
    assert placed[:, 0].tolist() == [2.0, 0.0, 0.0, 5.0, 0.0]


@given(st.integers(0, 10_000))
def test_a_mean_of_equal_weights_has_the_variance_of_the_textbook(seed: int) -> None:
    y = np.random.default_rng(seed).normal(3, 2, 17)
    psi = weighted_mean_influence(y, np.ones(17), float(y.mean()))
    assert influence_covariance(psi[:, None], 17)[0, 0] == pytest.approx(y.var() / 17, rel=1e-12)


def test_influence_of_a_weighted_mean_is_its_derivative_in_each_rows_mass() -> None:
    rng = np.random.default_rng(2)
    y, w = rng.normal(size=9), rng.uniform(0.5, 3, 9)
    mean = np.average(y, weights=w)
    psi = weighted_mean_influence(y, w, float(mean))
    step = 1e-6
    for i in range(9):
        mass = np.full(9, (1 - step) / 9)
        mass[i] += step
        moved = np.average(y, weights=w * mass)
        assert (moved - mean) / step == pytest.approx(psi[i], rel=1e-4, abs=1e-6)
    assert psi.sum() == pytest.approx(0.0, abs=1e-12)
