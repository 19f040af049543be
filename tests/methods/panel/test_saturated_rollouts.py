"""Sun-Abraham and saturated two-way effects: published numbers, dummies, and equalities the theory promises."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout, truth
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night

MPDTA = {"kind": "panel", "unit": "countyreal", "time": "year", "outcome": "lemp", "cohort": "first.treat"}


def made_by(key: str, frame: pd.DataFrame, design: dict[str, Any] | None = None, **options: Any) -> es.Estimate:
    return es.estimate(frame, DESIGN if design is None else design, key, **options)


def cells(made: es.Estimate) -> dict[tuple[int, int], float]:
    rows = made.details["group_time"].rows()
    return {(int(row["cohort"]), int(row["period"])): row["value"] for row in rows}


def test_counties_and_minimum_wages_interaction_weighted() -> None:
    made = made_by("sun_abraham", table("mpdta"), MPDTA, covariance="CR1", shares="fixed")
    matches("mpdta.sunab_att", value=made.value[0], se=made.std_error[0])
    published = reference("mpdta.sunab_att")["extra"]["event_study"]
    assert [str(term.at["event_time"]) for term in made.terms[1:]] == list(published)
    for j, (value, error) in enumerate(published.values()):
        assert made.value[j + 1] == pytest.approx(value, rel=1e-8)
        assert made.std_error[j + 1] == pytest.approx(error, rel=1e-8)


@pytest.mark.parametrize(
    ("covariates", "key"), [([], "mpdta.cs_nox_dr_never.gt"), (["lpop"], "mpdta.cs_x_reg_never.gt")]
)
def test_against_the_never_treated_cells_are_outcome_regressions(covariates: list[str], key: str) -> None:
    made = made_by("extended_twfe", table("mpdta"), {**MPDTA, "covariates": covariates}, control="never")
    found = cells(made)
    after = [(g, t, value) for g, t, value, _ in reference(key)["extra"]["gt"] if t >= g]
    assert len(after) == 7
    for g, t, value in after:
        assert found[(int(g), int(t))] == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("covariates", [[], ["lpop"]])
def test_against_the_not_yet_treated_it_is_imputation(covariates: list[str]) -> None:
    design = {**MPDTA, "covariates": covariates}
    made = made_by("extended_twfe", table("mpdta"), design)
    imputed = made_by("imputation_did", table("mpdta"), design)
    np.testing.assert_allclose(made.value, imputed.value, rtol=1e-9)
    assert made.std_error[0] == pytest.approx(imputed.std_error[0], rel=0.05)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_in_a_balanced_panel_it_is_imputation(seed: int, never: bool, covariate: bool) -> None:
    frame = rollout(seed, units=45, never=never)
    design = {**DESIGN, "covariates": ["z"] if covariate else []}
    made, imputed = (made_by(key, frame, design) for key in ("extended_twfe", "imputation_did"))
    assert [term.at for term in made.terms] == [term.at for term in imputed.terms]
    np.testing.assert_allclose(made.value, imputed.value, rtol=1e-7, atol=1e-8)
    assert cells(made) == pytest.approx(cells(imputed), rel=1e-7, abs=1e-8)


def regressed(frame: pd.DataFrame, chosen: list[tuple[int, int]], beside: list[np.ndarray]) -> tuple[Any, np.ndarray]:
    """Statsmodels' fit with a column for each cell, unit and period."""
    dummies = np.column_stack([((frame.g == g) & (frame.t == t)).to_numpy(dtype=float) for g, t in chosen])
    levels = pd.get_dummies(frame[["id", "t"]].astype("category"), drop_first=True).to_numpy(dtype=float)
    x = np.column_stack([dummies, *beside, np.ones(len(frame)), levels])
    return sm.WLS(frame.y, x, weights=frame.w).fit(cov_type="cluster", cov_kwds={"groups": frame.id}), dummies


