"""Separation against a linear programme and by enumeration."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from estimand.stats.separation import chance_apart, column_apart, told_apart


def has_a_margin(x: np.ndarray, positive: np.ndarray) -> bool:
    """Look for a hyperplane with every row strictly on its side, as a linear programme."""
    signed = np.where(positive, 1.0, -1.0)[:, None] * np.column_stack([np.ones(len(x)), x])
    cost = np.zeros(signed.shape[1])
    free = [(None, None)] * signed.shape[1]
    return bool(linprog(cost, A_ub=-signed, b_ub=-np.ones(len(x)), bounds=free, method="highs").status == 0)


@settings(max_examples=200)
@given(
    n=st.integers(4, 60),
    p=st.integers(1, 4),
    kind=st.sampled_from(["normal", "categories", "skewed"]),
    strength=st.sampled_from([0.0, 3.0, np.inf]),
    seed=st.integers(0, 10_000),
)
def test_told_apart_is_what_a_linear_programme_finds(n: int, p: int, kind: str, strength: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = {
        "normal": rng.normal(size=(n, p)),
        "categories": rng.integers(0, 3, (n, p)).astype(float),
        "skewed": rng.lognormal(0.0, 1.5, (n, p)),
    }[kind]
    line = (x - x.mean(axis=0)) @ rng.normal(size=p)
    sure = line > np.median(line)
    positive = sure if np.isinf(strength) else rng.random(n) < 1 / (1 + np.exp(-np.clip(strength * line, -30, 30)))
    if positive.any() and not positive.all():
        assert told_apart(x, positive) == has_a_margin(x, positive)


@pytest.mark.parametrize("wrong", [0, 1])
def test_one_row_among_many_decides_and_is_found(wrong: int) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(20_000, 3))
    line = x @ [1.0, -2.0, 0.5]
    x, line = x[np.abs(line) > 0.05], line[np.abs(line) > 0.05]
    positive = line > 0
    positive[np.argsort(np.abs(line))[500 : 500 + wrong]] ^= True
    assert told_apart(x, positive) == (wrong == 0)


def test_a_far_centre_and_a_rare_level_do_not_hide_a_hyperplane() -> None:
    rng = np.random.default_rng(8)
    rare = np.arange(9_000) % 3_000 == 17
    positive = rare | (rng.random(9_000) < 0.5)
    gap = np.where(rare, 0.0, np.where(positive, 1.0, -1.0))
    assert told_apart(np.column_stack([1e7 + gap, rare]), positive)
    one_over = positive ^ (np.arange(9_000) == np.flatnonzero(~rare)[0])
    assert not told_apart(np.column_stack([1e7 + gap, rare]), one_over)


def test_a_column_apart_has_no_value_between_the_groups() -> None:
    x = np.array([[1.0, 5.0, 1.0], [2.0, 4.0, 2.0], [3.0, 3.0, 2.0], [4.0, 2.0, 3.0]])
    positive = np.array([False, False, True, True])
    assert column_apart(x, positive).tolist() == [True, True, False]


@pytest.mark.parametrize(("n", "count", "p"), [(6, 3, 1), (7, 2, 1), (7, 3, 2), (8, 4, 2), (8, 2, 3)])
def test_chance_bounds_the_share_of_labellings_that_a_hyperplane_can_make(n: int, count: int, p: int) -> None:
    x = np.random.default_rng(n + p).normal(size=(n, p))
    apart = sum(has_a_margin(x, np.isin(np.arange(n), chosen)) for chosen in combinations(range(n), count))
    bound = chance_apart(np.arange(n) < count, None, p)
    assert apart / comb(n, count) <= bound <= 1.0
    most = 2 * sum(comb(n - 1, k) for k in range(p + 1))
    assert bound == pytest.approx(min(1.0, most / comb(n, count)), rel=1e-10)


def test_clusters_are_the_points_that_chance_labels() -> None:
    positive = np.arange(1_000) % 10 < 5
    cluster = np.arange(1_000) % 10
    assert chance_apart(positive, cluster, 6) == 1.0
    assert chance_apart(positive, None, 6) < 1e-100
