"""Least squares beside absorbed effects is least squares with dummies."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.errors import UnsupportedError
from estimand.stats.absorb import absorber
from estimand.stats.absorbed import (
    absorbed_least_squares,
    bias_reduced_scores,
    clustered_covariance,
    parameters_counted,
    row_covariance,
)
from estimand.stats.cluster import cluster_scores
from estimand.stats.linear import least_squares


def drawn(seed: int, units: int = 14, periods: int = 5, missing: float = 0.15) -> dict[str, np.ndarray]:
    """A small unbalanced panel with two columns, groups of units and weights."""
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    keep = rng.random(unit.shape[0]) > missing
    unit, period = unit[keep], period[keep]
    treated = ((unit % 3 == 0) & (period >= 2)).astype(float)
    columns = np.column_stack([treated, rng.normal(size=unit.shape[0]) + unit])
    outcome = columns @ [1.0, 0.3] + unit - period**2 + rng.normal(size=unit.shape[0]) * (1 + treated)
    return {
        "unit": unit,
        "period": period,
        "columns": columns,
        "outcome": outcome,
        "weights": rng.uniform(0.2, 4, unit.size),
    }


def full(data: dict[str, np.ndarray]) -> np.ndarray:
    """Columns, then dummies of unit and period but for the first."""
    made = [data[name][:, None] == np.unique(data[name])[1:] for name in ("unit", "period")]
    return np.hstack([data["columns"], *made]).astype(float)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_coefficients_residuals_and_covariances_are_those_with_dummies(seed: int, weighted: bool) -> None:
    data = drawn(seed)
    weights = data["weights"] if weighted else None
    fit = absorbed_least_squares(
        data["outcome"], data["columns"], absorber([data["unit"], data["period"]], weights), weights
    )
    ones = np.ones_like(data["outcome"]) if weights is None else weights
    other = sm.WLS(data["outcome"], sm.add_constant(full(data)), weights=ones).fit()
    assert fit.coefficients == pytest.approx(other.params[1:3], rel=1e-8)
    assert fit.residual == pytest.approx(other.resid, abs=1e-9)
    assert fit.df_residual == other.df_resid
    for kind, name in (("classical", "nonrobust"), ("HC0", "HC0"), ("HC1", "HC1")):
        expected = other.get_robustcov_results(name).cov_params() if name != "nonrobust" else other.cov_params()
        assert row_covariance(fit, kind) == pytest.approx(expected[1:3, 1:3], rel=1e-7, abs=1e-12)
    groups = data["unit"] // 2
    for kind, correct in (("CR0", False), ("CR1", True)):
        robust = other.get_robustcov_results("cluster", groups=groups, use_correction=correct).cov_params()[1:3, 1:3]
        none = np.array([False, False])
        assert clustered_covariance(fit, groups, kind, none) == pytest.approx(robust, rel=1e-7, abs=1e-12)


def test_nested_units_do_not_count_in_the_factor() -> None:
    data = drawn(1)
    fit = absorbed_least_squares(data["outcome"], data["columns"], absorber([data["unit"], data["period"]]))
    units, periods, n = np.unique(data["unit"]).size, 5, data["outcome"].size
    assert fit.rank_total == 2 + units + periods - 1
    assert parameters_counted(fit, data["unit"]) == 2 + periods
    groups = np.unique(data["unit"]).size
    factor = groups / (groups - 1) * (n - 1) / (n - 2 - periods)
    plain = clustered_covariance(fit, data["unit"], "CR0")
    assert clustered_covariance(fit, data["unit"], "CR1") == pytest.approx(factor * plain, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2]))
def test_bias_reduced_covariance_and_its_degrees_of_freedom_are_those_with_dummies(seed: int, merged: int) -> None:
    data = drawn(seed)
    cluster = data["unit"] // merged
    fit = absorbed_least_squares(data["outcome"], data["columns"], absorber([data["unit"], data["period"]]))
    found = bias_reduced_scores(fit, data["columns"], data["outcome"], cluster)
    plain = least_squares(full(data), data["outcome"])
    slopes = np.stack([plain.basis.slope(0), plain.basis.slope(1)])
    expected = cluster_scores(plain, slopes, cluster, "CR2")
    assert found.covariance == pytest.approx(expected.covariance, rel=1e-7, abs=1e-12)
    assert found.df == pytest.approx(expected.df, rel=1e-6)


def test_bias_reduction_where_no_effect_lies_within_the_clusters() -> None:
    data = drawn(3)
    cluster = np.random.default_rng(3).integers(0, 9, data["outcome"].size)
    fit = absorbed_least_squares(data["outcome"], data["columns"], absorber([data["unit"], data["period"]]))
    found = bias_reduced_scores(fit, data["columns"], data["outcome"], cluster)
    plain = least_squares(full(data), data["outcome"])
    expected = cluster_scores(plain, np.stack([plain.basis.slope(0), plain.basis.slope(1)]), cluster, "CR2")
    assert found.covariance == pytest.approx(expected.covariance, rel=1e-7)
    assert found.df == pytest.approx(expected.df, rel=1e-6)


def test_columns_that_the_effects_span_are_left_out_and_told() -> None:
    data = drawn(2)
    columns = np.column_stack([data["columns"], 1e5 + data["unit"] * 2.0, data["columns"] @ [2.0, -1.0]])
    fit = absorbed_least_squares(data["outcome"], columns, absorber([data["unit"], data["period"]]))
    assert fit.kept.tolist() == [True, True, False, False]
    assert fit.coefficients[2:].tolist() == [0.0, 0.0]
    alone = absorbed_least_squares(data["outcome"], data["columns"], absorber([data["unit"], data["period"]]))
    assert fit.coefficients[:2] == pytest.approx(alone.coefficients, rel=1e-9)


def test_a_column_that_moves_little_within_units_is_kept() -> None:
    data = drawn(5)
    small = 1e4 * data["unit"] + 1e-2 * data["columns"][:, 0]
    fit = absorbed_least_squares(data["outcome"], small[:, None], absorber([data["unit"], data["period"]]))
    alone = absorbed_least_squares(data["outcome"], data["columns"][:, :1], absorber([data["unit"], data["period"]]))
    assert fit.coefficients[0] == pytest.approx(100.0 * alone.coefficients[0], rel=1e-6)


def test_bias_reduction_of_weighted_fits_is_refused() -> None:
    data = drawn(4)
    held = absorber([data["unit"], data["period"]], data["weights"])
    fit = absorbed_least_squares(data["outcome"], data["columns"], held, data["weights"])
    with pytest.raises(UnsupportedError, match="weighted"):
        bias_reduced_scores(fit, data["columns"], data["outcome"], data["unit"])
