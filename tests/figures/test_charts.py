"""What the four figures say and hold."""

import subprocess
import sys
from dataclasses import replace

import pytest
import study_records as made

from estimand.core.finding import Grade
from estimand.core.frozen import FrozenMap
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.balance import love_plot_figure
from estimand.figures.chart import Bars, Box, Interval, Link, Points, Tone, VLine
from estimand.figures.comparison import estimate_comparison_figure
from estimand.figures.flow import sample_flow_figure
from estimand.figures.overlap import propensity_overlap_figure


def marks(chart, kind, panel=0):
    return [mark for mark in chart.panels[panel].marks if isinstance(mark, kind)]


def test_comparison_says_the_finding_and_names_every_number():
    chart = estimate_comparison_figure(made.lalonde())
    assert chart.title == "aipw puts the effect on re78 at 1,214 dollars; the unadjusted difference is −635"
    assert chart.caption.startswith("Lines are 95% intervals; n = 614 rows.")
    for said in ("regression 1,548 (78.4 to 3,018)", "ipw 1,214", "aipw 1,214 (−330 to 2,759)", "−635", "1,794"):
        assert said in chart.alt


def test_comparison_groups_by_target_and_puts_what_is_not_adjusted_last():
    rows = estimate_comparison_figure(made.lalonde()).panels[0].rows
    assert [row.label for row in rows] == [
        "Average effect on those treated (ATT)",
        "regression",
        "ipw",
        "aipw",
        "Arms as they are, not adjusted",
        "difference (naive)",
    ]
    assert [row.tone for row in rows if row.strong] == [Tone.HEADLINE]


def test_comparison_has_zero_line_and_benchmark_with_its_band():
    lines = marks(estimate_comparison_figure(made.lalonde()), VLine)
    assert [(line.at, line.tone) for line in lines] == [(0.0, Tone.QUIET), (1794.3, Tone.BENCHMARK)]
    assert lines[1].band == pytest.approx((1794.3 - 1.959964 * 633.0, 1794.3 + 1.959964 * 633.0))


def test_vetoed_headline_is_grey_and_said_to_be_so():
    chart = estimate_comparison_figure(made.vetoed())
    assert "not to be relied on" in chart.title
    tones = {mark.row: mark.tone for mark in marks(chart, Interval)}
    vetoed = next(row for row in chart.panels[0].rows if row.label == "aipw (vetoed)")
    assert tones[vetoed.at] is Tone.VETOED
    assert "aipw (vetoed)" in chart.alt


def test_a_veto_of_one_estimate_leaves_the_others():
    record = made.lalonde()
    veto = made.finding("design.post_treatment", "ipw", Grade.VETO, "It adjusts for a bad control.")
    tones = [mark.tone for mark in marks(estimate_comparison_figure(replace(record, findings=(veto,))), Interval)]
    assert tones == [Tone.PLAIN, Tone.VETOED, Tone.HEADLINE, Tone.NAIVE]


def test_each_outcome_has_its_own_panel_and_scale():
    chart = estimate_comparison_figure(made.experiment())
    assert [panel.title for panel in chart.panels] == ["revenue", "task done"]
    assert [panel.x.label for panel in chart.panels] == ["Effect on revenue (pounds)", "Effect on task done (share)"]
    assert len(marks(chart, Interval, 0)) == len(marks(chart, Interval, 1)) == 6


def test_unbounded_empty_and_broken_sets_are_kept_as_they_are():
    chart = estimate_comparison_figure(made.experiment())
    ratio_b, ratio_c = marks(chart, Interval, 0)[4:]
    assert ratio_b.segments == ((float("-inf"), 0.8),)
    assert ratio_c.segments == ()
    pieces = marks(chart, Interval, 1)[2]
    assert pieces.segments == ((-0.02, 0.01), (0.03, 0.06))
    values = {row.label: row.value for row in chart.panels[0].rows}
    assert values["ratio · B"] == "0.210 (−∞ to 0.800)"
    assert values["ratio · C"] == "0.400 (no interval)"
    assert chart.table["low"][4:6] == (None, None)


def test_comparison_without_headline_or_estimates():
    assert estimate_comparison_figure(made.unanswered()).title == "None of 1 estimates answers the question"
    empty = estimate_comparison_figure(made.record((), headline=None))
    assert (empty.title, len(empty.panels)) == ("There is no estimate to compare", 0)


def test_love_plot_orders_by_what_is_left_and_draws_both_lines():
    chart = love_plot_figure(made.balance("aipw"))
    assert chart.title == (
        "After adjustment 1 of 8 covariates and categories differs by more than 0.1; the worst is age, at 0.18"
    )
    assert [line.at for line in marks(chart, VLine)] == [0.1, 0.25]
    before, after = marks(chart, Points)
    assert (before.filled, after.filled) == (False, True)
    assert list(after.x) == sorted(after.x, reverse=True)
    assert "age 1.20 to 0.18" in chart.alt
    assert len(chart.table) == 8


def test_love_plot_shows_the_worst_twenty_five_and_says_so():
    chart = love_plot_figure(made.balance("aipw", tuple(f"x{j}" for j in range(60))))
    assert len(chart.panels[0].rows) == 25
    assert chart.caption.startswith("The worst 25 of 60 covariates and categories")
    assert len(chart.table) == 60


def test_love_plot_of_undefined_differences_invents_no_point():
    table = Table({"feature": ["a", "b"], "before": [0.3, None], "after": [None, -0.02]})
    chart = love_plot_figure(replace(made.balance("aipw"), evidence=table))
    before, after = marks(chart, Points)
    assert (before.x, after.x) == ((0.3,), (0.02,))
    assert [row.value for row in chart.panels[0].rows] == ["undefined", "0.02"]
    assert "1 could not be worked out" in chart.title


