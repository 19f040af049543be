"""Studies that weight for missing outcomes: what they say, what they refuse, and where they change nothing."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

import estimand as es
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.models.bank import Cache
from estimand.report.assumptions import assumptions
from estimand.study.case import case_of
from estimand.study.observation import refuse_uncarried
from estimand.study.opening import open_source

METHODS = ["difference", "regression", "ipw"]


def attrited(seed: int = 0, n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, region = rng.normal(size=n), rng.choice(["east", "north", "south"], n)
    d = (rng.random(n) < expit(0.4 * x)).astype(int)
    y = 1.0 + x + d + (region == "north") + rng.normal(size=n)
    gone = rng.random(n) < expit(-1.0 + np.where(d == 1, 0.8, 0.2) * x + 0.3 * (region == "south"))
    return pd.DataFrame({"x": x, "region": region, "d": d, "y": np.where(gone, np.nan, y), "f": rng.integers(1, 4, n)})


def design(**more: Any) -> dict[str, Any]:
    plan = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x", "region"]}
    return {**plan, "missing_outcome": "weight", **more}


def findings(record: es.StudyRecord, check: str) -> list[es.Finding]:
    return [finding for finding in record.findings if finding.check == check]


@pytest.fixture(scope="module")
def record() -> es.StudyRecord:
    return es.run({"data": attrited(), "design": design(), "methods": METHODS})


def test_nobody_is_left_out_and_the_record_says_what_was_done(record: es.StudyRecord) -> None:
    frame = attrited()
    assert record.sample.drops == ()
    assert record.sample.rows_used == 800 == sum(record.sample.arms.values())
    (told,) = findings(record, "sample.missing_outcome")
    assert told.grade is es.Grade.NOTE
    assert "weighted to stand for them" in told.message
    assumed, thinnest, heaviest = findings(record, "observation.weights")
    assert assumed.grade is es.Grade.NOTE
    assert assumed.statistic == pytest.approx(frame["y"].notna().mean())
    assert "missing at random given arm and covariates (slopes of each arm's own)" in assumed.message
    assert assumed.evidence["rows"] == tuple(frame["d"].value_counts().sort_index())
    assert assumed.evidence["observed"] == tuple(frame.dropna()["d"].value_counts().sort_index())
    assert thinnest.grade is heaviest.grade is es.Grade.PASS
    assert thinnest.statistic == pytest.approx(
        min(e / o for e, o in zip(assumed.evidence["effective"], assumed.evidence["observed"], strict=True))
    )
    assert heaviest.statistic == pytest.approx(max(assumed.evidence["largest_share"]))


def test_the_report_lists_the_assumption_only_where_it_is_made(record: es.StudyRecord) -> None:
    (made,) = [assumption for assumption in assumptions(record) if assumption.name == "Missing at random"]
    assert (made.status, made.checks) == ("untestable", ("observation.weights",))
    bare = es.run({"data": attrited().dropna(), "design": design(), "methods": METHODS})
    assert "Missing at random" not in {assumption.name for assumption in assumptions(bare)}


def test_the_gates_of_weights_hold_for_these_weights_too() -> None:
    gates = {"effective_share": 0.99, "weight_share": 0.001}
    made = es.run({"data": attrited(), "design": design(), "methods": METHODS, "gates": gates})
    grades = [finding.grade for finding in findings(made, "observation.weights")]
    assert grades.count(es.Grade.WARN) == 2


def test_complete_cases_are_pointed_to_the_option() -> None:
    made = es.run({"data": attrited(), "design": design(missing_outcome="complete_case"), "methods": METHODS})
    (told,) = findings(made, "sample.missing_outcome")
    assert "missing_outcome: weight" in str(told.remedy)
    assert not findings(made, "observation.weights")


def _standing(arm: pd.DataFrame) -> "pd.Series[float]":
    """How many rows of an arm each one with an outcome stands for, by a logistic fit of another library."""
    features = pd.get_dummies(arm[["x", "region"]], drop_first=True, dtype=float)
    seen = arm["y"].notna()
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(features, seen)
    return pd.Series(1.0 / model.predict_proba(features)[:, 1], index=arm.index)[seen]


def test_balance_and_overlap_are_of_the_weighted_rows(record: es.StudyRecord) -> None:
    (balance,) = [finding for finding in findings(record, "balance.smd") if finding.about == "ipw"]
    weights, whole = record.estimate("ipw").details["weights"], attrited()
    standing = pd.concat([_standing(whole[whole["d"] == a]) for a in (0, 1)])
    frame = whole.dropna()
    means = [np.average(frame["x"][frame["d"] == a], weights=weights[frame["d"] == a]) for a in (0, 1)]
    spread = np.sqrt(np.mean([np.cov(arm["x"], aweights=standing[arm.index]) for _, arm in frame.groupby("d")]))
    shown = dict(zip(balance.evidence["feature"], balance.evidence["after"], strict=True))
    assert shown["x"] == pytest.approx((means[1] - means[0]) / spread, rel=1e-6)
    assert findings(record, "overlap.propensity")
    unanswered = {finding.check for finding in record.findings if finding.grade is es.Grade.NOT_RUN}
    assert unanswered <= {"stress.marginal_sensitivity"}


def test_the_record_keeps_the_option_through_json(record: es.StudyRecord) -> None:
    assert json.loads(json.dumps(record.to_dict()))["design"]["missing_outcome"] == "weight"
    again = es.run({"data": attrited(), "design": record.design, "methods": METHODS}, threads=2)
    assert again.digest() == record.digest()


def test_the_command_takes_it(tmp_path: Path) -> None:
    attrited().to_csv(tmp_path / "t.csv", index=False)
    command = [Path(sys.executable).with_name("estimand"), "analyze", "t.csv", "--treatment", "d", "--outcome", "y"]
    more = ["--covariates", "x,region", "--methods", "regression", "--json", "--missing-outcome"]
    made = subprocess.run([*command, *more, "weight"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["sample"]["rows_used"] == 800
    wrong = subprocess.run([*command, *more, "guess"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'complete_case' or 'weight'" in wrong.stderr


@pytest.mark.parametrize("method", ["difference", "regression", "ipw", "matching", "stratification"])
def test_where_every_outcome_is_there_it_changes_nothing(method: str) -> None:
    frame = attrited().dropna()
    options = {"draws": 50} if method == "stratification" else {}
    first = es.estimate(frame, design(), method, **options)
    second = es.estimate(frame, design(missing_outcome="complete_case"), method, **options)
    assert first.to_dict() == second.to_dict()
    made = es.run({"data": frame, "design": design(), "methods": ["regression"]})
    assert not [f for f in made.findings if f.check in {"sample.missing_outcome", "observation.weights"}]


def test_an_arm_that_is_whole_keeps_weight_one_and_the_other_is_fitted_alone() -> None:
    frame = attrited().assign(y=lambda f: f["y"].mask(f["d"] == 0, f["x"]))
    made = es.run({"data": frame, "design": design(), "methods": METHODS})
    evidence = findings(made, "observation.weights")[0].evidence
    assert evidence["observed"][0] == evidence["rows"][0] == pytest.approx(evidence["effective"][0])
    assert evidence["observed"][1] > evidence["effective"][1]


def test_with_few_missing_the_arms_share_their_slopes_and_the_record_says_so() -> None:
    frame = attrited()
    few = frame.dropna().reset_index(drop=True)
    few.loc[few.index % 60 == 0, "y"] = np.nan
    made = es.run({"data": few, "design": design(), "methods": METHODS})
    assert "(slopes shared by the arms)" in findings(made, "observation.weights")[0].message


def test_an_arm_without_a_single_outcome_is_refused() -> None:
    frame = attrited()
    with pytest.raises(es.DataError, match="Arm '1' has 0 rows with outcome 'y'"):
        es.estimate(frame.assign(y=frame["y"].mask(frame["d"] == 1)), design(), "regression")


def test_a_category_that_tells_who_is_measured_is_named() -> None:
    frame = attrited()
    never = frame.assign(y=frame["y"].mask((frame["d"] == 1) & (frame["region"] == "south")))
    with pytest.raises(es.ConvergenceError, match="no row of arm '1' with 'region = south' has it") as caught:
        es.estimate(never, design(), "regression")
    assert "missing_outcome: complete_case" in caught.value.remedy
    cut = frame.assign(y=np.where(frame["x"] > 0.8, np.nan, frame["x"]))
    with pytest.raises(es.ConvergenceError, match="tell for some rows"):
        es.estimate(cut, design(), "regression")


def test_frequencies_are_rows_with_and_without_the_outcome() -> None:
    frame = attrited()
    spelled = frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)
    for method in METHODS:
        counted = es.estimate(frame, design(weights={"column": "f", "kind": "frequency"}), method)
        written = es.estimate(spelled, design(), method)
        np.testing.assert_allclose(counted.value, written.value, rtol=1e-8)
        np.testing.assert_allclose(counted.uncertainty.vcov, written.uncertainty.vcov, rtol=1e-8)
        assert counted.population.n == len(spelled)
        assert counted.population.share == 1.0


def test_precision_weights_are_refused_with_the_design() -> None:
    with pytest.raises(es.DesignError, match="Precision weights say how noisy rows are"):
        es.estimate(attrited(), design(weights={"column": "f", "kind": "precision"}), "regression")


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("matching", {}, "The variance of method 'matching' cannot carry"),
        ("stratification", {}, "The variance of method 'stratification' cannot carry"),
        ("regression", {"population": "sample"}, "cannot hold the population fixed"),
        ("aipw", {"population": "sample", "learner": "linear"}, "cannot hold the population fixed"),
        ("gcomputation", {"standardise": "everyone"}, "stood for by weights already"),
    ],
)
def test_what_cannot_be_weighted_is_refused_by_name(method: str, options: dict, words: str) -> None:
    with pytest.raises(es.EstimandError, match=words) as caught:
        es.estimate(attrited(), design(), method, **options)
    assert "missing_outcome: complete_case" in caught.value.remedy


def case() -> Any:
    plan = as_design(design())
    sample = open_source(attrited(), plan, build_sample)[1]
    return case_of(plan, sample, "y", Run(0, 1), Cache())


def test_a_variance_that_takes_the_weights_for_known_is_refused() -> None:
    made = es.estimate(attrited(), design(), "regression")
    refuse_uncarried(made, case())
    for careless in (None, es.estimate(attrited().dropna(), design(), "regression").influence):
        with pytest.raises(es.UnsupportedError, match="'regression' takes the weights"):
            refuse_uncarried(replace(made, influence=careless), case())


def test_rows_taken_or_shuffled_keep_their_weights_as_known() -> None:
    whole = case()
    sample = whole.sample()
    assert whole.observing() is whole.observation
    assert replace(whole, source=sample.without("region")).observing() is whole.observation
    assert replace(whole, source=sample.take(np.arange(sample.n - 1))).observing() is None
    assert replace(whole, source=sample.with_treatment(sample.arm[::-1].copy())).observing() is None


def test_two_outcomes_have_weights_of_their_own_and_one_set_of_units() -> None:
    frame = attrited()
    frame["v"] = np.where(np.random.default_rng(5).random(800) < 0.8, frame["x"] + frame["d"], np.nan)
    made = es.run({"data": frame, "design": design(outcome=["y", "v"]), "methods": ["regression"]})
    first, second = (made.estimate(f"regression:{name}") for name in ("y", "v"))
    assert first.value[0] == pytest.approx(es.estimate(frame, design(), "regression").value[0], rel=1e-12)
    assert first.influence.root == second.influence.root
    np.testing.assert_array_equal(first.influence.units, second.influence.units)
    assert {f.about for f in findings(made, "observation.weights")} == {"y", "v"}
