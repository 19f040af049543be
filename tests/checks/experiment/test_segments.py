"""The effect in each segment: against regressions within and between them, and that those that differ are named."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import estimand as es
from estimand.core.finding import Finding, Grade
from estimand.report.exhibits import exhibits


def table(extra: float, rows: int = 3_000) -> pd.DataFrame:
    """An effect of 0.5, and more in the third country."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"v": rng.choice(["A", "B"], rows), "country": rng.choice(["DE", "FR", "NL"], rows)})
    effect = 0.5 + extra * (frame["country"] == "NL")
    frame["y"] = rng.normal(size=rows) + (frame["country"] == "DE") + effect * (frame["v"] == "B")
    frame["shown"] = rng.integers(1, 5, rows)
    return frame


def record(frame: pd.DataFrame, metric: object = "y") -> es.StudyRecord:
    design = {"kind": "experiment", "variant": "v", "metrics": [metric], "roles": {"segments": ["country"]}}
    return es.run({"data": frame, "design": design, "methods": ["difference"]})


def segments(made: es.StudyRecord) -> Finding:
    return next(finding for finding in made.findings if finding.check == "experiment.segments")


def test_effects_and_errors_are_those_of_a_regression_within_and_the_others_of_one_between() -> None:
    frame = table(0.4)
    rows = list(segments(record(frame)).evidence.rows())
    for row in rows:
        frame["own"] = (frame["country"] == row["level"]).astype(float)
        frame["b"] = (frame["v"] == "B").astype(float)
        fit = smf.ols("y ~ own * b", frame).fit(cov_type="HC0")
        assert row["value"] == pytest.approx(fit.params["b"] + fit.params["own:b"], rel=1e-8)
        assert row["difference"] == pytest.approx(fit.params["own:b"], rel=1e-8)
        assert row["p_value"] == pytest.approx(fit.pvalues["own:b"], rel=1e-6)
        inside = fit.t_test("b + own:b = 0")
        assert row["std_error"] == pytest.approx(inside.sd.item(), rel=1e-8)
        assert row["rows"] == frame["own"].sum()
    by_size = np.argsort([row["p_value"] for row in rows])
    assert rows[by_size[0]]["adjusted"] == pytest.approx(3.0 * rows[by_size[0]]["p_value"])


def test_a_segment_that_differs_is_noted_and_the_report_draws_all() -> None:
    made = record(table(0.6))
    found = segments(made)
    assert found.grade is Grade.NOTE
    assert "country NL" in found.message
    assert "segment_effects" in {figure.key for figure in exhibits(made)["evidence"]}
    assert segments(record(table(0.0))).grade is Grade.PASS


def test_a_ratio_is_compared_by_its_ratio() -> None:
    frame = table(0.0)
    found = segments(record(frame, {"column": "y", "denominator": "shown"}))
    sums = frame[frame["country"] == "FR"].groupby("v")[["y", "shown"]].sum()
    ratios = sums["y"] / sums["shown"]
    row = next(row for row in found.evidence.rows() if row["level"] == "FR")
    assert row["value"] == pytest.approx(ratios["B"] - ratios["A"], rel=1e-8)


def test_segments_too_small_are_left_out() -> None:
    frame = table(0.0, rows=600)
    frame.loc[:4, "country"] = "XX"
    found = segments(record(frame))
    assert "XX" not in list(found.evidence["level"])
    assert "too few rows" in found.message
