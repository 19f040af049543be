"""Logistic and Poisson regression against statsmodels, and what the fit says of itself."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, gammaln, xlogy

from estimand.stats.glm import GLMFit, fit_glm, log_likelihood

FAMILIES = {"logistic": sm.families.Binomial(), "poisson": sm.families.Poisson()}
MEAN = {"logistic": expit, "poisson": np.exp}


def data(family: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.uniform(20, 60, n)])
    linear = -0.2 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.02 * (x[:, 2] - 40)
    y = rng.random(n) < expit(linear) if family == "logistic" else rng.poisson(np.exp(linear))
    return x, y.astype(float), rng.uniform(0.3, 3.0, n)


def raw_coefficients(fit: GLMFit) -> np.ndarray:
    p = fit.basis.kept.shape[0]
    rows = [fit.basis.point(np.zeros(p)), *(fit.basis.slope(j) for j in range(p))]
    return np.array(rows) @ fit.coefficients


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("family", ["logistic", "poisson"])
@settings(max_examples=25)
@given(n=st.integers(80, 300), seed=st.integers(0, 5_000))
def test_coefficients_means_and_covariance_are_those_of_statsmodels(
    family: str, weighted: bool, n: int, seed: int
) -> None:
    x, y, w = data(family, n, seed)
    weights = w if weighted else None
    fit = fit_glm(x, y, family, weights)
    expected = sm.GLM(y, sm.add_constant(x), family=FAMILIES[family], freq_weights=weights).fit(tol=1e-14)
    assert fit.converged
    assert not fit.separated
    np.testing.assert_allclose(raw_coefficients(fit), expected.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.mean, expected.mu, rtol=1e-6)
    np.testing.assert_allclose(fit.predict(x[:5]), expected.mu[:5], rtol=1e-6)
    slope = fit.basis.slope(0)
    assert slope @ np.linalg.solve(fit.hessian, slope) == pytest.approx(expected.cov_params(scale=1.0)[1, 1], rel=1e-6)


@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_fractional_outcomes_are_fitted_by_quasi_likelihood(family: str) -> None:
    x, y, _ = data(family, 200, 3)
    y = 0.25 * y + 0.1
    fit = fit_glm(x, y, family)
    design = sm.add_constant(x)
    score = design.T @ (y - MEAN[family](design @ raw_coefficients(fit)))
    np.testing.assert_allclose(score / np.abs(design).sum(axis=0), 0.0, atol=1e-9)
    assert fit.converged


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("family", ["logistic", "poisson"])
@given(seed=st.integers(0, 5_000))
def test_scores_sum_to_zero(family: str, weighted: bool, seed: int) -> None:
    x, y, w = data(family, 150, seed)
    fit = fit_glm(x, y, family, w if weighted else None)
    total = fit.residual @ fit.basis.matrix
    np.testing.assert_allclose(total / 150, 0.0, atol=3e-10 * max(1.0, y.max()))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_the_hessian_is_minus_the_numerical_derivative_of_the_summed_score(family: str, weighted: bool) -> None:
    x, y, w = data(family, 120, 8)
    weight = w if weighted else np.ones(120)
    fit = fit_glm(x, y, family, w if weighted else None)
    z = fit.basis.matrix

    def score(beta: np.ndarray) -> np.ndarray:
        return z.T @ (weight * (y - MEAN[family](z @ beta)))

    numerical = np.empty((4, 4))
    for j, step in enumerate(np.eye(4) * 1e-5):
        numerical[:, j] = -(score(fit.coefficients + step) - score(fit.coefficients - step)) / 2e-5
    np.testing.assert_allclose(fit.hessian, numerical, rtol=1e-6, atol=1e-6 * np.abs(numerical).max())


def separated_cases() -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    half = np.repeat([0.0, 1.0], 50)
    x = rng.normal(size=200)
    mixed = (rng.random(50) < 0.5).astype(float)
    outlier = np.append(x, 40.0)
    return {
        "a covariate equal to the outcome": ("logistic", half, half),
        "a cell in which all are treated": ("logistic", half, np.concatenate([mixed, np.ones(50)])),
        "a cell of one row": ("logistic", np.eye(100)[3], np.concatenate([1 - mixed, mixed])),
        "a threshold": ("logistic", x, (x > 0.3).astype(float)),
        "a threshold with a far row": ("logistic", outlier, (outlier > 0.3).astype(float)),
        "everybody treated": ("logistic", x, np.ones(200)),
        "nobody treated": ("logistic", x, np.zeros(200)),
        "a cell without events": ("poisson", half, np.concatenate([rng.poisson(3, 50), np.zeros(50)])),
        "no events at all": ("poisson", x, np.zeros(200)),
    }


@pytest.mark.parametrize("case", list(separated_cases()))
def test_separation_is_reported_and_never_called_convergence(case: str) -> None:
    family, x, y = separated_cases()[case]
    fit = fit_glm(x[:, None], y, family)
    assert fit.separated
    assert not fit.converged


@pytest.mark.parametrize("slope", [40.0, 80.0, 300.0])
def test_steep_but_overlapping_data_have_an_optimum_and_are_not_called_separated(slope: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 4_000)
    y = (rng.random(4_000) < expit(slope * x)).astype(float)
    fit = fit_glm(x[:, None], y, "logistic")
    expected = sm.Logit(y, sm.add_constant(x)).fit(disp=0, tol=1e-14, maxiter=200, method="newton")
    assert np.abs(fit.basis.matrix @ fit.coefficients).max() > 30.0
    assert fit.converged
    assert not fit.separated
    np.testing.assert_allclose(raw_coefficients(fit), expected.params, rtol=1e-6, atol=1e-6)


def test_one_far_row_on_the_right_side_is_not_separation() -> None:
    x, y, _ = data("logistic", 300, 2)
    far = np.append(x[:, 0], 500.0)
    fit = fit_glm(far[:, None], np.append(y, 1.0), "logistic")
    assert fit.converged
    assert not fit.separated


@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_collinear_columns_are_dropped_and_the_means_are_unchanged(family: str) -> None:
    x, y, _ = data(family, 150, 5)
    extra = np.column_stack([x, x[:, 0] - 2 * x[:, 2], np.full(150, 4.0)])
    fit, plain = fit_glm(extra, y, family), fit_glm(x, y, family)
    assert fit.basis.dropped.tolist() == [3, 4]
    assert fit.converged
    np.testing.assert_allclose(fit.mean, plain.mean, rtol=1e-8)


@pytest.mark.parametrize("family", ["logistic", "poisson"])
@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1e4, 1e9])
def test_extreme_units_of_a_covariate_leave_the_means_as_they_are(family: str, scale: float) -> None:
    x, y, _ = data(family, 150, 6)
    plain = fit_glm(x, y, family)
    scaled = fit_glm(x * [scale, 1.0, 1.0], y, family)
    assert scaled.converged
    np.testing.assert_allclose(scaled.mean, plain.mean, rtol=1e-8)
    assert raw_coefficients(scaled)[1] * scale == pytest.approx(raw_coefficients(plain)[1], rel=1e-6)


def test_a_year_of_mean_1e9_costs_no_convergence() -> None:
    x, y, _ = data("logistic", 150, 7)
    x = np.round(x * 2**16) / 2**16
    far = fit_glm(x + 1e9, y, "logistic")
    assert far.converged
    np.testing.assert_allclose(far.mean, fit_glm(x, y, "logistic").mean, rtol=1e-8)


def test_counts_of_ten_million_beside_counts_of_one_reach_the_optimum() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=1000), rng.normal(size=1000)])
    x[-1] = 5.0
    y = np.append(rng.poisson(1, 999), 10**7).astype(float)
    fit = fit_glm(x, y, "poisson")
    left = np.linalg.solve(fit.hessian, fit.basis.matrix.T @ fit.residual)
    assert fit.converged
    np.testing.assert_allclose(left, 0.0, atol=1e-6)


def test_weights_that_count_rows_are_the_same_as_repeating_them() -> None:
    x, y, _ = data("logistic", 60, 1)
    times = np.random.default_rng(2).integers(1, 5, 60)
    weighted = fit_glm(x, y, "logistic", times.astype(float))
    repeated = fit_glm(np.repeat(x, times, axis=0), np.repeat(y, times), "logistic")
    np.testing.assert_allclose(raw_coefficients(weighted), raw_coefficients(repeated), rtol=1e-7)


def test_without_columns_the_mean_is_the_weighted_share() -> None:
    fit = fit_glm(np.empty((4, 0)), np.array([0.0, 1.0, 1.0, 0.0]), "logistic", np.array([1.0, 2.0, 3.0, 4.0]))
    assert fit.converged
    assert fit.mean == pytest.approx([0.5] * 4, abs=1e-12)


def test_log_likelihood_is_that_of_the_definition() -> None:
    y, mean = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.7, 1.0])
    assert log_likelihood(y, mean, "logistic") == pytest.approx(np.log(0.8) + np.log(0.7), rel=1e-14)
    counts, rate = np.array([0.0, 3.0]), np.array([0.5, 2.0])
    expected = (xlogy(counts, rate) - rate - gammaln(counts + 1)).sum()
    assert log_likelihood(counts, rate, "poisson") == pytest.approx(expected, rel=1e-14)
