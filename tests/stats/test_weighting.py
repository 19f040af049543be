"""Target weights: what they balance, and their derivative."""

import numpy as np
import pytest
from scipy.special import expit, logit

from estimand.stats.glm import fit_glm
from estimand.stats.weighting import target_weight_slopes, target_weights

TARGETS = ("ATE", "ATT", "ATC", "ATO")


@pytest.mark.parametrize("target", TARGETS)
def test_slopes_are_the_numerical_derivative_in_the_logit_of_the_propensity(target: str) -> None:
    e = np.array([0.05, 0.3, 0.5, 0.8, 0.95] * 2)
    treated = np.repeat([True, False], 5)
    up = target_weights(treated, expit(logit(e) + 1e-5), target)
    down = target_weights(treated, expit(logit(e) - 1e-5), target)
    found = target_weight_slopes(treated, e, target)
    np.testing.assert_allclose(found, (up - down) / 2e-5, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("target", "share"), [("ATE", [1, 1]), ("ATT", [0.2, 0.6]), ("ATC", [0.8, 0.4]), ("ATO", [0.16, 0.24])]
)
def test_expected_weight_is_that_of_the_target_population_in_both_arms(target: str, share: list[float]) -> None:
    e = np.array([0.2, 0.6])
    treated = target_weights(np.array([True, True]), e, target) * e
    control = target_weights(np.array([False, False]), e, target) * (1 - e)
    assert treated == pytest.approx(share, rel=1e-12)
    assert control == pytest.approx(share, rel=1e-12)


def test_overlap_weights_of_a_logistic_fit_balance_its_covariates_exactly() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    treated = rng.random(200) < expit(x[:, 0])
    fit = fit_glm(x, treated.astype(float), "logistic")
    weights = target_weights(treated, fit.mean, "ATO")
    means = [np.average(x[arm], axis=0, weights=weights[arm]) for arm in (treated, ~treated)]
    np.testing.assert_allclose(means[0], means[1], atol=1e-8)
