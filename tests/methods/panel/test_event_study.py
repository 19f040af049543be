"""Event studies: published numbers, dummies written out, windows, and several cohorts refused or vetoed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout
from tests.reference_data import matches, reference, table

BASE = {"kind": "panel", "unit": "id", "time": "period", "outcome": "y", "treatment": "d", "covariates": ["x1"]}


def studied(frame: pd.DataFrame, design: dict[str, Any] | None = None, **options: Any) -> es.Estimate:
    return es.estimate(frame, DESIGN if design is None else design, "event_study", **options)


def at(made: es.Estimate) -> dict[int, int]:
    return {term.at["event_time"]: j for j, term in enumerate(made.terms) if "event_time" in term.at}


def once(seed: int, **more: Any) -> pd.DataFrame:
    return rollout(seed, starts=(3,), **more)


def test_coefficients_of_a_published_event_study() -> None:
    frame = table("fixest_base_did").assign(d=lambda f: f.treat * f.post)
    made = studied(frame, BASE, covariance="CR1", counted="none")
    places = at(made)
    matches("fixest.base_did_es6", value=made.value[places[0]], se=made.std_error[places[0]])
    for period in (1, 2, 3, 4, 6, 7, 8, 9, 10):
        value, error = reference("fixest.base_did_es6")["extra"][f"period::{period}:treat"]
        assert made.value[places[period - 6]] == pytest.approx(value, rel=1e-8)
        assert made.std_error[places[period - 6]] == pytest.approx(error, rel=1e-8)
    assert made.value[0] == pytest.approx(np.mean([made.value[places[k]] for k in range(5)]), rel=1e-12)


def dummied(frame: pd.DataFrame, leads: list[list[int]], covariates: list[np.ndarray]) -> Any:
    """Statsmodels' fit with a column for each unit and period; the leads' coefficients first."""
    event = np.where(frame.g > 0, frame.t - frame.g, 999)
    columns = [np.isin(event, lead).astype(float) for lead in leads] + covariates
    levels = pd.get_dummies(frame[["id", "t"]].astype("category"), drop_first=True).to_numpy(dtype=float)
    x = np.column_stack([*columns, np.ones(len(frame)), levels])
    return sm.WLS(frame.y, x, weights=frame.w).fit(cov_type="cluster", cov_kwds={"groups": frame.id})


def test_it_is_weighted_least_squares_with_dummies() -> None:
    frame = once(3, missing=0.15)
    design = {**DESIGN, "covariates": ["x", "z"], "weights": {"column": "w", "kind": "sampling"}}
    made = studied(frame, design, covariance="CR1", counted="all")
    slopes = [frame.x.to_numpy()] + [frame.z.to_numpy() * (frame.t == t).to_numpy() for t in range(1, 6)]
    fit = dummied(frame, [[-3], [-2], [0], [1], [2]], slopes)
    np.testing.assert_allclose(made.value[1:], np.asarray(fit.params)[:5], rtol=1e-8)
    np.testing.assert_allclose(made.uncertainty.vcov[1:, 1:], np.asarray(fit.cov_params())[:5, :5], rtol=1e-7)
    rows = np.array([frame.w[(frame.g == 3) & (frame.t == t)].sum() for t in (3, 4, 5)])
    assert made.value[0] == pytest.approx(rows / rows.sum() @ made.value[3:], rel=1e-10)


def test_ends_of_a_window_are_taken_together_and_another_reference_only_shifts() -> None:
    frame = once(4, periods=8).assign(w=1.0)
    made = studied(frame, window=(-2, 2), covariance="CR1", counted="all")
    fit = dummied(frame, [[-3, -2], [0], [1], [2, 3, 4]], [])
    assert [term.label for term in made.terms[1:]] == [
        "event time -2 or earlier",
        "event time 0",
        "event time 1",
        "event time 2 or later",
    ]
    np.testing.assert_allclose(made.value[1:], np.asarray(fit.params)[:4], rtol=1e-8)
    np.testing.assert_allclose(made.std_error[1:], np.asarray(fit.bse)[:4], rtol=1e-7)
    plain, moved = studied(frame), studied(frame, reference=-2)
    base = plain.value[at(plain)[-2]]
    for k in (-3, 0, 1, 2):
        assert moved.value[at(moved)[k]] == pytest.approx(plain.value[at(plain)[k]] - base, rel=1e-9)
    assert -1 in at(moved)


def test_few_clusters_get_the_bias_reduced_error_and_its_degrees_of_freedom() -> None:
    frame = once(5, units=14)
    made = studied(frame)
    assert made.uncertainty.correction == "CR2"
    change = frame.pivot(index="id", columns="t", values="y")
    change = change[[3, 4, 5]].mean(axis=1) - change[2]
    treated = frame.groupby("id").g.first() == 3
    a, b = change[treated], change[~treated]
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    assert made.value[0] == pytest.approx(a.mean() - b.mean(), rel=1e-9)
    assert made.std_error[0] == pytest.approx(np.sqrt(va + vb), rel=1e-8)
    wa, wb = 1 / len(a), 1 / len(b)
    assert made.uncertainty.df[0] == pytest.approx((wa + wb) ** 2 / (wa**2 / (len(a) - 1) + wb**2 / (len(b) - 1)))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_in_a_balanced_panel_effects_are_those_of_other_methods(seed: int) -> None:
    frame = once(seed, units=40)
    made = studied(frame)
    sun = es.estimate(frame, DESIGN, "sun_abraham", shares="fixed")
    never = es.estimate(frame, DESIGN, "extended_twfe", control="never", shares="fixed")
    for other in (sun, never):
        np.testing.assert_allclose(other.value, made.value, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(other.std_error, made.std_error, rtol=1e-7)


def test_several_cohorts_are_refused_or_vetoed() -> None:
    frame = rollout(6)
    with pytest.raises(es.IdentificationError, match="2 cohorts") as caught:
        studied(frame)
    assert "sun_abraham" in caught.value.remedy
    made = studied(frame, allow_staggered=True)
    assert made.target is es.Target.VARIANCE_WEIGHTED
    (veto,) = [f for f in made.findings if f.grade == "veto"]
    assert veto.check == "panel.staggered_twfe"
    assert "staggered_did" in veto.remedy


def test_units_always_treated_are_left_out() -> None:
    frame = once(7)
    more = pd.concat([frame, frame[frame.id < 6].assign(id=lambda f: f.id + 500, g=-1, y=50.0)])
    made, same = studied(more), studied(frame)
    np.testing.assert_allclose(made.value, same.value, rtol=1e-9)
    (finding,) = [f for f in made.findings if f.check == "event_study.always_treated"]
    assert finding.statistic == 36
    assert "before treatment" in made.population.label


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (once(1)[lambda f: (f.g == 0) | (f.t != 2)], {}, "event time -1"),
        (once(1), {"reference": 2, "window": (-2, 2)}, "does not hold"),
        (once(1)[lambda f: f.t < 4], {"reference": 0}, "only one after"),
        (rollout(1, never=False), {"allow_staggered": True}, "no unit is never treated"),
        (once(1).assign(d=lambda f: np.where(f.t == 5, 0, f.d)), {"treatment": "d"}, "switched off"),
        (once(1)[lambda f: f.t < 4].assign(x=lambda f: f.d), {"covariates": ["x"]}, "determine"),
    ],
)
def test_what_it_cannot_answer_it_refuses(frame: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    design = {k: v for k, v in DESIGN.items() if k != "cohort" or "treatment" not in options}
    named = {k: options.pop(k) for k in ("treatment", "covariates") if k in options}
    with pytest.raises(es.EstimandError, match=message):
        studied(frame, {**design, **named}, **options)


@pytest.mark.parametrize("window", [3, "3", [3], [-1, 0, 1], {"a": 1}])
def test_a_window_has_two_ends_and_the_refusal_shows_them(window: object) -> None:
    with pytest.raises(es.EstimandError, match=r"for 'window'.*such as \[-3, 3\]"):
        es.estimate(rollout(1, starts=(2,)), DESIGN, "event_study", window=window)
