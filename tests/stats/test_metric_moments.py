"""Levels of metrics from moments, against least squares on rows and against scipy."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from estimand.stats.metric_moments import level_influence, metric_levels
from estimand.stats.moments import ArmMoments, arm_moments


def table(n: int = 4_000) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(3)
    arm = rng.integers(0, 3, n)
    x = rng.gamma(2.0, size=n)
    y = 1.0 + (0.5 + 0.3 * arm) * x + rng.normal(size=n)
    return arm, x, y, rng.integers(0, 4, n).astype(float)


def test_a_plain_difference_is_welchs() -> None:
    arm, _, y, _ = table()
    levels = metric_levels([arm_moments(y[:, None], arm, 3)], 1, np.zeros(1))
    for a in (1, 2):
        found = stats.ttest_ind(y[arm == a], y[arm == 0], equal_var=False)
        assert levels.effect[a - 1] == pytest.approx(y[arm == a].mean() - y[arm == 0].mean(), rel=1e-12)
        error = np.sqrt(levels.effect_vcov[a - 1, a - 1])
        assert levels.effect[a - 1] / error == pytest.approx(found.statistic, rel=1e-12)
        assert levels.effect_df()[a - 1] == pytest.approx(found.df, rel=1e-12)


def test_slopes_of_each_arm_are_interacted_least_squares() -> None:
    """The value is Lin's; the variance is of its fits in each arm, plus that of the slopes times the average."""
    arm, x, y, _ = table()
    n = y.shape[0]
    levels = metric_levels([arm_moments(np.stack([y, x], axis=1), arm, 3)], 1, np.zeros(1))
    fits = [sm.OLS(y[arm == a], sm.add_constant(x[arm == a] - x.mean())).fit() for a in range(3)]
    slope = np.array([fit.params[1] for fit in fits])
    expected = np.diag([fit.cov_params()[0, 0] for fit in fits]) + np.outer(slope, slope) * x.var(ddof=1) / n
    np.testing.assert_allclose(levels.value, [fit.params[0] for fit in fits], rtol=1e-10)
    np.testing.assert_allclose(levels.vcov, expected, rtol=1e-10)


def test_one_slope_taken_for_known_is_welch_of_what_it_leaves() -> None:
    arm, x, y, _ = table()
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    levels = metric_levels([arm_moments(np.stack([y, x], axis=1), arm, 3)], 1, np.zeros(1), slopes="pooled")
    left = y - theta * x
    found = stats.ttest_ind(left[arm == 2], left[arm == 0], equal_var=False)
    assert levels.effect[1] == pytest.approx(left[arm == 2].mean() - left[arm == 0].mean(), rel=1e-10)
    assert levels.effect[1] / np.sqrt(levels.effect_vcov[1, 1]) == pytest.approx(found.statistic, rel=1e-10)
    assert levels.effect_df()[1] == pytest.approx(found.df, rel=1e-10)


def test_a_ratio_is_linearised_with_its_covariance() -> None:
    arm, _, y, d = table()
    levels = metric_levels([arm_moments(np.stack([y, d], axis=1), arm, 3)], 2, np.zeros(2))
    for a in range(3):
        mine = arm == a
        ratio = y[mine].sum() / d[mine].sum()
        linear = (y[mine] - ratio * d[mine]) / d[mine].mean()
        assert levels.value[a] == pytest.approx(ratio, rel=1e-12)
        assert levels.vcov[a, a] == pytest.approx(linear.var(ddof=1) / mine.sum(), rel=1e-12)


def test_strata_average_by_share() -> None:
    arm, x, y, _ = table()
    stratum = np.digitize(x, [1.0, 2.5])
    parts = [arm_moments(y[stratum == s, None], arm[stratum == s], 3) for s in range(3)]
    levels = metric_levels(parts, 1, np.zeros(1))
    n, share = y.shape[0], np.bincount(stratum) / y.shape[0]
    gaps, within = np.zeros(3), np.zeros(3)
    for s in range(3):
        treated, control = (y[(stratum == s) & (arm == a)] for a in (1, 0))
        gaps[s] = treated.mean() - control.mean()
        within[s] = treated.var(ddof=1) / treated.shape[0] + control.var(ddof=1) / control.shape[0]
    expected = share @ gaps
    assert levels.effect[0] == pytest.approx(expected, rel=1e-10)
    variance = np.square(share) @ within + share @ np.square(gaps - expected) / n
    assert levels.effect_vcov[0, 0] == pytest.approx(variance, rel=1e-10)


def test_influence_gives_the_covariance_back() -> None:
    arm, x, y, d = table(40_000)
    stratum = (x > 1.5).astype(np.int64)
    for q, columns in ((1, np.stack([y, x], axis=1)), (2, np.stack([y, d, x], axis=1))):
        parts = [arm_moments(columns[stratum == s], arm[stratum == s], 3) for s in range(2)]
        levels = metric_levels(parts, q, np.zeros(q))
        psi = level_influence(levels, columns, arm, stratum)
        np.testing.assert_allclose(psi.mean(axis=0), 0.0, atol=1e-10)
        np.testing.assert_allclose(
            psi.T @ psi / arm.shape[0] ** 2, levels.vcov, rtol=2e-3, atol=2e-3 * levels.vcov[0, 0]
        )


def test_a_covariate_without_spread_changes_nothing() -> None:
    arm, x, y, _ = table()
    plain = metric_levels([arm_moments(y[:, None], arm, 3)], 1, np.zeros(1))
    flat = metric_levels([arm_moments(np.stack([y, 0 * x + 2.0], axis=1), arm, 3)], 1, np.zeros(1))
    np.testing.assert_allclose(flat.effect, plain.effect, rtol=1e-12)
    np.testing.assert_allclose(flat.effect_vcov, plain.effect_vcov, rtol=1e-3)


def test_what_is_taken_off_the_means_costs_a_difference_no_digit() -> None:
    units = np.array([100.0, 100.0])
    part = ArmMoments(units, np.array([[0.0], [1e-6]]), np.full((2, 1, 1), 99.0))
    levels = metric_levels([part], 1, np.array([1e9]))
    assert levels.effect[0] == 1e-6
    assert levels.shift == 1e9
