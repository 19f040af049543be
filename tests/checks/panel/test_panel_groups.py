"""Who is seen, who is compared with whom, and in which clusters: findings that speak when they should."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from panel_cases import case_for, estimated, never, rollout

from estimand.checks.panel.cluster_level import ClusterLevel
from estimand.checks.panel.comparison import ComparisonGroups
from estimand.checks.panel.composition import Composition
from estimand.checks.panel.few_clusters import PanelClusters
from estimand.checks.panel.reversal import Reversal
from estimand.core.finding import Grade
from estimand.core.gates import GatePolicy

COHORTS = {3: 60, 5: 60}


def leaving(frame: pd.DataFrame, treated: float, others: float) -> pd.DataFrame:
    """Drop a share of the rows from 2005 on, among units ever treated and among the others; cohorts stay."""
    ever = frame["g"] > 0
    late = frame["year"] >= 2005
    draw = np.random.default_rng(0).random(len(frame))
    return frame[~(late & (draw < np.where(ever, treated, others)))]


def dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every row its unit's first treated year, so that no lost row moves it."""
    first = frame["year"].where(frame["d"] == 1).groupby(frame["unit"]).transform("min")
    return frame.assign(g=first.fillna(0)).drop(columns="d")


GIVEN = {"treatment": None, "cohort": "g"}


def test_everyone_seen_is_a_pass_and_so_is_loss_alike_in_all() -> None:
    frame = rollout(COHORTS, 80)
    (whole,) = Composition().examine(case_for(frame), (), never)
    assert (whole.grade, whole.statistic) == (Grade.PASS, 0.0)
    (alike,) = Composition().examine(case_for(leaving(dated(frame), 0.2, 0.2), **GIVEN), (), never)
    assert alike.grade is Grade.PASS


def test_treated_units_that_leave_are_a_warning_with_their_share() -> None:
    frame = leaving(dated(rollout(COHORTS, 80)), 0.4, 0.0)
    (finding,) = Composition().examine(case_for(frame, **GIVEN), (), never)
    assert finding.grade is Grade.WARN
    assert finding.statistic == pytest.approx(-0.4, abs=0.08)
    assert "in cohort 2005" in finding.message
    shares = {(row["cohort"], row["period"]): row["seen"] for row in finding.evidence.rows()}
    assert shares["2005", "2004"] == shares["never", "2007"] == 1.0
    assert shares["2005", "2006"] < 0.8


@pytest.mark.parametrize(("shift", "grade"), [(0.0, Grade.PASS), (0.8, Grade.WARN)])
def test_a_covariate_that_shifts_in_cross_sections_is_a_warning(shift: float, grade: Grade) -> None:
    frame = rollout({3: 60}, 60)
    frame["age"] = np.random.default_rng(2).normal(size=len(frame)) + shift * frame["d"]
    case = case_for(frame, unit=None, cluster="unit", covariates=["age"])
    (finding,) = Composition().examine(case, (), never)
    assert finding.grade is grade
    assert finding.evidence["covariate"] == ("age",)
    if shift:
        assert finding.subject == "age"
        error = finding.evidence["std_error"][0]
        assert finding.statistic == pytest.approx(0.8 / frame["age"].std(ddof=0), abs=4 * error)


def test_without_units_or_covariates_there_is_nothing_to_look_at() -> None:
    case = case_for(rollout({3: 30}, 30), unit=None, cluster="unit")
    assert not Composition().applies(case, ())


def test_cohorts_with_company_are_a_pass_that_counts_them() -> None:
    (finding,) = ComparisonGroups().examine(case_for(rollout(COHORTS, 80)), (), never)
    assert finding.grade is Grade.PASS
    rows = {row["cohort"]: row for row in finding.evidence.rows()}
    assert (rows["2003"]["units"], rows["2003"]["periods_before"], rows["2003"]["periods_compared"]) == (60, 3, 5)
    assert rows["never"]["units"] == 80


def test_a_last_cohort_with_nobody_left_is_a_warning() -> None:
    (finding,) = ComparisonGroups().examine(case_for(rollout({3: 60, 5: 3}, 0)), (), never)
    assert finding.grade is Grade.WARN
    assert "in any period of cohort 2005" in finding.message
    assert "in 6 of 8 treated cohorts in periods there is nobody" in finding.message
    assert "Cohort 2005 has fewer than 5 units" in finding.message


def test_units_treated_from_the_start_are_a_note() -> None:
    (finding,) = ComparisonGroups().examine(case_for(rollout({0: 10, 4: 30}, 30)), (), never)
    assert finding.grade is Grade.NOTE
    assert "10 units are treated from 2000 on" in finding.message
    assert finding.evidence["cohort"] == ("always", "2004", "never")


