"""Worst-case and trimming bounds: published numbers, hand-worked examples, closed-form variance, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_data import matches, reference, table

from estimand.stats.attrition import cell_trimming_bounds, lowest_mean, trimming_bounds
from estimand.stats.set_intervals import end_std_error, set_interval
from estimand.stats.worst_case import End, mean_end, nothing, seen_difference, worst_case


def test_no_assumption_bounds_of_electronic_monitoring() -> None:
    data = table("efm")
    y, d = data["cesarean"].to_numpy(float), data["monitor"].to_numpy() == 1
    ones = np.ones(y.shape[0])
    matches("efm.naive", value=seen_difference(y, (d, ~d), ones).value)
    low, high = worst_case(y, (d, ~d), (ones, ones), (0.0, 1.0))
    matches("efm.manski", value=low.value)
    assert (low.value, high.value) == pytest.approx(reference("efm.manski")["ci"], rel=1e-8)
    assert high.value - low.value == pytest.approx(1.0)


def test_an_end_of_the_worst_case_is_a_mean_of_what_each_row_says() -> None:
    y, d = np.array([1.0, 0.0, 1.0, 1.0]), np.array([True, True, False, False])
    low, high = worst_case(y, (d, ~d), (np.ones(4), np.ones(4)), (0.0, 1.0))
    assert (low.value, high.value) == (0.25 - 1.0, 0.75 - 0.5)
    rows = np.where(d, y, 0.0) - np.where(d, 1.0, y)
    assert end_std_error(low.psi) == pytest.approx(rows.std() / 2.0)
    assert nothing(3).psi.tolist() == [0.0, 0.0, 0.0]


def test_lee_bounds_by_hand() -> None:
    """Five of five treated and three of five controls observed: two fifths of the treated are trimmed."""
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0, 2.0, 3.0, 4.0, 0.0, 0.0])
    observed = np.array([True] * 8 + [False] * 2)
    treated = np.arange(10) < 5
    found = trimming_bounds(values, observed, treated, np.ones(10))
    assert found.share == pytest.approx(0.4)
    assert found.of_treated
    assert found.low.value == pytest.approx((1 + 2 + 3) / 3 - 3.0)
    assert found.high.value == pytest.approx((3 + 4 + 10) / 3 - 3.0)


def test_a_row_at_the_cut_is_counted_in_part() -> None:
    """Two thirds of four rows: the third lowest counts two thirds."""
    end = lowest_mean(np.array([4.0, 1.0, 2.0, 3.0]), np.ones(4), End(2.0 / 3.0, np.zeros(4)))
    assert end.value == pytest.approx((1 + 2 + 3 * 2 / 3) / (8 / 3))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.booleans())
def test_turning_the_outcome_or_the_arms_turns_the_bounds(seed: int, binary: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2, 60).astype(float) if binary else rng.normal(size=60)
    treated, observed = rng.random(60) < 0.5, rng.random(60) < 0.7
    treated[:4], observed[:4] = [True, True, False, False], True
    weights = rng.random(60) + 0.5
    one = trimming_bounds(values, observed, treated, weights)
    for other in (
        trimming_bounds(-values, observed, treated, weights),
        trimming_bounds(values, observed, ~treated, weights),
    ):
        assert (-other.high.value, -other.low.value) == pytest.approx((one.low.value, one.high.value), abs=1e-9)
    assert one.low.value <= one.high.value + 1e-12
    again = trimming_bounds(np.where(observed, values, 99.0), observed, treated, weights)
    assert again.low.value == one.low.value


def test_the_variance_is_that_of_lees_third_proposition() -> None:
    rng = np.random.default_rng(8)
    n = 6_000
    d = rng.random(n) < 0.45
    s = rng.random(n) < np.where(d, 0.8, 0.6)
    y = rng.gamma(2.0, 1.0, n) + d
    found = trimming_bounds(y, s, d, np.ones(n))
    q1, q0 = s[d].mean(), s[~d].mean()
    p, share = 1 - q0 / q1, (s & d).mean()
    ordered = np.sort(y[s & d])
    cut = ordered[math.ceil((1 - p) * ordered.size) - 1]
    kept = ordered[ordered <= cut]
    gap = cut - kept.mean()
    of_p = (1 - p) ** 2 * ((1 - q1) / (d.mean() * q1) + (1 - q0) / ((1 - d.mean()) * q0))
    trimmed = kept.var() / (share * (1 - p)) + gap**2 * p / (share * (1 - p)) + (gap / (1 - p)) ** 2 * of_p
    control = y[s & ~d].var() / (s & ~d).mean()
    assert found.low.value == pytest.approx(kept.mean() - y[s & ~d].mean(), abs=2e-3)
    assert end_std_error(found.low.psi) == pytest.approx(math.sqrt((trimmed + control) / n), rel=2e-3)


def attrited(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Monotone selection: always observed half, observed only if treated a fifth; their outcomes are higher."""
    kind = rng.choice(3, n, p=[0.5, 0.2, 0.3])
    d = rng.random(n) < 0.5
    y = rng.normal(size=n) + (kind == 1) + 0.5 * d
    return y, (kind == 0) | ((kind == 1) & d), d


def coverage(draws: int, n: int) -> tuple[float, float]:
    """Share of intervals that cover the true lower bound, and ratio of mean standard error to spread."""
    rng = np.random.default_rng(21)
    big = attrited(rng, 2_000_000)
    truth = trimming_bounds(*big, np.ones(2_000_000)).low.value
    values, errors = np.empty(draws), np.empty(draws)
    covered = 0
    for j in range(draws):
        found = trimming_bounds(*attrited(rng, n), np.ones(n))
        values[j], errors[j] = found.low.value, end_std_error(found.low.psi)
        ends = (found.low.value, found.high.value)
        low, high = set_interval(ends, (errors[j], end_std_error(found.high.psi)), 0.95)
        covered += low <= truth <= high
    return covered / draws, float(errors.mean() / values.std())


def test_lee_intervals_cover_the_end_of_the_set() -> None:
    share, ratio = coverage(1_000, 800)
    assert share == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / 1_000))
    assert ratio == pytest.approx(1.0, abs=4 / math.sqrt(2 * 1_000))


def test_a_mean_has_the_influence_of_a_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    y, w = rng.normal(size=50), rng.random(50)
    end = mean_end(y, w)
    assert end.value == pytest.approx(np.average(y, weights=w))
    jumps = [np.average(np.delete(y, j), weights=np.delete(w, j)) for j in range(50)]
    assert end.psi == pytest.approx((end.value - np.array(jumps)) * 50, rel=0.05, abs=0.01)


def test_lee_bounds_within_cells_by_hand() -> None:
    """Each cell is trimmed by its own shares, and cells count as among the observed controls: two to one."""
    values = np.array([1.0, 2.0, 3.0, 0.0, 9.0, 8.0, 1.0, 2.0, 5.0, 0.0])
    observed = np.array([True, True, True, True, True, True, True, True, True, False])
    treated = np.array([True, True, False, False, True, True, True, True, False, False])
    cell = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    found = cell_trimming_bounds(values, observed, treated, np.ones(10), cell)
    control = (3.0 + 0.0 + 5.0) / 3
    assert found.low.value == pytest.approx((1.5 * 2 + 1.5) / 3 - control)
    assert found.high.value == pytest.approx((1.5 * 2 + 8.5) / 3 - control)
