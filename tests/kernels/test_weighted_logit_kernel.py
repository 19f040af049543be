"""Logistic refits against their plain twin and the one-at-a-time fit."""

import numpy as np
import pytest

from estimand.kernels.weighted_logit import weighted_logit_reference
from estimand.stats.glm import fit_glm
from estimand.stats.replicates import Logits
from estimand.stats.resampling import exponential_weights, multinomial_counts


def problem(n: int = 700) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(n, 3))
    return raw, (rng.random(n) < 1 / (1 + np.exp(-0.7 * raw[:, 0] + 0.3))).astype(float)


@pytest.mark.parametrize("n", [40, 512, 700])
def test_every_draw_reaches_the_optimum_of_its_own_fit(n: int) -> None:
    raw, outcome = problem(n)
    whole = fit_glm(raw, outcome, "logistic")
    weights = exponential_weights(np.random.default_rng(2), 6, n)
    found = Logits(whole.basis.matrix, outcome, whole.coefficients).refitted(weights)
    twin = weighted_logit_reference(whole.basis.matrix, outcome, weights, whole.coefficients, (1e-10, 1e-8))
    assert found == pytest.approx(twin, rel=1e-9, abs=1e-9)
    for row, held in zip(found, weights, strict=True):
        alone = fit_glm(raw, outcome, "logistic", held)
        assert alone.converged
        assert whole.basis.matrix @ row == pytest.approx(alone.basis.matrix @ alone.coefficients, abs=1e-6)


def test_a_draw_that_loses_a_column_or_is_separated_is_declined() -> None:
    raw, outcome = problem(60)
    rare = np.zeros(60)
    rare[[3, 7]] = 1.0
    outcome[3], outcome[7] = 0.0, 1.0
    whole = fit_glm(np.column_stack([raw, rare]), outcome, "logistic")
    weights = np.ones((3, 60))
    weights[0, [3, 7]] = 0.0
    weights[1, 3] = 0.0
    found = Logits(whole.basis.matrix, outcome, whole.coefficients).refitted(weights)
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(whole.coefficients, abs=1e-8)


def test_counts_are_rows_repeated() -> None:
    raw, outcome = problem(300)
    whole = fit_glm(raw, outcome, "logistic")
    counts = multinomial_counts(np.random.default_rng(3), 3, 300)
    found = Logits(whole.basis.matrix, outcome, whole.coefficients).refitted(counts)
    for row, count in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(300), count.astype(int))
        alone = fit_glm(raw[rows], outcome[rows], "logistic")
        assert whole.basis.matrix[rows] @ row == pytest.approx(alone.basis.matrix @ alone.coefficients, abs=1e-6)
