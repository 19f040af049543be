"""Stratification: published numbers, formulas by hand, one-armed strata, coverage, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from simulated import confounded, coverage, design, holds
from test_reference_values import MATCHIT, NHEFS, nhefs, observational

import estimand as es
from estimand.errors import Code
from estimand.stats.glm import fit_glm
from estimand.stats.strata import Grouping, quantile_strata
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night


def test_it_reproduces_the_titanic_by_age_and_sex_with_a_cell_of_one_row() -> None:
    frame = table("titanic")
    frame["first"] = (frame["class"] == 1).astype(int)
    made = es.estimate(
        frame, observational("first", "survived", ["age", "sex"]), "stratification", strata=("age", "sex")
    )
    matches("titanic.stratified", value=made.value[0])
    found = made.details["table"]
    rows = dict(
        zip(found["stratum"], zip(found["control"], found["treated"], found["difference"], strict=True), strict=True)
    )
    extra = reference("titanic.stratified")["extra"]
    for name, n, gap in zip(extra["strata"], extra["n"], extra["diff"], strict=True):
        age, sex = name.split(".")
        control, treated, difference = rows[f"age = {age}, sex = {sex}"]
        assert control + treated == n
        assert difference == pytest.approx(gap, rel=1e-8)
    assert [item.check for item in made.findings] == ["stratification.single_row"]
    assert made.population.label == "everyone"
    assert made.std_error[0] > 0.0


def test_it_reproduces_matchits_five_subclasses() -> None:
    made = es.estimate(
        table("lalonde_matchit"), observational("treat", "re78", MATCHIT), "stratification",
        target="ATT", within="means", draws=50,
    )  # fmt: skip
    matches("lalonde.matchit.subclass5", value=made.value[0])
    assert made.details["table"]["treated"] == (37, 37, 37, 37, 37)


def test_deciles_of_the_propensity_reproduce_what_if_chapter_15_as_a_regression() -> None:
    frame = nhefs()
    features = pd.get_dummies(frame[NHEFS], dtype=float).to_numpy()
    treated = frame["qsmk"].to_numpy()
    propensity = fit_glm(features, treated.astype(float), "logistic").mean
    frame["decile"] = [f"d{code}" for code in quantile_strata(propensity, treated, Grouping(10, "ATE", "means"))]
    made = es.estimate(
        frame, observational("qsmk", "wt82_71", ["decile"]), "regression", interactions=False, covariance="classical"
    )
    matches("nhefs.ps_deciles", value=made.value[0], se=made.std_error[0])


@pytest.mark.parametrize(("target", "value"), [("ATE", 2.8), ("ATT", 3.0)])
def test_given_strata_follow_the_formula(target: str, value: float) -> None:
    """Differences 2 (4 control, 2 treated of 6) and 4 (2 control, 2 treated of 4), by hand."""
    frame = pd.DataFrame(
        {
            "s": [0] * 6 + [1] * 4,
            "d": [0, 0, 0, 0, 1, 1, 0, 0, 1, 1],
            "y": [1.0, 3.0, 1.0, 3.0, 3.0, 5.0, 0.0, 2.0, 4.0, 6.0],
        }
    )
    share = np.array([0.6, 0.4]) if target == "ATE" else np.array([0.5, 0.5])
    noise = np.array([2.0 / 2 + (4.0 / 3) / 4, 2.0 / 2 + 2.0 / 2])
    spread = share @ np.square(np.array([2.0, 4.0]) - value) / (10 if target == "ATE" else 4)
    made = es.estimate(frame, design(("s",)), "stratification", strata=("s",), target=target)
    assert made.value[0] == pytest.approx(value, rel=1e-12)
    assert made.uncertainty.vcov[0, 0] == pytest.approx(np.square(share) @ noise + spread, rel=1e-12)


def test_a_cell_of_one_row_borrows_the_variance_of_its_arm() -> None:
    frame = pd.DataFrame(
        {"s": [0] * 5 + [1] * 3, "d": [0, 0, 0, 1, 1, 0, 0, 1], "y": [1.0, 2.0, 3.0, 4.0, 6.0, 0.0, 4.0, 9.0]}
    )
    made = es.estimate(frame, design(("s",)), "stratification", strata=("s",))
    share, gaps = np.array([5 / 8, 3 / 8]), np.array([3.0, 7.0])
    value = share @ gaps
    noise = np.array([1.0 / 3 + 2.0 / 2, 8.0 / 2 + 2.0 / 1])
    assert made.value[0] == pytest.approx(value, rel=1e-12)
    expected = np.square(share) @ noise + share @ np.square(gaps - value) / 8
    assert made.uncertainty.vcov[0, 0] == pytest.approx(expected, rel=1e-12)


def one_armed(lacking: int) -> pd.DataFrame:
    """Stratum 2 of three lacks an arm."""
    frame = confounded(41, n=300)
    frame["s"] = np.arange(300) % 3
    frame.loc[frame["s"] == 2, "d"] = 1 - lacking
    return frame


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_one_armed_stratum_vetoes_the_average_over_everyone(lacking: int) -> None:
    made = es.estimate(one_armed(lacking), design(("s",)), "stratification", strata=("s",))
    (finding,) = made.findings
    assert (finding.check, finding.grade) == ("stratification.one_armed", es.Grade.VETO)
    assert finding.subject == "s = 2"
    assert finding.statistic == pytest.approx(1 / 3)
    assert made.population.label == "everyone (strata with both arms)"
    assert made.population.n == 200


def test_for_those_treated_a_stratum_without_controls_renames_the_population_and_warns() -> None:
    frame = one_armed(0)
    made = es.estimate(frame, design(("s",)), "stratification", strata=("s",), target="ATT")
    (finding,) = made.findings
    assert (finding.check, finding.grade) == ("stratification.one_armed", es.Grade.WARN)
    treated = frame[frame["d"] == 1]
    assert finding.statistic == pytest.approx((treated["s"] == 2).mean())
    assert made.population.label == "the treated (strata with both arms)"


def test_for_those_treated_a_stratum_without_treated_rows_loses_nobody() -> None:
    made = es.estimate(one_armed(1), design(("s",)), "stratification", strata=("s",), target="ATT")
    assert made.findings == ()
    assert made.population.label == "the treated"


def saturated(seed: int) -> pd.DataFrame:
    frame = confounded(seed, n=400)
    rng = np.random.default_rng([2, seed])
    frame["s"] = rng.integers(0, 4, 400)
    frame["d"] = (rng.random(400) < 0.2 + 0.15 * frame["s"]).astype(int)
    frame["y"] = frame["s"] + frame["d"] * (1.0 + frame["s"]) + rng.normal(size=400) * (1 + frame["s"])
    return frame


@by_day_and_night(80, 200)
@pytest.mark.parametrize(("target", "truth"), [("ATE", 2.5), ("ATT", 1.0 + (0.35 + 0.5 * 2 + 0.65 * 3) / 1.7)])
def test_intervals_over_given_strata_cover(target: str, truth: float, repetitions: int) -> None:
    found = coverage(saturated, design(("s",)), "stratification", truth, repetitions, strata=("s",), target=target)
    holds(found, repetitions)


def small(seed: int) -> pd.DataFrame:
    return confounded(seed, n=250)


def test_bootstrapped_intervals_over_propensity_strata_cover() -> None:
    holds(coverage(small, design(), "stratification", 1.0, 30, draws=60), 30)


@pytest.mark.nightly
def test_bootstrapped_intervals_over_propensity_strata_cover_in_many_draws() -> None:
    holds(coverage(small, design(), "stratification", 1.0, 400, draws=200), 400)


def test_the_bootstrap_cuts_anew_in_every_draw() -> None:
    """Strata held fixed would take the cuts as known; the draws differ from that in their spread."""
    frame = confounded(43, n=300)
    made = es.estimate(frame, design(), "stratification", draws=200, within="means")
    fixed = pd.DataFrame({"s": made.details["weights"].round(9).astype(str), "d": frame["d"], "y": frame["y"]})
    assert made.uncertainty.values.shape == (200, 1)
    assert fixed["s"].nunique() <= 10
    x = frame[["x", "z"]].to_numpy()
    chance = fit_glm(x, frame["d"].to_numpy(float), "logistic").mean
    cuts = np.quantile(chance, [0.2, 0.4, 0.6, 0.8])
    code, y, d = np.searchsorted(cuts, chance), frame["y"].to_numpy(), frame["d"].to_numpy()
    gaps = [y[(code == s) & (d == 1)].mean() - y[(code == s) & (d == 0)].mean() for s in range(5)]
    assert made.value[0] == pytest.approx(np.mean(gaps), rel=1e-10)
    assert made.std_error[0] == pytest.approx(made.uncertainty.values.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"strata": ("age",)}, "'age' is in strata and not among the covariates"),
        ({"weights": {"column": "w", "kind": "precision"}}, {}, "precision weights say how noisy rows are"),
        ({}, {"strata": ("x",)}, "combinations for 500 rows"),
        ({}, {"strata": 1}, "strata"),
        ({}, {"draws": 10}, "draws"),
    ],
)
def test_what_it_does_not_take_is_refused(change: dict, options: dict, says: str) -> None:
    with pytest.raises(es.EstimandError, match=says) as caught:
        es.estimate(confounded(44), design(**change), "stratification", **options)
    assert caught.value.remedy


def test_strata_that_separate_the_arms_leave_nothing_to_compare() -> None:
    frame = confounded(46)
    frame["s"] = frame["d"]
    with pytest.raises(es.IdentificationError) as caught:
        es.estimate(frame, design(("s",)), "stratification", strata=("s",))
    assert caught.value.code == Code.INSUFFICIENT_OVERLAP


def test_a_propensity_that_is_certain_is_refused() -> None:
    frame = confounded(47)
    frame["d"] = (frame["x"] > expit(0.0)).astype(int)
    with pytest.raises(es.IdentificationError, match="apart perfectly"):
        es.estimate(frame, design(), "stratification")
