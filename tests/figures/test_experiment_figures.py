"""Figures of experiments: their marks are the record's numbers, and their titles say what those mean."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import study_records as made

import estimand as es
from estimand.core.catalog import resolve
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.table import Table
from estimand.figures.chart import Band, Bars, Curve, Interval, Points, Tone
from estimand.figures.static import to_png, to_svg
from estimand.report.exhibits import exhibits

METRICS = [
    {"column": "spend", "covariate": "x"},
    {"column": "latency", "role": "guardrail", "direction": "decrease", "margin": 0.01, "margin_kind": "relative"},
    {"column": "zero", "role": "secondary"},
]
DESIGN = {"kind": "experiment", "variant": "v", "metrics": METRICS, "planned": {"allocation": {"A": 1, "B": 1, "C": 1}}}


def table(n: int = 6_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=n), rng.permutation(np.repeat(["A", "B", "C"], n // 3))
    frame = pd.DataFrame({"v": v, "x": x, "spend": 20 + 3 * x + rng.normal(size=n) + 0.5 * (v == "B")})
    frame["latency"] = 200 + 30 * rng.normal(size=n) + 6 * (v == "C")
    frame["zero"], frame["day"] = rng.normal(size=n), rng.integers(1, 9, n)
    return frame


@pytest.fixture(scope="module")
def record():
    return es.run({"data": table(), "design": DESIGN, "methods": ["difference", "cuped"]})


@pytest.fixture(scope="module")
def looked_at():
    design = DESIGN | {"metrics": METRICS[:1], "day": "day", "strata": ["day"]}
    design["planned"] = {**DESIGN["planned"], "units": 6_000, "sequential": "confidence_sequence"}
    return es.run({"data": table(), "design": design, "methods": ["sequential"]})


@pytest.fixture(scope="module")
def sized():
    frame = table(3_000)
    return es.aa(frame[frame["v"] != "C"], DESIGN | {"metrics": METRICS[:2], "planned": None}, repetitions=100)


CURVE = Table(
    {
        "units": [1_000.0, 2_000.0, 4_000.0], "days": [None] * 3, "power": [0.2, 0.5, 0.81],
        "effect": [None, 0.4, 0.3], "relative": [None, 0.02, 0.015],
    }
)  # fmt: skip
SEGMENTS = Table(
    {
        "segment": ["country", "country"], "level": ["NL", "BE"], "rows": [400, 500], "value": [0.1, 0.5],
        "low": [-0.1, 0.3], "high": [0.3, 0.7], "adjusted": [0.3, 0.001],
    }
)  # fmt: skip


def marks(chart, kind, panel=0):
    return [mark for mark in chart.panels[panel].marks if isinstance(mark, kind)]


def segments(evidence=SEGMENTS):
    return Finding("heterogeneity.segments", "causal_forest", Grade.NOTE, "B", "Differs.", evidence=evidence)


def test_every_figure_is_drawn_wide_and_narrow_the_same_every_time(record, looked_at, sized):
    charts = [
        resolve("figures", "scorecard")(record),
        resolve("figures", "sequential_path")(looked_at),
        resolve("figures", "p_value_histogram")(sized.of("aa.size")[0]),
        resolve("figures", "power_curve")(CURVE, "spend", 4_000.0),
        resolve("figures", "segment_effects")(segments()),
    ]
    for chart in charts:
        assert to_png(chart)[:4] == b"\x89PNG"
        assert to_svg(chart, 350.0) == to_svg(chart, 350.0)
        assert chart.alt.endswith(".")
        assert len(chart.table) > 0


def test_the_scorecard_shows_each_metric_with_history_and_without(record):
    chart = resolve("figures", "scorecard")(record)
    assert [pane.title for pane in chart.panels] == ["B", "C"]
    assert [row.label for row in chart.panels[0].rows] == [
        "spend", "without history", "latency (guardrail)", "zero (secondary)",
    ]  # fmt: skip
    shares = next(e for e in record.estimates if e.id == "cuped:spend").relative()
    first = marks(chart, Interval)[0]
    assert first.value == pytest.approx(100.0 * shares.value[0], rel=1e-12)
    assert first.segments[0] == pytest.approx(tuple(100.0 * shares.interval()[0]), rel=1e-12)
    assert first.tone is Tone.BENCHMARK
    (margin,) = marks(chart, Points)
    assert margin.x == (1.0,)
    assert chart.panels[0].rows[3].value.endswith("control near zero")
    assert "worse: latency of 'C'" in chart.title
    worse = marks(chart, Interval, 1)[2]
    assert worse.tone is Tone.NAIVE
    assert any(figure.key == "scorecard" for figure in exhibits(record)["evidence"])


def test_a_vetoed_scorecard_is_grey_and_says_so(record):
    veto = made.finding("experiment.srm", STUDY, Grade.VETO, "Units are lost.")
    chart = resolve("figures", "scorecard")(replace(record, findings=(veto, *record.findings)))
    assert "not to be relied on" in chart.title
    assert {mark.tone for mark in marks(chart, Interval)} == {Tone.VETOED}


def test_the_path_is_that_of_the_estimate(looked_at):
    chart = resolve("figures", "sequential_path")(looked_at)
    rows = [row for row in Table(looked_at.estimates[0].details["path"]).rows() if row["term"] == "B"]
    line = next(curve for curve in marks(chart, Curve) if curve.heavy)
    assert list(line.y) == [row["value"] for row in rows]
    (band,) = marks(chart, Band)
    assert list(band.high) == [row["high"] for row in rows if row["high"] is not None]
    crossed = next(row for row in rows if row["low"] is not None and row["low"] > 0.0)
    assert f"{round(crossed['units']):,} units" in chart.title


def test_the_bars_count_every_assignment(sized):
    chart = resolve("figures", "p_value_histogram")(sized.of("aa.size")[0])
    assert len(chart.panels) == 3
    for pane in range(3):
        below, rest = marks(chart, Bars, pane)
        assert sum(below.heights) + sum(rest.heights) == 100
        assert below.tone is Tone.SECOND


def test_segments_that_differ_stand_out():
    chart = resolve("figures", "segment_effects")(segments())
    assert [mark.tone for mark in marks(chart, Interval)] == [Tone.PLAIN, Tone.HEADLINE]
    assert chart.title.startswith("country BE differs from all others: its effect is 0.500")
    alike = Table(dict(SEGMENTS.columns) | {"adjusted": [1.0, 1.0]})
    assert "In none of 2" in resolve("figures", "segment_effects")(segments(alike)).title


def test_the_curve_of_power_marks_what_is_planned():
    chart = resolve("figures", "power_curve")(CURVE, "spend", 4_000.0)
    assert "power 81.0%" in chart.title
    assert list(marks(chart, Curve, 1)[0].y) == [2.0, 1.5]


def test_each_says_what_it_needs():
    for key in ("scorecard", "sequential_path"):
        with pytest.raises(es.UnsupportedError):
            resolve("figures", key)(made.lalonde())
    for key in ("p_value_histogram", "segment_effects"):
        with pytest.raises(es.UnsupportedError):
            resolve("figures", key)(segments(None))
    with pytest.raises(es.UnsupportedError):
        resolve("figures", "power_curve")(Table({"units": [1.0]}), "spend", 1.0)
