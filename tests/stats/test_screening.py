"""Screening statistics against scikit-learn, brute force and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from estimand.stats.screening import (
    area_under_curve,
    average_ranks,
    chance_multiple,
    correlation,
    leave_one_out_shift,
    level_area,
    level_correlation,
    null_std_error,
    pooled_levels,
    quantile_bins,
    row_hashes,
)


@given(st.integers(0, 10_000))
def test_the_area_is_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, 60).astype(float)
    positive = rng.integers(0, 2, 60) == 1
    positive[:2] = [True, False]
    assert area_under_curve(average_ranks(values), positive) == pytest.approx(roc_auc_score(positive, values))
    codes = values.astype(np.int64)
    share = np.array([positive[codes == code].mean() for code in codes])
    assert level_area(codes, positive) == pytest.approx(roc_auc_score(positive, share))


def test_an_area_without_both_kinds_is_not_a_number() -> None:
    assert np.isnan(area_under_curve(np.arange(3.0), np.ones(3, dtype=bool)))
    assert np.isnan(level_area(np.zeros(3, dtype=np.int64), np.ones(3, dtype=bool)))


def test_rare_levels_are_pooled_and_many_levels_of_noise_tell_nothing() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 40, 400)
    assert level_correlation(codes, rng.normal(size=400)) < 0.3
    assert len(np.unique(pooled_levels(np.array([0] * 9 + [1, 1, 2, 3])))) == 2
    assert level_correlation(codes, codes.astype(float)) == pytest.approx(1.0)
    assert level_correlation(codes, np.ones(400)) == 0.0


def test_bins_hold_about_as_many_rows_and_keep_ties_together() -> None:
    values = np.random.default_rng(2).normal(size=2_000)
    assert set(np.bincount(quantile_bins(values, 20))) == {100}
    tied = np.repeat([0.0, 1.0, 2.0], [900, 50, 50])
    codes = quantile_bins(tied, 20)
    assert all(len(set(codes[tied == value])) == 1 for value in (0.0, 1.0, 2.0))


def test_the_standard_error_under_the_null_is_the_spread_of_the_difference() -> None:
    rng = np.random.default_rng(3)
    team = np.arange(400) % 40
    gaps, errors, clustered = [], [], []
    for _ in range(400):
        values = (rng.normal(size=40)[team] + rng.normal(size=400))[:, None]
        treated = rng.permutation(np.arange(40) % 2)[team] == 1
        gaps.append(values[treated].mean() - values[~treated].mean())
        errors.append(null_std_error(values, treated, np.ones(len(treated)), None)[0])
        clustered.append(null_std_error(values, treated, np.ones(len(treated)), team)[0])
    assert np.mean(clustered) == pytest.approx(np.std(gaps), rel=0.1)
    assert np.mean(errors) < 0.6 * np.std(gaps)
    one = null_std_error(np.ones((4, 1)), np.array([1, 1, 0, 0]) == 1, np.ones(4), np.zeros(4, int))
    assert one[0] == np.inf


def test_the_chance_multiple_is_the_normal_quantile_shared_out() -> None:
    assert chance_multiple(0.05, 1) == pytest.approx(1.959964)
    assert chance_multiple(0.05, 10) == pytest.approx(2.807034)


def test_leaving_one_out_is_what_it_says() -> None:
    rng = np.random.default_rng(4)
    values, treated = rng.normal(size=30), np.arange(30) % 3 == 0
    gap = values[treated].mean() - values[~treated].mean()
    error = np.sqrt(sum(values[g].var(ddof=1) / g.sum() for g in (treated, ~treated)))
    shift = leave_one_out_shift(values, treated)
    for row in (0, 1, 29):
        rest = np.arange(30) != row
        without = values[rest & treated].mean() - values[rest & ~treated].mean()
        assert abs(shift[row]) == pytest.approx(abs(gap - without) / error)
    assert not leave_one_out_shift(np.ones(4), np.array([True, True, False, False])).any()


def test_rows_hash_alike_exactly_where_they_are_alike() -> None:
    first, second = np.array([0.0, -0.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0, 3.0])
    hashes = row_hashes([first, second])
    assert hashes[0] == hashes[1]
    assert len(set(hashes.tolist())) == 3
    assert row_hashes([first, second])[3] != row_hashes([second, first])[3]


def test_a_constant_has_no_correlation() -> None:
    assert correlation(np.ones(4), np.arange(4.0)) == 0.0
    assert correlation(np.arange(4.0), -np.arange(4.0)) == pytest.approx(-1.0)
