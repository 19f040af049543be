"""Folds where clusters hold several arms: whole, each arm in each training set, whatever the order of the rows."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimand.errors import Code, DataError
from estimand.models.cluster_folds import spread_folds
from estimand.models.folds import hashed_folds, mixed

SMALL = arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(2, 4)), elements=st.sampled_from([0, 0, 1, 2, 7]))
LARGER = arrays(np.int64, st.tuples(st.integers(2, 30), st.integers(2, 3)), elements=st.integers(0, 40))


def solid(counts: np.ndarray) -> np.ndarray:
    """Counts in which every cluster has rows, and every arm."""
    assume(counts.any(axis=0).all())
    counts = counts[counts.any(axis=1)]
    assume(counts.shape[0] > 1)
    return counts


def order_of(counts: np.ndarray, salt: int = 0) -> np.ndarray:
    return mixed(np.arange(counts.shape[0], dtype=np.uint64), salt)


def trains(counts: np.ndarray, fold: np.ndarray, folds: int) -> bool:
    """Whether every fold has rows, and every training set every arm."""
    return all((fold == f).any() and counts[fold != f].any(axis=0).all() for f in range(folds))


def rows_of(counts: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Arm and cluster of rows in some order."""
    cluster, arm = np.nonzero(counts)
    times = counts[cluster, arm]
    order = np.random.default_rng(seed).permutation(int(times.sum()))
    return np.repeat(arm, times)[order], np.repeat(cluster, times)[order]


@given(SMALL, st.integers(2, 3))
def test_a_split_is_found_wherever_there_is_one(raw: np.ndarray, folds: int) -> None:
    counts = solid(raw)
    splits = (np.array(split) for split in product(range(folds), repeat=counts.shape[0]))
    if any(trains(counts, split, folds) for split in splits):
        assert trains(counts, spread_folds(counts, order_of(counts), folds), folds)
    else:
        with pytest.raises(DataError):
            spread_folds(counts, order_of(counts), folds)


@given(LARGER, st.integers(2, 6), st.integers(0, 9))
def test_with_a_cluster_for_each_fold_and_two_for_each_arm_every_training_set_has_every_arm(
    raw: np.ndarray, folds: int, salt: int
) -> None:
    counts = solid(raw[:, :2])
    assume(counts.shape[0] >= folds and np.count_nonzero(counts, axis=0).min() > 1)
    found = spread_folds(counts, order_of(counts, salt), folds)
    assert trains(counts, found, folds)
    if np.count_nonzero(counts, axis=0).min() == counts.shape[0]:
        assert all(counts[found == f].any(axis=0).all() for f in range(folds))


@given(LARGER, st.integers(2, 5), st.integers(0, 2**31))
def test_clusters_stay_whole_and_the_order_of_rows_moves_nothing(raw: np.ndarray, folds: int, seed: int) -> None:
    counts = solid(raw)
    assume(counts.shape[0] >= folds and np.count_nonzero(counts, axis=0).min() > 2)
    assume((np.count_nonzero(counts, axis=1) > 1).any())
    arm, cluster = rows_of(counts)
    ids = np.arange(arm.shape[0], dtype=np.uint64)
    found = hashed_folds(ids, arm, cluster, folds, 3)
    for one in np.unique(cluster):
        assert np.unique(found[cluster == one]).shape[0] == 1
    order = np.random.default_rng(seed).permutation(arm.shape[0])
    np.testing.assert_array_equal(hashed_folds(ids[order], arm[order], cluster[order], folds, 3), found[order])


@pytest.mark.parametrize("salt", range(20))
def test_ten_unequal_clusters_give_every_fold_its_rows_of_every_arm(salt: int) -> None:
    rng = np.random.default_rng(salt)
    sizes = rng.integers(20, 166, 10)
    treated = rng.binomial(sizes, rng.uniform(0.2, 0.8, 10))
    counts = np.stack([sizes - treated, treated], axis=1)
    found = spread_folds(counts, order_of(counts, salt), 5)
    rows = np.stack([counts[found == f].sum(axis=0) for f in range(5)])
    assert (rows > 0).all()
    assert rows.sum(axis=1).max() - rows.sum(axis=1).min() <= sizes.max()


def test_a_new_salt_is_a_new_split() -> None:
    counts = np.full((12, 2), 5)
    found = {tuple(spread_folds(counts, order_of(counts, salt), 3)) for salt in range(10)}
    assert len(found) > 1
    assert all(np.bincount(np.array(split)).tolist() == [4, 4, 4] for split in found)


def test_an_arm_without_rows_asks_for_nothing() -> None:
    counts = np.array([[3, 2, 0], [2, 2, 0], [4, 1, 0]])
    assert trains(counts[:, :2], spread_folds(counts, order_of(counts), 3), 3)


@pytest.mark.parametrize(
    ("counts", "folds", "says"),
    [
        ([[3, 1], [2, 0], [4, 0], [1, 0]], 2, "All rows of an arm are in one cluster"),
        ([[3, 1], [2, 2], [4, 1]], 4, "3 clusters, fewer than 4 folds"),
        ([[1, 1, 0], [0, 1, 1], [1, 0, 1]], 2, "No split of the 3 clusters into 2 folds"),
    ],
)
def test_what_cannot_be_split_is_refused(counts: list[list[int]], folds: int, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        spread_folds(np.array(counts), order_of(np.array(counts)), folds)
    assert caught.value.code == Code.INSUFFICIENT_DATA


def test_three_arms_two_to_a_cluster_need_three_folds() -> None:
    counts = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
    assert sorted(spread_folds(counts, order_of(counts), 3)) == [0, 1, 2]


def test_clusters_of_one_arm_each_are_split_as_they_were() -> None:
    cluster = np.repeat(np.arange(20), 4)
    arm = np.repeat(np.arange(20) % 2, 4)
    found = hashed_folds(np.arange(80, dtype=np.uint64), arm, cluster, 5, 3)[::4]
    assert found.tolist() == [4, 2, 1, 1, 1, 3, 0, 4, 2, 0, 2, 3, 3, 1, 4, 4, 3, 0, 0, 2]