def test_love_plot_before_adjustment():
    table = Table({"feature": ["a", "b"], "before": [0.05, -0.81], "after": [None, None]})
    chart = love_plot_figure(replace(made.balance("study"), evidence=table))
    assert chart.title == (
        "Before adjustment 1 of 2 covariates and categories differs by more than 0.1; the worst is b, at 0.81"
    )
    assert [key.text for key in chart.panels[0].keys] == ["before adjustment"]


def test_overlap_is_mirrored_and_each_arm_sums_to_one():
    chart = propensity_overlap_figure(made.overlap("aipw", {"0": 429, "1": 185}))
    up, down = marks(chart, Bars)
    assert sum(up.heights) == pytest.approx(1.0)
    assert sum(down.heights) == pytest.approx(-1.0)
    assert [line.at for line in marks(chart, VLine)] == [0.05, 0.95]
    assert "n = 614 rows" in chart.caption
    assert "control (0), n = 429" in chart.alt
    assert "treated (1), n = 185" in chart.alt


def test_overlap_names_the_fullest_tail():
    table = Table(
        {
            "low": [0.0, 0.05, 0.95],
            "high": [0.05, 0.95, 1.0],
            "edge": [0.05] * 3,
            "arm no": [90, 10, 0],
            "arm yes": [5, 14, 1],
        }
    )
    found = replace(made.overlap("aipw", {"0": 1}, Grade.WARN), evidence=table)
    chart = propensity_overlap_figure(found)
    assert chart.title == "The arms overlap poorly: 90.0% of the control (no) arm lies below 0.05"
    assert "yes, n = 20: 25.0% below 0.05 and 5.0% above 0.95" in chart.alt


def test_overlap_gives_each_arm_its_scale_where_one_would_flatten_the_other():
    table = Table({"low": [0.0, 0.5], "high": [0.5, 1.0], "edge": [0.05] * 2, "arm no": [990, 10], "arm yes": [1, 1]})
    even = Table({"low": [0.0, 0.5], "high": [0.5, 1.0], "edge": [0.05] * 2, "arm no": [6, 4], "arm yes": [1, 1]})
    spiked = Table(
        {"low": [j / 10 for j in range(10)], "high": [(j + 1) / 10 for j in range(10)], "edge": [0.05] * 10} | SPIKE
    )
    captions = [
        propensity_overlap_figure(replace(made.overlap("aipw", {"0": 1}), evidence=one)).caption
        for one in (table, even, spiked)
    ]
    assert ["own scale" in caption for caption in captions] == [False, False, True]


SPIKE = {"arm no": [1000, *[0] * 9], "arm yes": [1] * 10}


def test_overlap_of_three_arms_has_three_panels():
    chart = propensity_overlap_figure(made.overlap("aipw", {"A": 30, "B": 40, "C": 50}))
    assert len(chart.panels) == 3
    assert [panel.x.label != "" for panel in chart.panels] == [False, False, True]


def test_overlap_of_an_arm_without_rows_is_flat():
    table = Table({"low": [0.0, 0.5], "high": [0.5, 1.0], "edge": [0.05] * 2, "arm no": [6, 4], "arm yes": [0, 0]})
    up, _ = marks(propensity_overlap_figure(replace(made.overlap("a", {"0": 1}), evidence=table)), Bars)
    assert up.heights == (0.0, 0.0)


@pytest.mark.parametrize("draw", [love_plot_figure, propensity_overlap_figure])
@pytest.mark.parametrize("evidence", [None, Table({}), Table({"other": [1]})])
def test_a_finding_without_evidence_is_refused(draw, evidence):
    found = made.finding("balance.smd", "aipw", Grade.PASS, "Nothing.", evidence=evidence)
    with pytest.raises(UnsupportedError, match="nothing to draw"):
        draw(found)


def test_overlap_without_counts_is_refused():
    found = made.finding("x", "y", Grade.PASS, "m", evidence=Table({"low": [0.0], "high": [1.0], "edge": [0.05]}))
    with pytest.raises(UnsupportedError, match="no counts"):
        propensity_overlap_figure(found)


def test_flow_accounts_for_every_row():
    chart = sample_flow_figure(made.lalonde())
    assert chart.title == "614 of 629 rows were used (97.6%)"
    numbers = [box.number for box in marks(chart, Box)]
    assert numbers == ["629", "12", "3", "614", "429", "185"]
    assert len(marks(chart, Link)) == 5
    assert "12 left out: outcome is missing (re78)" in chart.alt
    steps = dict(zip(chart.table["step"], chart.table["rows"], strict=True))
    dropped = sum(rows for step, rows in steps.items() if step.startswith("left out"))
    assert steps["rows read"] - dropped == steps["rows used"] == 614


def test_flow_of_many_arms_puts_four_in_a_row():
    chart = sample_flow_figure(made.record((), headline=None, arms={f"arm{j}": 10 for j in range(6)}))
    rows = [box.row for box in marks(chart, Box) if box.text.startswith("in arm")]
    assert rows == [2.0] * 4 + [3.0] * 2


def test_charts_are_frozen():
    chart = sample_flow_figure(made.lalonde())
    assert isinstance(chart.panels, tuple)
    assert isinstance(chart.table.columns, FrozenMap)
    with pytest.raises(AttributeError):
        chart.title = "other"


def test_figures_and_words_load_no_plotting():
    code = (
        "import sys, estimand.figures.comparison, estimand.figures.balance, estimand.figures.overlap, "
        "estimand.figures.flow, estimand.report.words; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
