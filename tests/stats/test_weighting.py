"""Target weights: what they balance, and their derivative."""

import numpy as np
import pytest
from scipy.special import expit

from estimand.stats.glm import fit_glm
from estimand.stats.weighting import TARGETS, log_weight_slopes, overlap_tilt, target_weights


def chances(odds: np.ndarray) -> np.ndarray:
    full = np.exp(np.column_stack([np.zeros(len(odds)), odds]))
    return full / full.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("arms", [2, 3, 4])
@pytest.mark.parametrize("target", TARGETS)
def test_slopes_are_the_numerical_derivative_of_the_log_weight_in_the_log_odds(target: str, arms: int) -> None:
    rng = np.random.default_rng(0)
    odds, arm = rng.normal(size=(40, arms - 1)), rng.integers(0, arms, 40)
    for against in range(1, arms):
        found = log_weight_slopes(arm, chances(odds), target, against)
        used = target_weights(arm, chances(odds), target, against) > 0.0
        for k in range(arms - 1):
            step = 1e-5 * np.eye(arms - 1)[k]
            up = np.log(target_weights(arm, chances(odds + step), target, against)[used])
            down = np.log(target_weights(arm, chances(odds - step), target, against)[used])
            np.testing.assert_allclose(found[used, k], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("target", "share"), [("ATE", [1, 1]), ("ATT", [0.2, 0.6]), ("ATC", [0.8, 0.4]), ("ATO", [0.16, 0.24])]
)
def test_expected_weight_is_that_of_the_target_population_in_both_arms(target: str, share: list[float]) -> None:
    p = np.array([[0.8, 0.2], [0.4, 0.6]])
    for arm in (0, 1):
        weight = target_weights(np.array([arm, arm]), p, target)
        assert weight * p[:, arm] == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("ATE", [5.0, 2.0, 10 / 3]),
        ("ATT", [1.5, 0.0, 1.0]),
        ("ATC", [1.0, 0.0, 2 / 3]),
        ("ATO", [15 / 31, 6 / 31, 10 / 31]),
    ],
)
def test_weights_of_three_arms_by_hand(target: str, expected: list[float]) -> None:
    p = np.tile([0.2, 0.5, 0.3], (3, 1))
    assert target_weights(np.array([0, 1, 2]), p, target, against=2) == pytest.approx(expected, rel=1e-12)


def test_the_overlap_tilt_of_two_arms_is_the_variance_of_the_arm() -> None:
    e = np.array([0.1, 0.5, 0.8])
    assert overlap_tilt(np.column_stack([1 - e, e])) == pytest.approx([0.09, 0.25, 0.16], rel=1e-12)


@pytest.mark.parametrize("function", [target_weights, log_weight_slopes])
def test_a_target_without_weights_is_refused(function) -> None:
    with pytest.raises(KeyError):
        function(np.array([0, 1]), np.full((2, 2), 0.5), "LATE")


def test_overlap_weights_of_a_logistic_fit_balance_its_covariates_exactly() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    arm = (rng.random(200) < expit(x[:, 0])).astype(int)
    e = fit_glm(x, arm.astype(float), "logistic").mean
    weights = target_weights(arm, np.column_stack([1 - e, e]), "ATO")
    means = [np.average(x[arm == a], axis=0, weights=weights[arm == a]) for a in (0, 1)]
    np.testing.assert_allclose(means[0], means[1], atol=1e-8)
