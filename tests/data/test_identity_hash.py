"""Identity of rows: equal values hash alike in any type, and never by position when a unit is named."""

import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import plain_table, sample_of

from estimand.data.identity import cluster_codes, hash_positions
from estimand.errors import Code, DataError

TEXT_IDS = [3262765634605483607, 2984610181246591869]
NUMBER_IDS = [0, 6238072747940578789, 15839785061582574730]


def ids_of(units, **columns):
    return sample_of(plain_table(who=units, **columns), unit="who").ids


def test_codes_do_not_share_the_memory_of_what_was_read():
    read = np.arange(5)
    codes = cluster_codes(read)
    read[:] = 0
    assert codes.tolist() == [0, 1, 2, 3, 4]


def test_ids_are_known_numbers():
    assert hash_positions(3).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert ids_of([f"u{number}" for number in range(20)])[:2].tolist() == TEXT_IDS
    assert ids_of(range(20))[:3].tolist() == NUMBER_IDS


@pytest.mark.parametrize(
    "units",
    [
        pd.array(range(20), dtype="uint8"),
        pd.array(range(20), dtype="float64"),
        pd.array(range(20), dtype="Int32"),
        pd.array([Decimal(number) for number in range(20)], dtype=pd.ArrowDtype(pa.decimal128(38, 0))),
    ],
)
def test_whole_numbers_hash_alike_in_any_type(units):
    np.testing.assert_array_equal(ids_of(units), ids_of(range(20)))


def test_large_numbers_keep_every_digit():
    near = [2**60 + number for number in range(20)]
    assert len(set(ids_of(near).tolist())) == 20
    assert len(set(ids_of(pd.array([2**63 + number for number in range(20)], dtype="uint64")).tolist())) == 20
    wide = [Decimal(10**30 + number) for number in range(20)]
    assert len(set(ids_of(wide).tolist())) == 20


def test_texts_categories_times_and_unusual_identifiers_are_taken():
    names = [f"u{number}" for number in range(20)]
    np.testing.assert_array_equal(ids_of(pd.Categorical(names)), ids_of(names))
    assert len(set(ids_of(pd.date_range("2024-01-01", periods=20, freq="h")).tolist())) == 20
    assert len(set(ids_of(np.arange(20) / 7).tolist())) == 20
    assert len(set(ids_of([uuid.UUID(int=number) for number in range(20)]).tolist())) == 20


@given(st.permutations(range(20)))
def test_ids_do_not_depend_on_the_order_of_rows(order):
    frame = plain_table(who=[f"acct-{number}" for number in range(20)])
    straight, shuffled = sample_of(frame, unit="who"), sample_of(frame.iloc[order], unit="who")
    np.testing.assert_array_equal(straight.ids[list(order)], shuffled.ids)


def test_without_a_unit_ids_follow_the_position_in_the_table():
    whole = sample_of(plain_table())
    gap = sample_of(plain_table(age=[None, *range(19)]))
    np.testing.assert_array_equal(whole.ids, hash_positions(20))
    np.testing.assert_array_equal(gap.ids, whole.ids[1:])


@given(st.integers(min_value=0, max_value=5000))
def test_positions_never_collide(count):
    assert np.unique(hash_positions(count)).size == count


@pytest.mark.parametrize("extra", [{}, {"cluster": "region"}])
def test_a_repeated_unit_is_refused_with_an_example(extra):
    units = [f"u{number}" for number in range(19)] + ["u3"]
    with pytest.raises(DataError) as caught:
        sample_of(plain_table(who=units), unit="who", **extra)
    assert caught.value.code is Code.INVALID_MAPPING
    assert "names 2 rows 'u3'" in caught.value.message
    assert "one row for each unit" in caught.value.remedy


def test_a_repeat_among_dropped_rows_does_not_matter():
    units = [*range(19), 0]
    assert sample_of(plain_table(who=units, age=[None, *range(19)]), unit="who").n == 19


def test_clusters_are_numbered_in_order():
    by_text = sample_of(plain_table(), cluster="region").cluster
    assert by_text[:4].tolist() == [1, 2, 0, 3]
    by_number = sample_of(plain_table(shop=[10, 9] * 10), cluster="shop").cluster
    assert by_number[:2].tolist() == [1, 0]
    wide = sample_of(plain_table(shop=[2**60 + 1, 2**60] * 10), cluster="shop").cluster
    assert wide[:2].tolist() == [1, 0]


def test_an_identifier_of_no_known_kind_is_refused():
    with pytest.raises(DataError, match="holds values of type list"):
        sample_of(plain_table(who=[[number] for number in range(20)]), unit="who")
