"""Figures of rollouts: their marks are the record's numbers, they say the answer first, and no text is cut off."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import panel_records as rollout
import pytest
import study_records as made

from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Unknown
from estimand.errors import UnsupportedError
from estimand.figures.bacon import bacon_figure
from estimand.figures.chart import Axis, Box, Chart, Curve, Pane, Points, Row, Tile, Tone, VLine
from estimand.figures.comparison import estimate_comparison_figure
from estimand.figures.event_study import event_study_figure
from estimand.figures.flow import sample_flow_figure
from estimand.figures.group_time import group_time_figure
from estimand.figures.honest_did import honest_did_figure
from estimand.figures.look import COLOURS, NARROW, WIDE, diverging
from estimand.figures.pretrend_power import pretrend_power_figure
from estimand.figures.static import to_png, to_svg
from estimand.figures.static.type import measure
from estimand.figures.trends import trends_figure
from estimand.report.exhibits import exhibits
from estimand.report.page import html

SVG = "{http://www.w3.org/2000/svg}"
YEARS = tuple(str(year) for year in range(1990, 2012))
LONG = made.LONG
THIRTY = rollout.cells(tuple(map(str, range(1991, 2022))), tuple(map(str, range(1990, 2023))))


def marks(chart: Chart, kind: type, panel: int = 0) -> list:
    return [mark for mark in chart.panels[panel].marks if isinstance(mark, kind)]


def several() -> Chart:
    """Return four event studies, one with a name that has to be broken."""
    studies = [rollout.event_study(key, times=tuple(range(-9, 12))) for key in ("a", LONG, "staggered_did", "d")]
    return event_study_figure(rollout.record(*studies, rollout.event_study("e")))


DRAWN = {
    "event_study": lambda: event_study_figure(rollout.record(rollout.event_study())),
    "event_studies": several,
    "trends": lambda: trends_figure(rollout.record(rollout.event_study("did"), findings=(rollout.trends(),))),
    "trends_of_six": lambda: trends_figure(
        rollout.record(
            rollout.event_study(), findings=(rollout.trends(("1994", "1996", "1999", "2001", "2003", "2006"), YEARS),)
        )
    ),
    "group_time": lambda: group_time_figure(rollout.record(rollout.staggered())),
    "group_time_of_thirty": lambda: group_time_figure(rollout.record(rollout.staggered(table=THIRTY))),
    "bacon": lambda: bacon_figure(rollout.bacon()),
    "honest_did": lambda: honest_did_figure(rollout.honest()),
    "pretrend_power": lambda: pretrend_power_figure(rollout.power()),
}


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", DRAWN)
def test_no_text_is_cut_off_and_ticks_are_apart(name: str, width: float) -> None:
    root = ET.XML(to_svg(DRAWN[name](), width))
    height = float(root.get("height"))
    spans: dict[float, list[tuple[float, float, str]]] = {}
    for text in root.iter(f"{SVG}text"):
        style = text.get("style")
        size = float(re.search(r"font-size: ([\d.]+)px|font: .*?([\d.]+)px", style).group(1) or 0)
        wide = measure(size, "bold" in style or "700" in style)(text.text or "")
        anchor = re.search(r"text-anchor: (\w+)", style).group(1)
        left = float(text.get("x")) - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * wide
        assert left >= -0.5, text.text
        assert left + wide <= width + 0.5, text.text
        assert 0.0 < float(text.get("y")) <= height, text.text
        spans.setdefault(round(float(text.get("y")), 1), []).append((left, left + wide, text.text))
    for line in spans.values():
        ordered = sorted(line)
        for before, after in pairwise(ordered):
            assert before[1] <= after[0] + 0.5, (before, after)


@pytest.mark.parametrize("name", ["event_study", "trends", "group_time", "honest_did"])
def test_they_are_the_same_each_time_and_name_their_numbers(name: str) -> None:
    first, second = DRAWN[name](), DRAWN[name]()
    assert to_svg(first) == to_svg(second)
    assert to_png(first, 72)[:4] == b"\x89PNG"
    assert len(first.table)
    assert first.title
    assert re.search(r"\d", first.alt)


def test_an_event_study_draws_its_terms_with_interval_and_band() -> None:
    estimate = rollout.event_study()
    chart = event_study_figure(rollout.record(estimate))
    own = estimate.combine(np.eye(8)[1:], estimate.terms[1:])
    hollow, filled, reference = marks(chart, Points)
    assert (hollow.filled, filled.filled) == (False, True)
    assert list(hollow.x) + list(filled.x) == [-4, -3, -2, 0, 1, 2, 3]
    np.testing.assert_allclose([*hollow.y, *filled.y], estimate.value[1:])
    assert (list(reference.x), list(reference.y)) == ([-1], [0])
    _, band, bars = marks(chart, Curve)
    assert (band.heavy, bars.heavy) == (False, True)
    for curve, ends in ((band, own.interval(joint=True)), (bars, own.interval())):
        np.testing.assert_allclose(np.reshape(curve.y, (-1, 3))[:, :2], ends)
    assert [(line.at, line.label) for line in marks(chart, VLine)] == [(-0.5, "treatment starts")]
    assert chart.title == (
        "The effect on score is 0.210 points when treatment starts and, 3 periods later, 0.840; before it none of 3 "
        "bands excludes zero"
    )
    assert len(chart.table) == 7


def test_an_event_study_counts_what_was_there_before() -> None:
    estimate = rollout.event_study()
    value = estimate.value.copy()
    value[1] = 2.0
    chart = event_study_figure(rollout.record(replace(estimate, value=value)))
    assert "before it 1 of 3 bands excludes zero" in chart.title
    late = rollout.event_study(times=(0, 1))
    assert "nothing shows how the groups moved before" in event_study_figure(rollout.record(late)).title


def test_the_reference_lies_before_what_is_anticipated_and_a_varying_base_has_none() -> None:
    ahead = rollout.event_study(times=(-3, -1, 0, 1), options={"anticipation": 1})
    points = marks(event_study_figure(rollout.record(ahead)), Points)
    assert list(points[-1].x) == [-2]
    varying = rollout.event_study(times=(-2, -1, 0, 1), options={"base": "varying"})
    chart = event_study_figure(rollout.record(varying))
    assert len(marks(chart, Points)) == 2
    assert "compares each period with the one before it" in chart.caption


def test_event_studies_stand_beside_each_other_the_headline_first() -> None:
    studies = [rollout.event_study(key) for key in ("a", "b", "c", "d", "e")]
    chart = event_study_figure(rollout.record(*studies, headline="c"))
    assert [key.text for key in chart.panels[0].keys] == ["c", "a", "b", "d"]
    assert "1 more in the table" in chart.caption
    assert set(chart.table["estimate"]) == set("abcde")
    at_zero = sorted(points.x[0] for points in marks(chart, Points) if points.filled and points.tone is not Tone.QUIET)
    assert len(set(at_zero)) == 4
    assert max(at_zero) - min(at_zero) < 1.0


def test_a_vetoed_event_study_is_grey_and_said_to_be_so() -> None:
    veto = made.finding("panel.staggered_twfe", "sun_abraham", Grade.VETO, "Not so.")
    chart = event_study_figure(rollout.record(rollout.event_study(), findings=(veto,)))
    assert "not to be relied on" in chart.title
    assert {mark.tone for mark in marks(chart, Points)} == {Tone.VETOED, Tone.QUIET}


def test_draws_have_a_band_of_their_own_and_what_has_no_uncertainty_is_not_drawn() -> None:
    estimate = rollout.event_study()
    drawn = np.random.default_rng(1).multivariate_normal(estimate.value, estimate.uncertainty.vcov, 400)
    chart = event_study_figure(rollout.record(replace(estimate, uncertainty=Draws(drawn, "bootstrap"))))
    assert all(low <= high for low, high in zip(chart.table["band_low"], chart.table["low"], strict=True))
    with pytest.raises(UnsupportedError, match="no effects over event time"):
        event_study_figure(rollout.record(replace(estimate, uncertainty=Unknown("none."))))


def test_trends_join_what_would_have_been_to_the_last_period_before() -> None:
    chart = trends_figure(rollout.record(rollout.event_study("did"), findings=(rollout.trends(),)))
    without, treated, comparison = marks(chart, Curve)
    assert (without.dashed, treated.dashed, comparison.dashed) == (True, False, False)
    assert list(without.x) == [2.0, 3.0, 4.0]
    np.testing.assert_allclose(without.y, [11.6, 12.4, 13.2])
    np.testing.assert_allclose(treated.y, [10.0, 10.8, 11.6, 13.4, 15.2])
    np.testing.assert_allclose(comparison.y, [9.5, 10.3, 11.1, 11.9, 12.7])
    assert [line.at for line in marks(chart, VLine)] == [2.5]
    assert chart.title == (
        "In 2007 the mean of score among the treated was 15.2 points; without treatment it would have been 13.2"
    )
    assert [key.text for key in chart.panels[0].keys] == ["treated", "never treated", "without treatment"]


def test_trends_take_the_headline_and_the_largest_cohorts() -> None:
    finding = rollout.trends(("1994", "1996", "1999", "2001", "2003", "2006"), YEARS, ("other", "did"))
    chart = trends_figure(rollout.record(rollout.event_study("did"), findings=(finding,)))
    assert "by did" in chart.caption
    assert "The 4 largest of 6 cohorts" in chart.caption
    assert [line.label for line in marks(chart, VLine)] == ["1999", "2001", "2003", "2006"]
    bare = trends_figure(rollout.record(rollout.event_study("did"), findings=(rollout.trends(sources=()),)))
    assert "No estimate says" in bare.title
    assert not [mark for mark in marks(bare, Curve) if mark.dashed]


def test_trends_and_cells_of_another_outcome_are_not_drawn() -> None:
    other = replace(rollout.trends(), about="attendance")
    with pytest.raises(UnsupportedError, match="no mean outcomes"):
        trends_figure(rollout.record(rollout.event_study(), findings=(other,)))
    with pytest.raises(UnsupportedError, match="no effects by cohort"):
        group_time_figure(rollout.record(rollout.event_study()))


def test_cells_are_coloured_about_zero_and_marked_where_treatment_starts() -> None:
    table = rollout.cells()
    hole = Table({name: [x for j, x in enumerate(table[name]) if j != 1] for name in table.columns})
    chart = group_time_figure(rollout.record(rollout.staggered(table=hole)))
    tiles = marks(chart, Tile)
    assert len(tiles) == 12
    assert [tile.text for tile in tiles if tile.share is None] == [""]
    np.testing.assert_allclose(min(tile.share for tile in tiles if tile.share is not None), -1.0)
    assert [(tile.x, tile.row) for tile in tiles if tile.starts] == [(0.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert tiles[3].text == "−0.16"
    assert chart.title.startswith("Effects after treatment go from −0.164 (cohort 2004 in 2007) to −0.0410 points")
    scale = chart.panels[1].x.limits
    np.testing.assert_allclose(scale, (-0.164, 0.164))


def test_cells_read_from_a_saved_record_are_the_same(tmp_path) -> None:
    record = rollout.record(rollout.staggered())
    again = type(record).load(record.save(tmp_path))
    assert to_svg(group_time_figure(again)) == to_svg(group_time_figure(record))


def test_colours_run_from_orange_over_white_to_blue() -> None:
    assert diverging(0.0) == "#f7f7f5"
    assert diverging(-1.0) == diverging(-2.0) == "#a84d00"
    assert diverging(1.0) == "#0b5a94"


def test_text_of_tiles_is_there_where_all_have_room_and_unknown_ones_are_crossed_out() -> None:
    def drawn(text: str, share: float | None = 0.3) -> str:
        tiles = [Tile(0.0, 0.0, share, text), Tile(1.0, 0.0, 0.1, "1")]
        pane = Pane(tiles, Axis("x", (-0.5, 1.5), [(0.0, "a"), (1.0, "b")]), rows=[Row(0.0, "row")])
        return to_svg(Chart("t", "c", "a", Table({"x": [1]}), [pane]), NARROW)

    assert ">0.25<" in drawn("0.25")
    assert "2 and very long" not in drawn("2 and very long, much too long to fit into any tile")
    assert diverging(0.3) in drawn("")
    assert diverging(0.3) not in drawn("", None)


def test_legends_break_where_a_screen_is_narrow() -> None:
    wide, narrow = (float(ET.XML(to_svg(bacon_figure(rollout.bacon()), w, heading=False)).get("height"))
                    for w in (WIDE, NARROW))  # fmt: skip
    assert narrow > wide


def test_comparisons_stand_at_their_weight_and_the_mean_is_a_line() -> None:
    chart = bacon_figure(rollout.bacon())
    mean = 0.4 * 0.31 + 0.25 * 0.22 + 0.2 * 0.27 - 0.15 * 0.18
    _, line = marks(chart, Curve)
    np.testing.assert_allclose(line.y, (mean, mean))
    assert line.dashed
    never, not_yet, already = marks(chart, Points)
    assert (list(never.x), list(never.y), never.filled) == ([0.4, 0.25], [0.31, 0.22], True)
    assert (list(not_yet.x), list(already.y), already.filled) == ([0.2], [-0.18], False)
    assert chart.title == (
        "The two-way coefficient of 0.206 averages 4 comparisons: 15.0% of the weight is on units treated already, "
        "which average −0.180"
    )
    assert bacon_figure(rollout.bacon(forbidden=False)).title.endswith("none with units treated already")


def test_robust_intervals_stand_beside_the_usual_one_and_the_breakdown_is_marked() -> None:
    chart = honest_did_figure(rollout.honest())
    assert len(chart.panels) == 2
    usual, *robust = marks(chart, Curve)[1:]
    assert usual.x[0] < 0.0
    np.testing.assert_allclose(usual.y, (0.30, 0.54))
    assert [curve.x[0] for curve in robust] == [0.0, 0.5, 1.0, 1.5, 2.0]
    np.testing.assert_allclose(robust[2].y, (0.42 - 0.4, 0.42 + 0.4))
    assert [(line.at, line.label) for line in marks(chart, VLine)] == [(0.83, "zero inside from M̄ = 0.83")]
    assert [line.at for line in marks(chart, VLine, 1)] == [0.04]
    assert chart.title == (
        "The average effect stands until trends may part 0.83 times as much as they most did before treatment"
    )
    assert "first treated period see the table" in chart.caption


@pytest.mark.parametrize(
    ("turn", "said"),
    [(None, "No difference in trends"), (0.0, "even if trends are parallel"), (7.0, "7 times as much")],
)
def test_a_breakdown_that_is_not_on_the_axis_is_said(turn: float | None, said: str) -> None:
    chart = honest_did_figure(rollout.honest(turn))
    assert said in chart.title
    assert not marks(chart, VLine)


def test_a_bound_under_which_everything_is_rejected_has_no_bar() -> None:
    finding = rollout.honest()
    table = finding.evidence
    gone = [j for j, row in enumerate(table.rows()) if row["target"] == "average" and row["bound"] == 0.0]
    ends = {name: [None if j in gone else x for j, x in enumerate(table[name])] for name in ("low", "high")}
    chart = honest_did_figure(replace(finding, evidence=Table({**table.columns, **ends})))
    assert [curve.x[0] for curve in marks(chart, Curve)[2:]] == [0.5, 1.0, 1.5, 2.0]
    assert "every value rejected" in chart.alt


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_line_a_pre_test_finds_points_to_where_the_effects_are(sign: float) -> None:
    chart = pretrend_power_figure(rollout.power(sign))
    line = next(mark for mark in marks(chart, Curve) if mark.dashed)
    np.testing.assert_allclose(line.y, [sign * 0.05 * (t + 1) for t in line.x])
    assert chart.title.startswith("Trends that part by 0.0500 a period would have been seen four times in five")
    assert chart.title.endswith("off by 0.125" if sign > 0 else "off by −0.125")
    reference, hollow, filled = marks(chart, Points)
    assert (list(reference.x), list(hollow.x), list(filled.x)) == ([-1], [-4, -3, -2], [0, 1, 2, 3])


@pytest.mark.parametrize("draw", [bacon_figure, honest_did_figure, pretrend_power_figure])
@pytest.mark.parametrize("evidence", [None, Table({}), Table({"other": [1]})])
def test_findings_without_evidence_are_refused(draw, evidence: Table | None) -> None:
    found: Finding = made.finding("panel.bacon", "did", Grade.PASS, "Nothing.", evidence=evidence)
    with pytest.raises(UnsupportedError, match="nothing to draw"):
        draw(found)


def test_the_report_shows_what_a_rollout_has_and_nothing_of_it_elsewhere() -> None:
    findings = (rollout.trends(), rollout.bacon(), rollout.honest(), rollout.power())
    estimate = replace(rollout.event_study(), details=FrozenMap({"group_time": rollout.cells()}))
    shown = exhibits(rollout.record(estimate, findings=findings))
    assert [item.key for item in shown["evidence"]] == ["estimate_comparison", "event_study", "trends", "group_time"]
    assert [item.key for item in shown["comparable"]] == ["bacon"]
    assert [item.key for item in shown["sensitivity"]] == ["honest_did", "pretrend_power"]
    assert [item.key for item in exhibits(made.lalonde())["evidence"]] == ["estimate_comparison"]


def test_lines_in_a_legend_are_drawn_as_they_are_in_the_figure() -> None:
    svg = to_svg(bacon_figure(rollout.bacon()))
    assert svg.count("stroke-dasharray") == 2
    assert COLOURS[Tone.SECOND] in svg


def test_a_small_loss_beside_a_large_gain_is_no_minus_nothing() -> None:
    table = Table({"cohort": ["3", "3"], "period": ["3", "10"], "event_time": [0, 7], "value": [-0.01, 17.81]})
    chart = group_time_figure(rollout.record(rollout.staggered(table=table)))
    assert [tile.text for tile in marks(chart, Tile)] == ["0.0", "17.8"]
    assert "(cohort 3 in period 3)" in chart.title


def test_what_would_have_been_by_a_vetoed_estimate_is_said_to_be_so() -> None:
    veto = made.finding("panel.staggered_twfe", "did", Grade.VETO, "Not so.")
    chart = trends_figure(rollout.record(rollout.event_study("did"), findings=(veto, rollout.trends())))
    assert chart.title.endswith("by an estimate not to be relied on")


def test_the_rows_of_a_rollout_are_treated_by_then_or_not() -> None:
    chart = sample_flow_figure(rollout.record(rollout.event_study()))
    assert [box.text for box in marks(chart, Box)][-2:] == ["not treated, or not yet", "treated by then"]
    assert "not treated, or not yet 1,500, treated by then 1,000" in chart.alt


def test_cells_that_were_not_estimated_are_spoken_of_where_there_are_any() -> None:
    table = rollout.cells()
    hole = Table({name: table[name][1:] for name in table.columns})
    whole, holed = (group_time_figure(rollout.record(rollout.staggered(table=one))).caption for one in (table, hole))
    assert "not estimated" not in whole
    assert "Grey cells were not estimated." in holed


def test_a_rollout_is_asked_who_is_compared_with_whom() -> None:
    page = html(rollout.record(rollout.event_study("did"), findings=(rollout.bacon(),)))
    assert "Who is compared with whom?" in page
    assert "Are the arms comparable?" in html(made.lalonde())


def test_comparison_of_a_panel_sets_different_averages_apart() -> None:
    cells = rollout.staggered()
    events = replace(cells, id="by_event", population=replace(cells.population, label="event times alike"))
    again = replace(cells, id="again")
    chart = estimate_comparison_figure(rollout.record(cells, events, again, headline="staggered_did"))
    of_the_treated = "Average effect on those treated (ATT): "
    assert [row.label for row in chart.panels[0].rows] == [
        of_the_treated + cells.population.label,
        "staggered_did",
        "again",
        of_the_treated + "event times alike",
        "by_event",
    ]
