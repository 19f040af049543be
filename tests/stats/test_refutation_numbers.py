"""Spread within arms, associations of added columns, and curves of specifications."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from estimand.stats.association import added_association
from estimand.stats.curve import curve_test
from estimand.stats.within import spread_within


def drawn(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    held = rng.normal(size=(n, 2))
    added = held @ [[0.5], [-0.2]] + rng.normal(size=(n, 1))
    return held, added, held @ [1.0, 2.0] + 0.3 * added[:, 0] + rng.normal(size=n)


def test_spread_is_pooled_and_weights_that_are_equal_do_nothing() -> None:
    values, codes = np.array([1.0, 3.0, 10.0, 14.0, 12.0]), np.array([0, 0, 1, 1, 1])
    assert spread_within(values, codes) == pytest.approx(np.sqrt((2.0 + 8.0) / 3))
    assert spread_within(values, codes, np.full(5, 7.0)) == pytest.approx(np.sqrt(10.0 / 3))
    assert spread_within(values + 5.0 * codes, codes) == pytest.approx(np.sqrt(10.0 / 3))


@given(st.integers(0, 200), st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
def test_an_association_turns_with_the_scale_of_its_column_and_its_p_value_does_not(
    seed: int, scale: float, shift: float
) -> None:
    held, added, outcome = drawn(seed)
    plain, changed = (added_association(held, column, outcome) for column in (added, scale * added + shift))
    assert plain is not None
    assert changed is not None
    assert changed.value * scale == pytest.approx(plain.value, rel=1e-6)
    assert changed.p == pytest.approx(plain.p, rel=1e-5, abs=1e-12)


def test_one_column_is_a_t_test_and_hangs_together_with_its_interval() -> None:
    held, added, outcome = drawn(3)
    found = added_association(held, added, outcome)
    ratio = found.value[0] / found.std_error[0]
    assert found.df == 60 - 4
    assert found.p == pytest.approx(2 * t.sf(abs(ratio), 56))
    half = t.isf(0.025, 56) * found.std_error[0]
    assert found.interval[0] == pytest.approx([found.value[0] - half, found.value[0] + half])
    clustered = added_association(held, added, outcome, cluster=np.arange(60) % 12)
    assert clustered.df == 11
    assert clustered.p == pytest.approx(2 * t.sf(abs(clustered.value[0] / clustered.std_error[0]), 11))


def test_frequencies_are_repeated_rows_but_for_the_small_sample_factor() -> None:
    held, added, outcome = drawn(4)
    counts = np.arange(60) % 3 + 1
    weighted = added_association(held, added, outcome, weights=counts.astype(float))
    repeated = added_association(
        np.repeat(held, counts, axis=0), np.repeat(added, counts, axis=0), np.repeat(outcome, counts)
    )
    assert weighted.value == pytest.approx(repeated.value, rel=1e-9)


def test_what_is_spanned_or_saturated_has_no_association() -> None:
    held, _, outcome = drawn(5)
    assert added_association(held, held[:, [0]] - held[:, [1]], outcome) is None
    levels = np.eye(3)[np.arange(60) % 3]
    assert added_association(held, levels, outcome).columns == (0, 1)
    assert added_association(held, levels, outcome, cluster=np.arange(60) // 30) is None
    assert added_association(np.eye(4)[:, :2], np.eye(4)[:, 2:3], np.arange(4.0)) is None


def test_a_curve_of_one_number_repeated_is_that_number_s_own_test() -> None:
    """Specifications that agree entirely are one: the median's p is the two-sided p of a normal."""
    rng = np.random.default_rng(0)
    psi = rng.normal(size=(500, 1)) / 500
    error = np.sqrt(np.square(psi).sum())
    found = curve_test(np.full(5, 1.5 * error), np.repeat(psi, 5, axis=1), 0.95, 20_000, rng)
    p = 0.13361440
    assert found.median_p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000))
    assert (found.significant, found.significant_p, found.count) == (0, 1.0, 5)


def test_independent_specifications_are_significant_together_by_the_binomial() -> None:
    """Four of four, each with 2.5% on that side, or all on the other: 2 × 0.025⁴; one of four or more: 18.5%."""
    rng = np.random.default_rng(1)
    joint = np.eye(4)
    one = curve_test(np.array([2.5, 0.0, 0.1, -0.1]), joint, 0.95, 40_000, rng)
    assert one.significant == 1
    assert one.significant_p == pytest.approx(1 - 0.95**4, abs=4 * np.sqrt(0.15 / 40_000))
    every = curve_test(np.full(4, -2.5), joint, 0.95, 40_000, rng)
    assert every.significant == 4
    assert every.significant_p < 4e-4
