"""Combinations of coefficients beside absorbed effects: identified where a full design says so, and their error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.stats.absorb import absorber
from estimand.stats.absorbed import absorbed_least_squares, bias_reduced_scores, clustered_covariance
from estimand.stats.absorbed_combinations import combination_scores, effective_clusters, identified


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_a_coefficient_is_identified_where_the_full_design_spans_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 36
    unit, period = np.repeat(np.arange(9), 4), np.tile(np.arange(4), 9)
    columns = (rng.integers(0, 4, (n, 1)) == np.arange(4)).astype(float) * (rng.random((n, 4)) < 0.7)
    columns = np.column_stack([columns, period == 2, columns[:, 0] - 2.0 * columns[:, 1], unit < 4])
    levels = np.column_stack([unit[:, None] == np.arange(9), period[:, None] == np.arange(4)])
    full = np.column_stack([columns, levels]).astype(float)
    null = np.eye(full.shape[1]) - np.linalg.pinv(full, rcond=1e-10) @ full
    expected = np.abs(null[:7]).max(axis=1) < 1e-8
    fit = absorbed_least_squares(rng.normal(size=n), columns, absorber([unit, period]))
    np.testing.assert_array_equal(identified(fit, columns), expected)


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    unit, period = np.repeat(np.arange(12), 5), np.tile(np.arange(5), 12)
    columns = np.column_stack([(unit < 5) & (period > 1), (unit < 5) & (period > 3), rng.normal(size=60)]).astype(float)
    return unit, period, columns, rng.normal(size=60) + unit


def test_errors_of_combinations_are_those_of_the_coefficients() -> None:
    unit, period, columns, outcome = drawn()
    fit = absorbed_least_squares(outcome, columns, absorber([unit, period]))
    mixed = np.array([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.0, 1.0, -1.0]])
    for kind in ("CR0", "CR1"):
        scores = combination_scores(fit, (outcome, columns), unit, mixed, kind)
        np.testing.assert_allclose(scores.covariance, mixed @ clustered_covariance(fit, unit, kind) @ mixed.T)
        assert (scores.df == 11).all()
    scores = combination_scores(fit, (outcome, columns), unit, mixed, "CR2")
    single = bias_reduced_scores(fit, columns, outcome, unit)
    np.testing.assert_allclose(scores.covariance, mixed @ single.covariance @ mixed.T, rtol=1e-8)
    assert scores.df[0] == pytest.approx(single.df[0], rel=1e-8)
    turned = columns @ np.linalg.inv(np.vstack([mixed[1], [0, 1, 0], [0, 0, 1]]))
    again = absorbed_least_squares(outcome, turned, absorber([unit, period]))
    assert scores.df[1] == pytest.approx(bias_reduced_scores(again, turned, outcome, unit).df[0], rel=1e-8)


def test_clusters_of_equal_leverage_count_in_full() -> None:
    unit, period = np.repeat(np.arange(10), 2), np.tile(np.arange(2), 10)
    column = ((unit < 5) & (period == 1)).astype(float)[:, None]
    fit = absorbed_least_squares(np.arange(20.0), column, absorber([unit, period]))
    assert effective_clusters(fit, unit, np.eye(1)) == pytest.approx(10.0)
    column = ((unit < 1) & (period == 1)).astype(float)[:, None]
    fit = absorbed_least_squares(np.arange(20.0), column, absorber([unit, period]))
    assert effective_clusters(fit, unit, np.eye(1)) == pytest.approx(0.9**2 / (0.81**2 + 9 * 0.01**2))
