"""The targeting curve and its averages: closed forms, a second implementation, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from estimand.stats.targeting import Emphasis, curve_draws, rank_average, ranked_error, targeting_curve

SHARES = np.array([0.1, 0.25, 0.5, 0.8, 1.0])
EMPHASES: tuple[Emphasis, ...] = ("autoc", "qini")


def drawn(rows: int = 200, seed: int = 0, digits: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, priorities with ties, and weights."""
    rng = np.random.default_rng(seed)
    priority = np.round(rng.normal(size=rows), digits)
    return 0.4 * priority + rng.normal(size=rows), priority, rng.uniform(0.5, 2.0, rows)


def test_the_curve_is_the_mean_of_the_first_less_that_of_all() -> None:
    scores, priority = np.array([4.0, 1.0, 2.0, 5.0]), np.array([9.0, 1.0, 3.0, 7.0])
    found = targeting_curve(scores, priority, np.ones(4), np.array([0.25, 0.5, 0.75, 1.0]))
    assert found == pytest.approx([1.0, 1.5, 11.0 / 3.0 - 3.0, 0.0], abs=1e-12)


def test_ties_are_an_average_over_every_order() -> None:
    scores = np.array([3.0, 0.0, 6.0, 1.0])
    tied = targeting_curve(scores, np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4), np.array([0.25, 0.5]))
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    each = [[scores[order[:k]].mean() - scores.mean() for k in (1, 2)] for order in orders]
    assert tied == pytest.approx(np.mean(each, axis=0), abs=1e-12)


@pytest.mark.parametrize("emphasis", EMPHASES)
def test_the_average_is_the_integral_of_the_curve(emphasis: Emphasis) -> None:
    scores, priority, weights = drawn()
    grid = (np.arange(400_000) + 0.5) / 400_000
    curve = targeting_curve(scores, priority, weights, grid)
    expected = (curve if emphasis == "autoc" else curve * grid).mean()
    assert rank_average(scores, priority, weights, emphasis).value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("emphasis", EMPHASES)
def test_the_influence_is_the_derivative_in_a_rows_weight(emphasis: Emphasis) -> None:
    scores, priority, weights = drawn(60)
    found = rank_average(scores, priority, weights, emphasis)
    assert found.psi.sum() == pytest.approx(0.0, abs=1e-9)
    for row in range(0, 60, 7):
        values = []
        for step in (1e-6, -1e-6):
            moved = weights.copy()
            moved[row] += step
            values.append(rank_average(scores, priority, moved, emphasis).value)
        slope = (values[0] - values[1]) / 2e-6
        assert found.psi[row] == pytest.approx(
            slope * weights.sum() * weights[row] / weights.mean(), rel=1e-4, abs=1e-6
        )


@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), times=st.integers(2, 4))
def test_a_weight_is_that_many_rows_and_a_common_shift_is_nothing(seed: int, shift: float, times: int) -> None:
    scores, priority, _ = drawn(30, seed)
    weights = np.ones(30)
    weights[::3] = times
    rows = np.repeat(np.arange(30), weights.astype(int))
    for emphasis in EMPHASES:
        weighed = rank_average(scores, priority, weights, emphasis)
        copied = rank_average(scores[rows] + shift, np.exp(priority[rows]), np.ones(rows.shape[0]), emphasis)
        assert copied.value == pytest.approx(weighed.value, abs=1e-9)
        assert copied.std_error(rows) == pytest.approx(weighed.std_error(np.arange(30)), rel=1e-6)


def test_without_a_ranking_there_is_nothing() -> None:
    found = rank_average(np.arange(5.0), np.zeros(5), np.ones(5), "autoc")
    assert (found.value, found.std_error(np.arange(5))) == (0.0, 0.0)