def test_sun_abraham_is_a_regression_with_dummies_and_estimated_shares_add_their_spread() -> None:
    frame = rollout(2, missing=0.15)
    design = {**DESIGN, "covariates": ["x", "z"], "weights": {"column": "w", "kind": "sampling"}}
    fixed = made_by("sun_abraham", frame, design, covariance="CR0")
    drawn = made_by("sun_abraham", frame, design, covariance="CR0", shares="estimated")
    chosen = [(g, t) for g in (2, 4) for t in range(6) if t != g - 1]
    slopes = [frame.x.to_numpy()] + [frame.z.to_numpy() * (frame.t == t).to_numpy() for t in range(1, 6)]
    fit, dummies = regressed(frame, chosen, slopes)
    delta, w = np.asarray(fit.params)[: len(chosen)], frame.w.to_numpy()
    x = np.asarray(fit.model.exog)
    load = np.linalg.inv(x.T @ (x * w[:, None]))[: len(chosen)] @ (x * (w * np.asarray(fit.resid))[:, None]).T
    event = np.array([t - g for g, t in chosen])
    for j, term in enumerate(fixed.terms):
        member = event >= 0 if not term.at else event == term.at["event_time"]
        mass = np.where(member, w @ dummies, 0.0)
        share = mass / mass.sum()
        row = w * (dummies[:, member].sum(axis=1)) * (dummies @ delta - share @ delta) / mass.sum()
        assert fixed.value[j] == pytest.approx(share @ delta, rel=1e-8)
        for made, psi in ((fixed, share @ load), (drawn, share @ load + row)):
            by_unit = pd.Series(psi).groupby(frame.id.to_numpy()).sum()
            assert made.std_error[j] == pytest.approx(np.sqrt(np.square(by_unit).sum()), rel=1e-7)


def test_cells_with_covariates_are_centred_so_that_their_coefficient_is_their_average() -> None:
    frame = rollout(5, missing=0.1).assign(w=1.0)
    made = made_by("extended_twfe", frame, {**DESIGN, "covariates": ["x"]}, covariance="CR0", shares="fixed")
    chosen = [(g, t) for g in (2, 4) for t in range(g, 6)]
    about = []
    for g, t in chosen:
        own = ((frame.g == g) & (frame.t == t)).to_numpy()
        about.append(np.where(own, frame.x - frame.x[own].mean(), 0.0))
    fit, dummies = regressed(frame, chosen, [frame.x.to_numpy(), *about])
    share = dummies.sum(axis=0) / dummies.sum()
    params = np.asarray(fit.params)
    assert cells(made) == pytest.approx(dict(zip(chosen, params, strict=False)), rel=1e-8)
    assert made.value[0] == pytest.approx(share @ params[: len(chosen)], rel=1e-8)
    effect = dummies @ params[: len(chosen)] + np.column_stack(about) @ params[len(chosen) + 1 :][: len(chosen)]
    treated = dummies.sum(axis=1) > 0
    assert effect[treated].mean() == pytest.approx(made.value[0], rel=1e-8)


def test_without_never_treated_the_last_cohort_is_the_control() -> None:
    frame = rollout(3, starts=(2, 3, 5), never=False)
    made = made_by("sun_abraham", frame)
    kept = frame[frame.t < 5].assign(g=lambda f: f.g.where(f.g < 5, 0))
    same = made_by("sun_abraham", kept)
    np.testing.assert_allclose(made.value, same.value, rtol=1e-9)
    np.testing.assert_allclose(made.std_error, same.std_error, rtol=1e-9)
    (finding,) = [f for f in made.findings if f.check == "sun_abraham.last_cohort"]
    assert finding.statistic == (frame.t == 5).sum()
    assert "before 5" in made.population.label
    earlier = made_by("sun_abraham", frame, anticipation=1)
    assert "before 4" in earlier.population.label


def test_cells_without_a_comparison_are_left_out() -> None:
    frame = rollout(3, starts=(2, 4), never=False)
    made = made_by("extended_twfe", frame)
    assert set(cells(made)) == {(2, 2), (2, 3)}
    (finding,) = [f for f in made.findings if f.check == "extended_twfe.not_identified"]
    assert finding.statistic == 4
    assert made.population.n == int(((frame.g == 2) & frame.t.isin([2, 3])).sum())


