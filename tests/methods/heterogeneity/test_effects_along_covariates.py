"""Effects along covariates and over two of them are averages of the scores that the same estimate reports."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import estimand as es

ROWS = 1_500
PLAN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x", "plan", "few", "rare"]}


def frame(seed: int = 0, arms: int = 2) -> pd.DataFrame:
    """The effect is one below x = 0 and three above, and two more in plan b."""
    rng = np.random.default_rng(seed)
    x, d = rng.normal(size=ROWS), rng.integers(0, arms, ROWS)
    plan = rng.choice(["a", "b"], ROWS)
    rare = np.where(np.arange(ROWS) < 40, "odd", np.where(rng.random(ROWS) < 0.5, "u", "v"))
    effect = 1.0 + 2.0 * (x > 0) + 2.0 * (plan == "b")
    y = x + d * effect + 0.5 * rng.normal(size=ROWS)
    return pd.DataFrame({"x": x, "plan": plan, "few": rng.integers(0, 3, ROWS), "rare": rare, "d": d, "y": y})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def estimate(rows: pd.DataFrame) -> es.Estimate:
    return es.estimate(rows, PLAN, "dr_learner", learner="linear", effect_learner="boosting")


def table(estimate: es.Estimate, name: str) -> pd.DataFrame:
    return pd.DataFrame({key: list(column) for key, column in estimate.details[name].items()})


def test_a_level_has_the_mean_score_of_its_rows(estimate, rows):
    scores, told = np.asarray(estimate.details["scores"]), table(estimate, "by_covariate")
    for level in ("a", "b"):
        own = scores[rows["plan"] == level]
        (row,) = told[told["level"] == level].to_dict("records")
        assert row["value"] == pytest.approx(own.mean(), abs=1e-12)
        assert row["std_error"] == pytest.approx(own.std() / np.sqrt(own.size), rel=1e-9)
        assert row["rows"] == own.size
        wide = norm.ppf(0.5 + np.sqrt(0.95) / 2)
        assert row["band_high"] - row["value"] == pytest.approx(wide * row["std_error"], rel=1e-9)


def test_a_number_of_few_values_is_told_by_level_and_a_rare_level_by_nobody(estimate):
    told = table(estimate, "by_covariate")
    assert told[told["covariate"] == "few"]["level"].tolist() == ["0", "1", "2"]
    assert sorted(told[told["covariate"] == "rare"]["level"]) == ["u", "v"]


def test_the_curve_is_low_below_the_step_and_high_above_it(estimate, rows):
    told = table(estimate, "by_covariate")
    curve = told[told["covariate"] == "x"]
    at = curve["at"].to_numpy(dtype=float)
    np.testing.assert_allclose(at, np.quantile(rows["x"], (np.arange(25) + 0.5) / 25), rtol=1e-12)
    value = curve["value"].to_numpy()
    assert value[at < -0.5].mean() == pytest.approx(2.0, abs=0.3)
    assert value[at > 0.5].mean() == pytest.approx(4.0, abs=0.3)
    assert (curve["band_high"] > curve["high"]).all()
    assert (curve["band_low"] < curve["low"]).all()


def test_a_cell_has_the_mean_score_and_the_mean_effect_of_its_rows(estimate, rows):
    scores, effects = (np.asarray(estimate.details[name]) for name in ("scores", "effects"))
    pair, bins = table(estimate, "by_pair"), table(estimate, "pair_bins")
    assert {pair["across"][0], pair["down"][0]} == {"x", "plan"}
    number, named = ("across", "down") if pair["across"][0] == "x" else ("down", "across")
    ends = bins[bins["covariate"] == "x"].set_index("bin")
    levels = bins[bins["covariate"] == "plan"].set_index("bin")["level"]
    for row in pair.to_dict("records"):
        low, high = (float(ends.loc[row[f"{number}_bin"], end]) for end in ("low", "high"))
        held = rows["x"].between(low, high) & (rows["plan"] == levels[row[f"{named}_bin"]])
        assert row["rows"] == held.sum()
        assert row["value"] == pytest.approx(scores[held].mean(), abs=1e-12)
        assert row["predicted"] == pytest.approx(effects[held].mean(), abs=1e-12)
    assert pair["rows"].sum() == ROWS


def test_arms_are_told_apart_and_missing_values_stand_by_themselves(rows):
    three = frame(seed=1, arms=3)
    three.loc[:199, "few"] = np.nan
    three.loc[200:399, "x"] = np.nan
    design = PLAN | {"missing": "impute+indicator"}
    made = es.estimate(three, design, "dr_learner", learner="linear")
    told = table(made, "by_covariate")
    assert told["arm"].unique().tolist() == ["1", "2"]
    assert "missing" in told[told["covariate"] == "few"]["level"].tolist()
    curve = told[(told["covariate"] == "x") & (told["arm"] == "1")]
    known = three["x"].dropna()
    np.testing.assert_allclose(curve["at"].to_numpy(dtype=float), np.quantile(known, (np.arange(25) + 0.5) / 25))
    assert table(made, "by_pair")["rows"].sum() <= 2 * ROWS


def test_one_covariate_has_no_pair_and_the_others_stay():
    made = es.estimate(frame(), PLAN | {"covariates": ["x"]}, "dr_learner", learner="linear")
    assert list(made.details["by_pair"]["value"]) == []
    assert len(made.details["by_covariate"]["value"]) == 25
