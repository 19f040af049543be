"""Classical and heteroskedasticity-robust covariance against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from estimand.stats.covariance import adjusted_residual, classical_covariance, robust_covariance
from estimand.stats.linear import LeastSquares, least_squares

KINDS = ("HC0", "HC1", "HC2", "HC3")


def all_raw(fit: LeastSquares) -> np.ndarray:
    """Functionals that read the raw intercept and slopes."""
    p = fit.basis.kept.shape[0]
    return np.array([fit.basis.point(np.zeros(p)), *(fit.basis.slope(j) for j in range(p))])


def data(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(5, 2, n), rng.lognormal(0, 1.5, n)]).astype(float)
    x[:4, 0] = [0.0, 1.0, 0.0, 1.0]
    y = 2 * x[:, 0] - x[:, 1] + rng.normal(size=n) * (0.5 + x[:, 0] + np.abs(x[:, 1]))
    return x, y, rng.uniform(0.2, 3.0, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(12, 70), seed=st.integers(0, 5_000))
def test_robust_covariance_is_that_of_statsmodels(kind: str, weighted: bool, n: int, seed: int) -> None:
    x, y, w = data(n, seed)
    fit = least_squares(x, y, w if weighted else None)
    model = sm.WLS(y, sm.add_constant(x), weights=w if weighted else np.ones(n))
    expected = model.fit(cov_type=kind).cov_params()
    found = all_raw(fit) @ robust_covariance(fit, kind) @ all_raw(fit).T
    np.testing.assert_allclose(np.diag(found), np.diag(expected), rtol=1e-8)
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found / size, expected / size, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_classical_covariance_is_that_of_statsmodels(weighted: bool) -> None:
    x, y, w = data(50, 3)
    fit = least_squares(x, y, w if weighted else None)
    expected = sm.WLS(y, sm.add_constant(x), weights=w if weighted else np.ones(50)).fit().cov_params()
    np.testing.assert_allclose(all_raw(fit) @ classical_covariance(fit) @ all_raw(fit).T, expected, rtol=1e-8)


def test_hc2_of_a_difference_in_means_is_neymans_variance() -> None:
    arm = np.array([0, 0, 0, 1, 1, 1, 1.0])
    y = np.array([1.0, 3.0, 8.0, 2.0, 2.0, 7.0, 9.0])
    fit = least_squares(arm[:, None], y)
    effect = fit.basis.slope(0)
    neyman = y[:3].var(ddof=1) / 3 + y[3:].var(ddof=1) / 4
    assert effect @ robust_covariance(fit, "HC2") @ effect == pytest.approx(neyman, rel=1e-12)
    assert effect @ robust_covariance(fit, "HC0") @ effect == pytest.approx(
        y[:3].var() / 3 + y[3:].var() / 4, rel=1e-12
    )


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_saturated_row_adds_nothing_and_divides_by_nothing(kind: str) -> None:
    x, y, _ = data(20, 1)
    own = np.zeros(20)
    own[7] = 1.0
    with_own = least_squares(np.column_stack([x, own]), y)
    without = least_squares(np.delete(x, 7, axis=0), np.delete(y, 7))
    slope, same = with_own.basis.slope(0), without.basis.slope(0)
    assert with_own.value(slope) == pytest.approx(without.value(same), rel=1e-10)
    assert slope @ robust_covariance(with_own, kind) @ slope == pytest.approx(
        same @ robust_covariance(without, kind) @ same, rel=1e-8
    )
    assert adjusted_residual(with_own, kind)[7] == 0.0


def test_covariance_of_a_rank_deficient_fit_is_that_of_the_kept_columns() -> None:
    x, y, _ = data(40, 2)
    doubled = least_squares(np.column_stack([x, x[:, 1] * 3 + 1]), y)
    plain = least_squares(x, y)
    for kind in KINDS:
        np.testing.assert_allclose(robust_covariance(doubled, kind), robust_covariance(plain, kind), rtol=1e-8)


def test_a_mean_of_1e9_leaves_the_robust_variance_alone() -> None:
    x, y, _ = data(60, 9)
    y = np.round(y * 2**10) / 2**10
    x = np.round(x * 2**10) / 2**10
    for kind in KINDS:
        near, far = least_squares(x, y), least_squares(x + 1e9, y + 1e9)
        variance = [f.basis.slope(0) @ robust_covariance(f, kind) @ f.basis.slope(0) for f in (near, far)]
        assert variance[1] == pytest.approx(variance[0], rel=1e-7)