def test_a_cohort_never_seen_at_the_reference_is_left_out() -> None:
    frame = rollout(8)[lambda f: (f.g != 4) | (f.t != 3)]
    made = made_by("sun_abraham", frame)
    assert {g for g, _ in cells(made)} == {2}
    assert any(f.check == "sun_abraham.not_identified" for f in made.findings)


def test_anticipated_periods_move_the_reference() -> None:
    frame = rollout(9, starts=(3, 5), periods=7)
    earlier = frame.assign(g=np.where(frame.g > 0, frame.g - 1, 0))
    for key in ("sun_abraham", "extended_twfe"):
        made, shifted = made_by(key, frame, anticipation=1), made_by(key, earlier)
        np.testing.assert_allclose(made.value[1:], shifted.value[1:], rtol=1e-9)
        assert -1 in [term.at.get("event_time") for term in made.terms]


def test_repeated_cross_sections_have_levels_of_cohorts() -> None:
    frame = rollout(11, units=150).assign(w=1.0)
    design = {k: v for k, v in DESIGN.items() if k != "unit"}
    made = made_by("extended_twfe", frame, design)
    means = frame.groupby(["g", "t"]).y.mean()
    imputed = made_by("imputation_did", frame, design)
    np.testing.assert_allclose(made.value, imputed.value, rtol=1e-8)
    sun = made_by("sun_abraham", frame, design)
    change = means[2, 3] - means[2, 1] - means[0, 3] + means[0, 1]
    assert cells(sun)[(2, 3)] == pytest.approx(change, rel=1e-9)
    assert sun.uncertainty.correction == "HC1"
    assert any(f.check == "sun_abraham.no_cluster" for f in sun.findings)


@pytest.mark.parametrize(
    ("key", "frame", "options", "message"),
    [
        ("sun_abraham", rollout(1, starts=(2, 4), never=False), {"anticipation": 3}, "no other is treated"),
        ("extended_twfe", rollout(1, never=False), {"control": "never"}, "never treated"),
        ("extended_twfe", rollout(1).assign(g=lambda f: np.where(f.g > 0, -1, 0)), {}, "first period"),
    ],
)
def test_what_they_cannot_answer_they_refuse(key: str, frame: pd.DataFrame, options: Any, message: str) -> None:
    with pytest.raises(es.EstimandError, match=message):
        made_by(key, frame, **options)


@by_day_and_night(80, 300)
@pytest.mark.parametrize("key", ["sun_abraham", "extended_twfe"])
def test_draws_cover_the_truth(key: str, repetitions: int) -> None:
    held = 0
    values, errors = [], []
    for seed in range(repetitions):
        frame = rollout(seed, units=150, periods=5)
        made = made_by(key, frame, aggregate="simple", covariance="CR1", shares="fixed")
        low, high = made.interval()[0]
        held += low <= truth(frame) <= high
        values.append(made.value[0] - truth(frame))
        errors.append(made.std_error[0])
    assert abs(np.mean(values)) <= 4 * np.std(values) / np.sqrt(repetitions)
    assert abs(held / repetitions - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert np.sqrt(np.mean(np.square(errors))) / np.std(values) == pytest.approx(1.0, abs=4 / np.sqrt(2 * repetitions))


def test_a_covariate_that_is_one_number_in_each_period_changes_nothing() -> None:
    frame = rollout(1)
    plain, beside = (
        made_by("extended_twfe", frame.assign(q=np.cos(3.0 * frame.t)), {**DESIGN, "covariates": named})
        for named in ([], ["q"])
    )
    np.testing.assert_allclose(beside.value, plain.value, rtol=1e-9)
    assert "extended_twfe.dropped" in {finding.check for finding in beside.findings}


@pytest.mark.parametrize("key", ["imputation_did", "staggered_did"])
def test_few_never_treated_are_warned_of_however_many_are_treated(key: str) -> None:
    frame = rollout(1, units=120)
    few = frame[(frame.g > 0) | frame.id.isin(frame.id[frame.g == 0].unique()[:3])]
    (finding,) = [f for f in made_by(key, few).findings if f.check == f"{key}.few_clusters"]
    assert "never treated" in finding.message
    assert f"{key}.few_clusters" not in {f.check for f in made_by(key, frame).findings}
