"""Sample ratio mismatch: overall, at a look, within segments and days, in clusters; and how often it cries wolf."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, chisquare
from trust_cases import DESIGN, found, record, table

import estimand as es
from estimand.checks.experiment.allocation_within import day_name
from estimand.core.finding import Grade
from estimand.stats.allocation import allocation_p_value, homogeneity_p_value, sequential_allocation
from tests.reference_data import reference
from tests.reference_data import table as published


def lossy(frame: pd.DataFrame, share: float = 0.25) -> pd.DataFrame:
    """Lose a share of the treated units of one day."""
    rng = np.random.default_rng(1)
    hit = (frame["v"] == "B") & (frame["seen"].dt.date == pd.Timestamp("2024-03-04").date())
    return frame[~(hit & (rng.random(len(frame)) < share))]


def test_a_sound_allocation_passes_everywhere() -> None:
    made = record(table())
    for check in ("srm", "srm_within", "pre_exposure", "metric_missing", "outlier_influence", "exposure_time"):
        assert found(made, check).grade is Grade.PASS, check
    assert found(made, "srm").evidence["units"] == (3_000.0, 3_000.0)


def test_units_lost_in_one_arm_are_a_veto_at_the_end_by_pearson() -> None:
    frame = table().drop(index=first_treated(table(), 250))
    finding = found(made := record(frame), "srm")
    assert finding.grade is Grade.VETO
    assert made.verdict.grade is Grade.VETO
    assert finding.statistic == pytest.approx(chisquare([3_000, 2_750]).pvalue, rel=1e-9)


def test_cookie_cats_is_off_by_less_than_a_veto() -> None:
    design = {
        "kind": "experiment", "variant": "version", "control": "gate_30", "planned": {"finished": True},
        "metrics": [{"name": "retention", "column": "retention_1", "kind": "retention"}],
    }  # fmt: skip
    made = es.run({"data": published("cookie_cats"), "design": design, "methods": ["difference"]})
    finding, entry = found(made, "srm"), reference("cookie_cats.srm")
    counts = dict(zip(finding.evidence["arm"], finding.evidence["units"], strict=True))
    assert counts == entry["extra"]["counts"]
    assert finding.statistic == pytest.approx(entry["p"], rel=1e-9)
    assert finding.grade is Grade.PASS


def first_treated(frame: pd.DataFrame, count: int) -> pd.Index:
    """Return the first rows of the treated arm."""
    return frame.index[frame["v"] == "B"][:count]


def test_before_the_end_the_sequential_test_speaks() -> None:
    frame = table().drop(index=first_treated(table(), 250))
    plan = {"allocation": {"A": 1, "B": 1}, "units": 20_000}
    finding = found(record(frame, planned=plan), "srm")
    assert "sequential" in finding.message
    expected = sequential_allocation(np.array([[3_000.0, 2_750.0]]), np.array([0.5, 0.5]))[0]
    assert finding.statistic == pytest.approx(expected, rel=1e-12)
    assert finding.grade is Grade.PASS
    worse = found(record(table().drop(index=first_treated(table(), 600)), planned=plan), "srm")
    assert worse.grade is Grade.VETO


def test_planned_shares_need_not_be_equal_and_unplanned_ones_are_a_guess() -> None:
    frame = table().drop(index=first_treated(table(), 1_500))
    assert found(record(frame, planned={"allocation": {"A": 2, "B": 1}}), "srm").grade is Grade.PASS
    guessed = found(record(frame, planned=None), "srm")
    assert guessed.grade is Grade.WARN
    assert "allocation" in str(guessed.remedy)


def test_one_bad_day_is_named_though_all_days_together_pass() -> None:
    made = record(lossy(table()))
    assert found(made, "srm").grade is Grade.PASS
    finding = found(made, "srm_within")
    assert finding.grade is Grade.PASS
    worse = found(record(lossy(table(12_000), 0.35)), "srm_within")
    assert worse.grade is Grade.WARN
    assert worse.subject == "day 2024-03-04"
    assert "2024-03-04" in worse.message
    days = [row for row in worse.evidence.rows() if row["part"] == "day"]
    assert len(days) == 10
    path = [row["sequential"] for row in days]
    assert path == sorted(path, reverse=True)


def test_a_bad_segment_is_named() -> None:
    frame = table(12_000)
    hit = (frame["v"] == "B") & (frame["country"] == "BE")
    finding = found(record(frame[~hit | (np.arange(len(frame)) % 5 > 0)]), "srm_within")
    assert finding.grade is Grade.WARN
    assert finding.subject == "country BE"


def test_clusters_count_once() -> None:
    rng = np.random.default_rng(2)
    size = rng.integers(1, 30, 400)
    user = np.repeat(np.arange(400), size)
    frame = table(2 * len(user)).iloc[: len(user)].reset_index(drop=True)
    frame["user"], frame["v"] = user, np.where(user % 2 == 0, "A", "B")
    finding = found(record(frame, cluster="user"), "srm")
    assert finding.evidence["units"] == (200.0, 200.0)


def test_a_unit_in_two_arms_is_refused_by_name() -> None:
    frame = table(100)
    frame["user"] = np.arange(100)
    again = pd.concat([frame, frame.iloc[:3].assign(v=np.where(frame["v"].iloc[:3] == "A", "B", "A"))])
    for methods in (["difference"], ["regression"]):
        with pytest.raises(es.DataError, match=r"3 units of 'user' in .* are in two arms") as caught:
            es.run({"data": again, "design": DESIGN | {"unit": "user"}, "methods": methods})
        assert "assigned first" in caught.value.remedy


def test_false_alarms_at_the_end_and_at_looks_are_as_few_as_stated() -> None:
    rng, shares, worlds = np.random.default_rng(3), np.array([0.5, 0.3, 0.2]), 20_000
    counts = rng.multinomial(5_000, shares, worlds).astype(float)
    alarms = np.mean([allocation_p_value(row, shares) < 0.01 for row in counts])
    assert abs(alarms - 0.01) <= 4.0 * np.sqrt(0.01 * 0.99 / worlds)
    worlds, looks = 4_000, 20
    steps = rng.multinomial(1_000, shares, (worlds, looks)).astype(float).cumsum(axis=1)
    early = np.mean([sequential_allocation(path, shares)[-1] < 0.01 for path in steps])
    assert early <= 0.01


def test_homogeneity_against_scipy() -> None:
    counts = np.array([[900.0, 950.0, 870.0], [20.0, 45.0, 31.0]])
    assert homogeneity_p_value(counts) == pytest.approx(chi2_contingency(counts, correction=False).pvalue, rel=1e-10)
    assert homogeneity_p_value(np.array([[10.0, 20.0], [0.0, 0.0]])) is None


def test_days_are_dates_where_they_are_times() -> None:
    assert day_name(12.0) == "12"
    assert day_name(19_783.0) == "2024-03-01"
