"""Figures of effects that vary: their marks are the record's numbers, and their titles say what those mean."""

from dataclasses import replace

import numpy as np
import pytest
import study_records as made
import varying_records as varying

import estimand as es
from estimand.core.catalog import resolve
from estimand.core.finding import Grade
from estimand.core.frozen import FrozenMap
from estimand.figures.chart import Band, Bars, Curve, Interval, Points, Tile, Tone, VLine
from estimand.figures.static import to_png, to_svg
from estimand.report.exhibits import exhibits

FIGURES = (
    "effect_distribution", "sorted_effects", "effect_importance", "effect_by_covariate", "effect_by_pair",
    "effect_calibration", "targeting", "effect_groups",
)  # fmt: skip
TWO = ("low", "high")


def drawn(key, record=None):
    return resolve("figures", key)(varying.every() if record is None else record)


def two_arms():
    findings = [make(arm=arm) for arm in TWO for make in (varying.calibration, varying.rate, varying.groups)]
    return varying.record(*findings, arms=TWO)


def marks(chart, kind, panel=0):
    return [mark for mark in chart.panels[panel].marks if isinstance(mark, kind)]


@pytest.mark.parametrize("key", FIGURES)
@pytest.mark.parametrize("record", [varying.every, two_arms])
def test_each_is_drawn_wide_and_narrow_the_same_every_time(key, record):
    chart = drawn(key, record())
    assert to_png(chart)[:4] == b"\x89PNG"
    assert to_svg(chart, 350.0) == to_svg(chart, 350.0)
    assert len(chart.table) > 0
    assert chart.alt.endswith(".")


@pytest.mark.parametrize("key", FIGURES)
def test_each_says_what_it_needs(key):
    with pytest.raises(es.UnsupportedError, match="no effects that vary"):
        drawn(key, made.lalonde())
    bare = varying.record(estimate=varying.forest(details={"by_covariate": {}, "by_pair": {}, "importance": None}))
    if key not in {"effect_distribution", "sorted_effects"}:
        with pytest.raises(es.UnsupportedError):
            drawn(key, bare)


@pytest.mark.parametrize("key", FIGURES)
def test_what_is_vetoed_is_grey_and_said_not_to_be_relied_on(key):
    record = varying.every()
    veto = made.finding("design.post_treatment", "causal_forest", Grade.VETO, "A bad control.")
    chart = drawn(key, replace(record, findings=(veto, *record.findings)))
    assert "not to be relied on" in chart.title
    tones = {mark.tone for panel in chart.panels for mark in panel.marks if hasattr(mark, "tone")}
    assert tones <= {Tone.VETOED, Tone.QUIET, Tone.PLAIN}


def test_the_bars_count_every_row_and_part_at_no_effect():
    chart = drawn("effect_distribution")
    effects = varying.effects()[:, 0]
    assert sum(chart.table["rows"]) == varying.ROWS
    harmed = [n for n, high in zip(chart.table["rows"], chart.table["high"], strict=True) if high <= 1e-12]
    assert sum(harmed) == int((effects < 0).sum())
    parts = marks(chart, Bars)
    assert sorted(sum(bars.heights) for bars in parts) == sorted([sum(harmed), varying.ROWS - sum(harmed)])
    low, high = (100 * np.quantile(effects, q) for q in (0.05, 0.95))
    assert f"from −{-low:.2f} to {high:.1f} percentage points" in chart.title
    assert f"{100 * (effects < 0).mean():.1f}% are below zero" in chart.title
    assert "0.100 (0.0804 to 0.120)" in chart.caption


def test_effects_all_alike_are_one_bar_and_extreme_ones_are_in_the_end_bars():
    same = varying.forest(details={"effects": np.full(500, 0.2)})
    chart = drawn("effect_distribution", varying.record(estimate=same))
    assert max(chart.table["rows"]) == sum(chart.table["rows"]) == 500
    wild = varying.effects()[:, 0].copy()
    wild[0] = 1e6
    chart = drawn("effect_distribution", varying.record(estimate=varying.forest(details={"effects": wild})))
    assert sum(chart.table["rows"]) == varying.ROWS
    assert max(chart.table["high"]) < 1.5
    assert "The end bars hold" in chart.caption


