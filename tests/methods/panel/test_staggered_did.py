"""Staggered difference-in-differences: what must not move it, what it refuses, what it says, how uncertain it is."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estimand as es
from estimand.core.run import Run
from estimand.stats.resampling import multinomial_counts
from tests.methods.panel.rollouts import DESIGN, rollout

WITH = {**DESIGN, "covariates": ["z"]}


def made(frame: pd.DataFrame, design: dict[str, Any] | None = None, **options: Any) -> es.Estimate:
    return es.estimate(frame, WITH if design is None else design, "staggered_did", **options)


def found(estimate: es.Estimate, check: str) -> es.Finding:
    (one,) = [finding for finding in estimate.findings if finding.check == f"staggered_did.{check}"]
    return one


def four_means(frame: pd.DataFrame, g: int, t: int, base: int, weight: str | None = None) -> float:
    """Change of a cohort less that of the never treated, from means."""

    def mean(cohort: int, period: int) -> float:
        rows = frame[(frame.g == cohort) & (frame.t == period)]
        return float(np.average(rows.y, weights=None if weight is None else rows[weight]))

    return mean(g, t) - mean(g, base) - mean(0, t) + mean(0, base)


@given(st.integers(0, 10_000), st.sampled_from(["dr", "ipw", "or"]))
@settings(max_examples=12, deadline=None)
def test_without_covariates_every_cell_is_a_difference_of_four_means(seed: int, estimator: str) -> None:
    frame = rollout(seed, units=90)
    table = made(frame, DESIGN, estimator=estimator).details["group_time"]
    assert len(table) == 10
    for row in table.rows():
        expected = four_means(frame, int(row["cohort"]), int(row["period"]), int(row["base"]))
        assert row["value"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("estimator", ["dr", "ipw", "or"])
def test_neither_order_nor_a_periods_own_effect_nor_a_units_level_moves_it(estimator: str, control: str) -> None:
    frame = rollout(1, units=120)
    plain = made(frame, estimator=estimator, control=control, aggregate="event")
    shuffled = made(frame.sample(frac=1.0, random_state=2), estimator=estimator, control=control, aggregate="event")
    moved = frame.assign(y=frame.y + np.sin(frame.t) * 5.0 + frame.id)
    shifted = made(moved, estimator=estimator, control=control, aggregate="event")
    for other in (shuffled, shifted):
        assert other.value == pytest.approx(plain.value, abs=1e-8)
        assert other.std_error == pytest.approx(plain.std_error, abs=1e-8)


def test_with_one_cohort_not_yet_treated_is_never_treated() -> None:
    frame = rollout(2, units=80, starts=(3,))
    never, not_yet = (made(frame, control=control, aggregate="event") for control in ("never", "not_yet"))
    assert not_yet.value == pytest.approx(never.value, abs=1e-12)
    assert not_yet.std_error == pytest.approx(never.std_error, abs=1e-12)


def test_not_yet_treated_leaves_out_who_expects_treatment() -> None:
    frame = rollout(3, units=200, periods=7, starts=(2, 4, 5))
    row = {(r["cohort"], r["period"]): r for r in made(frame, DESIGN, control="not_yet").details["group_time"].rows()}
    ahead = made(frame, DESIGN, control="not_yet", anticipation=1).details["group_time"]
    expecting = {(r["cohort"], r["period"]): r for r in ahead.rows()}
    counts = frame[frame.t == 0].groupby("g").id.size()
    assert row["2", "3"]["compared"] == counts[0] + counts[4] + counts[5]
    assert expecting["2", "3"]["compared"] == counts[0] + counts[5]
    assert (row["2", "3"]["base"], expecting["2", "3"]["base"]) == ("1", "0")
    pooled = frame.assign(g=np.where(frame.g.isin([0, 4, 5]), 0, frame.g))
    assert row["2", "3"]["value"] == pytest.approx(four_means(pooled, 2, 3, 1), abs=1e-10)


def test_terms_say_where_they_are_and_the_reference_is_left_out() -> None:
    frame = rollout(4, units=120)
    event = made(frame, base="universal", aggregate="event")
    assert event.target is es.Target.ATT
    assert event.terms[0].at == {}
    assert [term.at["event_time"] for term in event.terms[1:]] == [-4, -3, -2, 0, 1, 2, 3]
    late = np.flatnonzero([term.at.get("event_time", -1) >= 0 for term in event.terms])
    assert event.value[0] == pytest.approx(event.value[late].mean(), abs=1e-12)
    assert event.uncertainty.vcov[0, 0] == pytest.approx(event.uncertainty.vcov[np.ix_(late, late)].mean(), rel=1e-9)
    assert [term.at for term in made(frame, aggregate="group").terms[1:]] == [{"cohort": "2"}, {"cohort": "4"}]
    periods = [term.at["period"] for term in made(frame, aggregate="calendar").terms[1:]]
    assert periods == ["2", "3", "4", "5"]
    cells = made(frame, aggregate="group_time")
    assert cells.target is es.Target.GROUP_TIME_ATT
    assert cells.value.tolist() == list(cells.details["group_time"]["value"])
    assert cells.std_error == pytest.approx(np.array(cells.details["group_time"]["std_error"]), rel=1e-9)
    band = event.interval(joint=True)
    assert (band[:, 1] - band[:, 0] > np.diff(event.interval(), axis=1)[:, 0]).all()


def test_a_panel_with_gaps_uses_in_each_cell_the_units_seen_twice() -> None:
    frame = rollout(5, units=150, missing=0.15)
    table = made(frame, DESIGN).details["group_time"]
    for row in table.rows():
        t, base = int(row["period"]), int(row["base"])
        seen = set(frame[frame.t == t].id) & set(frame[frame.t == base].id)
        both = frame[frame.id.isin(seen)]
        assert row["value"] == pytest.approx(four_means(both, int(row["cohort"]), t, base), abs=1e-10)
        assert row["treated"] == both[both.g == int(row["cohort"])].id.nunique()


def test_cross_sections_of_a_whole_panel_have_its_value_and_with_units_as_clusters_its_error() -> None:
    frame = rollout(6, units=120)
    panel = made(frame, DESIGN, aggregate="event")
    sections = {name: value for name, value in DESIGN.items() if name != "unit"}
    loose = made(frame, sections, aggregate="event")
    tied = made(frame, {**sections, "cluster": "id"}, aggregate="event")
    assert loose.value == pytest.approx(panel.value, abs=1e-9)
    assert loose.uncertainty.df is None
    assert loose.influence.psi.shape[0] == len(frame)
    assert tied.std_error == pytest.approx(panel.std_error, rel=1e-9)


def test_covariates_are_those_of_the_earlier_period() -> None:
    frame = rollout(7, units=200, periods=3, starts=(1,))
    table = made(frame, {**DESIGN, "covariates": ["x"]}, estimator="or").details["group_time"]
    wide = frame.pivot(index="id", columns="t", values=["y", "x"])
    treated = (frame.groupby("id").g.first() == 1).to_numpy()
    for row in table.rows():
        t, base = int(row["period"]), int(row["base"])
        change, x = (wide["y", t] - wide["y", base]).to_numpy(), wide["x", min(t, base)].to_numpy()
        slope, level = np.polyfit(x[~treated], change[~treated], 1)
        assert row["value"] == pytest.approx(np.mean(change[treated] - level - slope * x[treated]), abs=1e-9)


def test_sampling_weights_count_units_and_frequencies_are_copies() -> None:
    frame = rollout(8, units=90)
    frame = frame.assign(k=1 + frame.id % 3)
    weighted = made(frame, {**DESIGN, "weights": {"column": "k", "kind": "sampling"}}, aggregate="group")
    counted = made(frame, {**DESIGN, "weights": {"column": "k", "kind": "frequency"}}, aggregate="group")
    for row in weighted.details["group_time"].rows():
        expected = four_means(frame, int(row["cohort"]), int(row["period"]), int(row["base"]), "k")
        assert row["value"] == pytest.approx(expected, abs=1e-10)
    share = frame[(frame.t == 0) & (frame.g > 0)].groupby("g").k.sum()
    assert weighted.value[0] == pytest.approx(np.average(weighted.value[1:], weights=share), abs=1e-12)
    assert counted.value == pytest.approx(weighted.value, abs=1e-9)


def test_coarse_clusters_sum_the_influence_of_their_units() -> None:
    frame = rollout(9, units=200)
    frame = frame.assign(c=frame.id % 50)
    plain, grouped = made(frame, aggregate="event"), made(frame, {**WITH, "cluster": "c"}, aggregate="event")
    psi = np.zeros((50, plain.value.shape[0]))
    np.add.at(psi, np.arange(200) % 50, plain.influence.psi)
    assert grouped.uncertainty.vcov == pytest.approx(psi.T @ psi / 200**2, abs=1e-12)
    assert grouped.uncertainty.df.tolist() == [49.0] * plain.value.shape[0]
    cells = made(frame, {**WITH, "cluster": "c"}, aggregate="group_time")
    assert cells.std_error == pytest.approx(np.array(cells.details["group_time"]["std_error"]), rel=1e-9)


def test_few_clusters_are_left_out_in_turn_and_said() -> None:
    frame = rollout(10, units=24)
    estimate = made(frame, aggregate="group")
    assert "24 clusters" in found(estimate, "few_clusters").message
    values = np.array([made(frame[frame.id != i], aggregate="group").value for i in range(24)])
    centred = values - values.mean(axis=0)
    assert estimate.uncertainty.vcov == pytest.approx(23.0 / 24.0 * centred.T @ centred, rel=1e-6)
    assert estimate.uncertainty.correction == "cluster jackknife"
    assert (estimate.uncertainty.df < 23.0).all()
    kept = made(frame, aggregate="group", covariance="influence")
    assert kept.uncertainty.vcov == pytest.approx(kept.influence.covariance(), rel=1e-12)
    assert found(kept, "few_clusters").grade is es.Grade.WARN


def test_of_many_clusters_those_of_a_small_cohort_are_left_out_and_influence_stands_for_the_rest() -> None:
    frame = rollout(11, units=450)
    first = frame[frame.g == 2].id.unique()
    frame = frame[~frame.id.isin(first[3:])]
    estimate = made(frame, DESIGN, aggregate="group")
    assert "3 in cohort 2" in found(estimate, "few_clusters").message
    refits = np.array([made(frame[frame.id != i], DESIGN, aggregate="group", covariance="influence").value
                       for i in frame.id.unique()[:40]])  # fmt: skip
    assert np.isfinite(refits).all()
    every = frame.id.unique()
    changes = frame.pivot(index="id", columns="t", values="y")
    late = changes[[2, 3, 4, 5]].mean(axis=1) - changes[1]
    own = late[frame[frame.g == 2].id.unique()]
    small = np.array([own.drop(i).mean() for i in own.index]) - own.mean()
    assert estimate.uncertainty.vcov[1, 1] >= (len(every) - 1) / len(every) * np.square(small).sum() * 0.99
    assert estimate.uncertainty.df[1] < 3.0
    assert estimate.uncertainty.df[2] > 100.0


def test_cells_that_are_not_identified_are_named_and_rename_the_population() -> None:
    frame = rollout(12, units=120, never=False)
    estimate = made(frame, DESIGN, control="not_yet")
    lost = found(estimate, "dropped_cells")
    assert "cohort 2 in 4, 5 (nobody to compare with)" in lost.message
    assert len(lost.evidence) == 6
    assert "cells that are identified" in estimate.population.label
    assert estimate.population.n == 60 * 2
    with pytest.raises(es.IdentificationError, match="Every unit is treated") as caught:
        made(frame, DESIGN)
    assert "not_yet" in caught.value.remedy
    early = made(rollout(12, units=120), DESIGN, anticipation=2)
    assert "cohort 2 (no base period)" in found(early, "dropped_cells").message


def test_covariates_that_tell_the_treated_apart_leave_nothing() -> None:
    frame = rollout(13, units=120)
    frame = frame.assign(z=(frame.g > 0).astype(float))
    with pytest.raises(es.IdentificationError, match="covariates apart"):
        made(frame)
    with pytest.raises(es.IdentificationError, match="propensity separated"):
        made(frame, estimator="ipw")


def test_a_cohort_of_one_unit_is_left_out() -> None:
    frame = rollout(14, units=150)
    frame = frame[~frame.id.isin(frame[frame.g == 4].id.unique()[1:])]
    estimate = made(frame, aggregate="group")
    assert [dict(term.at) for term in estimate.terms] == [{}, {"cohort": "2"}]
    assert "one cluster" in found(estimate, "dropped_cells").message


def test_units_treated_from_the_start_are_left_out_and_said() -> None:
    frame = rollout(15, units=150)
    always = frame.id % 10 == 0
    estimate = made(frame.assign(g=np.where(always, -1, frame.g)))
    assert found(estimate, "always_treated").statistic == always.sum()
    assert estimate.value == pytest.approx(made(frame[~always]).value, abs=1e-10)
    assert estimate.influence.n == 135


def test_a_treatment_that_ends_is_refused_unless_the_cohort_is_named() -> None:
    frame = rollout(16, units=120)
    off = frame.assign(d=np.where((frame.g == 2) & (frame.t == 5), 0, frame.d))
    derived = {name: value for name, value in WITH.items() if name != "cohort"} | {"treatment": "d"}
    with pytest.raises(es.IdentificationError, match="switched off again in 40 units") as caught:
        made(off, derived)
    assert "cohort" in caught.value.remedy
    assert made(off).value == pytest.approx(made(frame).value, abs=1e-12)


def test_what_contradicts_itself_is_refused() -> None:
    frame = rollout(17, units=60)
    with pytest.raises(es.DesignError, match="balance_event_time"):
        made(frame, balance_event_time=1)
    with pytest.raises(es.DesignError, match="2 units in more than one cluster"):
        made(frame.assign(c=np.where((frame.id < 2) & (frame.t > 3), 9, frame.id % 7)), {**WITH, "cluster": "c"})
    with pytest.raises(es.UnsupportedError, match="precision"):
        made(frame, {**WITH, "weights": {"column": "w", "kind": "precision"}})


@pytest.mark.parametrize("kind", ["multiplier", "cluster", "bayesian"])
def test_draws_spread_as_the_influence_says(kind: str) -> None:
    frame = rollout(18, units=240)
    plain = made(frame, aggregate="event")
    drawn = made(frame, aggregate="event", resample={"kind": kind, "draws": 200})
    assert drawn.value.tolist() == plain.value.tolist()
    # Four Monte-Carlo errors of a standard deviation from 200 draws, and what refits add to the first order.
    assert drawn.std_error == pytest.approx(plain.std_error, rel=4.0 / np.sqrt(400.0) + 0.05)
    band = drawn.interval(joint=True)
    assert (band[:, 0] < plain.value).all()
    assert (plain.value < band[:, 1]).all()


@pytest.mark.parametrize("sections", [False, True])
def test_quick_refits_are_refits_of_the_rows_drawn(sections: bool) -> None:
    frame = rollout(20, units=90, missing=0.05)
    frame = frame.assign(c=frame.id % 45)
    design = {**WITH, "cluster": "c", "weights": {"column": "w", "kind": "sampling"}}
    if sections:
        design = {name: value for name, value in design.items() if name != "unit"}
    drawn = made(frame, design, aggregate="event", resample={"kind": "cluster", "draws": 100})
    counts = multinomial_counts(Run(0).rng("resample", "cluster", 0), 100, 45)[:3]
    for values, count in zip(drawn.uncertainty.values[:3], counts, strict=True):
        copies = frame.loc[frame.index.repeat(count[frame.c])]
        copies = copies.assign(id=copies.id + 1000 * copies.groupby(["id", "t"]).cumcount())
        again = made(copies, design, aggregate="event", covariance="influence")
        assert again.value == pytest.approx(values, abs=1e-9)


def test_draws_that_lose_a_cohort_are_counted_as_failed() -> None:
    frame = rollout(19, units=240)
    frame = frame[~frame.id.isin(frame[frame.g == 4].id.unique()[2:])]
    with pytest.raises(es.ConvergenceError, match="could not be fitted"):
        made(frame, DESIGN, aggregate="group", resample={"kind": "cluster", "draws": 100})
