"""Nuisance quality and calibration: models with skill, models fitted to noise, propensities too bold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from stress_cases import PLAIN_AIPW, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.diagnosis.nuisances import NuisanceQuality, PropensityCalibration
from estimand.core.frozen import FrozenMap

QUALITY, CALIBRATION = "nuisance.quality", "nuisance.calibration"


def test_models_with_skill_pass_and_their_loss_is_beside_that_of_a_constant() -> None:
    frame = confounded(2_000)
    finding = found(run(frame, [PLAIN_AIPW]), QUALITY, "aipw")
    assert finding.grade is es.Grade.PASS
    evidence = dict(zip(finding.evidence["part"], finding.evidence["constant"], strict=True))
    share = frame["d"].mean()
    assert evidence["propensity[1]"] == pytest.approx(-(share * np.log(share) + (1 - share) * np.log(1 - share)))
    for arm in (0, 1):
        assert evidence[f"outcome[{arm}]"] == pytest.approx(frame["y"][frame["d"] == arm].var(ddof=0))


def test_a_model_without_skill_is_noted_and_one_fitted_to_noise_warned_of() -> None:
    rng = np.random.default_rng(0)
    frame = confounded(1_000).assign(y=rng.normal(size=1_000))
    plain = found(run(frame, [PLAIN_AIPW]), QUALITY, "aipw")
    assert plain.grade is es.Grade.NOTE
    assert plain.subject.startswith("outcome")
    noisy = {**PLAIN_AIPW, "learner": KNeighborsRegressor(2)}
    wild = found(run(frame, [noisy]), QUALITY, "aipw")
    assert wild.grade is es.Grade.WARN
    assert wild.statistic < -0.3
    assert "fitted to noise" in wild.message


def test_a_propensity_without_skill_is_what_an_experiment_should_give() -> None:
    frame = confounded(1_000, pull=0.0)
    trial = found(run(frame, [PLAIN_AIPW], kind="experiment"), QUALITY, "aipw")
    assert trial.grade is es.Grade.PASS
    claimed = {**PLAIN_AIPW, "propensity_learner": DummyClassifier()}
    survey = found(run(frame, [claimed]), QUALITY, "aipw")
    assert survey.grade is es.Grade.NOTE
    assert survey.subject == "propensity[1]"
    assert "no confounding" in survey.message


def test_binary_outcomes_are_held_to_log_loss() -> None:
    frame = confounded(2_000).assign(y=lambda f: (f["y"] > 0.5).astype(int))
    finding = found(run(frame, [PLAIN_AIPW]), QUALITY, "aipw")
    constants = dict(zip(finding.evidence["part"], finding.evidence["constant"], strict=True))
    p = frame["y"][frame["d"] == 1].mean()
    assert constants["outcome[1]"] == pytest.approx(-(p * np.log(p) + (1 - p) * np.log(1 - p)))


def test_in_sample_fits_are_let_be() -> None:
    case, estimates = estimated(confounded(), ["ipw", {**PLAIN_AIPW, "folds": 1}])
    assert not NuisanceQuality().applies(case, estimates)
    assert not PropensityCalibration().applies(case, estimates)


def test_a_part_that_is_not_known_is_left_out() -> None:
    case, (estimate,) = estimated(confounded(), [PLAIN_AIPW])
    losses = FrozenMap({"bridge": 1.0, "outcome": 0.9, "outcome[z]": 1.0})
    told = replace(estimate, details=FrozenMap({**estimate.details, "nuisance_loss": losses}))
    (finding,) = NuisanceQuality().examine(case, (told,), never)
    assert finding.evidence["part"] == ("outcome",)
    assert finding.evidence["constant"][0] == pytest.approx(case.values().var())


def test_a_right_propensity_model_is_calibrated() -> None:
    frame = confounded(3_000, pull=1.0)
    record = run(frame, [PLAIN_AIPW])
    finding = found(record, CALIBRATION, "aipw")
    assert finding.grade is es.Grade.PASS
    assert finding.statistic == pytest.approx(1.0, abs=0.1)
    propensity, treated = record.estimate("aipw").details["propensity"], frame["d"].to_numpy()
    tenths = np.array_split(np.argsort(propensity, kind="stable"), 10)
    assert finding.evidence["predicted"] == pytest.approx([propensity[rows].mean() for rows in tenths])
    assert finding.evidence["observed"] == pytest.approx([treated[rows].mean() for rows in tenths])
    assert sum(finding.evidence["rows"]) == 3_000


@pytest.mark.parametrize(
    ("learner", "bold"),
    [(KNeighborsClassifier(5), True), (DecisionTreeClassifier(min_samples_leaf=12, random_state=0), True)],
)
def test_propensities_that_are_too_bold_are_warned_of(learner: Any, bold: bool) -> None:
    frame = confounded(2_000, pull=0.5)
    option = {**PLAIN_AIPW, "propensity_learner": learner, "clip": 0.01}
    finding = found(run(frame, [option]), CALIBRATION, "aipw")
    assert finding.grade is es.Grade.WARN
    assert (finding.statistic < 0.8) is bold
    assert "too bold" in finding.message


def test_a_slope_of_no_consequence_passes() -> None:
    """Of an experiment whatever it is, and in a survey it is never more than a note."""
    for seed in range(5):
        frame = confounded(2_000, seed, pull=0.0)
        case, (estimate,) = estimated(frame, [PLAIN_AIPW], kind="experiment")
        (finding,) = PropensityCalibration().examine(case, (estimate,), never)
        assert finding.grade is es.Grade.PASS
        case, (estimate,) = estimated(frame, [PLAIN_AIPW])
        (finding,) = PropensityCalibration().examine(case, (estimate,), never)
        assert finding.grade < es.Grade.WARN


def test_several_arms_are_read_by_the_first_after_control() -> None:
    frame = confounded(1_500)
    frame["d"] = np.where(np.arange(1_500) % 3 == 0, "b", np.where(frame["d"] == 1, "c", "a"))
    finding = found(run(frame, [{**PLAIN_AIPW, "learner": DecisionTreeRegressor(max_depth=2)}]), CALIBRATION, "aipw")
    assert finding.subject == "propensity[b]"
    assert np.mean(finding.evidence["observed"]) == pytest.approx(1 / 3, abs=0.01)
