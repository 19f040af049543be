"""Kernels of the forest, each against its plain twin, on numbers drawn at random."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.kernels.forest.bags import bags_kernel
from estimand.kernels.forest.bins import codes_kernel, codes_reference
from estimand.kernels.forest.draws import (
    bag_reference,
    below,
    below_reference,
    draw_bag,
    draw_features,
    draw_halves,
    draw_tried,
    features_reference,
    halves_reference,
    rank_features,
    rank_reference,
    tried_reference,
)
from estimand.kernels.forest.leaves import gather_kernel, gather_reference, leaf_kernel, leaf_reference
from estimand.kernels.forest.nodes import partitioned, sides_reference
from estimand.kernels.forest.packed import pack_kernel, packed_split_kernel
from estimand.kernels.forest.relabel import UPPER, relabel_kernel, relabel_reference
from estimand.kernels.forest.route import route_kernel, route_reference
from estimand.kernels.forest.split import split_kernel, split_reference
from estimand.kernels.forest.written_out import bags_reference

MISSING = 15
SEEDS = st.integers(0, 2**32)


def drawn(
    seed: int, n: int = 300, p: int = 4, treatments: int = 1, weighted: bool = False, gaps: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Codes (p, n) and responses (n, 2 + K)."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, MISSING, (p, n)).astype(np.uint8)
    if gaps:
        codes[rng.random(codes.shape) < 0.2] = MISSING
    dose = rng.integers(0, 2, (n, treatments)) - 0.4 + 0.1 * rng.normal(size=(n, treatments))
    outcome = rng.normal(size=n) + (codes[0] > 6) * (dose.sum(axis=1) + (treatments == 0))
    weight = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    return codes, np.column_stack([weight, outcome, dose])


def test_random_numbers_are_those_of_the_twin_and_spread_evenly() -> None:
    state, twin = np.array([7], dtype=np.uint64), [7]
    found = [below(state, 10) for _ in range(20_000)]
    assert found[:500] == [below_reference(twin, 10) for _ in range(500)]
    counts = np.bincount(found, minlength=10)
    assert np.abs(counts - 2_000).max() < 4.0 * np.sqrt(2_000 * 0.9)


@given(SEEDS, st.integers(4, 60))
@settings(max_examples=20, deadline=None)
def test_bags_halves_and_features_are_those_of_the_twins(seed: int, units: int) -> None:
    bag, state, twin = units // 2, np.array([seed], dtype=np.uint64), [seed]
    labels, order = np.empty(units, np.uint8), np.arange(9)
    draw_bag(state, labels, bag)
    expected = bag_reference(twin, units, bag)
    np.testing.assert_array_equal(labels, expected)
    draw_halves(state, labels, bag, bag // 2, bag - bag // 2 - 1)
    halves = halves_reference(twin, expected, bag // 2, bag - bag // 2 - 1)
    np.testing.assert_array_equal(labels, halves)
    assert np.bincount(labels, minlength=4).tolist() == [units - bag, 1, bag // 2, bag - bag // 2 - 1]
    draw_features(state, order, 5)
    np.testing.assert_array_equal(order[:5], features_reference(twin, np.arange(9), 5))


@given(SEEDS, st.integers(4, 30), st.booleans())
@settings(max_examples=20, deadline=None)
def test_features_that_lead_are_those_of_highest_mean_merit(seed: int, features: int, equal: bool) -> None:
    rng = np.random.default_rng(seed)
    merits = np.array([rng.integers(0, 3, features) if equal else rng.random(features), rng.integers(0, 4, features)])
    order, leaders = rng.permutation(features), features // 2
    twin = order.copy()
    rank_features(merits, order, leaders)
    rank_reference(merits, twin, leaders)
    np.testing.assert_array_equal(order, twin)
    mean = (merits[0] / np.maximum(merits[1], 1.0))[order]
    assert (np.diff(mean[:leaders]) <= 0.0).all()
    assert mean[leaders:].max() <= mean[:leaders].min()
    state, copy, tried = np.array([seed], dtype=np.uint64), [seed], np.empty(features, np.int64)
    tries = (leaders, leaders - 1, 2, 3, 2)
    for depth in (2, 1):
        count = draw_tried(state, order, tried, tries, depth)
        np.testing.assert_array_equal(tried[:count], tried_reference(copy, twin, tries, depth))
        assert len(set(tried[:count])) == count == (leaders + 1 if depth == 2 else 3)
        assert depth < 2 or set(tried[: leaders - 1]) <= set(order[:leaders])


def test_codes_count_the_cuts_below_and_set_missing_values_apart() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(200, 3)).round(1)
    features[::7, 1] = np.nan
    cuts, ends = np.concatenate([[-0.5, 0.0, 0.5], [0.1], []]), np.array([0, 3, 4, 4])
    found = codes_kernel(features, cuts, ends, 63)
    np.testing.assert_array_equal(found, codes_reference(features, cuts, ends, 63))
    assert found[0, features[:, 0] == 0.5].tolist() == [2] * int((features[:, 0] == 0.5).sum())
    assert set(found[2]) == {0}


@pytest.mark.parametrize("treatments", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_pseudo_outcomes_are_those_of_the_twin(treatments: int, weighted: bool) -> None:
    _, responses = drawn(3, treatments=treatments, weighted=weighted)
    rows = np.arange(0, 300, 3, dtype=np.int32)
    marks = np.empty((100, 2 * max(treatments, 1) + 1))
    assert relabel_kernel(responses, rows, marks)
    expected = relabel_reference(responses, rows)
    np.testing.assert_allclose(marks, expected, rtol=1e-9, atol=1e-11)
    assert np.abs(marks[:, : max(treatments, 1)].sum(axis=0)).max() < 1e-9


def test_treatments_that_do_not_vary_have_no_pseudo_outcomes() -> None:
    _, responses = drawn(3, treatments=2)
    responses[:, 3] = responses[:, 2]
    rows = np.arange(100, dtype=np.int32)
    assert not relabel_kernel(responses, rows, np.empty((100, 5)))
    assert relabel_reference(responses, rows) is None


@given(SEEDS, st.integers(12, 250), st.booleans(), st.sampled_from([0.0, 0.3]))
@settings(max_examples=40, deadline=None)
def test_packed_and_plain_histograms_find_the_best_of_all_thresholds(
    seed: int, m: int, gaps: bool, penalty: float
) -> None:
    codes, responses = drawn(seed, gaps=gaps)
    rows = np.sort(np.random.default_rng(seed).choice(300, m, replace=False)).astype(np.int32)
    marks = relabel_reference(responses, rows)
    assert marks is not None
    rules, features = (2, max(4, m // 20), penalty, True), np.array([3, 0, 2])
    merits = np.zeros((3, 2, 4))
    expected = split_reference(codes, rows, marks, (features, merits[0]), 16, rules)
    plain = split_kernel(codes, rows, marks, (features, merits[1]), np.empty((18, 3)), rules)
    numbers = np.empty(m, np.int64)
    packed = packed_split_kernel(
        codes, rows, (numbers, pack_kernel(marks, numbers)), (features, merits[2]), np.empty(16, np.int64), rules
    )
    assert merits[0, 1].tolist() == [m, 0, m, m]
    np.testing.assert_allclose(merits[1], merits[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(merits[2], merits[0], rtol=1e-6, atol=1e-12)
    assert plain[1:] == expected[1:]
    assert plain[0] == pytest.approx(expected[0], rel=1e-9)
    assert packed[1:] == expected[1:]


@pytest.mark.parametrize("treatments", [0, 2])
def test_weighted_rows_and_several_treatments_split_as_the_twin_does(treatments: int) -> None:
    codes, responses = drawn(5, treatments=treatments, weighted=True, gaps=True)
    rows = np.arange(0, 300, 2, dtype=np.int32)
    marks = relabel_reference(responses, rows)
    assert marks is not None
    rules, features = (3, 8, 0.1, treatments > 0), np.arange(4)
    merits = np.zeros((2, 2, 4))
    found = split_kernel(codes, rows, marks, (features, merits[0]), np.empty((18, marks.shape[1])), rules)
    expected = split_reference(codes, rows, marks, (features, merits[1]), 16, rules)
    np.testing.assert_allclose(merits[0], merits[1], rtol=1e-9, atol=1e-12)
    assert found[1:] == expected[1:]
    assert found[1] == 0
    assert found[0] == pytest.approx(expected[0], rel=1e-9)


def test_packed_numbers_hold_counts_exactly_and_pulls_nearly() -> None:
    _, responses = drawn(6)
    rows = np.arange(300, dtype=np.int32)
    marks = relabel_reference(responses, rows)
    assert marks is not None
    numbers = np.empty(300, np.int64)
    bits, total = pack_kernel(marks, numbers)
    assert total == numbers.sum()
    assert (total >> bits) & ((1 << bits) - 1) == 300
    assert total & ((1 << bits) - 1) == (marks[:, 2] >= UPPER).sum()
    pulls = (numbers >> (2 * bits)) * (np.abs(marks[:, 0]).sum() / 2.0 ** (61 - 2 * bits))
    np.testing.assert_allclose(pulls, marks[:, 0], atol=1e-9)


def test_a_missing_value_goes_where_it_does_better() -> None:
    rng = np.random.default_rng(8)
    codes, responses = drawn(8, n=400, p=1, treatments=0)
    codes[0, rng.random(400) < 0.5] = MISSING
    rows = np.arange(400, dtype=np.int32)
    for like_low in (True, False):
        high = np.where(codes[0] == MISSING, not like_low, codes[0] > 7)
        responses[:, 1] = 3.0 * high + 0.1 * rng.normal(size=400)
        marks = relabel_reference(responses, rows)
        assert marks is not None
        rules, merits = (1, 5, 0.0, False), np.zeros((2, 1))
        _, _, at, left = split_kernel(codes, rows, marks, (np.array([0]), merits), np.empty((18, 3)), rules)
        assert (at, left) == (7, like_low)


@pytest.mark.parametrize("missing_left", [False, True])
def test_rows_are_parted_in_the_order_they_had(missing_left: bool) -> None:
    codes, _ = drawn(9, gaps=True)
    rows = np.arange(299, -1, -1, dtype=np.int32)
    expected = sides_reference(codes[0], rows, (6, missing_left, MISSING))
    count = partitioned(codes[0], rows, np.empty(301, np.int32), (6, missing_left, MISSING))
    np.testing.assert_array_equal(rows[:count], expected[0])
    np.testing.assert_array_equal(rows[count:], expected[1])


@pytest.mark.parametrize("treatments", [0, 1, 3])
def test_leaves_keep_weighted_means_and_rows_gather_their_products(treatments: int) -> None:
    _, responses = drawn(10, treatments=treatments, weighted=True)
    kept = []
    for rows in (np.arange(40, dtype=np.int32), np.arange(40, 90, dtype=np.int32)):
        expected = leaf_reference(responses, rows)
        out = np.empty(expected.shape[0])
        leaf_kernel(responses, rows, out)
        np.testing.assert_allclose(out, expected, rtol=1e-12)
        kept.append(out)
    into = np.zeros(1 + kept[0].shape[0] * (kept[0].shape[0] + 2))
    gather_kernel(kept[0], kept[1], into)
    np.testing.assert_allclose(into, gather_reference(*kept), rtol=1e-12, atol=1e-15)


CASES: list[dict[str, Any]] = [
    {},
    {"gaps": True},
    {"treatments": 0},
    {"treatments": 2, "n": 500},
    {"weighted": True, "gaps": True},
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("tries", [(0, 0, 0, 3, -1), (2, 1, 1, 3, 1)])
def test_bags_of_trees_are_those_grown_node_by_node(
    case: dict[str, Any], honest: bool, tries: tuple[int, int, int, int, int]
) -> None:
    codes, responses = drawn(11, **case)
    n = responses.shape[0]
    units = (np.arange(n) // 2).astype(np.int32)
    count, even = n // 2, not case.get("weighted", False)
    sizes = (count // 2, count // 4, count // 2 - count // 4) if honest else (count // 2, count // 3, 0)
    growth, seeds = (tries, 16, 6, 0.05, 0.0, even), [5, 2**63 + 11]
    made = bags_kernel(
        (codes, responses), units, np.empty(count, np.uint8), np.array(seeds, dtype=np.uint64), sizes, growth
    )
    twin = bags_reference((codes, responses), units, seeds, sizes, growth)
    assert made[1].shape[0] > 4 * 5
    np.testing.assert_array_equal(made[1], twin[1])
    np.testing.assert_array_equal(made[3], twin[3])
    np.testing.assert_array_equal(made[4], twin[4])
    np.testing.assert_allclose(made[2], twin[2], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(made[0], twin[0], rtol=1e-10, atol=1e-12)
    rows = np.ascontiguousarray(codes[:, :40].T)
    forest = (made[1], made[2], made[3])
    routed = route_kernel(forest, rows, MISSING, True)
    np.testing.assert_allclose(routed, route_reference(forest, rows, MISSING), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(route_kernel(forest, rows[:3], MISSING, True), routed[:3])
    q = made[2].shape[1]
    np.testing.assert_array_equal(route_kernel(forest, rows[:3], MISSING, False), routed[:3, : 1 + q])
    np.testing.assert_array_equal(route_kernel(forest, rows, MISSING, False), routed[:, : 1 + q])
