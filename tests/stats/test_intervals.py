"""Quantiles, p-values, scales and simultaneous bands against scipy and known cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from estimand.stats.intervals import (
    SUP_T_DRAWS,
    critical_value,
    from_scale,
    scale_slope,
    sup_t_critical_value,
    to_scale,
    two_sided_p,
    welch_df,
)


@given(level=st.floats(0.5, 0.999), df=st.floats(0.7, 400.0))
def test_critical_values_are_the_quantiles_of_t_and_the_normal(level: float, df: float) -> None:
    found = critical_value(level, np.array([df, np.inf]), 2)
    upper = (1 + level) / 2
    assert found == pytest.approx([stats.t.ppf(upper, df), stats.norm.ppf(upper)], rel=1e-8)
    assert critical_value(level, None, 3) == pytest.approx([stats.norm.ppf(upper)] * 3, rel=1e-12)


def test_the_familiar_critical_values_come_out() -> None:
    assert critical_value(0.95, None, 1)[0] == pytest.approx(1.959963984540054, rel=1e-12)
    assert critical_value(0.95, np.array([10.0]), 1)[0] == pytest.approx(2.2281388519649385, rel=1e-8)


@given(statistic=st.floats(-30, 30), df=st.floats(0.7, 400.0))
def test_p_values_are_both_tails_of_t_and_the_normal(statistic: float, df: float) -> None:
    found = two_sided_p(np.array([statistic, statistic]), np.array([df, np.inf]))
    expected = [2 * stats.t.sf(abs(statistic), df), 2 * stats.norm.sf(abs(statistic))]
    assert found == pytest.approx(expected, rel=1e-8)


def test_a_p_value_far_in_the_tail_is_small_but_not_zero() -> None:
    assert two_sided_p(np.array([-20.0]), None)[0] == pytest.approx(5.507248237212467e-89, rel=1e-8)


@pytest.mark.parametrize("scale", ["identity", "log", "logit"])
@given(value=st.floats(0.01, 0.99))
def test_scales_invert_and_their_slope_is_the_derivative(scale: str, value: float) -> None:
    at = np.array([value])
    there = to_scale(at, scale)
    assert from_scale(there, scale) == pytest.approx(at, rel=1e-12)
    slope = (from_scale(there + 1e-6, scale) - from_scale(there - 1e-6, scale)) / 2e-6
    assert scale_slope(at, scale) == pytest.approx(slope, rel=1e-6)


@given(seed=st.integers(0, 10_000), n0=st.integers(2, 40), n1=st.integers(2, 40))
def test_welch_degrees_of_freedom_are_those_of_scipy(seed: int, n0: int, n1: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, n0), rng.normal(1, 4, n1)
    expected = stats.ttest_ind(b, a, equal_var=False)
    df = welch_df(np.array([a.var(ddof=1), b.var(ddof=1)]), np.array([n0, n1], dtype=float))
    assert float(df) == pytest.approx(expected.df, rel=1e-10)
    statistic = (b.mean() - a.mean()) / np.sqrt(a.var(ddof=1) / n0 + b.var(ddof=1) / n1)
    assert two_sided_p(np.array([statistic]), df[None])[0] == pytest.approx(expected.pvalue, rel=1e-8)


def test_two_arms_without_spread_need_no_welch_correction() -> None:
    assert welch_df(np.zeros(2), np.array([5.0, 6.0])) == np.inf


def simulation_error(level: float, critical: float, terms: int) -> float:
    """Standard error of a simulated quantile of the largest of independent |z|, times three."""
    density = terms * 2 * stats.norm.pdf(critical) * (2 * stats.norm.cdf(critical) - 1) ** (terms - 1)
    return float(3 * np.sqrt(level * (1 - level) / SUP_T_DRAWS) / density)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("terms", [2, 5, 20])
def test_independent_terms_have_sidaks_critical_value(level: float, terms: int) -> None:
    sidak = stats.norm.ppf((1 + level ** (1 / terms)) / 2)
    vcov = np.diag(np.arange(1.0, terms + 1) ** 2)
    assert sup_t_critical_value(vcov, level) == pytest.approx(sidak, abs=simulation_error(level, sidak, terms))


def test_terms_that_are_one_number_need_no_wider_band() -> None:
    direction = np.array([1.0, -2.0, 0.5])
    found = sup_t_critical_value(np.outer(direction, direction), 0.95)
    assert found == pytest.approx(1.959964, abs=simulation_error(0.95, 1.959964, 1))


def test_two_correlated_terms_have_the_critical_value_of_the_bivariate_normal() -> None:
    vcov = np.array([[1.0, 0.8], [0.8, 1.0]])
    found = sup_t_critical_value(vcov, 0.95)
    corners = stats.multivariate_normal(cov=vcov)
    inside = corners.cdf([found, found], lower_limit=[-found, -found])
    assert inside == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / SUP_T_DRAWS))


def test_a_term_without_spread_takes_no_part_in_the_band() -> None:
    assert sup_t_critical_value(np.diag([4.0, 0.0]), 0.95) == pytest.approx(1.959963984540054, rel=1e-12)
    assert sup_t_critical_value(np.zeros((2, 2)), 0.95) == pytest.approx(1.959963984540054, rel=1e-12)


def test_the_band_is_the_same_whenever_it_is_asked_for() -> None:
    vcov = np.array([[2.0, 0.3], [0.3, 1.0]])
    assert sup_t_critical_value(vcov, 0.95) == sup_t_critical_value(vcov, 0.95)


def test_the_band_is_between_the_pointwise_value_and_bonferronis() -> None:
    root = np.random.default_rng(0).normal(size=(6, 6))
    found = sup_t_critical_value(root @ root.T, 0.95)
    assert 1.96 < found < stats.norm.ppf(1 - 0.025 / 6)


def test_few_degrees_of_freedom_widen_the_band_to_the_studentised_maximum_modulus() -> None:
    # Stoline & Ury (1979): studentised maximum modulus, 5 %, 3 contrasts, 5 and 10 degrees of freedom.
    for df, table in ((5.0, 3.399), (10.0, 2.829)):
        found = sup_t_critical_value(np.eye(3), 0.95, np.full(3, df))
        assert found == pytest.approx(table, abs=0.025)


def test_the_band_uses_the_least_degrees_of_freedom_among_terms_with_spread() -> None:
    vcov = np.diag([1.0, 2.0, 0.0])
    mixed = sup_t_critical_value(vcov, 0.95, np.array([np.inf, 6.0, 1.0]))
    assert mixed == sup_t_critical_value(vcov, 0.95, np.array([6.0, 6.0, 6.0]))
