"""The targeting step: its score is zero, it agrees with a plain root finder, and it knows when there is no root."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit

from estimand.stats.fluctuation import fluctuate


def drawn(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    outcome = rng.random(n)
    prediction = np.clip(rng.beta(0.3, 0.3, n), 1e-6, 1.0 - 1e-6)
    weights = rng.exponential(size=n) * (rng.random(n) < 0.5)
    weights[0] = 1.0
    return outcome, prediction, weights, rng.uniform(0.5, 30.0, n)


@given(seed=st.integers(0, 10_000), clever=st.booleans(), binary=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_weighted_residuals_sum_to_zero(seed: int, clever: bool, binary: bool) -> None:
    outcome, prediction, weights, height = drawn(seed)
    if binary:
        outcome = (outcome > 0.5).astype(float)
        used = np.flatnonzero(weights)
        outcome[used[0]], outcome[used[-1]] = 0.0, 1.0
        if used.shape[0] < 2:
            return
    moved = fluctuate(outcome, prediction, weights, height if clever else np.ones_like(height))
    assert moved.solved
    assert abs(weights @ (outcome - moved.prediction)) <= 1e-10 * weights.sum()
    assert ((moved.prediction >= 0.0) & (moved.prediction <= 1.0)).all()


@pytest.mark.parametrize("clever", [False, True])
def test_a_plain_root_finder_agrees(clever: bool) -> None:
    outcome, prediction, weights, height = drawn(3)
    direction = height if clever else np.ones_like(height)
    root = brentq(lambda e: weights @ (outcome - expit(logit(prediction) + e * direction)), -30.0, 30.0, xtol=1e-14)
    moved = fluctuate(outcome, prediction, weights, direction)
    assert moved.epsilon == pytest.approx(root, abs=1e-9)
    np.testing.assert_allclose(moved.prediction, expit(logit(prediction) + root * direction), atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_outcomes_at_one_end_have_no_root(level: float) -> None:
    moved = fluctuate(np.full(5, level), np.full(5, 0.3), np.ones(5), np.ones(5))
    assert not moved.solved
    assert moved.epsilon == 0.0
