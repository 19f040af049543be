"""The figure of quantile effects: its marks are the estimate's numbers, and it says whether one effect fits all."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.figures.chart import Curve, Points
from estimand.figures.comparison import estimate_comparison_figure
from estimand.figures.quantiles import quantile_effects_figure
from estimand.figures.static import to_png, to_svg
from estimand.report.exhibits import exhibits

PLAN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}


def frame(stretch: float, seed: int = 2, arms: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=900), rng.normal(size=900)
    d = rng.integers(0, arms, 900)
    return pd.DataFrame({"x": x, "d": d, "y": x + noise + d * (1.0 + stretch * (x + noise))})


def record(stretch: float, arms: int = 2, **more: object) -> es.StudyRecord:
    methods = [{"method": "quantile_effects", "quantiles": "deciles"}, "ipw"]
    study = {"question": {"target": "QTE", "unit": "points"}, "methods": methods, **more}
    return es.Study(data=frame(stretch, arms=arms), design=PLAN, **study).run()


def test_its_marks_are_the_effects_and_their_band() -> None:
    made = record(1.5)
    estimate, chart = made.estimate("quantile_effects"), quantile_effects_figure(made)
    (panel,) = chart.panels
    (points,) = (mark for mark in panel.marks if isinstance(mark, Points))
    assert list(points.x) == [j / 10 for j in range(1, 10)]
    assert list(points.y) == estimate.value.tolist()
    bands = [mark for mark in panel.marks if isinstance(mark, Curve) and mark.dashed]
    np.testing.assert_allclose([band.y for band in bands], estimate.interval(joint=True).T)
    low, high = panel.y.limits
    assert low < min(bands[0].y)
    assert high > max(bands[1].y)
    assert "no one effect fits all quantiles" in chart.title
    assert to_png(chart)[:4] == b"\x89PNG"


def test_a_shift_of_everyone_is_one_effect() -> None:
    assert "one effect at all quantiles fits" in quantile_effects_figure(record(0.0)).title


def test_every_arm_has_a_panel_on_one_scale() -> None:
    chart = quantile_effects_figure(record(0.5, arms=3))
    assert [panel.title for panel in chart.panels] == ["1", "2"]
    assert chart.panels[0].y.limits == chart.panels[1].y.limits


def test_the_report_shows_it_where_there_are_quantiles() -> None:
    made = record(1.0)
    assert "quantile_effects" in [item.key for item in exhibits(made)["evidence"]]
    without = es.Study(data=frame(1.0), design=PLAN, methods=["ipw"]).run()
    assert "quantile_effects" not in [item.key for item in exhibits(without)["evidence"]]
    with pytest.raises(es.UnsupportedError, match="no effects on quantiles"):
        quantile_effects_figure(without)


def test_a_ratio_is_never_drawn_on_an_axis_of_differences() -> None:
    rows = frame(0.0)
    rows["y"] = (rows["y"] > 0.5).astype(int)
    methods = ["ipw", {"method": "ipw", "id": "rr", "contrast": "ratio"}, {"method": "ipw", "id": "or",
               "contrast": "odds_ratio"}, "difference"]  # fmt: skip
    made = es.Study(data=rows, design=PLAN, methods=methods, headline="rr").run()
    chart = estimate_comparison_figure(made)
    assert [panel.x.label for panel in chart.panels] == ["Risk ratio of y", "Effect on y", "Odds ratio of y"]
    nulls = [next(mark.at for mark in panel.marks if hasattr(mark, "at")) for panel in chart.panels]
    assert nulls == [1.0, 0.0, 1.0]
    assert "a risk ratio of" in chart.title
    assert to_svg(chart)