def test_sorted_effects_rise_with_the_interval_of_one_effect():
    chart = drawn("sorted_effects")
    (band,) = marks(chart, Band)
    value = np.array(chart.table["value"])
    assert (np.diff(value) > 0).all()
    np.testing.assert_allclose(np.array(band.high) - value, 1.959964 * 0.05, rtol=1e-6)
    np.testing.assert_allclose(value.mean(), varying.effects().mean(), rtol=1e-9)
    effects = varying.effects()[:, 0]
    above, below = (effects > 1.959964 * 0.05).mean(), (effects < -1.959964 * 0.05).mean()
    assert f"{100 * above:.1f}% of effects on renewal lie above zero, {100 * below:.1f}% below" in chart.title
    without = varying.record(estimate=varying.forest(errors=False))
    with pytest.raises(es.UnsupportedError, match="no standard errors of single effects"):
        drawn("sorted_effects", without)


def test_a_million_effects_are_a_few_marks_and_a_small_table():
    rows = 1_000_000
    details = {"effects": varying.effects(rows=rows)[:, 0], "effect_std_error": np.full(rows, 0.1)}
    record = varying.record(estimate=varying.forest(details=details, n_obs=rows))
    for key in ("effect_distribution", "sorted_effects"):
        chart = drawn(key, record)
        assert len(chart.table) <= 60
        assert len(to_svg(chart)) < 60_000
    assert sum(drawn("effect_distribution", record).table["rows"]) == rows


def test_a_record_read_without_its_arrays_has_no_figure_of_rows(tmp_path):
    record = varying.every()
    bare = es.StudyRecord.from_dict(record.to_dict())
    with pytest.raises(es.UnsupportedError, match="not with this record"):
        drawn("effect_distribution", bare)
    loaded = es.StudyRecord.load(record.save(tmp_path))
    for key in FIGURES:
        assert to_svg(drawn(key, loaded)) == to_svg(drawn(key, record))


def test_importance_is_in_order_with_its_shares():
    chart = drawn("effect_importance")
    assert [row.label for row in chart.panels[0].rows] == ["months of tenure", "plan", "region"]
    assert [mark.value for mark in marks(chart, Interval)] == [0.7, 0.2, 0.1]
    assert "turn most on months of tenure (70.0%), then on plan (20.0%)" in chart.title
    many = FrozenMap({f"x{j}": 1.0 / 40 for j in range(40)})
    chart = drawn("effect_importance", varying.record(estimate=varying.forest(details={"importance": many})))
    assert len(chart.panels[0].rows) == 15
    assert len(chart.table) == 40
    assert "25 more covariates are in the table" in chart.caption


def test_the_curve_and_the_levels_are_the_detail_s():
    chart = drawn("effect_by_covariate")
    told = varying.by_covariate(varying.ARMS)
    (band,) = marks(chart, Band)
    assert list(band.low) == told["band_low"][: varying.PLACES]
    (points,) = marks(chart, Points)
    assert list(points.y) == told["value"][: varying.PLACES]
    assert [panel.title for panel in chart.panels] == ["months of tenure", "plan"]
    assert [row.label for row in chart.panels[1].rows] == ["basic", "pro"]
    ends = [mark.segments[0] for mark in marks(chart, Interval, 1)]
    np.testing.assert_allclose(ends, [(0.07, 0.17), (-0.08, 0.02)], atol=1e-12)
    assert chart.panels[0].y.limits == chart.panels[1].x.limits
    assert "from −4.00 percentage points (at 50) to 20.0 (at 2); no one effect fits all" in chart.title


def test_arms_share_a_panel_and_have_their_colours():
    chart = drawn("effect_by_covariate", two_arms())
    assert [mark.tone for mark in marks(chart, Band)] == [Tone.FIRST, Tone.SECOND]
    assert [key.text for key in chart.panels[0].keys] == list(TWO)
    assert [row.label for row in chart.panels[1].rows] == ["basic · low", "basic · high", "pro · low", "pro · high"]


