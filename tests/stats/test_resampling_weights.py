"""Weights of a bootstrap: their moments, their batches, and draws through the influence function."""

import numpy as np
import pytest
from scipy.stats import norm, skew

from estimand.stats.intervals import bca_interval, sup_t_critical_value
from estimand.stats.resampling import (
    acceleration,
    batches,
    every_sign,
    exponential_weights,
    multinomial_counts,
    multiplied_influence,
    multipliers,
)


@pytest.mark.parametrize("kind", ["rademacher", "mammen", "webb", "normal"])
def test_multipliers_have_mean_zero_variance_one_and_their_own_third_moment(kind: str) -> None:
    drawn = multipliers(np.random.default_rng(1), 400, 1000, kind).ravel()
    error = 1.0 / np.sqrt(drawn.size)
    assert abs(drawn.mean()) <= 4 * error
    assert abs(np.mean(drawn**2) - 1.0) <= 4 * np.square(drawn).std() * error + 1e-12
    third = 1.0 if kind == "mammen" else 0.0
    assert abs(np.mean(drawn**3) - third) <= 4 * (drawn**3).std() * error
    assert np.unique(drawn).size == {"rademacher": 2, "mammen": 2, "webb": 6, "normal": drawn.size}[kind]


def test_counts_draw_as_many_units_as_there_are_and_exponential_weights_average_to_one() -> None:
    rng = np.random.default_rng(2)
    counts = multinomial_counts(rng, 300, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert abs((counts == 0).mean() - (1 - 1 / 50) ** 50) < 4 * np.sqrt(0.24 / counts.size)
    weights = exponential_weights(rng, 300, 50)
    assert weights.mean(axis=1) == pytest.approx(np.ones(300), abs=1e-12)
    assert weights.std() == pytest.approx(np.sqrt(49 / 51), rel=0.05)


def test_every_sign_is_there_once_with_its_negative() -> None:
    half = every_sign(5)
    both = np.vstack([half, -half])
    assert np.unique(both, axis=0).shape == (32, 5)


def test_batches_hold_every_draw_and_shrink_with_the_units() -> None:
    parts = batches(1000, 50_000)
    assert sum(size for _, size in parts) == 1000
    assert [number for number, _ in parts] == list(range(len(parts)))
    assert max(size for _, size in batches(1000, 10_000_000)) == 4


def test_multiplied_influence_has_the_covariance_of_the_influence() -> None:
    rng = np.random.default_rng(3)
    psi = rng.standard_normal((400, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    errors = multiplied_influence(psi, 400, multipliers(rng, 20_000, 400, "rademacher"))
    assert np.cov(errors.T) == pytest.approx(psi.T @ psi / 400**2, rel=0.05)


def test_the_acceleration_and_interval_are_those_of_a_literal_bca() -> None:
    rng = np.random.default_rng(4)
    values = rng.exponential(size=60)
    draws = np.array([rng.choice(values, 60).mean() for _ in range(2000)])
    pull = acceleration((values - values.mean())[:, None])
    assert pull[0] == pytest.approx(skew(values) / (6 * np.sqrt(60)), rel=1e-10)
    bias = norm.ppf((draws < values.mean()).mean())
    ends = [norm.cdf(bias + (bias + z) / (1 - pull[0] * (bias + z))) for z in norm.ppf([0.025, 0.975])]
    found = bca_interval(draws[:, None], np.array([values.mean()]), pull, 0.95)
    assert found[0] == pytest.approx(np.quantile(draws, ends), rel=1e-6)


def test_the_simultaneous_critical_value_holds_the_box_of_a_multivariate_normal() -> None:
    # An equicorrelated normal is a one-dimensional integral: P(all |Z| <= c) by quadrature, an independent route.
    rho, size = 0.5, 4
    vcov = np.full((size, size), rho) + (1 - rho) * np.eye(size)
    critical = sup_t_critical_value(vcov, 0.95)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    shifted = np.sqrt(rho) * nodes
    spread = np.sqrt(1 - rho)
    inside = norm.cdf((critical - shifted) / spread) - norm.cdf((-critical - shifted) / spread)
    held = float(weights @ inside**size / np.sqrt(2 * np.pi))
    assert abs(held - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / 200_000)
