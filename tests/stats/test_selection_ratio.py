"""Oster's δ and bias-adjusted coefficient, against populations whose δ and β are known and a direct solution."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from estimand.stats.selection_ratio import Movement, adjusted_coefficients, movement, selection_ratio


def population(beta: float, delta: float, lean: float = 0.5, noise: float = 0.8) -> tuple[Movement, float]:
    """Exact moments of Y = βX + W₁ + W₂ + ε with Cov(X, W₁) = lean, and the largest R²."""
    one, two, x = 2.0, 1.5, 1.3
    hidden = delta * lean / one * two
    spread = np.array([[x, lean, hidden], [lean, one, 0.0], [hidden, 0.0, two]])
    assert np.linalg.eigvalsh(spread).min() > 0.0
    towards = spread @ np.array([beta, 1.0, 1.0])
    outcome = float(np.array([beta, 1.0, 1.0]) @ towards) + noise
    left = x - lean**2 / one
    short, rest = towards[0] / x, towards[0] - lean * towards[1] / one
    unexplained = outcome - towards[1] ** 2 / one - rest**2 / left
    seen = Movement(short, rest / left, short**2 * x / outcome, 1 - unexplained / outcome, x, left, outcome)
    return seen, 1 - noise / outcome


@settings(deadline=None, max_examples=100)
@given(st.floats(-2.0, 2.0), st.floats(0.1, 1.7), st.sampled_from([-0.4, 0.5]))
def test_a_known_population_gives_back_its_delta_and_its_coefficient(beta, delta, lean) -> None:
    seen, largest = population(beta, delta, lean)
    assert selection_ratio(seen, seen.controlled - beta, largest) == pytest.approx(delta, rel=1e-8)
    found = adjusted_coefficients(seen, delta, largest)
    assert np.abs(found - beta).min() == pytest.approx(0.0, abs=1e-6)


def test_at_delta_one_the_equation_is_quadratic_and_one_root_leans_the_right_way() -> None:
    seen, largest = population(1.0, 1.0)
    assert adjusted_coefficients(seen, 1.0, largest) == pytest.approx([1.0], abs=1e-9)


def test_the_delta_that_leaves_nothing_leaves_nothing() -> None:
    seen, largest = population(0.7, 0.9)
    ratio = selection_ratio(seen, seen.controlled, largest)
    assert np.abs(adjusted_coefficients(seen, ratio, largest)).min() == pytest.approx(0.0, abs=1e-9)


def test_the_coefficient_solves_the_defining_equation() -> None:
    """δ Cov(X, W₁)/Var(W₁) = Cov(X, W₂)/Var(W₂), with the four moments worked out from a trial β."""
    seen, _ = population(0.7, 0.9)
    largest = min(1.0, 1.3 * seen.controlled_r2)

    def gap(beta: float) -> float:
        hidden = (seen.controlled - beta) * seen.left
        observed = (seen.short - beta) * seen.treatment - hidden
        hidden_variance = (largest - seen.controlled_r2) * seen.outcome + hidden**2 / seen.left
        total = largest * seen.outcome - beta**2 * seen.treatment - 2 * beta * (observed + hidden)
        return observed / (total - hidden_variance) - hidden / hidden_variance

    root = brentq(gap, seen.controlled - 0.5, seen.controlled - 1e-6, xtol=1e-13)
    assert adjusted_coefficients(seen, 1.0, largest)[0] == pytest.approx(root, abs=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_movement_is_that_of_two_regressions(weighted: bool) -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(1e3, [1.0, 50.0], (400, 2))
    controls = np.column_stack([z, z[:, 0] + 1.0, np.ones(400)])
    d = (rng.random(400) < 0.4).astype(float)
    y = d + z @ [1.0, 0.01] + rng.normal(size=400)
    w = rng.random(400) + 0.2 if weighted else np.ones(400)
    seen = movement(d, controls, y, w if weighted else None)
    short = sm.WLS(y, sm.add_constant(d), w).fit()
    full = sm.WLS(y, sm.add_constant(np.column_stack([d, z])), w).fit()
    assert seen.short == pytest.approx(short.params[1], rel=1e-8)
    assert seen.controlled == pytest.approx(full.params[1], rel=1e-8)
    assert (seen.short_r2, seen.controlled_r2) == pytest.approx((short.rsquared, full.rsquared), rel=1e-8)


def test_controls_that_decide_the_treatment_have_no_movement() -> None:
    d = np.array([0.0, 1.0, 0.0, 1.0])
    assert movement(d, 2.0 * d[:, None] - 1.0, np.arange(4.0)) is None
    assert movement(d, np.arange(4.0)[:, None] ** 2, np.ones(4)) is None
