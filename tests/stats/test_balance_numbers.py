"""Balance, effective size and weighted spread on numbers that can be checked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.balance import (
    effective_size,
    largest_share,
    standardised_difference,
    weighted_mean,
    weighted_variance,
)


def test_equal_weights_give_the_sample_mean_and_variance() -> None:
    values = np.random.default_rng(0).normal(size=(11, 3))
    for weight in (1.0, 0.03, 400.0):
        np.testing.assert_allclose(weighted_mean(values, np.full(11, weight)), values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(
            weighted_variance(values, np.full(11, weight)), values.var(axis=0, ddof=1), rtol=1e-12
        )


def test_weighted_variance_has_the_reliability_correction() -> None:
    values, weights = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 1.0, 2.0])
    mean = 11 / 4
    raw = ((1 - mean) ** 2 + (2 - mean) ** 2 + 2 * (4 - mean) ** 2) / 4
    assert weighted_variance(values, weights) == pytest.approx([raw / (1 - 6 / 16)], rel=1e-14)


def test_a_mean_of_1e9_keeps_its_variance() -> None:
    values = np.array([[1e9 - 1], [1e9], [1e9 + 1]])
    assert weighted_variance(values, np.ones(3)) == pytest.approx([1.0], rel=1e-12)


def test_the_standardised_difference_is_the_gap_over_the_given_spread() -> None:
    treated = (np.array([[1.0, 0.0], [3.0, 1.0]]), np.array([1.0, 3.0]))
    control = (np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 1.0]))
    found = standardised_difference(treated, control, np.array([2.0, 0.5]))
    assert found == pytest.approx([(2.5 - 0.5) / 2, (0.75 - 0.5) / 0.5], rel=1e-14)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1.0, -7.3, 1e9])
@given(seed=st.integers(0, 1000))
def test_a_constant_covariate_is_balanced_under_any_weights(constant: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    treated = (np.full((40, 1), constant), rng.uniform(0.1, 9, 40))
    control = (np.full((33, 1), constant), rng.uniform(0.1, 9, 33))
    spread = np.full((73, 1), constant).std(axis=0)
    assert standardised_difference(treated, control, spread).tolist() == [0.0]


def test_a_covariate_constant_within_unequal_arms_is_infinitely_unbalanced() -> None:
    treated, control = (np.ones((3, 1)), np.ones(3)), (np.zeros((3, 1)), np.ones(3))
    assert standardised_difference(treated, control, np.zeros(1)).tolist() == [np.inf]
    assert standardised_difference(control, treated, np.zeros(1)).tolist() == [-np.inf]


def test_effective_size_is_kishs() -> None:
    assert effective_size(np.ones(7)) == pytest.approx(7.0, rel=1e-14)
    assert effective_size(np.array([3.0, 1.0, 0.0])) == pytest.approx(1.6, rel=1e-14)
    assert effective_size(np.array([0.0, 5.0])) == pytest.approx(1.0, rel=1e-14)


def test_the_largest_share_is_that_of_the_heaviest_unit() -> None:
    assert largest_share(np.array([1.0, 2.0, 5.0])) == pytest.approx(0.625, rel=1e-14)
