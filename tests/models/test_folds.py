"""Folds by hashing: stable, even within arms, clusters and copies whole."""

import numpy as np
import pytest

from estimand.errors import Code, DataError, DesignError
from estimand.models.folds import given_folds, hashed_folds, mixed


def rows(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**63, n).astype(np.uint64), (rng.random(n) < 0.3).astype(np.int64)


def test_the_order_of_the_rows_does_not_move_them() -> None:
    ids, arm = rows()
    order = np.random.default_rng(1).permutation(400)
    plain = hashed_folds(ids, arm, None, 5, 7)
    np.testing.assert_array_equal(hashed_folds(ids[order], arm[order], None, 5, 7), plain[order])


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_every_fold_has_its_share_of_every_arm(folds: int) -> None:
    ids, arm = rows()
    found = hashed_folds(ids, arm, None, folds, 3)
    for a in (0, 1):
        counts = np.bincount(found[arm == a], minlength=folds)
        assert counts.max() - counts.min() <= 1
    assert np.unique(found).tolist() == list(range(folds))


def test_a_new_salt_is_a_new_split_independent_of_the_old() -> None:
    ids, arm = rows()
    first, second = (hashed_folds(ids, arm, None, 2, salt) for salt in (1, 2))
    assert abs((first == second).mean() - 0.5) < 4 * 0.5 / np.sqrt(400)


def test_clusters_stay_whole_and_spread_over_the_folds_of_their_arm() -> None:
    ids, _ = rows()
    cluster = np.arange(400) // 8
    arm = (cluster % 2 == 0).astype(np.int64)
    found = hashed_folds(ids, arm, cluster, 5, 3).reshape(50, 8)
    assert (found == found[:, :1]).all()
    for a in (0, 1):
        assert np.bincount(found[arm.reshape(50, 8)[:, 0] == a, 0]).tolist() == [5, 5, 5, 5, 5]


def test_copies_of_a_row_stay_together() -> None:
    ids, arm = rows(100)
    times = np.random.default_rng(2).integers(1, 5, 100)
    found = hashed_folds(np.repeat(ids, times), np.repeat(arm, times), None, 4, 1)
    np.testing.assert_array_equal(found, np.repeat(hashed_folds(ids, arm, None, 4, 1), times))


def test_an_arm_with_fewer_units_than_folds_is_refused_with_the_number_that_would_do() -> None:
    arm = np.array([0] * 20 + [1] * 3)
    with pytest.raises(DataError, match="3 independent units, fewer than 5 folds") as caught:
        hashed_folds(np.arange(23, dtype=np.uint64), arm, None, 5, 0)
    assert caught.value.code == Code.INSUFFICIENT_DATA
    assert caught.value.remedy.startswith("Use folds=3 or fewer")
    cluster = np.repeat([0, 1, 2, 3], [10, 10, 2, 1])
    with pytest.raises(DataError, match="2 independent units"):
        hashed_folds(np.arange(23, dtype=np.uint64), arm, cluster, 3, 0)


def test_mixing_is_a_permutation_that_spreads_neighbours() -> None:
    codes = np.arange(10_000, dtype=np.uint64)
    out = mixed(codes, 0)
    assert np.unique(out).shape[0] == 10_000
    assert abs((out >> np.uint64(63)).mean() - 0.5) < 4 * 0.5 / 100


@pytest.mark.parametrize(
    ("folds", "says"),
    [((0, 1), "2 fold ids for 4 rows"), ((0, 0, 0, 0), "without one of the arms"), ((0, 0, 1, 1), "without one")],
)
def test_given_folds_that_cannot_train_are_refused(folds: tuple[int, ...], says: str) -> None:
    with pytest.raises(DesignError, match=says):
        given_folds(folds, np.array([0, 0, 1, 1]))


def test_given_folds_may_have_any_names() -> None:
    assert given_folds((7, -1, 7, -1), np.array([0, 0, 1, 1])).tolist() == [1, 0, 1, 0]
