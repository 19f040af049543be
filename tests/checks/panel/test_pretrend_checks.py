"""Trends before treatment: the test, its power, anticipation, and dates moved to where nothing was done."""

from dataclasses import replace

import numpy as np
import pytest
from panel_cases import case_for, estimated, events, never, rollout

from estimand.checks.panel.anticipation import Anticipation, jump
from estimand.checks.panel.events import read_events
from estimand.checks.panel.placebo_date import PlaceboDate, earlier
from estimand.checks.panel.pretrends import PreTrendPower, PreTrends
from estimand.core.finding import Grade
from estimand.core.frozen import FrozenMap
from estimand.core.uncertainty import Draws

TIME = np.array([-4, -3, -2, 0, 1, 2])
VCOV = 0.01 * (0.5 * np.eye(6) + 0.5)
COHORTS = {3: 40, 5: 40}
CASE = case_for(rollout(COHORTS, 60))


def steady(event: np.ndarray) -> np.ndarray:
    return 0.4 * event


def dip(event: np.ndarray) -> np.ndarray:
    return np.where(event == -1, -1.5, 0.0)


def test_a_quiet_history_is_a_note_with_its_power_and_never_a_pass() -> None:
    estimate = events(np.array([0.02, -0.03, 0.01, 0.5, 0.6, 0.7]), VCOV, TIME)
    (finding,) = PreTrends().examine(CASE, (estimate,), never)
    assert finding.grade is Grade.NOTE
    assert finding.statistic > 0.5
    assert "do not differ jointly from zero at 0.05 (χ²(3) = " in finding.message
    assert "would have been found with 80% probability" in finding.message
    assert finding.evidence["event_time"] == (-4, -3, -2, -1, 0, 1, 2)
    assert finding.evidence["value"][3] == finding.evidence["std_error"][3] == 0.0
    assert finding.evidence["tested"] == (1, 1, 1, 0, 0, 0, 0)


def test_a_trend_is_a_warning_whose_p_value_is_that_of_the_joint_test() -> None:
    value = np.array([-0.6, -0.4, -0.2, 0.2, 0.4, 0.6])
    estimate = events(value, VCOV, TIME, df=np.full(7, 30.0))
    (finding,) = PreTrends().examine(CASE, (estimate,), never)
    assert finding.grade is Grade.WARN
    statistic = value[:3] @ np.linalg.solve(VCOV[:3, :3], value[:3]) / 3
    assert f"(F(3, 30) = {statistic:.2f}" in finding.message
    low, high = finding.evidence["low"][0], finding.evidence["high"][0]
    assert (high - low) / 2 == pytest.approx(2.0423 * 0.1, rel=1e-4)


def test_a_staggered_estimate_is_run_again_with_one_base_for_all() -> None:
    case = case_for(rollout(COHORTS, 60, path=steady))
    estimates, refit = estimated(case, "staggered_did")
    asked = []

    def noted(estimate: object, changed: object, resample: object = None) -> object:
        asked.append(dict(estimate.options))
        return refit(estimate, changed)

    (finding,) = PreTrends().examine(case, estimates, noted)
    assert [(each["base"], each["aggregate"]) for each in asked] == [("universal", "event")]
    assert finding.grade is Grade.WARN
    assert finding.evidence["event_time"][0] == -5


def test_parallel_trends_are_rejected_as_often_as_the_test_says() -> None:
    rejected = 0
    for seed in range(60):
        case = case_for(rollout({3: 30}, 50, periods=5, seed=seed))
        estimates, refit = estimated(case, "event_study")
        (finding,) = PreTrends().examine(case, estimates, refit)
        rejected += finding.grade is Grade.WARN
    assert rejected <= 3 + 4 * np.sqrt(60 * 0.05 * 0.95)


def test_where_nothing_compares_periods_before_treatment_it_says_what_to_add() -> None:
    estimates, refit = estimated(CASE, "did")
    (finding,) = PreTrends().examine(CASE, estimates, refit)
    assert (finding.grade, finding.about) == (Grade.NOT_RUN, "y")
    assert "'staggered_did'" in finding.remedy
    assert not PreTrendPower().applies(CASE, estimates)


def test_no_period_before_the_reference_is_not_run() -> None:
    estimate = events(np.array([0.5, 0.6]), 0.01 * np.eye(2), np.array([0, 1]))
    for check in (PreTrends(), PreTrendPower(), Anticipation()):
        (finding,) = check.examine(CASE, (estimate,), never)
        assert finding.grade is Grade.NOT_RUN


def test_power_is_that_of_the_statistic_and_grows_with_it() -> None:
    estimate = events(np.array([0.02, -0.03, 0.01, 0.5, 0.6, 0.7]), VCOV, TIME)
    (finding,) = PreTrendPower().examine(CASE, (estimate,), never)
    assert finding.grade is Grade.NOTE
    table = finding.evidence
    away = np.array(table["event_time"]) + 1
    assert np.array(table["found_80"]) == pytest.approx(finding.statistic * away)
    draws = np.random.default_rng(0).multivariate_normal(finding.statistic * away[:3], VCOV[:3, :3], size=200_000)
    found = (np.abs(draws) > 1.959964 * 0.1).any(axis=1).mean()
    assert found == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 200_000))
    assert abs(table["mean_if_passed"][0]) < abs(table["found_half"][0])
    assert table["mean_if_passed"][3] == 0.0


