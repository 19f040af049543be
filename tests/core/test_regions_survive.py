"""A method that reports ``Regions``: unbounded, empty and disjoint sets survive JSON, pickling and repr."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_by_hand import estimate, pickled

from estimand.core.estimate import Estimate
from estimand.core.uncertainty import Regions, hull, uncertainty_from_dict
from estimand.errors import UnsupportedError

INF = np.inf
SETS = {
    "bounded": ((0.5, 2.0),),
    "empty": (),
    "unbounded above": ((1.0, INF),),
    "the whole line": ((-INF, INF),),
    "two rays": ((-INF, -1.0), (3.0, INF)),
    "two pieces": ((-2.0, -1.0), (0.5, 1.5)),
}


def anderson_rubin() -> Estimate:
    return estimate(
        "weak_iv",
        [1.0] * len(SETS),
        uncertainty=Regions({"0.95": tuple(SETS.values())}, "Anderson-Rubin", np.full(len(SETS), 0.2)),
        inference="set",
    )


def test_a_method_that_reports_regions_keeps_an_unbounded_and_an_empty_set_through_json() -> None:
    made = anderson_rubin()
    data = made.to_dict()
    text = json.dumps(data, allow_nan=False)
    read = Estimate.from_dict(json.loads(text))
    assert read.to_dict() == data
    assert isinstance(read.uncertainty, Regions)
    assert read.uncertainty.at(0.95) == tuple(SETS.values())
    assert read.p_value.tolist() == [0.2] * len(SETS)
    cis = dict(zip(SETS, (row["ci"] for row in data["terms"]), strict=True))
    assert cis == {
        "bounded": [0.5, 2.0],
        "empty": None,
        "unbounded above": [1.0, None],
        "the whole line": [None, None],
        "two rays": [None, None],
        "two pieces": [-2.0, 1.5],
    }


def test_a_method_that_reports_regions_shows_them_in_its_repr() -> None:
    shown = repr(anderson_rubin())
    assert "((1.0, inf),)" in shown
    assert "((-inf, inf),)" in shown
    assert "()" in shown
    assert "Anderson-Rubin" in shown


def test_regions_survive_pickling() -> None:
    read = pickled(anderson_rubin())
    assert read.uncertainty.at(0.95) == tuple(SETS.values())
    assert read.to_dict() == anderson_rubin().to_dict()


def test_regions_have_no_standard_error_and_say_so() -> None:
    with pytest.raises(UnsupportedError, match="no standard error"):
        _ = anderson_rubin().std_error
    assert [row["std_error"] for row in anderson_rubin().summary()] == [None] * len(SETS)


def test_the_interval_of_regions_is_their_hull_and_an_empty_set_has_none() -> None:
    full = tuple(pieces for pieces in SETS.values() if pieces)
    made = estimate("iv", [1.0] * 5, uncertainty=Regions({"0.95": full, "0.9": full}, "Fieller"))
    assert made.interval().tolist() == [[0.5, 2.0], [1.0, INF], [-INF, INF], [-INF, INF], [-2.0, 1.5]]
    with pytest.raises(UnsupportedError, match="empty: the data reject every value"):
        anderson_rubin().interval()


def test_a_level_that_was_not_computed_is_refused_with_those_that_were() -> None:
    with pytest.raises(UnsupportedError, match=r"level 0\.9\. .*0\.95") as caught:
        anderson_rubin().interval(level=0.9)
    assert caught.value.expected == ["0.95"]


def test_regions_neither_combine_nor_hold_jointly() -> None:
    with pytest.raises(UnsupportedError, match="do not combine"):
        anderson_rubin().combine(np.ones((1, 6)), anderson_rubin().terms[:1])
    with pytest.raises(UnsupportedError, match="one term at a time"):
        anderson_rubin().interval(joint=True)


def test_a_table_of_regions_leaves_open_ends_empty() -> None:
    frame = anderson_rubin().to_frame()
    assert frame["ci_low"].isna().tolist() == [False, True, False, True, True, False]
    assert frame["ci_high"].isna().tolist() == [False, True, True, True, True, False]


def test_the_hull_of_nothing_is_nothing() -> None:
    assert hull(()) is None
    assert hull(((1.0, 2.0), (-3.0, -2.0))) == (-3.0, 2.0)


END = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def region(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    ends = sorted(draw(st.lists(END, unique=True, max_size=6).filter(lambda x: len(x) % 2 == 0)))
    pieces = [(ends[j], ends[j + 1]) for j in range(0, len(ends), 2)]
    if pieces and draw(st.booleans()):
        pieces[0] = (-INF, pieces[0][1])
    if pieces and draw(st.booleans()):
        pieces[-1] = (pieces[-1][0], INF)
    return tuple(pieces)


@given(st.lists(region(), min_size=1, max_size=4))
def test_any_sets_survive_json(terms: list[tuple[tuple[float, float], ...]]) -> None:
    made = Regions({"0.95": tuple(terms)}, "test inversion")
    text = json.dumps(made.to_dict(), allow_nan=False)
    read = uncertainty_from_dict(json.loads(text))
    assert isinstance(read, Regions)
    assert read.at(0.95) == tuple(terms)
    assert read.to_dict() == made.to_dict()
