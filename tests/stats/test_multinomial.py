"""Multinomial logistic regression against statsmodels, and what the fit says of itself."""

import numpy as np
import pytest
import statsmodels.api as sm

from estimand.stats.glm import fit_glm
from estimand.stats.multinomial import MultinomialFit, fit_multinomial


def drawn(seed: int, n: int = 500, arms: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.uniform(20, 60, n)])
    slopes = rng.normal(scale=0.4, size=(arms, 2))
    odds = np.exp(x[:, :2] @ slopes.T)
    chance = odds / odds.sum(axis=1, keepdims=True)
    arm = (rng.random((n, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    return x, arm, rng.integers(1, 4, n).astype(float)


def raw(fit: MultinomialFit, columns: int) -> np.ndarray:
    rows = [fit.basis.point(np.zeros(columns)), *(fit.basis.slope(j) for j in range(columns))]
    return np.array(rows) @ fit.coefficients.T


@pytest.mark.parametrize("arms", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_coefficients_probabilities_and_covariance_are_those_of_statsmodels(seed: int, arms: int) -> None:
    x, arm, _ = drawn(seed, arms=arms)
    fit = fit_multinomial(x, arm, arms)
    expected = sm.MNLogit(arm, sm.add_constant(x)).fit(method="newton", tol=1e-12, maxiter=100, disp=0)
    assert fit.converged
    assert not fit.separated
    np.testing.assert_allclose(raw(fit, 3), expected.params, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.probability, expected.predict(), rtol=1e-6)
    slope = np.zeros((arms - 1, fit.basis.matrix.shape[1]))
    slope[0] = fit.basis.slope(0)
    variance = slope.ravel() @ np.linalg.solve(fit.hessian, slope.ravel())
    assert variance == pytest.approx(expected.cov_params()[1, 1], rel=1e-6)


def test_weights_are_copies_of_rows() -> None:
    x, arm, w = drawn(5)
    times = np.repeat(np.arange(500), w.astype(int))
    weighted, copied = fit_multinomial(x, arm, 3, w), fit_multinomial(x[times], arm[times], 3)
    np.testing.assert_allclose(raw(weighted, 3), raw(copied, 3), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(weighted.probability, copied.probability[np.cumsum(w.astype(int)) - 1], rtol=1e-8)


def test_two_arms_are_a_logistic_regression() -> None:
    x, arm, w = drawn(6, arms=2)
    fit, plain = fit_multinomial(x, arm, 2, w), fit_glm(x, arm.astype(float), "logistic", w)
    np.testing.assert_allclose(fit.probability[:, 1], plain.mean, rtol=1e-8)
    np.testing.assert_allclose(fit.hessian, plain.hessian, rtol=1e-6)


def test_scores_sum_to_zero_and_the_hessian_is_their_numerical_derivative() -> None:
    x, arm, w = drawn(7)
    fit = fit_multinomial(x, arm, 3, w)
    z, own = fit.basis.matrix, (arm[:, None] == [1, 2]).astype(float)
    np.testing.assert_allclose(fit.residual.T @ z, 0.0, atol=1e-6)

    def score(theta: np.ndarray) -> np.ndarray:
        odds = np.exp(np.column_stack([np.zeros(len(z)), z @ theta.reshape(2, -1).T]))
        p = odds / odds.sum(axis=1, keepdims=True)
        return ((w[:, None] * (own - p[:, 1:])).T @ z).ravel()

    at, columns = fit.coefficients.ravel(), []
    for j in range(at.shape[0]):
        step = 1e-5 * np.eye(at.shape[0])[j]
        columns.append(-(score(at + step) - score(at - step)) / 2e-5)
    np.testing.assert_allclose(fit.hessian, np.array(columns), rtol=1e-6, atol=1e-5)


def test_perfect_prediction_of_an_arm_is_called_separation() -> None:
    x, arm, _ = drawn(8)
    x[:, 0] = np.where(arm == 2, 5.0, -5.0) + 0.1 * x[:, 0]
    fit = fit_multinomial(x, arm, 3)
    assert fit.separated
    assert not fit.converged


@pytest.mark.parametrize("rarity", [1e-3, 1e-5, 1e-7, 1e-9])
def test_an_arm_of_little_weight_is_not_called_separated(rarity: float) -> None:
    x, arm, _ = drawn(9)
    w = np.where(arm == 2, rarity, 1.0)
    fit = fit_multinomial(x, arm, 3, w)
    assert not fit.separated
    assert fit.converged
    np.testing.assert_allclose(fit.residual.T @ fit.basis.matrix / w[arm == 2].sum(), 0.0, atol=1e-3)


def test_a_twin_column_is_dropped_and_changes_nothing() -> None:
    x, arm, _ = drawn(10)
    twice = fit_multinomial(np.column_stack([x, x[:, 0]]), arm, 3)
    assert twice.basis.kept.tolist() == [True, True, True, False]
    np.testing.assert_allclose(twice.probability, fit_multinomial(x, arm, 3).probability, rtol=1e-10)