def test_the_map_has_a_cell_for_each_pair_and_crosses_out_what_is_not_known():
    chart = drawn("effect_by_pair")
    tiles = {(tile.x, tile.row): tile for tile in marks(chart, Tile)}
    assert len(tiles) == 6
    assert [tiles[i, 1.0].text for i in (0.0, 1.0, 2.0)] == ["0.21", "0.11", "0.04"]
    assert [tiles[i, 2.0].share is None for i in (0.0, 1.0, 2.0)] == [False, True, True]
    assert tiles[0.0, 1.0].share == 1.0
    assert [text for _, text in chart.panels[0].x.ticks] == ["1 to 12", "13 to 24", "25 to 48"]
    assert "from 2.00 (months of tenure 1 to 12, plan pro) to 21.0 percentage points" in chart.title
    assert "Grey cells have too few rows" in chart.caption


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        ((0.8, 0.5, 1.1), "larger ones are found: slope 0.800 (0.500 to 1.10)"),
        ((0.5, 0.3, 0.7), "larger ones are found, though less than predicted"),
        ((1.8, 1.3, 2.3), "by more than predicted"),
        ((0.1, -0.3, 0.5), "larger ones are not clearly found"),
        ((-0.6, -0.9, -0.3), "smaller ones are found"),
    ],
)
def test_the_calibration_line_has_the_slope_and_the_title_its_meaning(slope, words):
    finding = varying.calibration(slope)
    chart = drawn("effect_calibration", varying.record(finding))
    assert words in chart.title
    (points,) = marks(chart, Points)
    assert list(points.y) == list(finding.evidence["value"])
    line = next(mark for mark in marks(chart, Curve) if mark.tone is Tone.FIRST)
    assert (line.y[1] - line.y[0]) / (line.x[1] - line.x[0]) == pytest.approx(slope[0])
    diagonal = next(mark for mark in marks(chart, Curve) if mark.dashed)
    assert list(diagonal.x) == list(diagonal.y)


@pytest.mark.parametrize(
    ("area", "words"),
    [
        ((0.05, 0.02, 0.08), ("8.00 percentage points larger than among everyone", "better than chance")),
        ((0.01, -0.02, 0.04), ("is not clearly larger than among everyone", "may be chance")),
        ((-0.05, -0.08, -0.02), ("8.00 percentage points smaller", "worse than chance")),
    ],
)
def test_the_targeting_curve_is_the_check_s_and_the_title_reads_it(area, words):
    finding = varying.rate(area)
    chart = drawn("targeting", varying.record(finding))
    assert all(word in chart.title for word in words)
    (band,) = marks(chart, Band)
    assert list(band.high) == list(finding.evidence["band_high"])
    (points,) = marks(chart, Points)
    assert list(points.y) == list(finding.evidence["value"])
    assert "p < 0.001 and p = 0.020" in chart.caption


def test_groups_are_rows_with_what_was_found_and_what_was_predicted():
    chart = drawn("effect_groups")
    assert [row.label for row in chart.panels[0].rows] == [
        "least predicted effects", "second fifth", "third fifth", "fourth fifth", "largest predicted effects"
    ]  # fmt: skip
    assert [mark.value for mark in marks(chart, Interval)] == [-0.08, 0.0, 0.05, 0.1, 0.2]
    assert [mark.x[0] for mark in marks(chart, Points)] == pytest.approx([-0.12, 0.0, 0.075, 0.15, 0.3])
    average = next(line for line in marks(chart, VLine) if line.band)
    assert average.at == pytest.approx(0.054)
    assert (
        "is 20.0 percentage points in the fifth with the largest predicted effects, −8.00 in the fifth" in chart.title
    )
    assert chart.title.endswith("the two differ")
    alike = varying.groups((0.04, 0.06), half=0.05)
    chart = drawn("effect_groups", varying.record(alike))
    assert chart.title.endswith("the two may be alike")
    assert "in the half with" in chart.title


def test_the_headline_leads_and_another_estimate_stands_in_for_it():
    other = made.estimate("aipw", (0.09,), (0.01,), outcome="renewed", target=es.Target.ATE, unit="share")
    record = replace(varying.every(), estimates=(other, varying.forest()), headline="aipw")
    assert "For causal_forest" in drawn("effect_groups", record).caption


def test_the_report_shows_them_all_in_their_sections():
    shown = exhibits(varying.every())
    assert [item.key for item in shown["gains"]] == ["effect_groups", "targeting", "effect_calibration"]
    assert {item.key for item in shown["gains"] + shown["explored"]} == set(FIGURES)
    plain = exhibits(made.lalonde())
    assert not plain["gains"]
    assert not plain["explored"]
