"""Always-valid intervals: the mixture by quadrature, its martingale by simulation, and the two named forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from estimand.stats.always_valid import mixture_p_value, mixture_radius, tightest_ratio


@pytest.mark.parametrize(("z", "ratio"), [(3.0, 4.0), (-2.5, 0.7), (4.2, 300.0)])
def test_p_value_is_one_over_the_mixture(z: float, ratio: float) -> None:
    def likelihood_ratio(effect: float) -> float:
        return float(np.exp(z * effect - 0.5 * effect**2) * norm.pdf(effect, scale=np.sqrt(ratio)))

    reach = 12.0 * np.sqrt(ratio)
    mixture = quad(likelihood_ratio, -reach, reach, points=[z], limit=400, epsabs=0.0, epsrel=1e-11)[0]
    assert mixture_p_value(np.array([z]), np.array([ratio]))[0] == pytest.approx(min(1.0, 1.0 / mixture), rel=1e-8)


@given(st.floats(1e-3, 1e4), st.floats(0.001, 0.3), st.floats(1e-6, 1e6))
def test_interval_leaves_out_what_the_p_value_rejects(ratio: float, alpha: float, error: float) -> None:
    radius = mixture_radius(np.array([error]), np.array([ratio]), alpha)
    assert mixture_p_value(radius / error, np.array([ratio]))[0] == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_tightest_ratio_is_where_the_interval_is_tightest(alpha: float) -> None:
    def width(log_ratio: float) -> float:
        return float(mixture_radius(np.ones(1), np.exp([log_ratio]), alpha)[0])

    found = minimize_scalar(width, bounds=(-3.0, 8.0), method="bounded", options={"xatol": 1e-9})
    assert np.log(tightest_ratio(alpha)) == pytest.approx(found.x, abs=1e-6)


def test_equation_of_the_asymptotic_confidence_sequence() -> None:
    """Waudby-Smith and others (2024), theorem 2.2, with their n, ρ and σ."""
    n, rho, sigma, alpha = 500.0, 0.1, 2.0, 0.05
    theirs = sigma * np.sqrt(2.0 * (n * rho**2 + 1.0) / (n * rho) ** 2 * np.log(np.sqrt(n * rho**2 + 1.0) / alpha))
    ours = mixture_radius(np.array([sigma / np.sqrt(n)]), np.array([n * rho**2]), alpha)
    assert ours[0] == pytest.approx(theirs, rel=1e-12)


def test_looking_at_every_unit_errs_no_more_than_it_says() -> None:
    rng, runs, units, alpha = np.random.default_rng(3), 4_000, 2_000, 0.1
    n = np.arange(1.0, units + 1.0)
    wrong = 0
    for _ in range(runs):
        z = np.cumsum(rng.standard_normal(units)) / np.sqrt(n)
        wrong += bool((mixture_p_value(z, n * 0.01) < alpha).any())
    assert wrong / runs <= alpha + 4.0 * np.sqrt(alpha * (1.0 - alpha) / runs)
    assert wrong / runs >= 0.02
