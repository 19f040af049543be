"""The weight column: read, checked, kept with the rows, and turned into rows where it counts them."""

import numpy as np
import pytest
from tables import plain_table, sample_of

from estimand.core.sample import Drop
from estimand.errors import Code, DataError

NAN = float("nan")


def weighted(values, kind="sampling", **fields):
    frame = plain_table(w=values)
    return sample_of(frame, weights={"column": "w", "kind": kind}, **fields)


@pytest.mark.parametrize("kind", ["sampling", "precision"])
def test_weights_are_read_as_they_are(kind):
    values = np.linspace(0.5, 2.4, 20)
    sample = weighted(values, kind)
    np.testing.assert_array_equal(sample.weights, values)
    assert sample.weight_kind == kind
    assert not sample.weights.flags.writeable
    assert sample.expanded() is sample
    np.testing.assert_array_equal(sample.take(np.array([3, 1])).weights, values[[3, 1]])


def test_a_bare_column_name_means_sampling_weights():
    assert sample_of(plain_table(), weights="age").weight_kind == "sampling"
    assert sample_of(plain_table()).weights is None


def test_weights_are_part_of_the_fingerprint():
    assert weighted([1.0] * 20).fingerprint != weighted([1.0] * 19 + [2.0]).fingerprint


def test_a_row_without_a_weight_is_dropped_and_counted():
    sample = weighted([NAN, *[1.0] * 19])
    assert sample.drops == (Drop("weight missing", "w", 1),)
    assert sample.weights.shape == (19,)


def test_frequencies_become_rows():
    counts = [1, 3] * 10
    sample = weighted(counts, "frequency", cluster="region")
    rows = sample.expanded()
    assert (rows.n, rows.rows_read, rows.weights, rows.weight_kind) == (40, 40, None, None)
    assert rows.arm_counts() == {"0": 10, "1": 30}
    np.testing.assert_array_equal(rows.outcomes["sales"], np.repeat(np.arange(20.0), counts))
    np.testing.assert_array_equal(rows.cluster, np.repeat(sample.cluster, counts))
    assert (rows.root, rows.index.tolist()) == (rows.fingerprint, list(range(40)))
    assert rows.root != sample.root


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([0.0, *[1.0] * 19], "sampling", "holds 0."),
        ([-2.5, *[1.0] * 19], "precision", "holds -2.5."),
        ([1.5, *[1.0] * 19], "frequency", "holds fractions"),
        (["1", *["x"] * 19], "sampling", "holds text"),
        ([np.inf, *[1.0] * 19], "sampling", "holds an infinite number"),
    ],
)
def test_weights_that_cannot_weigh_are_refused(values, kind, words):
    with pytest.raises(DataError) as caught:
        weighted(values, kind)
    assert caught.value.code is Code.INVALID_MAPPING
    assert words in caught.value.message
    assert "'w'" in caught.value.message
