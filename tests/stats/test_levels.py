"""Counting gives what sorting gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimand.stats.levels import numbered

WHOLE = arrays(np.int64, st.integers(1, 40), elements=st.integers(-30, 30))


@given(WHOLE, st.sampled_from([np.int64, np.int32, np.float64, np.float32]), st.sampled_from([1, 10_000_000]))
def test_whole_numbers(values: np.ndarray, kind: type, step: int) -> None:
    given_values = (values * step).astype(kind)
    levels, codes = numbered(given_values)
    expected = np.unique(given_values, return_inverse=True)
    assert levels.dtype == given_values.dtype
    assert levels.tolist() == expected[0].tolist()
    assert codes.tolist() == expected[1].tolist()
    assert codes.dtype == np.int64


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.5, 0.25, 0.5]),
        np.array([1.0, np.nan, 1.0, np.nan]),
        np.array([1.0, np.inf, -np.inf, 1.0]),
        np.array([2**63 + 5, 2**63 + 4], dtype=np.uint64),
        np.array([250, 3, 250], dtype=np.uint8),
        np.array([-(2**62), 2**62]),
        np.array([], dtype=np.float64),
        np.array(["b", "a", "b"]),
        np.array(["b", "a", "b"], dtype=object),
        np.array([-0.0, 0.0]),
    ],
)
def test_other_values(values: np.ndarray) -> None:
    levels, codes = numbered(values)
    expected = np.unique(values, return_inverse=True)
    assert np.array_equal(levels, expected[0], equal_nan=values.dtype.kind == "f")
    assert codes.tolist() == expected[1].tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_only_positions_of_the_same_type_are_handed_back(dtype: type) -> None:
    values = np.array([2, 0, 1, 2], dtype=dtype)
    assert (numbered(values)[1] is values) == (dtype is np.int64)
    assert numbered(values + dtype(1))[1].tolist() == [2, 0, 1, 2]
