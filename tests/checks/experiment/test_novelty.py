"""The effect by day since exposure: against regressions on the days, and that it is found where it wears off."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import estimand as es
from estimand.core.catalog import resolve
from estimand.core.finding import Finding, Grade
from estimand.figures.chart import Points
from estimand.figures.static import to_png, to_svg
from estimand.stats.effect_by_day import effect_by_day

DAYS = 8


def table(fading: float, users: int = 600, seed: int = 0) -> pd.DataFrame:
    """Rows of users and days, that hang together within users."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), DAYS)
    frame = pd.DataFrame({"user": user, "day": np.tile(np.arange(DAYS), users), "v": np.where(user % 2, "B", "A")})
    effect = 1.0 - fading * frame["day"]
    frame["y"] = rng.normal(size=users)[user] + rng.normal(size=len(frame)) + effect * (frame["v"] == "B")
    return frame[rng.random(len(frame)) < 0.8].reset_index(drop=True)


def novelty(frame: pd.DataFrame) -> Finding:
    design = {"kind": "experiment", "variant": "v", "metrics": ["y"], "cluster": "user", "day": "day"}
    made = es.run({"data": frame, "design": design, "methods": ["difference"]})
    return next(finding for finding in made.findings if finding.check == "experiment.novelty")


def test_effects_and_errors_are_those_of_a_saturated_regression_with_clusters() -> None:
    frame = table(0.1)
    made = effect_by_day(
        (frame["y"].to_numpy(), np.ones(len(frame))), (frame["v"] == "B").to_numpy(), frame["day"].to_numpy(float),
        frame["user"].to_numpy(),
    )  # fmt: skip
    fit = smf.ols("y ~ 0 + C(day) + C(day):C(v)", frame).fit()
    robust = fit.get_robustcov_results("cluster", groups=frame["user"], use_correction=False)
    np.testing.assert_allclose(made.value, robust.params[DAYS:], rtol=1e-8)
    np.testing.assert_allclose(made.std_error, robust.bse[DAYS:], rtol=1e-8)
    count = frame.groupby("day").size().to_numpy(float)
    off = np.arange(DAYS) - count @ np.arange(DAYS) / count.sum()
    weight = count * off / (count @ off**2)
    covariance = robust.cov_params()[DAYS:, DAYS:]
    assert made.slope == pytest.approx(weight @ robust.params[DAYS:], rel=1e-8)
    assert made.slope_error == pytest.approx(np.sqrt(weight @ covariance @ weight), rel=1e-8)


def test_an_effect_that_wears_off_is_noted_and_one_that_lasts_is_not() -> None:
    fading = novelty(table(0.12))
    assert fading.grade is Grade.NOTE
    assert "a day" in fading.message
    assert novelty(table(0.0)).grade is Grade.PASS


def test_the_slope_errs_as_often_as_stated() -> None:
    wrong, worlds = 0, 400
    for seed in range(worlds):
        frame = table(0.0, users=80, seed=seed)
        made = effect_by_day(
            (frame["y"].to_numpy(), np.ones(len(frame))), (frame["v"] == "B").to_numpy(),
            frame["day"].to_numpy(float), frame["user"].to_numpy(),
        )  # fmt: skip
        wrong += abs(made.slope / made.slope_error) > 1.96
    assert abs(wrong / worlds - 0.05) <= 4.0 * np.sqrt(0.05 * 0.95 / worlds)


def test_days_are_drawn_as_they_were_found() -> None:
    finding = novelty(table(0.12))
    chart = resolve("figures", "effect_by_day")(finding)
    (points,) = (mark for mark in chart.panels[0].marks if isinstance(mark, Points))
    assert tuple(points.y) == tuple(finding.evidence["value"])
    assert "on day 0 to" in chart.title
    assert to_png(chart)[:4] == b"\x89PNG"
    assert to_svg(chart, 350.0) == to_svg(chart, 350.0)
