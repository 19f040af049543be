"""Studies end to end, from Python."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import estimand as es
from estimand.core.jsonable import canonical

METHODS = ["difference", "regression", "ipw", "aipw"]
BAIT = "post_outreach_engagement"


@pytest.fixture(scope="module")
def outreach() -> pd.DataFrame:
    return es.datasets.load("outreach")


@pytest.fixture(scope="module")
def record() -> es.StudyRecord:
    return es.run({"data": "outreach", "methods": METHODS, "headline": "aipw"})


def test_on_the_shipped_draw_the_naive_number_has_the_wrong_sign(record: es.StudyRecord) -> None:
    assert record.estimate("difference").value[0] > 0.05
    assert record.estimate("difference").target is es.Target.ASSOCIATION
    truth = record.question.benchmarks[0].value
    assert truth == -0.046
    for key in ("regression", "ipw", "aipw"):
        estimate = record.estimate(key)
        assert estimate.value[0] < 0
        low, high = estimate.interval()[0]
        assert low < truth < high


def test_the_published_coverage_is_in_the_promised_band() -> None:
    table = pd.read_csv(Path(__file__).parents[2] / "simulations" / "outreach_coverage.csv").set_index("method")
    for key in ("regression", "ipw", "aipw"):
        assert table.loc[key, "draws"] == 200
        assert 0.91 <= table.loc[key, "coverage"] <= 0.985


def test_adjusting_for_a_declared_post_treatment_covariate_is_vetoed(outreach: pd.DataFrame) -> None:
    design = {**outreach.attrs["design"]}
    design["covariates"] = [*design["covariates"], BAIT]
    design["roles"] = {"post_treatment": [BAIT]}
    vetoed = es.run({"data": outreach, "design": design, "methods": METHODS, "headline": "regression"})
    assert vetoed.verdict.grade is es.Grade.VETO
    assert BAIT in vetoed.verdict.summary
    finding = next(f for f in vetoed.about("regression") if f.check == "design.post_treatment")
    assert finding.grade is es.Grade.VETO
    assert finding.remedy == f"Remove '{BAIT}' from the covariates."
    assert vetoed.estimate("regression").value[0] > 0
    assert not [f for f in vetoed.about("difference") if f.grade is es.Grade.VETO]


def test_a_veto_of_another_estimate_does_not_block_the_headline(outreach: pd.DataFrame) -> None:
    design = {**outreach.attrs["design"], "kind": "experiment"}
    design["covariates"] = [*design["covariates"], BAIT]
    design["roles"] = {"post_treatment": [BAIT]}
    mixed = es.run({"data": outreach, "design": design, "methods": ["difference", "regression"]})
    assert mixed.headline == "difference"
    assert mixed.verdict.grade is not es.Grade.VETO
    assert any(f.grade is es.Grade.VETO for f in mixed.about("regression"))


def test_on_lalonde_the_adjusted_effects_are_near_the_experiment_and_overlap_is_said_to_be_poor() -> None:
    made = es.run({"data": "lalonde", "methods": METHODS, "headline": "aipw"})
    assert made.estimate("difference").value[0] == pytest.approx(-8497.516, abs=0.001)
    for key in ("regression", "ipw", "aipw"):
        assert made.estimate(key).target is es.Target.ATT
        assert -500.0 < made.estimate(key).value[0] < 3_500.0
    warned = {f.check for f in made.about("aipw") if f.grade is es.Grade.WARN}
    assert "overlap.propensity" in warned
    assert made.verdict.grade is es.Grade.WARN
    words = " ".join(f.message for f in made.about("aipw"))
    assert "of the control rows have a propensity below 0.05" in words


def test_the_record_is_the_same_bytes_at_one_and_two_threads(outreach: pd.DataFrame) -> None:
    study = {"data": outreach, "design": outreach.attrs["design"], "methods": METHODS, "seed": 3}
    bodies = []
    for threads in (1, 2, 1):
        body = es.run(study, threads=threads).to_dict()
        body.pop("run")
        bodies.append(canonical(body))
    assert bodies[0] == bodies[1] == bodies[2]


def test_the_record_survives_its_folder(record: es.StudyRecord, tmp_path: Path) -> None:
    restored = es.StudyRecord.load(record.save(tmp_path))
    assert restored.to_dict() == record.to_dict()
    assert restored.digest() == record.digest()
    assert restored.estimate("ipw").influence.psi == pytest.approx(record.estimate("ipw").influence.psi)
    alone = es.StudyRecord.from_dict(json.loads((tmp_path / "record.json").read_text(encoding="utf-8")))
    assert alone.to_dict() == record.to_dict()
    with pytest.raises(es.UnsupportedError, match="not loaded"):
        _ = alone.estimate("ipw").influence.psi


def test_the_headline_is_the_first_whose_target_is_asked_for() -> None:
    study = {"data": "outreach", "methods": ["difference", "regression", {"method": "ipw", "target": "ATT"}]}
    assert es.run(study).headline == "regression"
    assert es.run({**study, "question": {"text": "Where both are common?", "target": "ATO"}}).headline is None
    with pytest.raises(es.EstimandError, match="No method of the study estimates ATO"):
        es.run({**study, "target": "ATO"})
    narrowed = es.run({**study, "question": {"text": "On the treated?", "target": "ATT"}})
    assert narrowed.headline == "regression"
    assert narrowed.estimate().target is es.Target.ATT


def test_a_headline_of_another_target_is_a_warning() -> None:
    made = es.run({"data": "outreach", "methods": [{"method": "ipw", "id": "ato", "target": "ATO"}], "headline": "ato"})
    finding = next(f for f in made.findings if f.check == "design.target")
    assert finding.grade is es.Grade.WARN
    assert made.verdict.grade is es.Grade.WARN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["ipww"]}, "no method 'ipww'"),
        ({"methods": ["ipw", "ipw"]}, "share the id 'ipw'"),
        ({"methods": []}, "lists no method"),
        ({"methods": ["ipw"], "options": {"aipw": {"folds": 3}}}, "options for 'aipw'"),
        ({"methods": ["aipw"], "options": {"aipw": {"fold": 3}}}, "no field 'fold'"),
        ({"methods": ["ipw"], "headline": "aipw"}, "not among the methods"),
        ({"methods": ["difference"], "headline": "difference"}, "association"),
        ({"target": "EVERYONE"}, "no target 'EVERYONE'"),
        ({"seed": -1}, "does not take -1"),
        ({"mehtods": ["ipw"]}, "no field 'mehtods'"),
        ({"data": "outreech"}, "neither a file nor a bundled dataset"),
        ({"gates": {"smd": 0.3}}, "has no field"),
        ({"design": {"kind": "observational", "outcome": "churn"}}, "needs 'treatment'"),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_remedy(change: dict, message: str) -> None:
    with pytest.raises(es.EstimandError, match=message) as caught:
        es.run({"data": "outreach", "methods": ["difference", "regression"], **change})
    assert caught.value.remedy


def test_a_method_that_cannot_answer_is_reported_and_the_others_go_on(outreach: pd.DataFrame) -> None:
    given_away = outreach.assign(flag=outreach["outreach"])
    design = {**outreach.attrs["design"], "covariates": ["flag", "health_score"]}
    made = es.run({"data": given_away, "design": design, "methods": ["difference", "ipw"], "target": "ATE"})
    failure = next(f for f in made.findings if f.about == "ipw")
    assert failure.grade is es.Grade.NOT_RUN
    assert "perfectly" in failure.message
    assert [e.id for e in made.estimates] == ["difference"]
    with pytest.raises(es.IdentificationError, match="perfectly"):
        es.run({"data": given_away, "design": design, "methods": ["difference", "ipw"], "headline": "ipw"})


def test_missing_outcomes_are_dropped_counted_and_compared_by_arm(outreach: pd.DataFrame) -> None:
    gone = (outreach["outreach"] == 1) & (np.arange(len(outreach)) % 10 == 0)
    frame = outreach.assign(churn=outreach["churn"].astype(float).mask(gone))
    made = es.run({"data": frame, "design": outreach.attrs["design"], "methods": ["difference", "regression"]})
    lost = int(gone.sum())
    assert made.sample.rows_read - made.sample.rows_used == lost
    assert [(d.reason, d.column, d.rows) for d in made.sample.drops] == [("outcome missing", "churn", lost)]
    assert sum(made.sample.arms.values()) == made.sample.rows_used == made.estimate("regression").n_obs
    finding = next(f for f in made.findings if f.check == "sample.missing_outcome")
    assert finding.grade is es.Grade.WARN
    assert made.estimate("regression").population.label == "everyone (complete cases)"


def test_a_python_estimator_marks_the_record_not_reproducible(outreach: pd.DataFrame) -> None:
    methods = [{"method": "aipw", "learner": LinearRegression(), "propensity_learner": "logistic"}]
    made = es.run({"data": "outreach", "methods": methods}, threads=1)
    assert not made.reproducible
    assert made.estimate("aipw").options["learner"]["name"].startswith("python:")
    assert es.run({"data": "outreach", "methods": ["difference", "regression"]}).reproducible


def test_ipw_refuses_a_learner_without_an_estimating_equation() -> None:
    with pytest.raises(es.UnsupportedError, match="no estimating equation") as caught:
        es.estimate("outreach", es.datasets.describe("outreach").design, "ipw", learner="boosting")
    assert "aipw" in caught.value.remedy