def test_treatment_that_stays_on_is_a_pass_and_one_that_ends_moves_the_estimate() -> None:
    frame = rollout({3: 40}, 40, noise=0.2)
    case = case_for(frame)
    estimates, refit = estimated(case, "did")
    (quiet,) = Reversal().examine(case, estimates, refit)
    assert quiet.grade is Grade.PASS
    ended = frame["unit"].lt(12) & frame["year"].ge(2005)
    frame.loc[ended, "y"] -= 1.0 * ended[ended]
    frame.loc[ended, "d"] = 0
    frame.loc[frame["unit"].lt(12) & frame["d"].eq(1), "y"] += 2.0
    case = case_for(frame)
    estimates, refit = estimated(case, "did")
    (finding,) = Reversal().examine(case, estimates, refit)
    assert finding.grade is Grade.WARN
    assert finding.statistic == pytest.approx(0.3)
    alone, _ = estimated(case_for(frame[frame["unit"] >= 12]), "did")
    assert finding.evidence["value"][1] == pytest.approx(float(alone[0].value[0]), rel=1e-9)
    given = case_for(frame.assign(g=np.where(frame["unit"] < 40, 2003, 0)), treatment=None, cohort="g")
    assert not Reversal().applies(given, estimates)


def test_many_clusters_pass_and_fewer_are_a_note_where_the_covariance_is_made_for_few() -> None:
    case = case_for(rollout({3: 30}, 30))
    (many,) = PanelClusters().examine(case, estimated(case, "did")[0], never)
    assert many.grade is Grade.PASS
    few = case_for(rollout({3: 8}, 8))
    (noted,) = PanelClusters().examine(few, estimated(few, "did")[0], never)
    assert (noted.grade, noted.statistic) == (Grade.NOTE, 16.0)
    assert "CR2" in noted.message
    (warned,) = PanelClusters().examine(few, estimated(few, {"method": "did", "covariance": "CR1"})[0], never)
    assert warned.grade is Grade.WARN
    assert "(CR1) asks for many" in warned.message
    moved = replace(few, gates=GatePolicy(clusters=10))
    assert PanelClusters().examine(moved, estimated(few, "did")[0], never)[0].grade is Grade.PASS


def test_very_few_treated_clusters_are_dealt_anew() -> None:
    case = case_for(rollout({3: 3}, 12, effect=30.0))
    (finding,) = PanelClusters().examine(case, estimated(case, "did")[0], never)
    assert finding.grade is Grade.WARN
    assert "all 455 ways gives p = 0.0022" in finding.message
    assert finding.evidence["smallest_p"][0] == pytest.approx(1 / 455)
    assert finding.evidence["clusters"] == (3, 12)
    none = case_for(rollout({3: 3}, 12, effect=0.0, seed=4))
    (quiet,) = PanelClusters().examine(none, estimated(none, "did")[0], never)
    assert quiet.evidence["p_value"][0] > 0.05
    hopeless = case_for(rollout({3: 2}, 4))
    (said,) = PanelClusters().examine(hopeless, estimated(hopeless, "did")[0], never)
    assert "no outcome could be significant" in said.remedy


def test_the_same_seed_deals_alike_at_any_number_of_threads() -> None:
    case = case_for(rollout({3: 4, 5: 20}, 4))
    estimates, _ = estimated(case, "staggered_did")
    two = replace(case, run=replace(case.run, threads=2))
    first, second = (PanelClusters(draws=99).examine(each, estimates, never)[0] for each in (case, two))
    assert first.message == second.message
    assert first.evidence.to_dict() == second.evidence.to_dict()


def test_clusters_treated_in_part_are_a_note_and_units_that_move_a_warning() -> None:
    frame = rollout({3: 40}, 40)
    (whole,) = ClusterLevel().examine(case_for(frame.assign(c=frame["unit"] // 8), cluster="c"), (), never)
    assert whole.grade is Grade.PASS
    (part,) = ClusterLevel().examine(case_for(frame.assign(c=frame["unit"] % 10), cluster="c"), (), never)
    assert (part.grade, part.statistic) == (Grade.NOTE, 10.0)
    moving = frame.assign(c=np.where(frame["year"] < 2004, frame["unit"], (frame["unit"] + 3) % 80))
    (moved,) = ClusterLevel().examine(case_for(moving, cluster="c"), (), never)
    assert (moved.grade, moved.statistic) == (Grade.WARN, 80.0)
    assert not ClusterLevel().applies(case_for(frame), ())
