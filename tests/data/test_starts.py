"""Starts derived from rows with gaps: settled where others leave one possibility, and never moved where seen."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.core.design import as_design
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.data.starts import Starts, derived_starts

PERIODS = 7


def starts(**units: str) -> tuple[Starts, dict[str, int]]:
    """Starts of units given as a letter a period: ``-`` untreated, ``+`` treated, a space where not seen."""
    rows = [(u, t, mark == "+") for u, row in enumerate(units.values()) for t, mark in enumerate(row) if mark != " "]
    unit, time, on = (np.array(part) for part in zip(*rows, strict=True))
    first = {name: int(np.flatnonzero(unit == u)[0]) for u, name in enumerate(units)}
    return derived_starts(time.astype(float), unit, on), first


def of(found: tuple[Starts, dict[str, int]], name: str) -> tuple[float, bool, bool]:
    made, first = found
    row = first[name]
    return float(made.start[row]), bool(made.unseen[row]), bool(made.settled[row])


def test_a_gap_over_the_one_start_of_others_is_settled_by_it() -> None:
    found = starts(seen="---+++", gap="-- ++ ", late="--  ++", never="------", at="-- +++")
    assert of(found, "seen") == (3.0, False, False)
    for name in ("gap", "late", "at"):
        assert of(found, name) == (3.0, True, True)
    assert np.isnan(of(found, "never")[0])


@pytest.mark.parametrize("others", [{"one": "-+++++"}, {"one": "---+++", "two": "--++++"}, {"one": "-----+"}])
def test_none_or_several_leave_the_first_period_seen_treated(others: dict[str, str]) -> None:
    found = starts(gap="--  ++" if len(others) == 2 else "--  + ", **others)
    assert of(found, "gap") == (4.0, True, False)


def test_a_start_that_is_itself_uncertain_settles_nothing() -> None:
    found = starts(gap="--  ++", other="-- +++", never="------")
    assert of(found, "gap") == (4.0, True, False)
    assert of(found, "other") == (3.0, True, False)


def test_periods_missing_for_everyone_are_no_gap() -> None:
    found = starts(one="-- ++", two="-- ++", never="-- --")
    assert of(found, "one") == (3.0, False, False)


def test_treated_from_when_first_seen_is_as_before_and_what_ends_is_told() -> None:
    found = starts(seen="--+++", always="  +++", ended="--+ -", first="+++++")
    assert of(found, "always") == (-np.inf, False, False)
    assert of(found, "first") == (-np.inf, False, False)
    assert of(found, "ended") == (2.0, False, False)
    made, first = found
    assert made.switched_off[first["ended"]]
    assert not made.switched_off[first["seen"]]


def one_by_one(time: np.ndarray, code: np.ndarray, on: np.ndarray) -> dict[int, tuple[float, bool, bool]]:
    """The same in words, unit by unit."""
    periods = sorted(set(time.tolist()))
    spans = {}
    for unit in sorted(set(code.tolist())):
        own = code == unit
        treated = sorted(time[own & on].tolist())
        before = [t for t in time[own].tolist() if not treated or t < treated[0]]
        if treated and before:
            spans[unit] = [t for t in periods if max(before) < t <= treated[0]]
    certain = {span[0] for span in spans.values() if len(span) == 1}
    out = {}
    for unit, span in spans.items():
        fitting = [t for t in span if t in certain]
        one = len(span) > 1 and len(fitting) == 1
        out[unit] = (fitting[0] if one else span[-1], len(span) > 1, one)
    return out


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 12), missing=st.floats(0.0, 0.7))
def test_it_is_what_it_says_unit_by_unit(seed: int, units: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    start = rng.choice([2, 4, PERIODS], size=units)
    code, time = np.divmod(np.arange(units * PERIODS), PERIODS)
    keep = rng.random(code.size) >= missing
    keep[0] = True
    on = ((time >= start[code]) & (rng.random(code.size) < 0.95))[keep]
    unit, time = np.unique(code[keep], return_inverse=True)[1], time[keep].astype(float)
    made, expected = derived_starts(time, unit, on), one_by_one(time, unit, on)
    for row, name in enumerate(unit.tolist()):
        if name in expected:
            assert (made.start[row], made.unseen[row], made.settled[row]) == expected[name]
        else:
            assert not np.isfinite(made.start[row])
            assert not made.unseen[row]
            assert not made.settled[row]


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), units=st.integers(2, 30))
def test_a_start_that_is_seen_is_never_moved(seed: int, units: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.integers(1, PERIODS + 1, size=units)
    code, time = np.divmod(np.arange(units * PERIODS), PERIODS)
    keep = rng.random(code.size) >= 0.4
    keep |= (time == start[code]) | (time == start[code] - 1)
    keep[code >= units // 2] |= time[code >= units // 2] == 0
    made = derived_starts(time[keep].astype(float), code[keep], (time >= start[code])[keep])
    expected = np.where(start < PERIODS, start, np.nan)[code[keep]]
    np.testing.assert_array_equal(made.start, expected)
    assert not made.unseen.any()


def test_random_gaps_invent_no_cohort_where_a_rollout_has_two_dates() -> None:
    rng = np.random.default_rng(1)
    start = np.array([2, 4, PERIODS])[np.arange(600) % 3]
    code, time = np.divmod(np.arange(600 * PERIODS), PERIODS)
    keep = rng.random(code.size) >= 1 / 6
    made = derived_starts(time[keep].astype(float), code[keep], (time >= start[code])[keep])
    held = np.isfinite(made.start) & ~(made.unseen & ~made.settled)
    np.testing.assert_array_equal(made.start[held], start[code[keep]][held])
    assert np.count_nonzero(made.settled) > 0.1 * np.count_nonzero(held)
    assert np.count_nonzero(made.unseen & ~made.settled) < 0.05 * np.count_nonzero(held)


def built(marks: list[str]) -> tuple[Sample, list[Finding]]:
    """The sample of units given as marks, and what it says of starts."""
    rows = [(f"u{u}", 2000 + t, int(mark == "+")) for u, row in enumerate(marks) for t, mark in enumerate(row)]
    frame = pd.DataFrame(rows, columns=["shop", "year", "open"])
    frame["sales"] = np.arange(len(frame)) % 7 + 0.5
    frame = frame[[mark != " " for row in marks for mark in row]]
    fields = {"kind": "panel", "unit": "shop", "time": "year", "outcome": "sales", "treatment": "open"}
    design = as_design(fields)
    sample = build_sample(read_table(frame, design.columns()), design)
    return sample, [finding for finding in sample.findings if finding.check == "panel.start_unseen"]


def test_a_sample_takes_the_start_that_others_settle_and_says_so() -> None:
    sample, (finding,) = built(["---+++", "-- +++", "--  ++", "------", "------"])
    assert sample.timeline is not None
    assert sample.timeline.cohorts().tolist() == [3]
    assert (finding.grade, finding.statistic) == (Grade.WARN, 2.0)
    assert "2 treated units are not seen" in finding.message
    assert finding.message.endswith("2 took the only start of others that fits.")
    assert "cohort" in str(finding.remedy)
    assert list(finding.evidence.rows()) == [{"cohort derived": "2003", "units": 2, "taken from others": 2}]


def test_what_nothing_settles_counts_from_when_it_is_first_seen_treated_and_few_are_a_note() -> None:
    sample, (finding,) = built([*["---+++"] * 120, *["--++++"] * 80, "-   ++", "------"])
    assert sample.timeline is not None
    assert sample.timeline.cohorts().tolist() == [2, 3, 4]
    assert (finding.grade, finding.statistic) == (Grade.NOTE, 1.0)
    assert finding.message.endswith("1 with a cohort from when first seen treated may have started sooner.")


def test_nothing_is_said_where_every_start_is_seen() -> None:
    assert built(["---+++", "- -+ +", "------"])[1] == []
