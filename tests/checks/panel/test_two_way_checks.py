"""What a two-way regression averages, as findings."""

import numpy as np
import pytest
from panel_cases import case_for, estimated, never, rollout

from estimand.checks.panel.bacon import BaconDecomposition, NegativeWeights
from estimand.core.finding import Grade
from tests.reference_data import reference, table

CASTLE = {"unit": "sid", "time": "year", "outcome": "l_homicide", "treatment": "post"}
GROWING = {1: 30, 5: 30}


def growing(event: np.ndarray) -> np.ndarray:
    return np.where(event >= 0, 2.0 * event, 0.0)


def test_the_castle_doctrine_is_decomposed_as_published() -> None:
    frame = table("castle_bacon")[["sid", "year", "l_homicide", "post"]].rename(columns={"l_homicide": "y"})
    case = case_for(frame, **{**CASTLE, "outcome": "y"})
    estimates, _ = estimated(case, "did")
    (finding,) = BaconDecomposition().examine(case, estimates, never)
    extra = reference("castle.bacon")["extra"]
    assert finding.statistic == pytest.approx(extra["weight"][1], rel=1e-9)
    assert finding.grade is Grade.NOTE
    evidence = finding.evidence
    total = np.dot(evidence["weight"], evidence["estimate"])
    assert total == pytest.approx(float(estimates[0].value[0]), rel=1e-9)
    assert sum(evidence["forbidden"]) == 10
    assert "units seen in every period" not in finding.message


def test_a_growing_effect_with_few_never_treated_is_a_warning_of_both() -> None:
    case = case_for(rollout(GROWING, 3, path=growing))
    estimates, _ = estimated(case, "did")
    (bacon,) = BaconDecomposition().examine(case, estimates, never)
    (weights,) = NegativeWeights().examine(case, estimates, never)
    assert (bacon.grade, weights.grade) == (Grade.WARN, Grade.WARN)
    assert weights.statistic < -0.1
    assert sum(weights.evidence["weight"]) == pytest.approx(1.0)
    assert weights.evidence["cohort"][0] == "2001"
    assert "all could be of the other sign" in weights.message


def test_one_cohort_or_another_method_needs_neither() -> None:
    one = case_for(rollout({3: 30}, 30))
    assert not BaconDecomposition().applies(one, estimated(one, "did")[0])
    many = case_for(rollout(GROWING, 30))
    estimates, _ = estimated(many, "staggered_did")
    assert not BaconDecomposition().applies(many, estimates)
    assert not NegativeWeights().applies(many, estimates)
    ratio, _ = estimated(
        case_for(rollout(GROWING, 30).assign(y=lambda f: np.exp(f["y"]))), {"method": "did", "outcome_model": "log"}
    )
    assert not NegativeWeights().applies(many, ratio)


def test_units_with_gaps_are_left_out_and_counted() -> None:
    frame = rollout(GROWING, 40).drop(index=[3, 17])
    case = case_for(frame)
    estimates, _ = estimated(case, "did")
    (finding,) = BaconDecomposition().examine(case, estimates, never)
    assert "on the 98 of 100 units seen in every period" in finding.message
    sparse = case_for(rollout(GROWING, 40).sample(frac=0.9, random_state=0))
    (refused,) = BaconDecomposition().examine(sparse, estimated(sparse, "did")[0], never)
    assert refused.grade is Grade.NOT_RUN
    assert NegativeWeights().examine(sparse, estimated(sparse, "did")[0], never)[0].grade is not Grade.NOT_RUN


def test_treatment_that_ends_is_not_decomposed() -> None:
    frame = rollout(GROWING, 40)
    frame.loc[(frame["unit"] == 0) & (frame["year"] == 2007), "d"] = 0
    case = case_for(frame)
    (finding,) = BaconDecomposition().examine(case, estimated(case, "did")[0], never)
    assert finding.grade is Grade.NOT_RUN


def test_weights_are_those_of_the_regression_in_cross_sections_too() -> None:
    frame = rollout(GROWING, 40)
    case = case_for(frame, unit=None, cluster="unit")
    estimates, _ = estimated(case, "did")
    (finding,) = NegativeWeights().examine(case, estimates, never)
    panel = case_for(frame)
    (same,) = NegativeWeights().examine(panel, estimated(panel, "did")[0], never)
    assert finding.evidence["weight"] == pytest.approx(same.evidence["weight"])
    assert not BaconDecomposition().applies(case, estimates)
