"""Robust intervals as a finding."""

import numpy as np
import pytest
from panel_cases import case_for, estimated, events, never, rollout

from estimand.checks.panel.honest_did import HonestDiD
from estimand.core.finding import Grade
from estimand.stats.relative_trends import relative_breakdown, relative_intervals
from estimand.stats.smooth_trends import EventStudy, fixed_length, smooth_breakdown

TIME = np.array([-4, -3, -2, 0, 1, 2])
VALUE = np.array([0.02, -0.03, 0.01, 0.5, 0.6, 0.7])
VCOV = 0.01 * (0.5 * np.eye(6) + 0.5)
CASE = case_for(rollout({3: 20}, 20))


def study(target: list[float]) -> EventStudy:
    return EventStudy(VALUE, VCOV, TIME + 1, np.array(target))


def test_the_table_holds_the_intervals_of_both_restrictions_and_targets() -> None:
    (finding,) = HonestDiD().examine(CASE, (events(VALUE, VCOV, TIME),), never)
    rows = list(finding.evidence.rows())
    average = study([0, 0, 0, 1 / 3, 1 / 3, 1 / 3])
    assert (finding.grade, finding.subject) == (Grade.NOTE, "average")
    assert finding.statistic == pytest.approx(relative_breakdown(average, 0.95))
    targets = {"average": average, "first period": study([0, 0, 0, 1, 0, 0])}
    relative = {name: relative_breakdown(own, 0.95) for name, own in targets.items()}
    smooth = {name: smooth_breakdown(own, 0.95) for name, own in targets.items()}
    for row in rows:
        own = targets[row["target"]]
        if row["restriction"] == "relative magnitudes":
            expected, most = relative_intervals(own, np.array([row["bound"]]), 0.95)[0], relative[row["target"]]
        else:
            expected, most = fixed_length(own, row["bound"], 0.95), smooth[row["target"]]
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert row["breakdown"] == pytest.approx(most)
        half = 1.959964 * np.sqrt(own.target @ VCOV @ own.target)
        assert (row["usual_low"], row["usual_high"]) == pytest.approx((row["value"] - half, row["value"] + half))
    assert len(rows) == 2 * (7 + 6)
    assert f"{finding.statistic:.2f} times as much as they most did before" in finding.message


def test_one_treated_period_has_one_target() -> None:
    (finding,) = HonestDiD().examine(CASE, (events(VALUE[:4], VCOV[:4, :4], TIME[:4]),), never)
    assert finding.subject == "first period"
    assert set(finding.evidence["target"]) == {"first period"}


def test_an_effect_that_is_not_there_breaks_at_once_and_a_sure_one_never() -> None:
    none = events(np.array([0.02, -0.03, 0.01, 0.05, -0.02, 0.04]), VCOV, TIME)
    sure = events(np.array([1e-4, -1e-4, 1e-4, 50.0, 50.0, 50.0]), 1e-6 * VCOV, TIME)
    (first,), (second,) = (HonestDiD().examine(CASE, (each,), never) for each in (none, sure))
    assert first.statistic == 0.0
    assert "not rejected even if trends are parallel" in first.message
    assert second.statistic is None
    assert "rejected even if trends part 10 times" in second.message


def test_only_the_run_about_the_reference_is_used() -> None:
    time = np.array([-6, -3, -2, 0, 1, 5])
    (finding,) = HonestDiD().examine(CASE, (events(VALUE, VCOV, time),), never)
    short = EventStudy(VALUE[1:5], VCOV[1:5, 1:5], np.array([-2, -1, 1, 2]), np.array([0, 0, 0.5, 0.5]))
    assert finding.statistic == pytest.approx(relative_breakdown(short, 0.95))
    assert "2 event times beyond a gap are left out." in finding.message


def test_periods_of_anticipation_carry_violations_and_no_effect() -> None:
    time = np.array([-4, -3, -1, 0, 1])
    (finding,) = HonestDiD().examine(CASE, (events(VALUE[:5], VCOV[:5, :5], time, anticipation=1),), never)
    moved = EventStudy(VALUE[:5], VCOV[:5, :5], np.array([-2, -1, 1, 2, 3]), np.array([0, 0, 0, 0.5, 0.5]))
    assert finding.statistic == pytest.approx(relative_breakdown(moved, 0.95))


def test_too_little_before_or_after_is_not_run() -> None:
    early = events(VALUE[3:], VCOV[3:, 3:], TIME[3:])
    apart = events(VALUE[:4], VCOV[:4, :4], np.array([-4, -3, -2, 3]))
    for estimate in (early, apart):
        (finding,) = HonestDiD().examine(CASE, (estimate,), never)
        assert finding.grade is Grade.NOT_RUN


def test_every_method_with_one_reference_is_answered() -> None:
    case = case_for(rollout({4: 40}, 40, noise=0.3))
    estimates, refit = estimated(case, "event_study", "staggered_did", "did")
    assert HonestDiD().applies(case, estimates)
    found = HonestDiD().examine(case, estimates, refit)
    assert [finding.about for finding in found] == ["event_study", "staggered_did"]
    assert found[0].statistic == pytest.approx(found[1].statistic, rel=0.05)
    assert not HonestDiD().applies(case, estimates[2:])
