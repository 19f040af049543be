"""Every noun is plain JSON and back: ``to_dict(from_dict(d)) == d``, without NaN or infinity."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_by_hand import estimate

from estimand.core.estimate import Baseline, Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.jsonable import ArrayRef, ArrayStore, array_reference, canonical, decode, encode
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal, Uncertainty, Unknown, uncertainty_from_dict

ANY_FLOAT = st.floats()
FINITE = st.floats(-1e12, 1e12)
TEXT = st.text(max_size=8)
CELL = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_FLOAT | TEXT
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | ANY_FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    length = draw(st.integers(0, 5))
    columns = draw(st.dictionaries(TEXT, st.lists(CELL, min_size=length, max_size=length), max_size=4))
    return Table(columns)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    return Finding(
        check=draw(TEXT),
        about=draw(TEXT),
        grade=draw(st.sampled_from(Grade)),
        subject=draw(TEXT),
        message=draw(TEXT),
        remedy=draw(st.none() | TEXT),
        statistic=draw(st.none() | ANY_FLOAT),
        threshold=draw(st.none() | ANY_FLOAT),
        evidence=draw(st.none() | tables()),
    )


@st.composite
def uncertainties(draw: st.DrawFn, k: int) -> Uncertainty:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    root = rng.normal(size=(k, k))
    kind = draw(st.sampled_from(["normal", "draws", "unknown"]))
    if kind == "draws":
        return Draws(rng.normal(size=(draw(st.integers(2, 90)), k)), draw(st.sampled_from(["bootstrap", "posterior"])))
    if kind == "unknown":
        return Unknown(draw(TEXT))
    df = draw(st.none() | st.lists(st.floats(1, 500) | st.just(np.inf), min_size=k, max_size=k).map(np.array))
    return Normal(root @ root.T, df, draw(st.sampled_from(["identity", "log", "logit"])), draw(TEXT))


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    k = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n = draw(st.integers(2, 40))
    influence = Influence(rng.normal(size=(n, k)), rng.integers(0, 30, n), n, "a" * 64)
    places = st.dictionaries(TEXT, st.integers(0, 9) | TEXT, max_size=2)
    return estimate(
        draw(TEXT),
        rng.uniform(0.1, 0.9, k),
        options=draw(st.dictionaries(TEXT, PLAIN, max_size=3)),
        target=draw(st.sampled_from(Target)),
        uncertainty=draw(uncertainties(k)),
        terms=tuple(Term(draw(TEXT), draw(places), draw(st.none() | TEXT)) for _ in range(k)),
        baseline=draw(st.none() | st.just(Baseline(rng.normal(size=k), np.eye(k), np.zeros((k, k))))),
        influence=draw(st.none() | st.just(influence)),
        details=draw(st.dictionaries(TEXT, PLAIN | st.just(rng.normal(size=70)), max_size=3)),
        findings=tuple(draw(st.lists(findings(), max_size=2))),
    )


@given(tables())
def test_a_table_survives_json(table: Table) -> None:
    data = table.to_dict()
    assert Table.from_dict(through_json(data)).to_dict() == data


@given(findings())
def test_a_finding_survives_json(finding: Finding) -> None:
    data = finding.to_dict()
    assert Finding.from_dict(through_json(data)).to_dict() == data


@given(st.integers(1, 4).flatmap(lambda k: uncertainties(k=k)))
def test_an_uncertainty_survives_json(uncertainty: Uncertainty) -> None:
    store = ArrayStore()
    data = uncertainty.to_dict(store)
    read = uncertainty_from_dict(through_json(data), store.arrays)
    assert type(read) is type(uncertainty)
    assert read.to_dict() == data


@given(estimates())
def test_an_estimate_and_the_arrays_beside_it_survive_json(made: Estimate) -> None:
    store = ArrayStore()
    data = made.to_dict(store)
    assert Estimate.from_dict(through_json(data), store.arrays).to_dict() == data


@given(estimates())
def test_an_estimate_without_its_arrays_can_still_be_read_and_written(made: Estimate) -> None:
    read = Estimate.from_dict(through_json(made.to_dict()))
    assert read.value.tolist() == made.value.tolist()
    json.dumps(read.to_dict(), allow_nan=False)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=4, max_size=9))
def test_moments_survive_json(rows: list[tuple[float, float]]) -> None:
    values = np.array(rows)
    centred = values - values.mean(axis=0)
    made = Moments(
        ("a", "b"),
        ("0", "1"),
        values.mean(axis=0),
        np.array([4.0, 0.0]),
        values[:2],
        np.stack([centred.T @ centred, np.zeros((2, 2))]),
    )
    data = made.to_dict()
    assert Moments.from_dict(through_json(data)).to_dict() == data


@given(PLAIN)
def test_any_plain_detail_is_stable_under_decoding(value: Any) -> None:
    data = encode(value)
    assert encode(decode(through_json(data))) == data


def test_an_estimate_of_many_terms_keeps_its_covariance_without_arrays_beside_it() -> None:
    made = estimate("event_study", np.arange(1.0, 10.0), uncertainty=Normal(np.eye(9)))
    read = Estimate.from_dict(through_json(made.to_dict()))
    assert read.std_error.tolist() == [1.0] * 9
    assert read.to_dict() == made.to_dict()


def test_draws_read_without_their_array_say_why_there_is_no_interval() -> None:
    made = estimate("bootstrap", np.array([1.0]), uncertainty=Draws(np.linspace(0.0, 2.0, 101)[:, None], "bootstrap"))
    read = Estimate.from_dict(through_json(made.to_dict()))
    assert isinstance(read.uncertainty, Unknown)
    assert "is not beside the record" in read.uncertainty.reason


def test_options_come_back_as_plain_values_a_method_would_take() -> None:
    made = estimate("q", options={"quantiles": [0.25, 0.5], "learner": {"name": "boosting"}})
    read = Estimate.from_dict(through_json(made.to_dict()))
    assert read.options["quantiles"] == (0.25, 0.5)
    assert dict(read.options["learner"]) == {"name": "boosting"}


def test_details_come_back_as_arrays_and_are_locked() -> None:
    made = estimate("d", details={"small": np.arange(3.0), "large": np.arange(100.0), "ragged": [[1, 2], [3]]})
    store = ArrayStore()
    data = made.to_dict(store)
    read = Estimate.from_dict(through_json(data), store.arrays)
    assert read.details["small"].tolist() == [0.0, 1.0, 2.0]
    assert read.details["large"].tolist() == list(range(100))
    assert not read.details["small"].flags.writeable
    assert not read.details["large"].flags.writeable
    without = Estimate.from_dict(through_json(data))
    assert isinstance(without.details["large"], ArrayRef)


def test_arrays_of_more_than_64_elements_are_named_by_their_content() -> None:
    assert encode(np.arange(64)) == list(range(64))
    one, two = encode(np.arange(65)), encode(np.arange(65) + 0)
    assert one == two
    assert one["shape"] == [65]
    assert one["$array"] != encode(np.arange(65.0))["$array"]
    assert array_reference(np.ones((2, 3))).sha256 != array_reference(np.ones((3, 2))).sha256
    strided = np.arange(200.0).reshape(10, 20).T
    assert array_reference(strided) == array_reference(strided.copy())


def test_a_detail_that_is_merely_called_like_a_reference_is_none() -> None:
    assert decode({"$array": "text"}) == {"$array": "text"}
    assert isinstance(decode({"$array": "ab", "shape": [65], "dtype": "<f8"}), ArrayRef)


def test_an_array_of_objects_is_refused_rather_than_named_by_its_addresses() -> None:
    with pytest.raises(TypeError, match="Python objects"):
        encode(np.array([{}] * 65, dtype=object))


def test_numpy_scalars_enums_and_undefined_numbers_become_plain_json() -> None:
    given_values = [np.float64(1.5), np.int32(2), np.bool_(True), Grade.WARN, np.nan, -np.inf, np.float32(0.5)]
    assert encode(given_values) == [1.5, 2, True, "warn", None, None, 0.5]
    assert Table({"significant": np.array([True, False])}).columns["significant"] == (True, False)
    with pytest.raises(TypeError, match="set has no JSON form"):
        encode({1, 2})


def test_one_value_has_one_text() -> None:
    assert canonical({"b": 1, "a": [None, "é"]}) == '{"a":[null,"é"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": np.inf})


def test_columns_of_a_table_are_of_one_length() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Table({"a": [1, 2], "b": [1]})
    table = Table(FrozenMap({"a": (1, 2), "b": ("x", None)}))
    assert len(table) == 2
    assert list(table.rows()) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert table["b"] == ("x", None)
    assert table.to_frame().shape == (2, 2)
    assert len(Table({})) == 0
