"""Moments within arms, and their merge over any split of the rows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.moments import ArmMoments, arm_moments, merge_moments


def test_moments_are_those_of_numpy_within_each_arm() -> None:
    rng = np.random.default_rng(0)
    values, arm = rng.normal(2, 3, (50, 2)), np.arange(50) % 3
    found = arm_moments(values, arm, 3)
    assert found.units.tolist() == [17.0, 17.0, 16.0]
    for a in range(3):
        rows = values[arm == a]
        np.testing.assert_allclose(found.mean[a], rows.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.cross[a] / (len(rows) - 1), np.cov(rows.T), rtol=1e-12)
        np.testing.assert_allclose(found.variance()[a], rows.var(axis=0, ddof=1), rtol=1e-12)


@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_any_split_of_the_rows_merges_to_the_same_moments(seed: int, cuts: list[int], order) -> None:
    rng = np.random.default_rng(seed)
    values, arm = rng.normal(0, 1, (60, 3)) * [1.0, 1e-3, 1e4] + [5.0, 0.0, 100.0], rng.integers(0, 3, 60)
    edges = [0, *sorted(cuts), 60]
    parts = [arm_moments(values[a:b], arm[a:b], 3) for a, b in pairwise(edges)]
    order.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merge_moments(merged, part)
    whole = arm_moments(values, arm, 3)
    size = np.sqrt(np.einsum("aii,ajj->aij", whole.cross, whole.cross))
    assert merged.units.tolist() == whole.units.tolist()
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(merged.cross / size, whole.cross / size, atol=1e-10)


def test_an_empty_arm_adds_nothing_on_either_side() -> None:
    values = np.array([[1.0], [3.0]])
    full = arm_moments(values, np.array([0, 0]), 2)
    empty = ArmMoments(np.zeros(2), np.full((2, 1), 77.0), np.zeros((2, 1, 1)))
    for merged in (merge_moments(full, empty), merge_moments(empty, full)):
        assert merged.units.tolist() == [2.0, 0.0]
        assert merged.mean[0, 0] == 2.0
        assert merged.cross[0, 0, 0] == 2.0


def test_the_variance_of_an_arm_with_less_than_two_units_is_no_number() -> None:
    found = arm_moments(np.array([[1.0], [3.0], [9.0]]), np.array([0, 0, 1]), 3).variance()
    assert found[0, 0] == pytest.approx(2.0)
    assert np.isnan(found[1:]).all()
