"""Panels: who is which unit, when, and since when treated, whatever the table looks like."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.core.design import as_design
from estimand.core.finding import Grade
from estimand.core.sample import Sample
from estimand.core.timeline import Timeline
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.errors import Code, DataError, DesignError, EstimandError, IdentificationError

STARTS = {"a": 2006, "b": 2007, "c": 0, "d": 2006, "e": 0}
YEARS = (2004, 2005, 2006, 2007)


def table(starts: dict[str, float] = STARTS, years: tuple[int, ...] = YEARS) -> pd.DataFrame:
    """One row for each unit and year, with cohort, treatment, outcome and a covariate."""
    frame = pd.DataFrame([(unit, year, start) for unit, start in starts.items() for year in years])
    frame.columns = ["shop", "year", "first"]
    frame["open"] = ((frame["first"] > 0) & (frame["year"] >= frame["first"])).astype(int)
    frame["sales"] = np.arange(len(frame)) ** 2 % 17 + 0.5
    frame["size"] = frame["shop"].map({unit: 3 * j + 1 for j, unit in enumerate(starts)})
    return frame


def build(data: Any, **fields: Any) -> Sample:
    given = {"kind": "panel", "unit": "shop", "time": "year", "outcome": "sales", "cohort": "first", **fields}
    design = as_design({name: value for name, value in given.items() if value is not None})
    return build_sample(read_table(data, design.columns()), design)


def timeline(data: Any, **fields: Any) -> Timeline:
    found = build(data, **fields).timeline
    assert found is not None
    return found


def switching(data: Any, **fields: Any) -> Timeline:
    return timeline(data, cohort=None, treatment="open", **fields)


def said(sample: Sample, check: str) -> list[str]:
    return [finding.message for finding in sample.findings if finding.check == check]


def everything(found: Timeline) -> list[Any]:
    arrays = [found.period, found.clock, found.cohort, found.switched_off]
    return [*(array.tolist() for array in arrays), None if found.unit is None else found.unit.tolist(), found.labels]


# Cohorts


def test_a_panel_as_it_should_be() -> None:
    sample = build(table())
    found = timeline(table())
    assert found.labels == ("2004", "2005", "2006", "2007")
    assert found.clock.tolist() == [0, 1, 2, 3]
    assert found.cohort.tolist() == [c for c in (2, 3, 4, 2, 4) for _ in YEARS]
    assert found.cohorts().tolist() == [2, 3]
    assert sample.arm.tolist() == table()["open"].tolist()
    assert sample.arms == ("untreated", "treated")
    assert sample.cluster is not None
    assert sample.cluster.tolist() == [unit for unit in range(5) for _ in YEARS]
    (cohorts,) = sample.findings
    assert (cohorts.check, cohorts.grade) == ("panel.cohorts", Grade.PASS)
    assert cohorts.message == (
        "5 units over 4 periods, 2004 to 2007: 2 treated from 2006, 1 treated from 2007, 2 never treated."
    )
    assert list(cohorts.evidence["rows"]) == [8, 4, 8]


def test_event_time_counts_from_the_first_treated_period() -> None:
    event = timeline(table()).event_time.reshape(5, 4)
    assert event[0].tolist() == [-2, -1, 0, 1]
    assert event[1].tolist() == [-3, -2, -1, 0]
    assert np.isnan(event[2]).all()


def test_a_cohort_given_or_derived_is_the_same() -> None:
    assert everything(switching(table())) == everything(timeline(table()))


def test_a_cohort_and_a_treatment_that_agree_are_the_same_as_either() -> None:
    assert everything(timeline(table(), treatment="open")) == everything(timeline(table()))
    swapped = table().assign(open=lambda frame: 1 - frame["open"])
    with pytest.raises(DataError, match="In 20 rows the treatment is not what cohort 'first' says"):
        build(swapped, treatment="open")


@pytest.mark.parametrize("never", [0, np.nan, np.inf, None, 2030])
def test_zero_missing_infinite_and_later_are_never(never: float | None) -> None:
    frame = table()
    first = frame["first"].astype(float).where(frame["first"] > 0, np.nan if never is None else never)
    expected = everything(timeline(table()))
    assert everything(timeline(frame.assign(first=first))) == expected
    if never is None:
        assert everything(timeline(frame.assign(first=first.astype("Int64")))) == expected


@pytest.mark.parametrize("word", ["never", "Never treated", " inf", ""])
def test_a_word_among_the_cohorts_is_never(word: str, tmp_path: Path) -> None:
    frame = table()
    texts = frame["first"].astype(str).where(frame["first"] > 0, word)
    frame.assign(first=texts).to_csv(tmp_path / "t.csv", index=False)
    for data in (frame.assign(first=texts), tmp_path / "t.csv"):
        assert everything(timeline(data)) == everything(timeline(table()))


def test_a_unit_treated_from_its_first_row_on_is_always_treated() -> None:
    frame = table({"a": 2004, "b": 2006, "c": 0, "d": 2006})
    late = frame[~((frame["shop"] == "d") & (frame["year"] < 2006))]
    sample = build(late, cohort=None, treatment="open")
    assert sample.timeline is not None
    assert sample.timeline.cohort[sample.timeline.always].shape == (4 + 2,)
    assert sample.timeline.cohorts().tolist() == [2]
    assert "from when they are first seen" in said(sample, "panel.always_treated")[0]
    given = timeline(late)
    assert given.cohort[late["shop"] == "d"].tolist() == [2, 2]


def test_treatment_that_ends_is_said() -> None:
    frame = table()
    ended = frame.assign(open=frame["open"].where(~((frame["shop"] == "a") & (frame["year"] == 2007)), 0))
    sample = build(ended, cohort=None, treatment="open")
    assert sample.timeline is not None
    assert sample.timeline.switched_off.tolist() == (frame["shop"] == "a").tolist()
    assert sample.timeline.cohort.tolist() == timeline(table()).cohort.tolist()
    (finding,) = [item for item in sample.findings if item.check == "panel.switched_off"]
    assert (finding.grade, finding.statistic) == (Grade.WARN, 4 / 20)


def test_a_row_left_out_does_not_move_a_cohort() -> None:
    frame = table()
    first_treated = (frame["shop"] == "a") & (frame["year"] == 2006)
    gone = frame.assign(size=frame["size"].astype(float).where(~first_treated))
    found = switching(gone, covariates=["size"], missing="complete_case")
    assert found.cohort[0] == 2
    assert found.cohort.shape == (19,)


def test_cohorts_between_periods_count_from_the_next_and_it_is_said() -> None:
    sample = build(table(years=(2004, 2005, 2007)))
    assert sample.timeline is not None
    assert sample.timeline.cohorts().tolist() == [2]
    assert sample.timeline.clock.tolist() == [0, 1, 3]
    assert said(sample, "panel.cohort_between") == [
        "Cohorts that begin at no period of the table count from the next one: 2006 (as 2007)."
    ]
    assert "2005 to 2007" in said(sample, "panel.gaps")[0]


def test_a_panel_without_the_never_treated_says_what_it_compares_with() -> None:
    (message,) = said(build(table({"a": 2006, "b": 2007})), "panel.cohorts")
    assert "Nobody is never treated" in message


def test_an_unbalanced_panel_says_how_many_units_are_short() -> None:
    (message,) = said(build(table().iloc[1:]), "panel.unbalanced")
    assert message == "1 of 5 units are not seen in all 4 periods."


def test_repeated_cross_sections_take_cohort_or_cluster() -> None:
    people = pd.concat([table()] * 3, ignore_index=True)
    by_cohort = timeline(people, unit=None)
    by_cluster = switching(people, unit=None, cluster="shop")
    assert by_cohort.unit is None
    assert by_cohort.cohort.tolist() == by_cluster.cohort.tolist() == 3 * timeline(table()).cohort.tolist()
    assert build(people, unit=None).cluster is None
    assert build(people, unit=None, cluster="shop").cluster is not None
    with pytest.raises(DesignError, match="nothing says when whom treatment reached") as caught:
        switching(people, unit=None)
    assert "cluster within which treatment switches on" in caught.value.remedy


# Times


def in_days(frame: pd.DataFrame, months: int) -> pd.DataFrame:
    """The same panel, its years turned into dates so many months apart."""
    start = pd.Timestamp("2023-11-01")
    dates = {year: start + pd.DateOffset(months=months * (year - 2004)) for year in (*YEARS, 2008)}
    return frame.assign(year=frame["year"].map(dates), first=frame["first"].map(dates))


@pytest.mark.parametrize("months", [1, 3, 12])
def test_dates_count_in_months(months: int) -> None:
    found = timeline(in_days(table(), months))
    assert found.clock.tolist() == [0, 1, 2, 3]
    assert found.labels[0] == "2023-11-01"
    assert found.cohort.tolist() == timeline(table()).cohort.tolist()


@pytest.mark.parametrize(
    "dates",
    [
        ("2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"),
        ("2024-01-15", "2024-02-12", "2024-03-18", "2024-04-15"),
        ("2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"),
        ("1969-12-30", "1969-12-31", "1970-01-01", "1970-01-02"),
        ("2024-01-01 05:00", "2024-02-01 05:00", "2024-03-01 05:00", "2024-04-01 05:00"),
        ("2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30", "2024-01-01 00:45"),
    ],
)
def test_evenly_spaced_dates_are_consecutive(dates: tuple[str, ...]) -> None:
    moments = dict(zip(YEARS, pd.to_datetime(list(dates)), strict=True))
    frame = table()
    found = timeline(frame.assign(year=frame["year"].map(moments), first=frame["first"].map(moments)))
    assert found.clock.tolist() == [0, 1, 2, 3]
    assert found.labels[2].startswith(dates[2])
    assert found.cohorts().tolist() == [2, 3]


@pytest.mark.parametrize(
    ("times", "clock"),
    [
        ((1, 3, 5, 9), [0, 1, 2, 4]),
        ((2, 4, 7, 8), [0, 2, 5, 6]),
        ((2004.0, 2004.25, 2004.5, 2005.0), [0, 1, 2, 4]),
        ((0.1, 0.2, 0.30000000000000004, 0.4), [0, 1, 2, 3]),
        ((1.0, 2.0, 2.5, 1e300), [0, 1, 2, 3]),
        ((1.0, 2.0, 2.3, 9.77), [0, 1, 2, 3]),
    ],
)
def test_numbers_count_in_steps_that_fit_all(times: tuple[float, ...], clock: list[int]) -> None:
    moments = dict(zip(YEARS, times, strict=True))
    frame = table()
    found = timeline(frame.assign(year=frame["year"].map(moments), first=frame["first"].map(moments)))
    assert found.clock.tolist() == clock
    assert len(set(found.labels)) == 4


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        (("2023-11", "2023-12", "2024-01", "2024-02"), "2024-01"),
        (("2023Q3", "2023Q4", "2024Q1", "2024Q2"), "2024-Q1"),
        (("2023-q3", "2023-q4", "2024-q1", "2024-q2"), "2024-Q1"),
        (("2023-W51", "2023-W52", "2024-W01", "2024-W02"), "2024-W01"),
        (("2023-12-31", "2024-01-01", "2024-01-02", "2024-01-03"), "2024-01-02"),
        (("2004", "2005", "2006", "2007"), "2006"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_periods_written_as_text(texts: tuple[str, ...], label: str, in_file: bool, tmp_path: Path) -> None:
    written = dict(zip(YEARS, texts, strict=True))
    frame = table()
    frame = frame.assign(year=frame["year"].map(written), first=frame["first"].map(written))
    if in_file:
        frame.to_csv(tmp_path / "t.csv", index=False)
    found = timeline(tmp_path / "t.csv" if in_file else frame)
    assert found.labels[2] == label
    assert found.clock.tolist() == [0, 1, 2, 3]
    assert found.cohort.tolist() == timeline(table()).cohort.tolist()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("early", "mid", "late", "later"), "such as 'early', which has no order in time"),
        (("2024-13", "2024-02", "2024-03", "2024-04"), "such as '2024-13'"),
        (("2024-01", "2024-02", "2024Q3", "2024Q4"), "of several forms, such as '2024-01' and '2024Q3'"),
        (("01/02/2024", "02/02/2024", "03/02/2024", "04/02/2024"), "such as '01/02/2024'"),
        (("2024-02-30", "2024-02-01", "2024-03-01", "2024-04-01"), "such as '2024-02-30'"),
    ],
)
def test_text_without_an_order_is_refused_with_the_ways_that_are_read(texts: tuple[str, ...], words: str) -> None:
    frame = table()
    with pytest.raises(DataError) as caught:
        build(frame.assign(year=frame["year"].map(dict(zip(YEARS, texts, strict=True)))), cohort=None, treatment="open")
    assert words in caught.value.message
    assert "2024-Q1" in caught.value.remedy
    assert caught.value.code is Code.INVALID_MAPPING


def test_months_as_numbers_are_pointed_out() -> None:
    numbers = dict(zip(YEARS, (202311, 202312, 202401, 202402), strict=True))
    frame = table()
    sample = build(frame.assign(year=frame["year"].map(numbers), first=frame["first"].map(numbers)))
    (finding,) = [item for item in sample.findings if item.check == "panel.gaps"]
    assert "Write months as 2024-01" in str(finding.remedy)


def test_the_first_day_of_1970_is_a_date_like_any_other() -> None:
    moments = {year: date(1968 + j, 1, 1) for j, year in enumerate(YEARS)}
    frame = table()
    found = timeline(frame.assign(year=frame["year"].map(moments), first=frame["first"].map(moments)))
    assert found.cohort.tolist() == timeline(table()).cohort.tolist()


# Windows


@pytest.mark.parametrize(
    ("window", "labels"),
    [
        ([2005, 2006], ("2005", "2006")),
        ([None, 2006.0], ("2004", "2005", "2006")),
        (["2005", None], ("2005", "2006", "2007")),
        (None, ("2004", "2005", "2006", "2007")),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"cohort": None, "treatment": "open"}])
def test_a_window_keeps_its_periods_and_counts_the_rows_outside(
    window: Any, labels: tuple[str, ...], fields: dict[str, Any]
) -> None:
    sample = build(table(), window=window, **fields)
    assert sample.timeline is not None
    assert sample.timeline.labels == labels
    outside = [(drop.reason, drop.rows) for drop in sample.drops]
    assert outside == ([("outside the window", 20 - 5 * len(labels))] if window else [])
    assert not said(sample, "sample.dropped")
    later = sample.timeline.cohort[sample.timeline.unit == 1]
    assert set(later.tolist()) == {len(labels) if "2007" not in labels else labels.index("2007")}


def test_a_window_of_dates_and_of_months() -> None:
    frame = in_days(table(), 1)
    assert timeline(frame, window=[date(2023, 12, 1), "2024-02-01"]).labels[0] == "2023-12-01"
    assert timeline(frame, window=["2023-12", None]).labels == ("2023-12-01", "2024-01-01", "2024-02-01")


@pytest.mark.parametrize("window", [2004, "2004", [2004], [1, 2, 3], {"first": 1}, ["2004-01", None], ["soon", None]])
def test_a_window_that_is_none_is_refused(window: Any) -> None:
    with pytest.raises(DesignError) as caught:
        build(table(), window=window)
    assert caught.value.remedy


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda t: t[t["year"] == 2006], DataError, "one period only, 2006"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), DataError, "1 rows of .* repeat a unit and period, such as .* 2007"),
        (lambda t: t.assign(first=t["first"].where(t["year"] > 2004, 2005)), DataError, "5 units of .* more than one"),
        (lambda t: t.assign(first=pd.Timestamp("2006-01-01")), DataError, "holds dates and time 'year' numbers"),
        (lambda t: t.assign(first=(t["first"] > 0).astype(int)), IdentificationError, "seen before it is treated"),
        (lambda t: t.assign(first=0), IdentificationError, "treated within its periods, 2004 to 2007"),
        (lambda t: t.assign(first=np.nan), IdentificationError, "treated within its periods"),
        (lambda t: t.assign(first=2006), IdentificationError, "nobody tells what would have happened"),
        (lambda t: t.assign(first=2050), IdentificationError, "treated within its periods"),
        (lambda t: t.assign(year=t["year"].astype(float).replace(2004, np.inf)), DataError, "infinite number"),
        (lambda t: t.assign(year=None), DataError, "0 rows of .* are left"),
        (lambda t: t.assign(year=""), DataError, "is text and empty"),
        (lambda t: t.head(2), DataError, "2 rows of .* are left"),
        (lambda t: t.drop(columns="year"), DataError, "has no column 'year'"),
        (lambda t: t.rename(columns={"first": "First"}), DataError, "has no column 'first'"),
        (lambda t: t.assign(year=np.arange(len(t)) / 3, shop=0), EstimandError, "."),
    ],
)
def test_what_is_no_panel_is_refused(change: Any, error: type[EstimandError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        build(change(table()))
    assert caught.value.remedy


def test_a_column_that_marks_who_is_ever_treated_is_refused_with_what_to_name() -> None:
    frame = table().assign(open=lambda t: (t["first"] > 0).astype(int))
    with pytest.raises(IdentificationError) as caught:
        build(frame, cohort=None, treatment="open")
    assert "first treated period as cohort instead" in caught.value.remedy


def test_too_many_periods_are_refused() -> None:
    frame = pd.DataFrame({"shop": 0, "year": np.arange(10_001) / 7, "first": 3.0, "sales": np.arange(10_001) % 5})
    with pytest.raises(DataError, match="holds 10,001 distinct values"):
        build(frame)


# The same from everywhere


FORMS = {
    "pandas": lambda t: t,
    "objects": lambda t: t.astype(object),
    "arrow": lambda t: t.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.from_pandas,
    "lazy": lambda t: pl.from_pandas(t).lazy(),
    "pyarrow": lambda t: pa.Table.from_pandas(t, preserve_index=False),
}


@pytest.mark.parametrize("months", [0, 1])
@pytest.mark.parametrize("form", [*FORMS, "csv", "parquet"])
@pytest.mark.parametrize("fields", [{}, {"cohort": None, "treatment": "open"}, {"unit": None}])
def test_every_form_of_a_panel_gives_the_same_sample(
    form: str, months: int, fields: dict[str, Any], tmp_path: Path
) -> None:
    frame = table() if months == 0 else in_days(table(), months)
    expected = build(frame, **fields)
    if form in FORMS:
        data: Any = FORMS[form](frame)
    else:
        data = tmp_path / f"t.{form}"
        getattr(frame, f"to_{form}")(data, index=False)
    found = build(data, **fields)
    assert found.fingerprint == expected.fingerprint
    assert found.ids.tobytes() == expected.ids.tobytes()
    assert found.timeline is not None
    assert expected.timeline is not None
    assert everything(found.timeline) == everything(expected.timeline)


starts = st.lists(st.sampled_from([0, 2003, 2005, 2006, 2007, 2009]), min_size=3, max_size=8)


@settings(max_examples=60, deadline=None)
@given(starts=starts, seed=st.integers(0, 2**16), lost=st.floats(0, 0.6), derived=st.booleans())
def test_the_order_of_rows_does_not_matter(starts: list[int], seed: int, lost: float, derived: bool) -> None:
    rng = np.random.default_rng(seed)
    frame = table({f"s{j}": start for j, start in enumerate(starts)})
    frame = frame[rng.random(len(frame)) >= lost]
    order = rng.permutation(len(frame))
    fields = {"cohort": None, "treatment": "open"} if derived else {}

    def attempt(data: pd.DataFrame) -> Sample | str:
        try:
            return build(data, **fields)
        except EstimandError as error:
            return error.message

    first, again = attempt(frame), attempt(frame.iloc[order])
    if isinstance(first, str) or isinstance(again, str):
        assert first == again
        return
    assert first.timeline is not None
    assert everything(first.timeline.take(order)) == everything(again.timeline)
    assert first.ids[order].tolist() == again.ids.tolist()
    for unit in np.unique(first.timeline.unit):
        rows = first.timeline.unit == unit
        assert np.unique(first.timeline.cohort[rows]).shape == (1,)
        treated = first.timeline.period[rows] >= first.timeline.cohort[rows]
        assert (treated == (first.arm[rows] == 1)).all()


def test_a_start_that_nobody_saw_is_warned_of() -> None:
    every = table()
    seen = every[~((every["shop"] == "a") & (every["year"] == 2006))]
    sample = build(seen, cohort=None, treatment="open")
    (found,) = [finding for finding in sample.findings if finding.check == "panel.start_unseen"]
    assert (found.grade, found.statistic) == (Grade.WARN, 1.0)
    assert found.evidence is not None
    assert list(found.evidence.rows()) == [{"cohort derived": "2007", "units": 1}]
    assert not said(build(every, cohort=None, treatment="open"), "panel.start_unseen")
    assert not said(build(seen), "panel.start_unseen")
    later = every[~((every["shop"] == "a") & (every["year"] == 2007))]
    assert not said(build(later, cohort=None, treatment="open"), "panel.start_unseen")


def test_a_start_between_the_periods_of_everyone_is_not_unseen() -> None:
    every = table()
    gap = every[every["year"] != 2005]
    assert not said(build(gap, cohort=None, treatment="open"), "panel.start_unseen")


def test_a_cluster_treated_in_part_gives_no_cohort() -> None:
    rows = table()
    rows["state"] = rows["shop"].map({"a": 0, "b": 1, "c": 0, "d": 2, "e": 3})
    with pytest.raises(DesignError, match=r"In 1 groups of cluster 'state' some rows of a period are treated"):
        build(rows, unit=None, cohort=None, treatment="open", cluster="state")
    assert build(rows, unit=None, cluster="state").timeline is not None
    whole = rows[rows["shop"] != "c"]
    assert switching(whole, unit=None, cluster="state").cohort.tolist() == timeline(whole).cohort.tolist()
