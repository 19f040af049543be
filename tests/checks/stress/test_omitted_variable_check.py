"""Robustness values and benchmarks as findings."""

import numpy as np
import pandas as pd
import pytest
from stress_cases import COVARIATES, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.omitted_variable import OmittedVariable
from estimand.stats.omitted import robustness_value
from tests.reference_data import table

ONE_SLOPE = {"method": "regression", "interactions": False, "covariance": "classical"}
DARFUR = ["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]


def test_it_is_exact_for_the_one_slope_regression() -> None:
    design = {"treatment": "directlyharmed", "outcome": "peacefactor", "covariates": DARFUR}
    record = run(table("darfur"), [ONE_SLOPE], **design)
    finding, estimate = found(record, "stress.omitted_variable"), record.estimate("regression")
    assert (finding.about, finding.grade) == ("regression", es.Grade.NOTE)
    t = estimate.value[0] / estimate.std_error[0]
    dof = estimate.uncertainty.df[0]
    assert finding.statistic == pytest.approx(robustness_value(t, dof), rel=1e-9)
    assert finding.evidence["estimate"][0] == pytest.approx(estimate.value[0], rel=1e-10)
    assert finding.evidence["std_error"][0] == pytest.approx(estimate.std_error[0], rel=1e-10)
    assert (finding.evidence["low"][0], finding.evidence["high"][0]) == pytest.approx(tuple(estimate.interval()[0]))
    assert finding.evidence["covariate"][:4] == ("none", "female", "female", "female")
    assert finding.evidence["times"][:4] == (0, 1, 2, 3)
    assert "'female' would leave 0.03" in finding.message
    assert "stands in" not in finding.message


def test_for_others_it_stands_in_and_says_so() -> None:
    record = run(confounded(), ["difference", "regression", "ipw"])
    finding = found(record, "stress.omitted_variable")
    assert finding.about == "y"
    assert "stands in for regression, ipw." in finding.message


def test_both_are_told_where_there_are_both() -> None:
    record = run(confounded(), [ONE_SLOPE, "ipw"])
    about = [f.about for f in record.findings if f.check == "stress.omitted_variable"]
    assert sorted(about) == ["regression", "y"]


def test_a_category_counts_as_one_and_named_covariates_are_kept() -> None:
    frame = confounded().assign(region=lambda f: np.digitize(f["x2"], [-0.5, 0.5]).astype(str))
    case, estimates = estimated(frame, ["regression"], covariates=[*COVARIATES[:2], "region"])
    (finding,) = OmittedVariable(covariates=("region", "x1")).examine(case, estimates, never)
    assert set(finding.evidence["covariate"]) == {"none", "region", "x1"}
    (default,) = OmittedVariable().examine(case, estimates, never)
    assert default.evidence["covariate"][1] == "x0"


def test_every_arm_has_its_own() -> None:
    frame = confounded().assign(d=lambda f: np.where(np.arange(len(f)) % 3 == 0, "b", np.where(f["d"] == 1, "c", "a")))
    case, estimates = estimated(frame, [ONE_SLOPE])
    findings = OmittedVariable().examine(case, estimates, never)
    assert [f.subject for f in findings] == ["b", "c"]
    assert [f.evidence["estimate"][0] for f in findings] == pytest.approx(estimates[0].value.tolist(), rel=1e-9)


def test_weak_evidence_has_a_small_robustness_value_and_strong_a_large_one() -> None:
    rng = np.random.default_rng(0)
    noise = confounded().assign(y=rng.normal(size=1_000))
    strong = confounded().assign(y=lambda f: f["y"] + 5 * f["d"])
    values = [found(run(frame, ["regression"]), "stress.omitted_variable") for frame in (noise, strong)]
    assert values[0].statistic < 0.1
    assert values[1].statistic > 0.6
    assert "already holds zero" in values[0].message


def test_an_experiment_needs_none() -> None:
    record = run(confounded(pull=0.0), ["regression"], kind="experiment")
    assert not [f for f in record.findings if f.check == "stress.omitted_variable"]


def test_too_few_rows_are_not_run() -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(12, 10)), columns=[f"x{j}" for j in range(10)])
    frame = wide.assign(d=[0, 1] * 6, y=rng.normal(size=12))
    case, estimates = estimated(frame, ["ipw"], covariates=[f"x{j}" for j in range(3)])
    grades = [f.grade for f in OmittedVariable().examine(case, estimates, never)]
    assert grades == [es.Grade.NOTE]
    short = frame.iloc[:5].assign(d=[0, 1, 0, 1, 1])
    case, _ = estimated(short, ["difference"], covariates=["x0", "x1", "x2"])
    assert [f.grade for f in OmittedVariable().examine(case, estimates, never)] == [es.Grade.NOT_RUN]