def test_the_error_is_that_of_many_samples() -> None:
    """AUTOC of y = x/3 + noise at a normal x is known; the error is held to the spread over samples."""
    rng, found, errors, reps, n = np.random.default_rng(1), [], [], 600, 500
    for _ in range(reps):
        x = rng.normal(size=n)
        made = rank_average(x / 3 + (1 + 0.5 * np.abs(x)) * rng.normal(size=n), x, np.ones(n), "autoc")
        found.append(made.value)
        errors.append(made.std_error(np.arange(n)))
    u = (np.arange(10**6) + 0.5) / 10**6
    truth = float(np.mean(ndtri(u) / 3 * (-np.log(1 - u) - 1)))
    spread = float(np.std(found, ddof=1))
    assert np.mean(found) == pytest.approx(truth, abs=4 * spread / np.sqrt(reps) + 0.01)
    assert np.mean(errors) == pytest.approx(spread, rel=4 / np.sqrt(2 * reps) + 0.03)


@pytest.mark.parametrize("clusters", [1, 3])
def test_the_error_of_a_small_sample_is_the_jackknifes(clusters: int) -> None:
    """With 30 units every one is left out in turn; without ties at a large weight no unit is more than its own."""
    scores, priority, weights = drawn(30 * clusters, digits=2)
    units = np.arange(30 * clusters) // clusters
    found = ranked_error(scores, priority, weights, units, "autoc") if clusters == 1 else None
    values = [
        rank_average(scores[units != u], priority[units != u], weights[units != u], "autoc").value for u in range(30)
    ]
    if found is not None:
        assert found[1] == pytest.approx(np.sqrt(np.square(found[0] - np.array(values)).sum()), rel=1e-9)
    else:
        told = ranked_error(scores, priority, weights, units, "autoc")
        assert told[1] == pytest.approx(np.sqrt(np.square(told[0] - np.array(values)).sum()), rel=0.05)


def test_a_ranking_of_a_hundred_rows_is_told_from_chance_one_time_in_twenty() -> None:
    rng, reps, n = np.random.default_rng(3), 800, 100
    ratios = []
    for _ in range(reps):
        value, error = ranked_error(rng.normal(size=n), rng.normal(size=n), np.ones(n), np.arange(n), "autoc")
        ratios.append(value / error)
    assert np.std(ratios) == pytest.approx(1.0, abs=4 / np.sqrt(2 * reps))
    assert abs(np.mean(np.array(ratios) > 1.6448536) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / reps)


def test_without_ranks_or_with_many_ties_at_the_top_the_error_is_by_influence() -> None:
    scores, _, weights = drawn(300)
    priority = (np.arange(300) < 150).astype(float)
    found = rank_average(scores, priority, weights, "autoc")
    assert ranked_error(scores, priority, weights, np.arange(300), "autoc") == pytest.approx(
        (found.value, found.std_error(np.arange(300)))
    )


def test_half_samples_are_a_second_opinion_on_the_error() -> None:
    scores, priority, weights = drawn(800, digits=3)
    units = np.arange(800) // 2
    grid = (np.arange(200) + 0.5) / 200
    moved = curve_draws((scores, priority, weights), units, grid, np.random.default_rng(2), 2_000)
    for emphasis in EMPHASES:
        drawn_values = (moved if emphasis == "autoc" else moved * grid).mean(axis=1)
        found = rank_average(scores, priority, weights, emphasis).std_error(units)
        assert drawn_values.std(ddof=1) == pytest.approx(found, rel=0.1)


def test_half_samples_do_not_ask_for_the_order_of_rows() -> None:
    scores, priority, weights = drawn(100, digits=9)
    turned = np.random.default_rng(5).permutation(100)
    units = np.arange(100)
    one = curve_draws((scores, priority, weights), units, SHARES, np.random.default_rng(3), 50)
    other = curve_draws(
        (scores[turned], priority[turned], weights[turned]), units[turned], SHARES, np.random.default_rng(3), 50
    )
    assert one == pytest.approx(other, abs=1e-12)
