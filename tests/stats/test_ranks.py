"""Ranks against another implementation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from estimand.stats.ranks import midranks


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60))
def test_ties_have_the_mean_of_the_ranks_they_take_up(values: list[int]) -> None:
    numbers = np.array(values, dtype=float)
    np.testing.assert_array_equal(midranks(numbers), rankdata(numbers))


def test_both_zeros_are_one_value() -> None:
    np.testing.assert_array_equal(midranks(np.array([0.0, -0.0, 1.0])), [1.5, 1.5, 3.0])
