"""Skewness of units and of differences: against scipy, and against draws."""

import numpy as np
import pytest
from scipy.stats import skew

from estimand.stats.skewness import contrast_skewness, pooled_skewness


def test_one_group_is_scipys() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=500)
    assert pooled_skewness(values, np.zeros(500, dtype=int), 1) == pytest.approx(skew(values), rel=1e-12)


def test_groups_are_taken_about_their_means() -> None:
    rng = np.random.default_rng(1)
    values, group = rng.gamma(1.0, size=600), rng.integers(0, 3, 600)
    centred = values - np.array([values[group == g].mean() for g in range(3)])[group]
    expected = (centred**3).mean() / (centred**2).mean() ** 1.5
    assert pooled_skewness(values + 5.0 * group, group, 4) == pytest.approx(expected, rel=1e-10)


def test_what_does_not_vary_has_none() -> None:
    assert pooled_skewness(np.ones(5), np.zeros(5, dtype=int), 1) is None


def test_a_difference_of_means_is_as_skewed_as_draws_of_it() -> None:
    """Exponential units, skewness 2: 20 in one arm, 180 in the other."""
    rng = np.random.default_rng(2)
    b, a = rng.exponential(size=(200_000, 20)).mean(axis=1), rng.exponential(size=(200_000, 180)).mean(axis=1)
    (found,) = contrast_skewness(2.0, np.array([180.0, 20.0]), np.array([1 / 180, 1 / 20]))
    assert found == pytest.approx(skew(b - a), abs=0.03)
    assert contrast_skewness(9.0, np.array([50.0, 50.0]), np.ones(2))[0] == pytest.approx(0.0, abs=1e-15)
