"""Kernels of the matched-set sensitivity against their plain twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.kernels.separable import separable_kernel, separable_reference
from estimand.kernels.walsh import walsh_rank_kernel, walsh_rank_reference

tied = st.integers(-4, 4).map(float)
numbers = st.one_of(tied, st.floats(-100.0, 100.0, allow_subnormal=False))


@settings(deadline=None, max_examples=200)
@given(st.lists(numbers, min_size=1, max_size=12), st.data())
def test_a_walsh_average_of_any_rank_is_the_one_of_the_sorted_list(values, data) -> None:
    ascending = np.sort(np.array(values))
    rank = data.draw(st.integers(1, len(values) * (len(values) + 1) // 2))
    assert walsh_rank_kernel(ascending, rank) == walsh_rank_reference(ascending, rank)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 6), st.integers(2, 5), st.floats(1.0, 20.0), st.integers(0, 10_000), st.booleans())
def test_the_separable_kernel_is_its_plain_twin(sets, size, gamma, seed, ties) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (sets, size)).astype(float) if ties else rng.normal(size=(sets, size))
    assert separable_kernel(scores, gamma) == pytest.approx(separable_reference(scores, gamma), rel=1e-12, abs=1e-12)
