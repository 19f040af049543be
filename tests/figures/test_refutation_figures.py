"""What the figures of the refutation tests say and hold."""

import math
from dataclasses import replace
from typing import Any

import pytest
import study_records as made

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Curve, Interval, Points, Tone, VLine
from estimand.figures.leave_one_out import leave_one_out_figure
from estimand.figures.look import NARROW, WIDE
from estimand.figures.negative_control import negative_control_figure
from estimand.figures.refit_spread import refit_spread_figure
from estimand.figures.specification import specification_curve_figure
from estimand.figures.static import to_png, to_svg
from estimand.figures.static.layout import plan_panels


def controls(grade: Grade = Grade.WARN, *, effects: bool = True) -> Finding:
    columns: dict[str, Any] = {
        "control": ["visits before", "rain"],
        "term": ["d", "d"],
        "standardised": [0.31, -0.02],
        "standardised_low": [0.2, -0.1],
        "standardised_high": [0.42, 0.06],
        "p_holm": [0.0004, 0.6],
    }
    if effects:
        columns |= {"effect": [0.5, 0.5], "effect_low": [0.4, 0.4], "effect_high": [0.6, 0.6]}
    if grade is Grade.PASS:
        columns["p_holm"] = [0.2, 0.6]
    key = "stress.negative_control_outcome"
    return made.finding(key, "aipw", grade, "Words.", threshold=0.05, evidence=Table(columns))


def left(values: tuple[float, ...] = (0.2, 0.9, 1.05)) -> Finding:
    names = ("age", "income", "site")[: len(values)]
    count = len(values)
    table = Table(
        {
            "covariate": names,
            "estimate": values,
            "low": [value - 0.4 for value in values],
            "high": [value + 0.4 for value in values],
            "move": [value - 1.0 for value in values],
            "move_error": [0.1] * count,
            "full": [1.0] * count,
            "full_low": [0.6] * count,
            "full_high": [1.4] * count,
            "std_error": [0.2] * count,
        }
    )
    return made.finding("stress.leave_one_covariate_out", "ipw", Grade.NOTE, "Words.", subject="d", evidence=table)


def spread(column: str = "expected", grade: Grade = Grade.PASS) -> Finding:
    table = Table({"draw": [1, 2, 3], "estimate": [1.2, 0.9, 1.0], "full": [1.0] * 3, column: [0.1] * 3})
    found = made.finding("stress.subset_stability", "ipw", grade, "Words.", subject="d", evidence=table)
    return replace(found, statistic=1.29)


def curve(count: int = 9) -> Finding:
    chosen = ["all", "none", *["without"] * (count - 2)]
    table = Table(
        {
            "estimate": [1.0 + 0.1 * j for j in range(count)],
            "low": [0.8 + 0.1 * j for j in range(count)],
            "high": [1.2 + 0.1 * j for j in range(count)],
            "method": ["ipw" if j % 2 else "regression" for j in range(count)],
            "covariates": chosen,
            "covariate": ["" if name != "without" else f"x{j:02d}" for j, name in enumerate(chosen)],
            "form": ["squares" if j == 3 else "linear" for j in range(count)],
            "trim": [0.05 if j == 4 else 0.0 for j in range(count)],
            "planned": [j == 0 for j in range(count)],
            "counted": [j != 1 for j in range(count)],
        }
    )
    return made.finding("stress.specification_curve", "y", Grade.NOTE, "Words.", subject="ATE", evidence=table)


def test_controls_stand_beside_the_study_s_effect_and_those_beyond_chance_stand_out() -> None:
    chart = negative_control_figure(controls())
    tones = [mark.tone for mark in chart.panels[0].marks if isinstance(mark, Interval)]
    assert tones == [Tone.HEADLINE, Tone.NAIVE, Tone.PLAIN]
    assert [row.label for row in chart.panels[0].rows] == ["the study's effect", "visits before", "rain"]
    assert chart.title == "Something is found where there is nothing to find: visits before, 0.310 standard deviations"
    assert "rain −0.0200, p 0.600" in chart.alt


def test_controls_that_pass_are_said_to_and_exposures_have_no_effect_beside_them() -> None:
    assert "nothing is found (2 controls)" in negative_control_figure(controls(Grade.PASS)).title
    marks = negative_control_figure(controls(effects=False)).panels[0].marks
    assert len([mark for mark in marks if isinstance(mark, Interval)]) == 2


def test_covariates_left_out_go_from_the_one_that_moves_most() -> None:
    chart = leave_one_out_figure(left())
    assert [row.label for row in chart.panels[0].rows] == [
        "all covariates",
        "without age",
        "without income",
        "without site",
    ]
    assert chart.panels[0].rows[1].value == "0.200 (moves 4.00 SE)"
    assert "whichever is left out, it keeps its sign" in chart.title
    assert [mark.at for mark in chart.panels[0].marks if isinstance(mark, VLine)] == [1.0, 0.0]


