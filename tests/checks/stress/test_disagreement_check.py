"""Disagreement: silent where all are right, loud where one is wrong, with the reason."""

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
from stress_cases import PLAIN_AIPW, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.disagreement import Disagreement
from estimand.checks.stress.reasons import likeliest_reason
from estimand.stats.multiplicity import holm

KEY = "comparison.disagreement"
FLEXIBLE = {"method": "aipw", "learner": "boosting"}


def test_methods_that_are_all_right_agree() -> None:
    record = run(confounded(2_000), ["difference", "regression", "ipw", PLAIN_AIPW])
    findings = [f for f in record.findings if f.check == KEY]
    assert {f.about: f.grade for f in findings} == dict.fromkeys(["regression", "ipw", "aipw"], es.Grade.PASS)


def test_the_numbers_are_those_of_the_joint_influence() -> None:
    case, estimates = estimated(confounded(), ["regression", "ipw", PLAIN_AIPW])
    findings = Disagreement().examine(case, estimates, never)
    psi = np.column_stack([e.influence.psi[:, 0] / e.influence.n for e in estimates])
    gaps = [(i, j) for i in range(3) for j in range(i + 1, 3)]
    values = np.array([estimates[i].value[0] - estimates[j].value[0] for i, j in gaps])
    errors = np.array([np.linalg.norm(psi[:, i] - psi[:, j]) for i, j in gaps])
    first = findings[0].evidence
    assert first["difference"] == pytest.approx(tuple(values[:2]))
    assert first["std_error"] == pytest.approx(tuple(errors[:2]))
    p = np.array([2 * (1 - _phi(abs(v / s))) for v, s in zip(values, errors, strict=True)])
    assert first["p_holm"] == pytest.approx(tuple(holm(p)[:2]), rel=1e-6)
    assert findings[1].evidence["difference"][0] == pytest.approx(-values[0])


def _phi(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))


def test_non_linearity_is_named_and_blamed_on_the_straight_lines() -> None:
    record = run(confounded(4_000, bend=0.8), ["regression", FLEXIBLE])
    straight, flexible = found(record, KEY, "regression"), found(record, KEY, "aipw")
    assert straight.grade is es.Grade.WARN
    assert abs(straight.statistic) > straight.threshold
    assert "non-linearity. The straight lines of 'regression' explain" in straight.message
    assert flexible.grade is es.Grade.NOTE
    assert flexible.statistic == -straight.statistic


def test_other_options_of_one_method_are_named() -> None:
    clipped = {"method": "ipw", "id": "clipped", "clip": 0.3}
    record = run(confounded(4_000, pull=1.5), ["ipw", clipped])
    finding = found(record, KEY, "clipped")
    assert finding.grade is es.Grade.WARN
    assert "the same method with other options: clip" in finding.message


def test_tails_are_named_where_there_are_some() -> None:
    case, (first, second) = estimated(confounded(2_000, pull=3.0), ["ipw", PLAIN_AIPW])
    reason = likeliest_reason(case, first, second)
    assert reason.words.startswith("propensity tails. For 'ipw',")
    assert reason.blames is None


def test_rows_are_named_where_they_differ() -> None:
    case, (first, second) = estimated(confounded(), ["ipw", PLAIN_AIPW])
    reason = likeliest_reason(case, replace(first, n_obs=900), second)
    assert "different rows (900 and 1,000)" in reason.words


def test_what_differs_is_said_where_nothing_points_to_a_reason() -> None:
    case, (line, weighted, both) = estimated(confounded(2_000), ["regression", "ipw", PLAIN_AIPW])
    assert "straight lines" in likeliest_reason(case, line, weighted).words
    assert "one model is wrong" in likeliest_reason(case, weighted, both).words


def test_only_like_is_compared_with_like() -> None:
    att = {"method": "ipw", "id": "att", "target": "ATT"}
    trimmed = {"method": "ipw", "id": "trimmed", "trim": 0.2}
    case, estimates = estimated(confounded(pull=1.5), ["difference", "ipw", att, trimmed])
    assert not Disagreement().applies(case, estimates)


def test_a_difference_too_small_to_matter_is_let_pass() -> None:
    case, (first, _) = estimated(confounded(), ["regression", "ipw"])
    psi = first.influence.psi
    near = replace(
        first,
        id="near",
        value=first.value + 0.1 * first.std_error,
        influence=type(first.influence)(psi * 1.001, first.influence.units, first.influence.n, first.influence.root),
    )
    findings = Disagreement().examine(case, (first, near), never)
    assert {f.grade for f in findings} == {es.Grade.PASS}
    assert abs(findings[0].statistic) > 2.58


def test_every_term_counts() -> None:
    frame = confounded(1_500)
    frame["d"] = np.where(np.arange(1_500) % 3 == 0, "b", np.where(frame["d"] == 1, "c", "a"))
    case, estimates = estimated(frame, ["regression", PLAIN_AIPW])
    findings = Disagreement().examine(case, estimates, never)
    assert [len(f.evidence) for f in findings] == [2, 2]
