"""What the contour and the calibration figures say and hold."""

import math
from dataclasses import replace

import pytest
import study_records as made

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.calibration import calibration_figure
from estimand.figures.chart import Curve, Points, Tone
from estimand.figures.look import NARROW, WIDE
from estimand.figures.sensitivity import sensitivity_contour_figure
from estimand.figures.static import to_png, to_svg
from estimand.stats.omitted import OneSlope, adjusted_estimate, robustness_value

FIT = OneSlope(0.09731581928496, 0.02325653780981, 783, {})
BOUNDS = {"female": ((0.0092, 0.1246), (0.0183, 0.2493), (0.0275, 0.3741)), "age": ((0.001, 0.01),)}


def sensitivity(fit: OneSlope = FIT, bounds: dict[str, tuple[tuple[float, float], ...]] = BOUNDS) -> Finding:
    rows = [("none", 0, 0.0, 0.0)]
    rows += [(name, k + 1, *pair) for name, pairs in bounds.items() for k, pair in enumerate(pairs)]
    table = Table(
        {
            "covariate": [row[0] for row in rows],
            "times": [row[1] for row in rows],
            "with_treatment": [row[2] for row in rows],
            "with_outcome": [row[3] for row in rows],
            "adjusted": [adjusted_estimate(fit, row[2], row[3]) for row in rows],
            "estimate": [fit.estimate] * len(rows),
            "std_error": [fit.std_error] * len(rows),
            "dof": [fit.dof] * len(rows),
        }
    )
    return made.finding("stress.omitted_variable", "regression", Grade.NOTE, "Words.", evidence=table)


def curves(finding: Finding) -> dict[str, Curve]:
    marks = sensitivity_contour_figure(finding).panels[0].marks
    return {mark.label: mark for mark in marks if isinstance(mark, Curve) and mark.label}


def test_the_title_says_the_robustness_value_and_the_worst_benchmark() -> None:
    chart = sensitivity_contour_figure(sensitivity())
    assert chart.title == (
        "A confounder must explain 13.9% of both treatment and outcome to leave nothing; "
        "one just as strong as female leaves 0.0752 of 0.0973"
    )
    assert "one just as strong as female, 0.9% with treatment and 12.5% with the outcome, leaves 0.0752" in chart.alt
    assert len(chart.table) == 5


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_every_point_of_a_contour_leaves_the_same_estimate(sign: float) -> None:
    fit = replace(FIT, estimate=sign * FIT.estimate)
    for label, share in (("nothing left", 0.0), ("0.0487" if sign > 0 else "−0.0487", 0.5)):
        curve = curves(sensitivity(fit))[label]
        for x, y in zip(curve.x[::20], curve.y[::20], strict=True):
            assert adjusted_estimate(fit, x, y) == pytest.approx(share * fit.estimate, abs=1e-9)


def test_the_zero_contour_is_drawn_through_and_crosses_the_robustness_value() -> None:
    zero = curves(sensitivity())["nothing left"]
    assert (zero.dashed, zero.tone) == (False, Tone.PLAIN)
    value = robustness_value(FIT.t, FIT.dof)
    nearest = min(abs(x - value) + abs(y - value) for x, y in zip(zero.x, zero.y, strict=True))
    assert nearest < 0.01


def test_benchmarks_are_points_in_one_colour_each_and_inside() -> None:
    panel = sensitivity_contour_figure(sensitivity()).panels[0]
    points = [mark for mark in panel.marks if isinstance(mark, Points)]
    assert [len(mark.x) for mark in points] == [3, 1]
    assert [key.text for key in panel.keys] == ["female", "age"]
    assert [mark.tone for mark in points] == [key.tone for key in panel.keys]
    assert max(points[0].y) < panel.y.limits[1]
    assert all(0 <= at <= panel.x.limits[1] for at, _ in panel.x.ticks)


def test_a_confounder_that_turns_the_sign_is_said_to() -> None:
    chart = sensitivity_contour_figure(sensitivity(bounds={"age": ((0.5, 0.9),)}))
    assert chart.title.endswith("one just as strong as age would turn the sign")


@pytest.mark.parametrize("estimate", [0.0, 1e-9, 50.0])
def test_without_benchmarks_and_at_the_extremes_it_can_be_drawn(estimate: float) -> None:
    chart = sensitivity_contour_figure(sensitivity(OneSlope(estimate, 0.02, 400, {}), {}))
    assert "none" in chart.alt
    assert math.isfinite(chart.panels[0].x.limits[1])
    assert to_svg(chart).startswith("<svg")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_it_renders_wide_and_narrow_the_same_each_time(width: float) -> None:
    chart = sensitivity_contour_figure(sensitivity())
    assert to_svg(chart, width) == to_svg(sensitivity_contour_figure(sensitivity()), width)
    assert "nothing left" in to_svg(chart, width)
    assert to_png(chart, width=width)[:4] == b"\x89PNG"


def calibrated(grade: Grade = Grade.PASS, slope: float = 0.97) -> Finding:
    table = Table(
        {
            "predicted": [0.1, 0.3, 0.6],
            "observed": [0.12, 0.28, 0.61],
            "low": [0.08, 0.22, 0.55],
            "high": [0.17, 0.35, 0.67],
            "rows": [200, 200, 200],
        }
    )
    found = made.finding("nuisance.calibration", "aipw", grade, "Words.", evidence=table)
    return replace(found, statistic=slope)


def test_calibration_has_points_intervals_and_the_line_to_hold_them_to() -> None:
    chart = calibration_figure(calibrated())
    marks = chart.panels[0].marks
    diagonal, *bars = [mark for mark in marks if isinstance(mark, Curve)]
    assert diagonal.x == diagonal.y
    assert [(bar.x[0], *bar.y) for bar in bars] == [(0.1, 0.08, 0.17), (0.3, 0.22, 0.35), (0.6, 0.55, 0.67)]
    assert chart.title == "Estimated propensities mean what they say: slope 0.970"
    assert "n = 600 rows" in chart.caption
    assert "30.0% predicted, 28.0% treated" in chart.alt
    assert to_svg(chart) == to_svg(chart)


def test_calibration_that_is_off_is_said_to_be() -> None:
    assert "do not mean what they say" in calibration_figure(calibrated(Grade.WARN, 0.4)).title


@pytest.mark.parametrize("draw", [sensitivity_contour_figure, calibration_figure])
@pytest.mark.parametrize("evidence", [None, Table({}), Table({"other": [1]})])
def test_a_finding_without_evidence_is_refused(draw, evidence) -> None:
    with pytest.raises(UnsupportedError, match="nothing to draw"):
        draw(made.finding("x", "y", Grade.NOTE, "m", evidence=evidence))
