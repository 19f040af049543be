"""Means over time: those of the table as it is, and each cohort's less the effect that an estimate says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_cases import case_for, estimated, events, never, rollout

import estimand as es
from estimand.checks.panel.trends import Trends
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.stats.cell_means import cell_means

COHORTS = {3: 20, 5: 30}


def answered(frame: pd.DataFrame, *methods: Any, **design: Any) -> Finding:
    case = case_for(frame, **design)
    estimates = estimated(case, *methods)[0] if methods else ()
    assert Trends().applies(case, estimates)
    (finding,) = Trends().examine(case, estimates, never)
    return finding


def path(finding: Finding, group: str, without: str = "") -> dict[str, float]:
    rows = finding.evidence.rows()
    return {row["label"]: row["mean"] for row in rows if row["group"] == group and row["without"] == without}


def groups(frame: pd.DataFrame, weights: pd.Series | None = None) -> dict[str, dict[str, float]]:
    """Means by first treated year and year, through a pivot."""
    start = frame["year"].where(frame["d"] == 1).groupby(frame["unit"]).transform("min")
    name = start.map(lambda year: "comparison" if np.isnan(year) else f"{year:.0f}")
    held = frame.assign(name=name, w=1.0 if weights is None else weights)
    means = (held["y"] * held["w"]).groupby([held["name"], held["year"]]).sum() / held.groupby(["name", "year"])[
        "w"
    ].sum()
    return {name: {str(year): value for (_, year), value in own.items()} for name, own in means.groupby(level=0)}


def test_the_means_are_those_of_the_table() -> None:
    frame = rollout(COHORTS, never=25, seed=1)
    finding, expected = answered(frame), groups(frame)
    for name in ("2003", "2005", "comparison"):
        assert path(finding, name) == pytest.approx(expected[name], abs=1e-10)
    rows = {(row["group"], row["label"]): (row["rows"], row["starts"]) for row in finding.evidence.rows()}
    assert rows["2003", "2000"] == (20, 3)
    assert rows["comparison", "2007"] == (25, None)
    assert finding.grade is Grade.NOTE
    assert finding.about == "y"


def test_sampling_weights_weigh_and_precision_weights_do_not() -> None:
    frame = rollout(COHORTS, never=25, seed=2)
    frame["w"] = np.random.default_rng(3).uniform(0.5, 3.0, len(frame))
    for kind, expected in (("sampling", groups(frame, frame["w"])), ("precision", groups(frame))):
        finding = answered(frame, weights={"column": "w", "kind": kind})
        assert path(finding, "2005") == pytest.approx(expected["2005"], abs=1e-10)


def test_without_the_effect_is_the_mean_less_the_cell() -> None:
    frame = rollout(COHORTS, never=25, seed=4)
    case = case_for(frame)
    (estimate,), _ = estimated(case, "staggered_did")
    finding = answered(frame, "staggered_did")
    seen, without = (path(finding, "2003", source) for source in ("", "staggered_did"))
    table = estimate.details["group_time"]
    cells = {(row["cohort"], row["period"]): row["value"] for row in table.rows()}
    assert sorted(without) == [str(year) for year in range(2003, 2008)]
    for year, mean in without.items():
        assert mean == pytest.approx(seen[year] - cells["2003", year], abs=1e-10)


def test_without_the_effect_is_by_event_time_where_there_are_no_cells() -> None:
    frame = rollout(COHORTS, never=25, seed=5)
    time = np.array([-2, 0, 1, 2])
    study: Estimate = events(np.array([0.0, 1.0, 2.0, 3.0]), np.eye(4), time)
    case = case_for(frame)
    (finding,) = Trends().examine(case, (study,), never)
    for start in (2003, 2005):
        seen, without = (path(finding, str(start), source) for source in ("", "event_study"))
        gone = {year: seen[year] - mean for year, mean in without.items()}
        assert gone == pytest.approx({str(start + k): k + 1.0 for k in range(3)}, abs=1e-10)


def test_one_effect_is_taken_off_every_treated_period_and_brings_back_the_parallel_path() -> None:
    frame = rollout({4: 30}, never=30, seed=6, noise=0.0, effect=2.0)
    finding = answered(frame, "did")
    seen, without, other = path(finding, "2004"), path(finding, "2004", "did"), path(finding, "comparison")
    assert seen["2007"] - without["2007"] == pytest.approx(2.0, abs=1e-8)
    gaps = [seen["2003"] - other["2003"], without["2004"] - other["2004"], without["2007"] - other["2007"]]
    assert gaps == pytest.approx([gaps[0]] * 3, abs=1e-8)


def test_it_names_the_cohort_that_moved_furthest_apart_before() -> None:
    frame = rollout(COHORTS, never=25, seed=7, noise=0.0)
    late = frame["unit"].between(20, 49)
    frame.loc[late, "y"] += 0.5 * (frame.loc[late, "year"] - 2000)
    finding = answered(frame)
    assert "the cohort of 2005 changed by 2.80 and that of the never treated by 0.800" in finding.message
    assert "up to period 2004" in finding.message
    assert finding.statistic == pytest.approx(2.0, abs=1e-8)
    alone = answered(rollout({3: 20}, never=25, seed=7, noise=0.0))
    assert "the mean of the treated changed by 0.400 and that of the never treated by 0.400" in alone.message


def test_where_nobody_stays_untreated_there_is_no_comparison() -> None:
    finding = answered(rollout(COHORTS, never=0, seed=8))
    assert "No unit stays untreated" in finding.message
    assert set(finding.evidence["group"]) == {"2003", "2005"}
    assert finding.statistic is None


def test_one_period_before_says_nothing_of_how_groups_moved() -> None:
    finding = answered(rollout({1: 20}, never=20, seed=9))
    assert "nothing shows how it moved" in finding.message


def test_a_ratio_and_a_comparison_of_arms_have_no_mean_without() -> None:
    frame = rollout({4: 30}, never=30, seed=10)
    frame["y"] = np.exp(frame["y"])
    finding = answered(frame, {"method": "did", "outcome_model": "log"})
    assert set(finding.evidence["without"]) == {""}


def test_a_study_of_a_panel_draws_it() -> None:
    frame = rollout(COHORTS, never=25, seed=11)
    design = {"kind": "panel", "unit": "unit", "time": "year", "outcome": "y", "treatment": "d"}
    record = es.run({"data": frame, "design": design, "methods": ["staggered_did"]})
    assert [finding.about for finding in record.findings if finding.check == "panel.trends"] == ["y"]


def test_a_cell_without_rows_has_no_mean() -> None:
    group, period = np.array([0, 0, 1]), np.array([0, 0, 1])
    made = cell_means(np.array([1.0, 3.0, 5.0]), group, period, (2, 2), np.array([1.0, 3.0, 2.0]))
    np.testing.assert_allclose(made.mean, [[2.5, np.nan], [np.nan, 5.0]])
    assert made.rows.tolist() == [[2, 0], [0, 1]]
