"""Logistic refits of many draws at once against the fit of each alone."""

import numpy as np
import pytest

from estimand.stats.glm import fit_glm
from estimand.stats.replicates import Logits
from estimand.stats.resampling import exponential_weights, multinomial_counts


def problem(n: int = 700) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(n, 3))
    return raw, (rng.random(n) < 1 / (1 + np.exp(-0.7 * raw[:, 0] + 0.3))).astype(float)


def prepared(raw: np.ndarray, outcome: np.ndarray) -> Logits:
    whole = fit_glm(raw, outcome, "logistic")
    return Logits(whole.basis.matrix, outcome, whole.coefficients)


def alone(logits: Logits, raw: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Linear predictor of the rows there are, by the fit of one draw."""
    there = held > 0.0
    fit = fit_glm(raw[there], logits.outcome[there], "logistic", held[there])
    assert fit.converged
    return fit.basis.matrix @ fit.coefficients


@pytest.mark.parametrize("n", [40, 512, 700, 20_000])
def test_every_draw_reaches_the_optimum_of_its_own_fit(n: int) -> None:
    raw, outcome = problem(n)
    logits = prepared(raw, outcome)
    weights = exponential_weights(np.random.default_rng(2), 6, n)
    for row, held in zip(logits.refitted(weights), weights, strict=True):
        assert logits.basis @ row == pytest.approx(alone(logits, raw, held), abs=1e-7)
        mean = 1.0 / (1.0 + np.exp(-logits.basis @ row))
        assert np.abs(logits.basis.T @ (held * (outcome - mean))).max() <= 1e-10 * held.sum()


def test_counts_are_rows_repeated() -> None:
    raw, outcome = problem(300)
    logits = prepared(raw, outcome)
    counts = multinomial_counts(np.random.default_rng(3), 3, 300)
    for row, count in zip(logits.refitted(counts), counts, strict=True):
        rows = np.repeat(np.arange(300), count.astype(int))
        fit = fit_glm(raw[rows], outcome[rows], "logistic")
        assert logits.basis[rows] @ row == pytest.approx(fit.basis.matrix @ fit.coefficients, abs=1e-7)


def test_a_draw_far_from_the_start_and_one_at_it_share_a_batch_with_none_the_worse() -> None:
    raw, outcome = problem(400)
    logits = prepared(raw, outcome)
    weights = exponential_weights(np.random.default_rng(4), 5, 400)
    weights[0] = 1.0
    weights[1] *= np.where(raw[:, 0] * (2.0 * outcome - 1.0) < 0.0, 30.0, 1.0)
    found = logits.refitted(weights)
    assert found[0] == pytest.approx(logits.start, abs=1e-8)
    assert np.abs(found[1] - logits.start).max() > 1.0
    for row, held in zip(found, weights, strict=True):
        assert logits.basis @ row == pytest.approx(alone(logits, raw, held), abs=1e-7)
        assert row == pytest.approx(logits.refitted(held[None, :])[0], abs=1e-10)


def test_a_draw_that_loses_a_column_or_is_separated_is_declined() -> None:
    raw, outcome = problem(60)
    rare = np.zeros(60)
    rare[[3, 7]] = 1.0
    outcome[3], outcome[7] = 0.0, 1.0
    logits = prepared(np.column_stack([raw, rare]), outcome)
    weights = np.ones((3, 60))
    weights[0, [3, 7]] = 0.0
    weights[1, 3] = 0.0
    found = logits.refitted(weights)
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(logits.start, abs=1e-8)
