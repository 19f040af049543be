"""Strata of a propensity under counts: the compiled kernel against its plain twin."""

import time
from itertools import product
from typing import Any

import numpy as np
import pytest

from estimand.kernels.strata import strata_kernel, strata_reference


def drawn(n: int = 160, p: int = 3, draws: int = 6) -> tuple[Any, ...]:
    """Scores, counts and rows, of which the last column is the sum of those before it."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(p, n))
    arm = (rng.random(n) < 1.0 / (1.0 + np.exp(-x[0]))).astype(float)
    columns = np.vstack([arm, x, x.sum(axis=0), np.ones(n)])
    values = x[0] + arm * (1.0 + x[1]) + rng.normal(size=n)
    scores = 1.0 / (1.0 + np.exp(-(x[0] + 0.2 * rng.normal(size=(draws, n)))))
    counts = np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)], dtype=float)
    return scores, counts, columns, values, rng.uniform(0.5, 2.0, n)


def both(
    scores: np.ndarray, counts: np.ndarray, rows: tuple[np.ndarray, ...], cutting: tuple[Any, ...]
) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(scores, axis=1, kind="stable")
    return strata_kernel(scores, order, counts, rows, cutting), strata_reference(scores, counts, rows, cutting)


@pytest.mark.parametrize(("strata", "treated", "even", "regression"), list(product((2, 4), *[(False, True)] * 3)))
def test_effects_are_those_of_the_rows_written_out(strata: int, treated: bool, even: bool, regression: bool) -> None:
    scores, counts, columns, values, weights = drawn()
    rows = (columns, values, np.ones(160) if even else weights)
    found, twin = both(scores, counts, rows, (strata, treated, even, regression))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, twin, rtol=1e-10, atol=1e-10)


def test_middles_of_equal_weights_give_the_even_cuts() -> None:
    scores, counts, columns, values, _ = drawn(n=157)
    order = np.argsort(scores, axis=1, kind="stable")
    rows = (columns, values, np.full(157, 0.7))
    even, spread = (strata_kernel(scores, order, counts, rows, (4, False, way, True)) for way in (True, False))
    np.testing.assert_allclose(even, spread, rtol=1e-12)


@pytest.mark.parametrize("regression", [False, True])
def test_scores_with_ties_are_cut_as_their_copies_are(regression: bool) -> None:
    scores, counts, columns, values, _ = drawn()
    rows = (columns, values, np.ones(160))
    found, twin = both(scores.round(1), counts, rows, (3, False, True, regression))
    np.testing.assert_allclose(found, twin, rtol=1e-10, atol=1e-10)


def test_draws_without_scores_arms_or_rows_enough_are_declined() -> None:
    scores, counts, columns, values, _ = drawn(n=60)
    scores[0], counts[1, columns[0] == 1.0] = np.nan, 0.0
    counts[2, scores[2] > 0.5] *= columns[0, scores[2] > 0.5]
    found, twin = both(scores[1:], counts[1:], (columns, values, np.ones(60)), (2, False, True, True))
    assert np.isnan(found).tolist() == np.isnan(twin).tolist() == [True, True, False, False, False]
    order = np.argsort(scores, axis=1, kind="stable")
    assert np.isnan(strata_kernel(scores, order, counts, (columns, values, np.ones(60)), (2, False, True, True))[0])
    wide = np.vstack([columns[:1], np.random.default_rng(2).normal(size=(24, 60))])
    for way in both(scores[3:], counts[3:], (wide, values, np.ones(60)), (2, False, True, True)):
        assert np.isnan(way).all()


def test_it_compiles_within_eight_seconds() -> None:
    scores, counts, columns, values, weights = drawn()
    both(scores, counts, (columns, values, weights), (2, False, False, True))
    kernel: Any = strata_kernel
    started = time.process_time()
    type(kernel)(kernel.py_func, targetoptions={"nopython": True, "nogil": True}).compile(kernel.signatures[0])
    assert time.process_time() - started < 8.0
