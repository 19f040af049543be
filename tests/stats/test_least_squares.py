"""Least squares against numpy's and statsmodels' own solvers."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.basis import basis_and_gram, independent_basis, independent_columns
from estimand.stats.covariance import leverage, residual_variance, saturated_rows
from estimand.stats.linear import LeastSquares, least_squares


def raw_slopes(fit: LeastSquares) -> np.ndarray:
    return np.array([fit.value(fit.basis.slope(j)) for j in np.flatnonzero(fit.basis.kept)])


def data(n: int, p: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, size=p)
    y = 3.0 + x @ rng.normal(size=p) + rng.normal(size=n) * (1.0 + np.arange(n) / n)
    return x, y, rng.uniform(0.2, 4.0, size=n)


@pytest.mark.parametrize("weighted", [False, True])
@given(n=st.integers(12, 80), p=st.integers(0, 6), seed=st.integers(0, 10_000))
def test_coefficients_and_residuals_are_those_of_lstsq(weighted: bool, n: int, p: int, seed: int) -> None:
    x, y, w = data(n, p, seed)
    weights = w if weighted else None
    fit = least_squares(x, y, weights)
    root = np.sqrt(w)[:, None] if weighted else np.ones((n, 1))
    design = np.column_stack([np.ones(n), x])
    expected = np.linalg.lstsq(design * root, y * root[:, 0], rcond=None)[0]
    np.testing.assert_allclose(raw_slopes(fit), expected[1:], rtol=1e-8, atol=1e-8 * np.abs(y).max())
    np.testing.assert_allclose(fit.residual, y - design @ expected, rtol=0, atol=1e-8 * np.abs(y).max())
    np.testing.assert_allclose(fit.predict(x), design @ expected, rtol=0, atol=1e-8 * np.abs(y).max())


@given(seed=st.integers(0, 10_000))
def test_huge_means_cost_no_digits_that_the_data_have(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = np.round(rng.normal(size=(50, 3)) * 2**20) / 2**20
    noise = rng.normal(size=50)
    near = least_squares(base, base @ [1.0, -2.0, 0.5] + noise)
    far = least_squares(base + 1e9, base @ [1.0, -2.0, 0.5] + noise)
    shifted = (base + 1e9) - 1e9
    expected = np.linalg.lstsq(np.column_stack([np.ones(50), shifted]), near.residual + near.predict(base))[0]
    np.testing.assert_allclose(raw_slopes(far), expected[1:], rtol=1e-8, atol=1e-8)


def test_an_outcome_of_mean_1e9_keeps_its_slope() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 2))
    y = np.round((x @ [1.0, 2.0] + rng.normal(size=200)) * 2**16) / 2**16
    low, high = least_squares(x, y), least_squares(x, y + 1e9)
    np.testing.assert_allclose(raw_slopes(high), raw_slopes(low), rtol=1e-8)
    np.testing.assert_allclose(high.residual, low.residual, rtol=0, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_columns_spanned_by_earlier_ones_are_dropped_and_the_fit_is_the_minimum_norm_one(
    weighted: bool,
) -> None:
    x, y, w = data(40, 3, 7)
    x = np.column_stack([x, x[:, 0] + 2 * x[:, 1], np.full(40, 0.1), x[:, 2]])
    fit = least_squares(x, y, w if weighted else None)
    root = np.sqrt(w)[:, None] if weighted else np.ones((40, 1))
    design = np.column_stack([np.ones(40), x])
    expected = design @ np.linalg.lstsq(design * root, y * root[:, 0], rcond=1e-12)[0]
    assert fit.basis.dropped.tolist() == [3, 4, 5]
    assert fit.df_residual == 36
    np.testing.assert_allclose(y - fit.residual, expected, rtol=0, atol=1e-8 * np.abs(y).max())
    with pytest.raises(IndexError):
        fit.basis.slope(3)


def test_a_full_set_of_one_hot_columns_loses_its_last_one() -> None:
    level = np.arange(30) % 3
    fit = least_squares(np.eye(3)[level], level.astype(float))
    assert fit.basis.kept.tolist() == [True, True, False]
    np.testing.assert_allclose(fit.residual, 0.0, atol=1e-14)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -3.7e-12])
def test_a_constant_column_is_dropped_whatever_its_value(value: float) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2, 101)
    for given_weights in (None, weights):
        fit = least_squares(np.full((101, 1), value), np.arange(101.0), given_weights)
        assert fit.basis.dropped.tolist() == [0]


def test_without_columns_the_fit_is_the_weighted_mean() -> None:
    y, w = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    assert least_squares(np.empty((3, 0)), y).coefficients == pytest.approx([3.0], abs=1e-14)
    fit = least_squares(np.empty((3, 0)), y, w)
    assert fit.coefficients == pytest.approx([3.75], abs=1e-14)
    assert fit.residual == pytest.approx([-2.75, -1.75, 2.25], abs=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_leverage_is_the_diagonal_of_the_hat_matrix_and_sums_to_the_rank(weighted: bool) -> None:
    x, y, w = data(35, 4, 3)
    x = np.column_stack([x, x[:, 0] - x[:, 3]])
    fit = least_squares(x, y, w if weighted else None)
    half = np.column_stack([np.ones(35), x[:, :4]]) * (np.sqrt(w)[:, None] if weighted else 1.0)
    q, _ = np.linalg.qr(half)
    np.testing.assert_allclose(leverage(fit), np.square(q).sum(axis=1), rtol=1e-8)
    assert leverage(fit).sum() == pytest.approx(5.0, rel=1e-10)


def test_a_row_with_its_own_indicator_is_counted_as_saturated() -> None:
    own = np.zeros((12, 1))
    own[4] = 1.0
    assert saturated_rows(least_squares(own, np.arange(12.0))) == 1


def test_bread_is_the_inverse_of_the_weighted_gram_matrix() -> None:
    x, y, w = data(30, 3, 1)
    fit = least_squares(x, y, w)
    z = fit.basis.matrix
    np.testing.assert_allclose(fit.bread @ (z.T * w @ z), np.eye(4), atol=1e-12)


def test_the_loading_carries_the_outcome_to_the_coefficient() -> None:
    x, y, w = data(30, 3, 2)
    fit = least_squares(x, y, w)
    functional = fit.basis.slope(1)
    assert fit.loading(functional) @ y == pytest.approx(fit.value(functional), rel=1e-10)
    assert fit.loading(functional) @ fit.residual == pytest.approx(0.0, abs=1e-12)


def test_predictions_at_new_rows_are_those_of_statsmodels() -> None:
    x, y, w = data(60, 3, 5)
    new = data(7, 3, 6)[0]
    expected = sm.WLS(y, sm.add_constant(x), weights=w).fit()
    fit = least_squares(x, y, w)
    np.testing.assert_allclose(fit.predict(new), expected.predict(sm.add_constant(new)), rtol=1e-8)
    assert residual_variance(fit) == pytest.approx(expected.scale, rel=1e-8)
    point = fit.basis.point(new[2])
    assert fit.value(point) == pytest.approx(expected.predict(np.r_[1.0, new[2]][None])[0], rel=1e-8)


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-8, 1e-3, 1.0, 1e5, 1e9]))
def test_the_fit_does_not_depend_on_the_units_of_a_covariate(seed: int, scale: float) -> None:
    x, y, _ = data(40, 3, seed)
    scaled = least_squares(x * np.array([scale, 1.0, 1.0]), y)
    assert scaled.basis.kept.all()
    np.testing.assert_allclose(scaled.residual, least_squares(x, y).residual, atol=1e-8 * np.abs(y).max())


@given(seed=st.integers(0, 10_000), p=st.integers(1, 6), rank=st.integers(1, 6))
def test_as_many_columns_are_kept_as_the_matrix_has_rank(seed: int, p: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(30, rank)) @ rng.normal(size=(rank, p))
    kept = independent_basis(raw).kept
    assert kept.sum() == min(p, rank)
    assert kept[: min(p, rank)].all()


def test_independent_columns_of_nothing_is_nothing() -> None:
    assert independent_columns(np.empty((0, 0))).shape == (0,)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gram_matrix_handed_over_is_that_of_the_columns_kept(weighted: bool) -> None:
    rng = np.random.default_rng(12)
    raw, weights = rng.normal(size=(50, 4)) + 5.0, rng.uniform(0.5, 2.0, 50) if weighted else None
    raw[:, 2] = raw[:, 0] - 2 * raw[:, 1]
    basis, cross = basis_and_gram(raw, weights)
    assert basis.kept.tolist() == [True, True, False, True]
    scaled = basis.matrix if weights is None else basis.matrix * weights[:, None]
    np.testing.assert_allclose(cross, basis.matrix.T @ scaled, rtol=1e-12, atol=1e-12)
    spread = np.average(np.square(basis.matrix[:, 1:]), axis=0, weights=weights)
    np.testing.assert_allclose(spread, 1.0, rtol=1e-12)
