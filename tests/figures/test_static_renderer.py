"""Charts as SVG and PNG: the same bytes each time, nothing cut off, nothing let in."""

import copy
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
import study_records as made

from estimand.figures.balance import love_plot_figure
from estimand.figures.chart import Axis, Chart, Interval, Pane, Row, Tone, VLine
from estimand.figures.comparison import estimate_comparison_figure
from estimand.figures.flow import sample_flow_figure
from estimand.figures.look import COLOURS, FONT_STACK, NARROW, WIDE
from estimand.figures.overlap import propensity_overlap_figure
from estimand.figures.static import to_png, to_svg
from estimand.figures.static.layout import plan_panel
from estimand.figures.static.type import measure
from estimand.figures.wrapping import plain, wrap

DRAWN = {"svg", "g", "path", "text", "use", "defs", "clipPath", "rect"}
SVG = "{http://www.w3.org/2000/svg}"


def charts(record):
    yield estimate_comparison_figure(record)
    yield sample_flow_figure(record)
    for finding in record.findings:
        if finding.check == "balance.smd":
            yield love_plot_figure(finding)
        if finding.check == "overlap.propensity":
            yield propensity_overlap_figure(finding)


RECORDS = (made.lalonde, made.churn, made.experiment, made.vetoed, made.hostile, made.unanswered)
CHARTS = [pytest.param(chart, id=f"{make.__name__}-{j}") for make in RECORDS for j, chart in enumerate(charts(make()))]


@pytest.mark.parametrize("chart", CHARTS[:4])
def test_two_renders_have_the_same_bytes(chart):
    assert to_svg(chart) == to_svg(chart)
    assert to_png(chart, 72) == to_png(chart, 72)


def test_a_copied_chart_draws_the_same():
    chart = sample_flow_figure(made.lalonde())
    assert to_svg(copy.deepcopy(chart)) == to_svg(chart)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("chart", CHARTS)
def test_no_text_is_cut_off(chart, width):
    root = ET.XML(to_svg(chart, width))
    height = float(root.get("height"))
    texts = list(root.iter(f"{SVG}text"))
    assert texts
    for text in texts:
        style = text.get("style")
        size = float(re.search(r"font-size: ([\d.]+)px|font: .*?([\d.]+)px", style).group(1) or 0)
        assert size >= 11.0
        wide = measure(size, "bold" in style or "700" in style)(text.text or "")
        anchor = re.search(r"text-anchor: (\w+)", style).group(1)
        left = float(text.get("x")) - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * wide
        assert left >= -0.5, text.text
        assert left + wide <= width + 0.5, text.text
        assert 0.0 < float(text.get("y")) <= height, text.text


@pytest.mark.parametrize("chart", CHARTS)
def test_svg_is_bare_and_says_what_it_shows(chart):
    svg = to_svg(chart)
    root = ET.XML(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == plain(chart.alt)
    assert root.get("font-family") == FONT_STACK
    assert {tag.tag.removeprefix(SVG) for tag in root.iter()} <= DRAWN
    assert "DejaVu" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert len(re.findall(r'id="([^"]+)"', svg)) == len(set(re.findall(r'id="([^"]+)"', svg)))


def test_title_and_caption_can_be_left_to_the_page():
    chart = sample_flow_figure(made.lalonde())
    assert chart.title in to_svg(chart)
    assert chart.title not in to_svg(chart, heading=False)


def test_png_has_the_size_asked_for():
    chart = sample_flow_figure(made.lalonde())
    image = to_png(chart, 72, 600.0)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(image[16:20], "big") == 600
    assert b"Software" not in image


def test_settings_are_put_back():
    before = dict(mpl.rcParams)
    to_svg(sample_flow_figure(made.lalonde()))
    assert dict(mpl.rcParams) == before


def one_interval(segments, tone=Tone.PLAIN):
    table = made.balance("aipw").evidence
    panel = Pane([Interval(0.0, 1.0, segments, tone), VLine(0.0, "")], Axis("x"), rows=[Row(0.0, "a")])
    return Chart("title", "caption", "alt", table, [panel])


def test_an_unbounded_end_has_an_arrow_and_an_empty_set_a_hollow_point():
    inf = float("inf")
    colour = COLOURS[Tone.PLAIN]
    bounded, open_left, open_both, empty = (
        to_svg(one_interval(segments)) for segments in (((0.5, 2.0),), ((-inf, 2.0),), ((-inf, inf),), ())
    )
    markers = [svg.count("<use ") for svg in (bounded, open_left, open_both, empty)]
    assert markers == [1, 2, 3, 1]
    assert f"fill: #ffffff; stroke: {colour}" in empty
    assert f"fill: #ffffff; stroke: {colour}" not in bounded


def test_a_vetoed_estimate_is_drawn_in_grey():
    svg = to_svg(one_interval(((0.5, 2.0),), Tone.VETOED))
    assert COLOURS[Tone.VETOED] in svg
    assert COLOURS[Tone.HEADLINE] not in svg


def test_labels_of_close_lines_stand_above_each_other():
    lines = [VLine(at, f"a long label at {at}") for at in (0.0, 0.01, 0.02, 5.0)]
    plan = plan_panel(Pane(lines, Axis("x"), rows=[Row(0.0, "a")]), 600.0)
    assert [line.level for line in plan.lines] == [0, 1, 2, 0]


@pytest.mark.parametrize("text", ["a_long_column_name and more", "x" * 90, "", "tab\tbell\x07", "年齢" * 20])
def test_wrapping_loses_nothing_and_keeps_the_width(text):
    lines = wrap(text, 60.0, measure(12.0))
    assert "".join(lines).replace(" ", "") == plain(text).replace(" ", "")
    assert all(measure(12.0)(line) <= 60.0 for line in lines)
