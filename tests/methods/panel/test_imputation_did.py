"""Imputation: published numbers, dummies written out, invariances, what is left out, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout, truth
from tests.reference_data import matches, table
from tests.repeated import by_day_and_night

MPDTA = {"kind": "panel", "unit": "countyreal", "time": "year", "outcome": "lemp", "cohort": "first.treat"}


def imputed(frame: pd.DataFrame, design: dict[str, Any] | None = None, **options: Any) -> es.Estimate:
    return es.estimate(frame, DESIGN if design is None else design, "imputation_did", **options)


def test_counties_and_minimum_wages() -> None:
    made = imputed(table("mpdta"), MPDTA, covariance="conservative")
    matches("mpdta.imputation_bjs", value=made.value[0], se=made.std_error[0])
    assert made.target is es.Target.ATT
    assert made.population.n == 291


def test_counties_and_minimum_wages_in_two_stages() -> None:
    made = imputed(table("mpdta"), MPDTA, covariance="two_stage")
    matches("mpdta.did2s", value=made.value[0], se=made.std_error[0])


def dummies(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    return np.hstack([pd.get_dummies(frame[name]).to_numpy(dtype=float) for name in columns])


def scale_of_residuals(z: np.ndarray, bread: np.ndarray, v: np.ndarray, weight: np.ndarray, level: np.ndarray) -> float:
    """What makes a cluster's part of the untreated residuals vary as errors of variance 1/weight do in its v.

    ``level`` (m, u) marks units that lie within the cluster, whose own level is no part of the noise.
    """
    u = v / weight
    if level.shape[1]:
        u = u - level @ np.linalg.lstsq(level * np.sqrt(weight)[:, None], np.sqrt(weight) * u, rcond=None)[0]
    held = weight * u
    whole = held @ u
    left = held @ (np.diag(1.0 / weight) - z @ bread @ z.T) @ held
    return float(np.sqrt(whole / left)) if whole > 1e-12 else 1.0


def written_out(
    frame: pd.DataFrame, z: np.ndarray, weight: np.ndarray, cluster: str, unit: str | None = None, reduced: bool = False
) -> dict[Any, tuple[float, float]]:
    """Estimate and conservative error of every average, with a column for each level and a loop for each cluster."""
    treated = frame.d.to_numpy() == 1
    z0, w0 = z[~treated], weight[~treated]
    bread = np.linalg.pinv(z0.T @ (z0 * w0[:, None]))
    reached = np.zeros(len(frame), dtype=bool)
    reached[treated] = np.abs(z[treated] @ bread @ (z0.T @ (z0 * w0[:, None])) - z[treated]).max(axis=1) < 1e-8
    gap = frame.y.to_numpy() - z @ (bread @ (z0.T @ (w0 * frame.y.to_numpy()[~treated])))
    event = (frame.t - frame.g).to_numpy()
    cell = frame.g.to_numpy() * 100 + frame.t.to_numpy()
    codes = frame[cluster].to_numpy()
    noise = np.where(treated, 0.0, gap)
    for c in np.unique(cell[reached]):
        parts = [(cell == c) & reached & (codes == k) for k in np.unique(codes)]
        mass = np.array([weight[part].sum() for part in parts])
        total = np.array([(weight[part] * gap[part]).sum() for part in parts])
        own = (cell == c) & reached
        noise[own] = gap[own] - (mass @ total) / (mass @ mass)
        for part, held in zip(parts, mass, strict=True):
            noise[part] /= np.sqrt(1.0 - held**2 / (mass @ mass)) if reduced else 1.0
    out = {}
    for name in ("all", *np.unique(event[reached])):
        member = reached & ((event == name) if name != "all" else True)
        v = np.where(member, weight, 0.0) / weight[member].sum()
        v[~treated] = -w0 * (z0 @ (bread @ (z[treated].T @ v[treated])))
        assert np.abs(v @ z).max() < 1e-8
        squares = []
        for k in np.unique(codes):
            own, after = (codes == k) & ~treated, (codes == k) & treated
            at = own[~treated]
            level = dummies(frame[own], [unit]) if unit else np.empty((own.sum(), 0))
            scale = scale_of_residuals(z0[at], bread, v[own], w0[at], level) if reduced and own.any() else 1.0
            squares.append((scale * (v[own] @ noise[own]) + v[after] @ noise[after]) ** 2)
        out[name] = float(v @ frame.y), float(np.sqrt(sum(squares)))
    return out


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("cluster", ["id", "state"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_a_regression_with_every_level_written_out(weighted: bool, cluster: str, reduced: bool) -> None:
    frame = rollout(3, units=90, missing=0.2).assign(state=lambda f: f.id % 45, ry=lambda f: f.r * 10 + f.t)
    design = {**DESIGN, "covariates": ["x", "z"], "absorb": ["ry"], "cluster": cluster}
    if weighted:
        design["weights"] = {"column": "w", "kind": "sampling"}
    made = imputed(frame, design, covariance="bias_reduced" if reduced else "conservative")
    by_period = dummies(frame, ["t"]) * frame.z.to_numpy()[:, None]
    z = np.hstack([dummies(frame, ["id", "ry"]), frame[["x"]].to_numpy(), by_period])
    weight = frame.w.to_numpy() if weighted else np.ones(len(frame))
    expected = written_out(frame, z, weight, cluster, "id", reduced)
    found = {term.at.get("event_time", "all"): j for j, term in enumerate(made.terms)}
    assert list(found) == list(expected)
    for name, (value, error) in expected.items():
        assert made.value[found[name]] == pytest.approx(value, rel=1e-8)
        assert made.std_error[found[name]] == pytest.approx(error, rel=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_levels_of_units_and_periods_change_nothing(seed: int, never: bool) -> None:
    frame = rollout(seed, units=30, missing=0.15, never=never)
    moved = frame.assign(y=frame.y + 50.0 * np.sin(frame.id) - frame.t**2)
    before, after = (imputed(data, covariance="conservative") for data in (frame, moved))
    np.testing.assert_allclose(after.value, before.value, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(after.std_error, before.std_error, rtol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_an_outcome_of_levels_and_effects_alone_is_taken_apart_exactly(seed: int) -> None:
    frame = rollout(seed, units=30)
    gain = np.where(frame.d == 1, 2.0 + frame.t - 0.5 * frame.g, 0.0)
    made = imputed(frame.assign(y=np.cos(frame.id) + np.sqrt(frame.t) + gain), aggregate="group")
    means = pd.Series(gain)[frame.d == 1].groupby(frame.g).mean()
    assert made.value[0] == pytest.approx(gain[frame.d == 1].mean(), abs=1e-9)
    assert {t.at["cohort"]: v for t, v in zip(made.terms[1:], made.value[1:], strict=True)} == pytest.approx(
        {str(g): v for g, v in means.items()}, abs=1e-9
    )


def test_with_two_periods_and_one_cohort_it_is_the_difference_of_changes() -> None:
    frame = rollout(5, units=80, periods=2, starts=(1,))
    change = frame.pivot(index="id", columns="t", values="y").diff(axis=1)[1]
    treated = frame.groupby("id").g.first() == 1
    made = imputed(frame, aggregate="simple")
    assert made.value == pytest.approx([change[treated].mean() - change[~treated].mean()], rel=1e-10)
    variance = change[treated].var(ddof=1) / treated.sum() + change[~treated].var(ddof=1) / (~treated).sum()
    assert made.std_error[0] == pytest.approx(np.sqrt(variance), rel=1e-8)
    plain = change[treated].var(ddof=0) / treated.sum() + change[~treated].var(ddof=0) / (~treated).sum()
    kept = imputed(frame, aggregate="simple", covariance="conservative").std_error[0]
    assert kept == pytest.approx(np.sqrt(plain), rel=1e-8)
    less = imputed(frame, aggregate="simple", covariance="leave_out").std_error[0]
    expected = change[treated].var(ddof=1) / treated.sum() * treated.sum() / (treated.sum() - 1)
    expected += change[~treated].var(ddof=0) / (~treated).sum()
    assert less == pytest.approx(np.sqrt(expected), rel=1e-8)


def test_averages_by_cohort_and_period_are_means_of_the_cells() -> None:
    frame = rollout(8, units=90, missing=0.1)
    cells = imputed(frame).details["group_time"].to_frame()
    for aggregate, part in (("group", "cohort"), ("calendar", "period"), ("event", "event_time")):
        made = imputed(frame, aggregate=aggregate)
        means = cells.groupby(part).apply(lambda c: np.average(c.value, weights=c.rows), include_groups=False)
        found = {term.at[part]: value for term, value in zip(made.terms[1:], made.value[1:], strict=True)}
        assert found == pytest.approx(means.to_dict(), rel=1e-10)
        assert made.value[0] == pytest.approx(np.average(cells.value, weights=cells.rows), rel=1e-10)


def test_anticipated_periods_are_imputed_and_not_averaged_in_the_headline() -> None:
    frame = rollout(11, units=80)
    made = imputed(frame, anticipation=1)
    assert [term.at.get("event_time") for term in made.terms] == [None, -1, 0, 1, 2, 3]
    earlier = frame.assign(g=np.where(frame.g > 0, frame.g - 1, 0))
    shifted = imputed(earlier)
    np.testing.assert_allclose(made.value[1:], shifted.value[1:], rtol=1e-9)
    assert made.population.n == int(frame.d.sum())


def test_treated_rows_nothing_speaks_of_are_left_out_and_the_population_says_so() -> None:
    frame = rollout(2, units=60, never=False)
    made = imputed(frame)
    kept = frame[(frame.d == 1) & (frame.t < 4)]
    (finding,) = [f for f in made.findings if f.check == "imputation_did.not_identified"]
    assert finding.grade == "warn"
    assert finding.statistic == frame.d.sum() - len(kept)
    assert made.population.n == len(kept)
    assert "identified" in made.population.label
    assert [term.at.get("event_time") for term in made.terms] == [None, 0, 1]


def test_a_unit_always_treated_or_seen_only_after_treatment_is_left_out() -> None:
    frame = rollout(4, units=60, starts=(2, 4, 7))
    same = imputed(frame)
    always = frame[frame.id < 5].assign(id=lambda f: f.id + 1000, g=0.0, y=99.0).assign(g=-1)
    late = frame[(frame.g == 2) & (frame.d == 1) & (frame.id < 20)].assign(id=lambda f: f.id + 2000, y=77.0)
    more = imputed(pd.concat([frame, always, late]))
    np.testing.assert_allclose(more.value, same.value, rtol=1e-9)
    (finding,) = [f for f in more.findings if f.check == "imputation_did.not_identified"]
    assert finding.statistic == len(always) + len(late)
    assert "first period" in finding.message


def test_trends_before_treatment_are_tested_on_untreated_rows() -> None:
    frame = rollout(6, units=80, starts=(3, 5), periods=7, missing=0.1)
    made = imputed(frame)
    rows = frame[frame.d == 0].reset_index(drop=True)
    event = np.where(rows.g > 0, rows.t - rows.g, 99)
    leads = [-4, -3, -2, -1]
    x = np.hstack([np.column_stack([event == k for k in leads]).astype(float), dummies(rows, ["id", "t"])[:, :-1]])
    fit = sm.OLS(rows.y, x).fit(cov_type="cluster", cov_kwds={"groups": rows.id, "use_correction": False})
    clusters = rows.id.nunique()
    vcov = np.asarray(fit.cov_params())[:4, :4] * clusters / (clusters - 1)
    value = np.asarray(fit.params)[:4]
    shown = made.details["pretrends"].to_frame()
    assert shown.event_time.tolist() == leads
    np.testing.assert_allclose(shown.value, value, rtol=1e-8)
    np.testing.assert_allclose(shown.std_error, np.sqrt(np.diag(vcov)), rtol=1e-8)
    test = made.details["pretrend_test"]
    assert test["statistic"] == pytest.approx(value @ np.linalg.solve(vcov, value) / 4, rel=1e-8)
    assert tuple(test["df"]) == (4, clusters - 1)
    assert tuple(test["reference"]) == (-5,)
    assert imputed(frame, leads=2).details["pretrends"].to_frame().event_time.tolist() == [-2, -1]


def test_few_clusters_are_left_out_one_at_a_time() -> None:
    frame = rollout(9, units=24)
    made = imputed(frame)
    assert [f.check for f in made.findings] == ["imputation_did.few_clusters"]
    assert made.uncertainty.correction == "cluster jackknife"
    again = [imputed(frame[frame.id != k], covariance="conservative").value for k in range(24)]
    moved = np.array(again) - made.value
    np.testing.assert_allclose(made.uncertainty.vcov, 23 / 24 * moved.T @ moved, rtol=1e-8)
    assert (made.uncertainty.df == 23).all()


def test_where_leaving_one_out_loses_a_term_the_usual_covariance_stays_and_warns() -> None:
    frame = rollout(9, units=24)
    lonely = frame[~((frame.g == 4) & (frame.id != frame.id[frame.g == 4].iloc[0]))]
    made = imputed(lonely, aggregate="group")
    assert made.uncertainty.correction == "bias_reduced"
    assert "lose a term" in made.findings[-1].message
    assert (made.std_error > 0).all()


def test_repeated_cross_sections_have_levels_of_cohorts() -> None:
    frame = rollout(12, units=120).drop(columns="id")
    made = es.estimate(frame, {k: v for k, v in DESIGN.items() if k != "unit"}, "imputation_did")
    untreated, treated = frame[frame.d == 0], frame[frame.d == 1]
    levels = dummies(frame, ["g", "t"])
    solved = np.linalg.lstsq(levels[frame.d == 0], untreated.y.to_numpy(), rcond=None)[0]
    gap = treated.y - levels[frame.d == 1] @ solved
    assert made.value[0] == pytest.approx(gap.mean(), rel=1e-8)
    assert made.uncertainty.df is None


@pytest.mark.parametrize("weighted", [False, True])
def test_states_that_cross_cohorts_and_hold_no_units_lose_to_the_levels_of_cohorts_too(weighted: bool) -> None:
    frame = rollout(12, units=150).assign(state=lambda f: f.id % 45 * 3 + f.g // 2 % 3).drop(columns="id")
    design = {k: v for k, v in DESIGN.items() if k != "unit"} | {"cluster": "state"}
    if weighted:
        design["weights"] = {"column": "w", "kind": "sampling"}
    made = es.estimate(frame, design, "imputation_did")
    weight = frame.w.to_numpy() if weighted else np.ones(len(frame))
    expected = written_out(frame, dummies(frame, ["g", "t"]), weight, "state", reduced=True)
    assert made.uncertainty.correction == "bias_reduced"
    for j, (value, error) in enumerate(expected.values()):
        assert made.value[j] == pytest.approx(value, rel=1e-8)
        assert made.std_error[j] == pytest.approx(error, rel=1e-8)


def test_relative_to_what_was_imputed() -> None:
    frame = rollout(1, units=90).assign(y=lambda f: f.y + 30.0)
    made = imputed(frame)
    treated = frame[frame.d == 1]
    assert made.baseline.value[0] == pytest.approx(treated.y.mean() - made.value[0], rel=1e-10)
    assert made.relative().value[0] == pytest.approx(made.value[0] / made.baseline.value[0])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rollout(1).assign(d=lambda f: np.where(f.t == 5, 0, f.d)), "switched off"),
        (rollout(1)[lambda f: np.where(f.g == 2, f.t >= 2, (f.t < 4) | (f.g == 4))], "can be imputed"),
    ],
)
def test_what_it_cannot_answer_it_refuses(frame: pd.DataFrame, message: str) -> None:
    design = {"kind": "panel", "unit": "id", "time": "t", "outcome": "y", "treatment": "d"}
    with pytest.raises(es.EstimandError, match=message):
        imputed(frame, design)


@by_day_and_night(100, 250)
def test_draws_cover_the_truth(repetitions: int) -> None:
    held, values, errors = 0, [], []
    for seed in range(repetitions):
        frame = rollout(seed, units=90)
        made = imputed(frame, aggregate="simple")
        low, high = made.interval()[0]
        held += low <= truth(frame) <= high
        values.append(made.value[0] - truth(frame))
        errors.append(made.std_error[0])
    assert abs(np.mean(values)) <= 4 * np.std(values) / np.sqrt(repetitions)
    assert abs(held / repetitions - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert np.sqrt(np.mean(np.square(errors))) / np.std(values) == pytest.approx(1.0, abs=4 / np.sqrt(2 * repetitions))
