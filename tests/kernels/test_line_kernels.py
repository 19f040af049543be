"""The kernels on a line give what their plain twins give."""

import time
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimand.kernels.line import (
    alignment_kernel,
    alignment_reference,
    greedy_line_kernel,
    greedy_line_reference,
    interval_kernel,
    interval_reference,
)

GRID = st.integers(-6, 6).map(lambda k: k / 4.0)


def points(low: int, high: int) -> st.SearchStrategy[np.ndarray]:
    return st.integers(low, high).flatmap(lambda n: arrays(float, n, elements=GRID))


def windowed(pool: np.ndarray, targets: int, cut: int) -> tuple[np.ndarray, np.ndarray]:
    """Two windows, each sorted, and which one each target looks in."""
    cut = min(cut, pool.size)
    held = np.concatenate([np.sort(pool[:cut]), np.sort(pool[cut:])])
    spans = np.array([[0, cut], [cut, pool.size]])
    return held, spans[np.arange(targets) % 2]


@given(points(0, 9), points(0, 12), st.integers(0, 6), st.integers(1, 4), st.sampled_from([0.25, 1.0, np.inf]))
def test_intervals(scores: np.ndarray, pool: np.ndarray, cut: int, ratio: int, reach: float) -> None:
    held, spans = windowed(pool, scores.size, cut)
    for slack in (0.0, 0.3):
        found = interval_kernel(scores, spans, held, ratio, slack, reach)
        expected = interval_reference(scores, spans, held, ratio, slack, reach)
        some = expected[1] > expected[0]
        assert (some == (found[1] > found[0])).all()
        for mine, theirs in zip(found, expected, strict=True):
            assert (mine[some] == theirs[some]).all()


@given(points(0, 9), points(0, 12), st.integers(0, 6), st.integers(1, 3), st.sampled_from([0.25, 1.0, np.inf]))
def test_greedy_choices(scores: np.ndarray, pool: np.ndarray, cut: int, ratio: int, reach: float) -> None:
    held, spans = windowed(pool, scores.size, cut)
    ranks = np.arange(pool.size)
    found = greedy_line_kernel(scores, spans, held, ranks, ratio, reach)
    assert (found == greedy_line_reference(scores, spans, held, ranks, ratio, reach)).all()
    used = found[found >= 0]
    assert np.unique(used).size == used.size


def test_of_equally_near_rows_greedy_takes_the_lowest_rank_on_either_side() -> None:
    pool, spans = np.array([-1.0, -1.0, 1.0, 1.0]), np.array([[0, 4]])
    for lowest in range(4):
        ranks = np.where(np.arange(4) == lowest, 0, 9)
        ranks[[0, 2]] = np.where(np.array([0, 2]) == lowest, 0, 5)
        if lowest in {0, 2}:
            assert greedy_line_kernel(np.zeros(1), spans, pool, ranks, 1, np.inf)[0, 0] == lowest


def cheapest(scores: np.ndarray, pool: np.ndarray, reach: float) -> tuple[int, float]:
    """Fewest left out and least total distance, by trying everything."""
    for size in range(min(scores.size, pool.size), 0, -1):
        costs = [
            np.abs(scores[list(some)] - pool[list(others)]).sum()
            for some in combinations(range(scores.size), size)
            for others in permutations(range(pool.size), size)
            if (np.abs(scores[list(some)] - pool[list(others)]) <= reach).all()
        ]
        if costs:
            return scores.size - size, min(costs)
    return scores.size, 0.0


@given(points(0, 4), points(0, 5), st.sampled_from([0.5, 1.0, np.inf]))
def test_alignment_is_the_cheapest_matching_of_the_most(scores: np.ndarray, pool: np.ndarray, reach: float) -> None:
    scores, pool = np.sort(scores), np.sort(pool)
    for way in (alignment_kernel, alignment_reference):
        found = way(scores, pool, reach)
        paired = found >= 0
        assert np.unique(found[paired]).size == paired.sum()
        cost = np.abs(scores[paired] - pool[found[paired]])
        assert (cost <= reach).all()
        lost, least = cheapest(scores, pool, reach)
        assert scores.size - paired.sum() == lost
        assert cost.sum() == pytest.approx(least)


LINE, SPANS, RANKS = np.arange(3.0), np.tile([0, 3], (3, 1)), np.arange(3)


@pytest.mark.parametrize(
    ("kernel", "given"),
    [
        (interval_kernel, (LINE, SPANS, LINE, 1, 0.0, np.inf)),
        (greedy_line_kernel, (LINE, SPANS, LINE, RANKS, 1, np.inf)),
        (alignment_kernel, (LINE, LINE, np.inf)),
    ],
)
def test_it_compiles_within_eight_seconds(kernel: Any, given: tuple[Any, ...]) -> None:
    kernel(*given)
    signature = kernel.signatures[0]
    started = time.process_time()
    type(kernel)(kernel.py_func, targetoptions={"nopython": True, "nogil": True}).compile(signature)
    assert time.process_time() - started < 8.0
