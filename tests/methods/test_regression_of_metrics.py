"""Regression on metrics of an experiment: history, strata, ratios; against statsmodels and against moments."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import estimand as es

DESIGN: dict[str, Any] = {"kind": "experiment", "variant": "v", "control": "A", "strata": "s"}
MEAN = {**DESIGN, "metrics": [{"column": "y", "covariate": "x"}]}
RATIO = {**DESIGN, "metrics": [{"name": "rate", "column": "y", "denominator": "d", "covariate": "x"}]}


def table(n: int = 3_000, arms: int = 3, gaps: float = 0.0) -> pd.DataFrame:
    """Users of three strata, with slopes and noise of their own."""
    rng = np.random.default_rng(2)
    s, arm, x = rng.integers(0, 3, n), rng.choice(arms, n), rng.normal(size=n)
    frame = pd.DataFrame({"v": np.array(list("ABC"))[arm], "s": np.array(["p", "q", "r"])[s], "x": x + s})
    frame["z"] = rng.normal(size=n)
    frame["y"] = 5.0 + s + (1.0 + 0.5 * arm) * x + 0.3 * frame["z"] + rng.normal(size=n) * (1.0 + np.abs(x)) + 0.4 * arm
    frame["d"] = rng.poisson(2.0 + 0.2 * arm) + 1.0
    frame.loc[rng.random(n) < gaps, "x"] = np.nan
    return frame


def lines(frame: pd.DataFrame, columns: np.ndarray, outcome: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Interacted least squares by statsmodels, centred: levels (a,) and their covariance, with that of the average."""
    off = columns - columns.mean(axis=0)
    levels, own, slopes = [], [], []
    for arm in sorted(frame["v"].unique()):
        mine = (frame["v"] == arm).to_numpy()
        fit = sm.OLS(outcome[mine], sm.add_constant(off[mine])).fit(cov_type=kind)
        levels.append(fit.params[0])
        own.append(fit.cov_params()[0, 0])
        slopes.append(fit.params[1:])
    fitted = off @ np.array(slopes).T
    return np.array(levels), np.diag(own) + fitted.T @ fitted / len(frame) ** 2