def test_a_sign_that_turns_leads_the_title() -> None:
    chart = leave_one_out_figure(left((-0.3, 0.9)))
    assert chart.title == "The sign rests on age: without it the estimate is −0.300"
    intervals = [mark for mark in chart.panels[0].marks if isinstance(mark, Interval)]
    assert [mark.tone for mark in intervals] == [Tone.HEADLINE, Tone.NAIVE, Tone.PLAIN]


@pytest.mark.parametrize(("column", "half"), [("expected", 0.196), ("allowed", 0.1)])
def test_refits_lie_over_the_band_in_which_they_are_expected(column: str, half: float) -> None:
    chart = refit_spread_figure(spread(column))
    (line,) = [mark for mark in chart.panels[0].marks if isinstance(mark, VLine)]
    assert line.band == pytest.approx((1.0 - half, 1.0 + half))
    (points,) = [mark for mark in chart.panels[0].marks if isinstance(mark, Points)]
    assert points.x == (0.9, 1.0, 1.2)
    low, high = chart.panels[0].x.limits
    assert low < 0.9 - 1e-9
    assert high > 1.2
    assert "1.29" in chart.title


def test_the_curve_is_sorted_and_every_choice_of_every_specification_has_a_dot() -> None:
    chart = specification_curve_figure(curve())
    top, below = chart.panels
    drawn = [mark for mark in top.marks if isinstance(mark, Points)]
    assert sum(len(mark.x) for mark in drawn) == 9
    headline = drawn[-1]
    assert (headline.tone, headline.x, headline.y) == (Tone.HEADLINE, (1.0,), (1.0,))
    ends = [mark for mark in top.marks if isinstance(mark, Curve) and not mark.dashed]
    assert sum(1 for mark in ends for y in mark.y if not math.isnan(y)) == 18
    labels = [row.label for row in below.rows if not row.heading]
    assert labels == ["ipw", "regression", *(f"x{j:02d}" for j in range(2, 9)), "as they are", "with squares", "none",
                      "below 0.05"]  # fmt: skip
    dots = {(x, below.rows[int(y)].label) for mark in below.marks for x, y in zip(mark.x, mark.y, strict=True)}
    of_third = {label for x, label in dots if x == 3.0}
    assert of_third == {"regression", "as they are", "none"} | {f"x{j:02d}" for j in range(3, 9)}
    assert {label for x, label in dots if x == 2.0} == {"ipw", "as they are", "none"}
    assert chart.title == "8 specifications agree on the sign: from 1.00 to 1.80; 8 intervals exclude zero"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_panels_of_the_curve_stand_under_each_other(width: float) -> None:
    chart = specification_curve_figure(curve())
    first, second = plan_panels(chart.panels, width, chart.aligned)
    assert (first.left, first.width, first.limits) == (second.left, second.width, second.limits)
    alone = plan_panels(chart.panels, WIDE)
    assert alone[0].left != alone[1].left


@pytest.mark.parametrize(("scale", "places"), [(1.0, 3), (1e-4, 3), (1e5, 3)])
def test_the_vertical_axis_has_round_places_at_any_scale(scale: float, places: int) -> None:
    finding = curve()
    table = dict(finding.evidence.columns)
    for name in ("estimate", "low", "high"):
        table[name] = [value * scale for value in table[name]]
    ticks = specification_curve_figure(replace(finding, evidence=Table(table))).panels[0].y.ticks
    assert places <= len(ticks) <= 8
    assert any(at == 0.0 for at, _ in ticks)


def test_many_covariates_are_cut_and_said_to_be() -> None:
    chart = specification_curve_figure(curve(40))
    labels = [row.label for row in chart.panels[1].rows if row.label.startswith("x")]
    assert len(labels) == 14
    assert "24 more covariates are in the table" in chart.caption


FIGURES = (
    (negative_control_figure, controls),
    (leave_one_out_figure, left),
    (refit_spread_figure, spread),
    (specification_curve_figure, curve),
)


@pytest.mark.parametrize(("draw", "finding"), FIGURES)
def test_they_render_wide_and_narrow_the_same_each_time(draw: Any, finding: Any) -> None:
    for width in (WIDE, NARROW):
        assert to_svg(draw(finding()), width) == to_svg(draw(finding()), width)
    assert to_png(draw(finding()), 36.0)[:4] == b"\x89PNG"


@pytest.mark.parametrize(("draw", "finding"), FIGURES)
def test_without_evidence_they_are_refused(draw: Any, finding: Any) -> None:
    with pytest.raises(UnsupportedError, match="nothing to draw"):
        draw(replace(finding(), evidence=None))