def test_a_reference_moved_by_anticipation_is_read_from_the_options() -> None:
    time = np.array([-4, -3, -1, 0, 1])
    estimate = events(np.arange(5.0), 0.01 * np.eye(5), time, anticipation=1)
    found = read_events(estimate)
    assert found.reference == -2
    assert found.before.tolist() == [True, True, False, False, False]
    assert found.after.tolist() == [False, False, False, True, True]


def test_draws_have_a_covariance_too_and_ratios_have_none() -> None:
    estimate = events(np.arange(5.0), 0.01 * np.eye(5), np.array([-3, -2, 0, 1, 2]))
    draws = np.random.default_rng(1).multivariate_normal(estimate.value, estimate.uncertainty.vcov, size=4_000)
    found = read_events(replace(estimate, uncertainty=Draws(draws, "bootstrap")))
    assert found.vcov == pytest.approx(0.01 * np.eye(5), abs=2e-3)
    log = replace(estimate.uncertainty, scale="log")
    assert read_events(replace(estimate, uncertainty=log)) is None


def test_event_times_are_read_in_order_up_to_the_first_gap() -> None:
    time = np.array([-6, -3, -2, 0, 1, 4])
    run = read_events(events(np.arange(6.0), np.eye(6), time)).run()
    assert run.time.tolist() == [-3, -2, 0, 1]
    assert run.value.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_the_jump_is_blind_to_a_line_and_sees_a_step() -> None:
    time, late = np.array([-5, -4, -3, -2, -1]), np.array([False, False, False, False, True])
    weights = jump(time, late)
    assert weights @ (3.0 + 2.0 * time) == pytest.approx(0.0, abs=1e-12)
    assert weights @ late == 1.0
    assert jump(time[3:], late[3:]).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(("path", "grade"), [(dip, Grade.WARN), (steady, Grade.PASS)])
def test_anticipation_is_told_from_a_steady_trend(path: object, grade: Grade) -> None:
    case = case_for(rollout({6: 60}, 60, periods=9, path=path))
    estimates, refit = estimated(case, "event_study")
    (finding,) = Anticipation().examine(case, estimates, refit)
    assert finding.grade is grade
    assert ("anticipation: 1" in (finding.remedy or "")) == (grade is Grade.WARN)


def test_placebo_rows_end_where_treatment_begins_and_are_dated_earlier() -> None:
    found = earlier(CASE, 2)
    timeline = found.sample.timeline
    year = timeline.period
    assert sorted(set(timeline.cohort.tolist())) == [1, 3, 8]
    assert year[timeline.cohort == 1].max() == 2
    assert year[timeline.cohort == 3].max() == 4
    assert (found.sample.arm == (year >= timeline.cohort)).all()
    assert found.left_out == 0
    assert earlier(CASE, 4) is not None
    assert earlier(CASE, 4).left_out == 40
    assert earlier(CASE, 5) is None


def test_a_date_on_a_calendar_with_gaps_is_moved_by_its_steps() -> None:
    frame = rollout({3: 30}, 30, periods=6)
    frame = frame.assign(year=frame["year"] + 2 * (frame["year"] >= 2002))
    found = earlier(case_for(frame), 1)
    assert sorted(set(found.sample.timeline.cohort.tolist())) == [2, 6]
    far = earlier(case_for(frame), 3)
    assert sorted(set(far.sample.timeline.cohort.tolist())) == [2, 6]


@pytest.mark.parametrize("method", ["did", "staggered_did"])
def test_a_placebo_date_finds_nothing_where_trends_are_parallel_and_a_trend_where_not(method: str) -> None:
    for slope, grade in ((0.0, Grade.PASS), (0.4, Grade.WARN)):
        frame = rollout({4: 60}, 60, seed=3, noise=0.3, path=lambda event, slope=slope: slope * event)
        case = case_for(frame)
        estimates, refit = estimated(case, method)
        (finding,) = PlaceboDate().examine(case, estimates, refit)
        assert finding.grade is grade
        assert finding.evidence["steps_earlier"] == (0, 1, 2)
        again = refit(estimates[0], replace(case, source=earlier(case, 1).sample))
        assert finding.evidence["value"][1] == pytest.approx(float(again.value[0]))


def test_a_placebo_date_needs_periods_and_says_so() -> None:
    case = case_for(rollout({1: 30}, 30, periods=4))
    estimates, refit = estimated(case, "did")
    (finding,) = PlaceboDate().examine(case, estimates, refit)
    assert finding.grade is Grade.NOT_RUN
    dear = PlaceboDate(spend=1.0).examine(CASE, estimated(CASE, "did")[0], refit)
    assert dear[0].grade is Grade.NOT_RUN
    assert "stress: full" in dear[0].remedy


def test_options_travel_with_the_refit() -> None:
    estimates, refit = estimated(CASE, "staggered_did")
    options = FrozenMap({**estimates[0].options, "aggregate": "event", "base": "universal"})
    again = refit(replace(estimates[0], options=options), CASE)
    assert -1 not in [term.at.get("event_time") for term in again.terms]