def adjusted_for(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([frame["x"], pd.get_dummies(frame["s"], drop_first=True).to_numpy(dtype=float)])


@pytest.mark.parametrize("kind", ["HC0", "HC2", "HC3"])
def test_history_and_strata_are_covariates_of_each_arms_line(kind: str) -> None:
    frame = table()
    found = es.estimate(frame, MEAN, "regression", covariance=kind)
    levels, vcov = lines(frame, adjusted_for(frame), frame["y"].to_numpy(), kind)
    contrast = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    np.testing.assert_allclose(found.value, contrast @ levels, rtol=1e-8)
    np.testing.assert_allclose(found.uncertainty.vcov, contrast @ vcov @ contrast.T, rtol=1e-8)
    assert [term.label for term in found.terms] == ["B", "C"]


def test_covariates_of_the_design_stand_beside_them() -> None:
    frame = table()
    found = es.estimate(frame, {**MEAN, "covariates": ["z", "x"]}, "regression", covariance="HC2")
    columns = np.column_stack([adjusted_for(frame), frame["z"]])
    levels, _ = lines(frame, columns, frame["y"].to_numpy(), "HC2")
    np.testing.assert_allclose(found.value, levels[1:] - levels[0], rtol=1e-8)
    assert found.std_error[0] < es.estimate(frame, MEAN, "regression", covariance="HC2").std_error[0]


@pytest.mark.parametrize("design", [MEAN, RATIO], ids=["mean", "ratio"])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_moments_give_the_same_estimate(design: dict[str, Any], gaps: float) -> None:
    """``cuped`` knows nothing of rows: its sums within strata are the dummies' coefficients here."""
    frame = table(gaps=gaps)
    rows, moments = es.estimate(frame, design, "regression", covariance="HC2"), es.estimate(frame, design, "cuped")
    np.testing.assert_allclose(rows.value, moments.value, rtol=1e-8)
    np.testing.assert_allclose(rows.std_error, moments.std_error, rtol=0.05)


def test_the_classical_covariance_of_rows_is_that_of_sums() -> None:
    frame = table(arms=2)
    found = es.estimate(frame, {**MEAN, "strata": []}, "regression", covariance="classical", population="sample")
    left, each = 0.0, 0.0
    for _, rows in frame.groupby("v"):
        slope, level = np.polyfit(rows["x"], rows["y"], 1)
        left += float(((rows["y"] - level - slope * rows["x"]) ** 2).sum())
        gap = rows["x"].mean() - frame["x"].mean()
        each += 1.0 / len(rows) + gap**2 / ((rows["x"] - rows["x"].mean()) ** 2).sum()
    assert found.std_error[0] ** 2 == pytest.approx(left / (len(frame) - 4) * each, rel=1e-8)


def test_a_ratio_is_of_adjusted_means_by_the_delta_method() -> None:
    frame = table(arms=2)
    found = es.estimate(frame, RATIO, "regression", covariance="HC0")
    columns = adjusted_for(frame)
    above, below = (lines(frame, columns, frame[name].to_numpy(), "HC0")[0] for name in ("y", "d"))
    ratio = above / below
    assert found.value[0] == pytest.approx(ratio[1] - ratio[0], rel=1e-8)
    arm = (frame["v"] == "B").to_numpy().astype(int)
    linear = (frame["y"].to_numpy() - ratio[arm] * frame["d"].to_numpy()) / below[arm]
    vcov = lines(frame, columns, linear, "HC0")[1]
    assert found.std_error[0] ** 2 == pytest.approx(vcov[0, 0] + vcov[1, 1] - 2.0 * vcov[0, 1], rel=1e-8)
    assert found.baseline.value[0] == pytest.approx(ratio[0], rel=1e-8)


def test_a_ratio_is_refused_where_it_is_none() -> None:
    frame = table(600, arms=2)
    with pytest.raises(es.UnsupportedError, match="ratio of two means"):
        es.estimate(frame, RATIO, "regression", interactions=False)
    with pytest.raises(es.UnsupportedError, match="ratio of two means"):
        es.estimate(frame, RATIO, "regression", target="ATT")
    with pytest.raises(es.IdentificationError, match="no ratio"):
        es.estimate(frame.assign(d=np.where(frame["v"] == "B", 0.0, frame["d"])), RATIO, "regression")


@pytest.mark.parametrize("design", [MEAN, RATIO], ids=["mean", "ratio"])
def test_draws_refit_what_is_adjusted(design: dict[str, Any]) -> None:
    frame = table(600, arms=2)
    once = es.estimate(frame, design, "regression")
    drawn = es.estimate(frame, design, "regression", resample={"kind": "pairs", "draws": 200}, seed=1)
    assert drawn.value[0] == pytest.approx(once.value[0], rel=1e-9)
    assert drawn.std_error[0] == pytest.approx(once.std_error[0], rel=0.25)


def test_a_study_has_one_estimate_a_metric() -> None:
    design = {**DESIGN, "metrics": [MEAN["metrics"][0], RATIO["metrics"][0]]}
    record = es.run({"data": table(600), "design": design, "methods": ["regression", "cuped"]})
    assert [(one.method, one.outcome, len(one.terms)) for one in record.estimates] == [
        ("regression", "y", 2), ("cuped", "y", 2), ("regression", "rate", 2), ("cuped", "rate", 2)
    ]  # fmt: skip
    assert "experiment.second_pass" in {finding.check for finding in record.findings}
    fitted = [finding.message for finding in record.findings if finding.check == "inference.leverage"]
    assert len(fitted) == 2
    assert all("fits 4 coefficients" in message for message in fitted)
