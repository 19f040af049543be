"""Design weights have mean one, among all rows or in each arm."""

import numpy as np
import pytest
from made_by_hand import sample

from estimand.core.row_weights import given_weights, mean_one_by_arm, refuse_precision, row_weights
from estimand.errors import UnsupportedError

VALUES, ARM = np.arange(4.0)[:, None], np.array([0, 0, 1, 1])


def test_rows_without_weights_weigh_one() -> None:
    rows = sample(VALUES, ARM)
    assert row_weights(rows).tolist() == [1.0, 1.0, 1.0, 1.0]
    assert given_weights(rows) is None


def test_weights_are_held_to_mean_one() -> None:
    rows = sample(VALUES, ARM, weights=np.array([1.0, 2.0, 3.0, 2.0]), weight_kind="sampling")
    assert row_weights(rows).tolist() == [0.5, 1.0, 1.5, 1.0]
    held = given_weights(rows)
    assert held is not None
    assert held.tolist() == [0.5, 1.0, 1.5, 1.0]


def test_each_arm_has_mean_one_and_an_arm_without_weight_stays_so() -> None:
    rows = sample(VALUES, ARM)
    assert mean_one_by_arm(np.array([1.0, 3.0, 0.0, 0.0]), rows).tolist() == [0.5, 1.5, 0.0, 0.0]
    assert mean_one_by_arm(np.array([2.0, 2.0, 1.0, 7.0]), rows).tolist() == [1.0, 1.0, 0.25, 1.75]


def test_precision_weights_are_refused() -> None:
    weights = np.ones(4)
    refuse_precision("ipw", sample(VALUES, ARM, weights=weights, weight_kind="sampling"))
    with pytest.raises(UnsupportedError, match=r"'ipw'.*precision weights"):
        refuse_precision("ipw", sample(VALUES, ARM, weights=weights, weight_kind="precision"))
