"""Methods for panels that estimate the same thing: at one where trends are parallel, apart where they are not."""

import numpy as np
import pytest
from panel_cases import case_for, estimated, never, rollout

from estimand.checks.stress.disagreement import Disagreement
from estimand.core.finding import Grade

METHODS = ("did", "event_study", "staggered_did", "imputation_did")


def test_headlines_are_compared_by_their_joint_influence() -> None:
    case = case_for(rollout({4: 60}, 60))
    estimates, _ = estimated(case, *METHODS)
    assert Disagreement().applies(case, estimates)
    found = {finding.about: finding for finding in Disagreement().examine(case, estimates, never)}
    assert set(found) == set(METHODS)
    assert {finding.grade for finding in found.values()} == {Grade.PASS}
    rows = {row["other"]: row for row in found["did"].evidence.rows()}
    did, staggered = estimates[0], estimates[2]
    gap = float(did.value[0] - staggered.value[0])
    psi = did.influence.psi[:, 0] / did.influence.n - staggered.influence.psi[:, 0] / staggered.influence.n
    assert rows["staggered_did"]["difference"] == pytest.approx(gap)
    assert rows["staggered_did"]["std_error"] == pytest.approx(float(np.linalg.norm(psi)), rel=0.1)


def test_a_dip_before_treatment_sets_them_apart_and_is_named() -> None:
    frame = rollout({4: 60}, 60, noise=0.3, path=lambda event: np.where(event == -1, -1.0, 0.0))
    case = case_for(frame)
    estimates, _ = estimated(case, *METHODS)
    (finding,) = [f for f in Disagreement().examine(case, estimates, never) if f.about == "staggered_did"]
    assert finding.grade is Grade.WARN
    assert "takes changes from the last period before treatment" in finding.message


def test_other_targets_are_not_compared() -> None:
    case = case_for(rollout({3: 30, 5: 30}, 40))
    estimates, _ = estimated(case, "did", "staggered_did")
    assert not Disagreement().applies(case, estimates)
