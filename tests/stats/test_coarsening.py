"""Bins, and the distance between histograms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.coarsening import cut_bins, even_bins, imbalance, scott_bins, sturges_bins


def test_the_rules_give_their_published_numbers() -> None:
    assert [sturges_bins(n) for n in (2, 16, 17, 1000)] == [2, 5, 6, 11]
    values = np.arange(1000.0)
    assert scott_bins(values) == np.ceil(999 / (3.49 * values.std(ddof=1) / 10))
    assert scott_bins(np.ones(9)) == 1


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=30), st.integers(1, 12), st.sampled_from([0.37, 1.0, 91.0]))
def test_even_bins_are_closed_above_and_no_unit_moves_a_row(held: list[int], bins: int, scale: float) -> None:
    values = np.array(held, dtype=float)
    found = even_bins(values, bins)
    assert (found == even_bins(scale * values + 11.3, bins)).all()
    if np.ptp(values) > 0:
        edges = [values.min() + (values.max() - values.min()) * k / bins for k in range(1, bins)]
        for value, code in zip(values, found, strict=True):
            assert sum(value > edge + 1e-7 for edge in edges) == code


def test_a_value_on_a_cut_belongs_below_it() -> None:
    assert cut_bins(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), np.array([2.0, 1.0])).tolist() == [0, 0, 1, 1, 2]


def test_imbalance_is_half_the_distance_of_shares() -> None:
    cells = np.array([0, 0, 1, 2])
    assert imbalance(cells, np.array([1.0, 1, 0, 0]), np.array([0, 0, 1.0, 1])) == 1.0
    assert imbalance(cells, np.ones(4), np.full(4, 7.0)) == 0.0
    assert imbalance(cells, np.array([1.0, 0, 1, 0]), np.array([0, 1.0, 0, 3])) == pytest.approx(0.75)
