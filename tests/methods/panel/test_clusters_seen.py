"""What every panel method says of its clusters: none named, units that move, cohorts that are one cluster."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.uncertainty import Normal, Unknown
from estimand.methods.panel.clusters_seen import cohorts_of_one_cluster
from tests.methods.panel.rollouts import DESIGN, rollout

EVERY = ("did", "event_study", "staggered_did", "sun_abraham", "imputation_did", "extended_twfe")
SATURATED = ("sun_abraham", "extended_twfe")


def heard(made: es.Estimate) -> dict[str, es.Grade]:
    return {finding.check: finding.grade for finding in made.findings}


@pytest.mark.parametrize("key", EVERY)
def test_rows_of_nobody_in_particular_are_warned_of(key: str) -> None:
    frame = rollout(12, units=90, starts=(2,)).assign(state=lambda f: f.id)
    design = {name: column for name, column in DESIGN.items() if name != "unit"}
    assert heard(es.estimate(frame, design, key))[f"{key}.no_cluster"] == "warn"
    assert f"{key}.no_cluster" not in heard(es.estimate(frame, design | {"cluster": "state"}, key))


@pytest.mark.parametrize("key", EVERY)
def test_units_that_move_between_clusters_are_warned_of_or_refused(key: str) -> None:
    frame = rollout(3, starts=(2,)).assign(state=lambda f: f.id % 20)
    design = {**DESIGN, "cluster": "state"}
    assert f"{key}.moved_units" not in heard(es.estimate(frame, design, key))
    moved = frame.assign(state=np.where((frame.t == 5) & (frame.id < 7), 20, frame.state))
    if key == "staggered_did":
        with pytest.raises(es.EstimandError, match="7 units in more than one cluster"):
            es.estimate(moved, design, key)
        return
    made = es.estimate(moved, design, key)
    (finding,) = [finding for finding in made.findings if finding.check == f"{key}.moved_units"]
    assert finding.grade == "warn"
    assert finding.statistic == 7


def in_states(lone: tuple[int, ...]) -> pd.DataFrame:
    """Three cohorts and others in thirty states, but for those that are a state each."""
    frame = rollout(3, starts=(2, 3, 4), units=120)
    return frame.assign(state=np.where(frame.g.isin(lone), 100 + frame.g, frame.id % 30))


@pytest.mark.parametrize("key", SATURATED)
def test_a_cohort_that_is_one_cluster_is_left_out_and_named(key: str) -> None:
    design = {**DESIGN, "cluster": "state"}
    frame = in_states((3,))
    made = es.estimate(frame, design, key, aggregate="group")
    (finding,) = [finding for finding in made.findings if finding.check == f"{key}.one_cluster"]
    assert finding.grade == "warn"
    assert finding.subject == "cohort 3"
    assert [term.at.get("cohort") for term in made.terms] == [None, "2", "4"]
    assert made.population.n == frame.d[frame.g != 3].sum()
    assert "several clusters" in made.population.label
    kept = es.estimate(frame, design, key, aggregate="group", one_cluster="keep")
    assert [term.at.get("cohort") for term in kept.terms] == [None, "2", "3", "4"]
    assert heard(kept)[f"{key}.one_cluster"] == "warn"
    assert kept.value[[1, 3]] == pytest.approx(made.value[1:], rel=1e-9)
    several = heard(es.estimate(in_states(()), design, key))
    assert f"{key}.one_cluster" not in several


def test_what_is_left_is_what_staggered_did_reports() -> None:
    made, same = (
        es.estimate(in_states((3,)), {**DESIGN, "cluster": "state"}, key) for key in ("sun_abraham", "staggered_did")
    )
    assert made.value[0] == pytest.approx(same.value[0], rel=1e-9)


@pytest.mark.parametrize("key", SATURATED)
def test_where_every_cohort_is_one_cluster_no_interval_is_claimed(key: str) -> None:
    made = es.estimate(in_states((2, 3, 4)), {**DESIGN, "cluster": "state"}, key)
    assert isinstance(made.uncertainty, Unknown)
    assert "one cluster" in made.uncertainty.reason
    assert np.isfinite(made.value).all()
    assert heard(made)[f"{key}.one_cluster"] == "warn"
    assert isinstance(es.estimate(in_states((2, 3)), {**DESIGN, "cluster": "state"}, key).uncertainty, Normal)


def test_cohorts_in_one_cluster_are_found() -> None:
    cohort = np.array([0, 0, 1, 1, 2, 3])
    cluster = np.array([7, 7, 7, 8, 9, 9])
    assert cohorts_of_one_cluster(cohort, cluster, np.array([0, 1, 2])).tolist() == [0, 2]


def test_a_covariate_that_is_treatment_is_warned_of() -> None:
    frame = rollout(3).assign(same=lambda f: 5 - 2 * f.d, other=lambda f: f.d * f.x)
    plain = es.estimate(frame, DESIGN, "staggered_did")
    made = es.estimate(frame, {**DESIGN, "covariates": ["same"]}, "staggered_did")
    assert made.value == pytest.approx(plain.value)
    assert heard(made)["staggered_did.treatment_covariate"] == "warn"
    assert "staggered_did.treatment_covariate" not in heard(
        es.estimate(frame, {**DESIGN, "covariates": ["x"]}, "staggered_did")
    )
