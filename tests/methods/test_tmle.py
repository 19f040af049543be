"""Targeted maximum likelihood: published numbers, a zero score, a second implementation, coverage and refusals."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from simulated import confounded, coverage, design, holds
from test_reference_values import ZEPID, observational

import estimand as es
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.methods.adjustment.aipw import AIPW
from estimand.methods.adjustment.tmle import TMLE
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.opening import open_source
from tests.reference_data import matches, reference, table

PLAIN = {"learner": "linear", "folds": 1}


def test_it_reproduces_the_hiv_cohort() -> None:
    def made(**options: str) -> es.Estimate:
        plan = observational("art", "dead", ZEPID)
        return es.estimate(
            table("zepid_sample"), plan, "tmle", outcome_model="pooled", clever="covariate", **PLAIN, **options
        )

    entry = reference("zepid.tmle_rd")
    matches("zepid.tmle_rd", value=made().value[0], se=made().std_error[0])
    assert made().interval()[0] == pytest.approx(entry["ci"], abs=0.002 * 1.96 * entry["se"])
    assert made(contrast="ratio").value[0] == pytest.approx(entry["extra"]["RR"], rel=1e-4)
    assert made(contrast="odds_ratio").value[0] == pytest.approx(entry["extra"]["OR"], rel=1e-4)


@given(
    seed=st.integers(0, 500),
    target=st.sampled_from(["ATE", "ATT"]),
    outcome=st.sampled_from(["y", "b", "c"]),
    weighted=st.booleans(),
    clever=st.sampled_from(["weight", "covariate"]),
)
@settings(max_examples=25, deadline=None)
def test_its_score_is_zero(seed: int, target: str, outcome: str, weighted: bool, clever: str) -> None:
    plan = design(outcome=outcome, **({"weights": "w"} if weighted else {}))
    made = es.estimate(confounded(seed, 200, arms=3), plan, "tmle", target=target, clever=clever, **PLAIN)
    assert np.abs(made.influence.psi.mean(axis=0)).max() <= 1e-10


def by_hand(frame: pd.DataFrame, outcome: str, target: str, clever: str) -> tuple[float, float]:
    """Value and standard error with least squares in each arm, a logit by Newton's method and a plain root finder."""
    x = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    d, y = frame["d"].to_numpy(float), frame[outcome].to_numpy(float)
    beta = np.zeros(3)
    for _ in range(30):
        p = expit(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (d - p))
    e = expit(x @ beta)
    low, width = y.min(), y.max() - y.min()
    s = (y - low) / width
    start = {a: np.clip((x @ np.linalg.lstsq(x[d == a], y[d == a], rcond=None)[0] - low) / width, 5e-4, 1 - 5e-4)
             for a in (0, 1)}  # fmt: skip
    heights = {1: 1 / e, 0: 1 / (1 - e)} if target == "ATE" else {0: e / (1 - e)}
    moved = {}
    for a, h in heights.items():
        along = h if clever == "covariate" else np.ones_like(h)
        root = brentq(lambda t, a=a, h=h, along=along: ((d == a) * h) @ (s - expit(logit(start[a]) + t * along)), -9, 9,
                      xtol=1e-15)  # fmt: skip
        moved[a] = low + width * expit(logit(start[a]) + root * along)
    if target == "ATE":
        psi = d / e * (y - moved[1]) - (1 - d) / (1 - e) * (y - moved[0]) + moved[1] - moved[0]
        value = psi.mean()
        return value, float(np.sqrt(np.square(psi - value).sum()) / len(y))
    value = float((y - moved[0])[d == 1].mean())
    psi = (d * (y - moved[0] - value) - (1 - d) * heights[0] * (y - moved[0])) / d.mean()
    return value, float(np.sqrt(np.square(psi).sum()) / len(y))


@pytest.mark.parametrize("clever", ["weight", "covariate"])
@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_a_second_implementation_agrees(target: str, clever: str) -> None:
    frame = confounded(11, 400)
    made = es.estimate(frame, design(), "tmle", target=target, clever=clever, **PLAIN)
    value, error = by_hand(frame, "y", target, clever)
    assert made.value[0] == pytest.approx(value, rel=1e-8)
    assert made.std_error[0] == pytest.approx(error, rel=1e-8)


def test_it_follows_the_outcomes_unit_and_says_what_was_scaled() -> None:
    frame = confounded(2, 300)
    plain = es.estimate(frame, design(), "tmle", learner="linear")
    other = es.estimate(frame.assign(y=30.0 - 4.0 * frame["y"]), design(), "tmle", learner="linear")
    assert other.value[0] == pytest.approx(-4.0 * plain.value[0], rel=1e-8)
    assert other.std_error[0] == pytest.approx(4.0 * plain.std_error[0], rel=1e-8)
    (note,) = (f for f in plain.findings if f.check == "tmle.bounds")
    assert f"{frame['y'].min():.4g} and {frame['y'].max():.4g}" in note.message
    binary = es.estimate(frame, design(outcome="b"), "tmle", learner="linear")
    assert not [f for f in binary.findings if f.check == "tmle.bounds"]


def test_risks_stay_risks_where_doubly_robust_scores_leave_them() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=600)
    d = (rng.random(600) < expit(2.5 * x)).astype(int)
    frame = pd.DataFrame({"x": x, "d": d, "y": (rng.random(600) < 0.03).astype(int)})
    made = [es.estimate(frame, design(("x",)), key, learner="linear") for key in ("aipw", "tmle")]
    treated = [item.baseline.value[0] + item.value[0] for item in made]
    assert 0.0 < treated[1] < 1.0
    assert 0.0 < made[1].baseline.value[0] < 1.0


def test_it_fits_nothing_that_aipw_has_fitted() -> None:
    frame = confounded(3, 240)
    plan = as_design(design())
    case = case_of(plan, open_source(frame, plan, build_sample)[1], "y", Run(0), Cache())
    AIPW(learner="linear").estimate(case)
    count = len(case.fitted().cache.fits)
    assert count == 3
    TMLE(learner="linear").estimate(case)
    TMLE(learner="linear", target="ATT", contrast="ratio").estimate(replace(case, level=0.9))
    assert len(case.fitted().cache.fits) == count


def test_repeats_take_the_median_and_add_the_spread_between_splits() -> None:
    frame = confounded(5, 300)
    options = {"learner": "linear", "repeats": 3, "contrast": "ratio"}
    several = es.estimate(frame, design(outcome="b"), "tmle", **options)
    assert several.uncertainty.correction == "influence + split"
    assert several.uncertainty.scale == "log"
    on_log = several.influence.psi / several.value
    assert several.uncertainty.vcov[0, 0] > np.square(on_log).sum() / 300**2


def test_frequencies_are_rows() -> None:
    frame = confounded(6, 200)
    rows = frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)
    weights = {"weights": {"column": "f", "kind": "frequency"}}
    made = es.estimate(frame, design(outcome="b", **weights), "tmle", **PLAIN)
    expanded = es.estimate(rows, design(outcome="b"), "tmle", **PLAIN)
    assert made.value[0] == pytest.approx(expanded.value[0], rel=1e-8)
    assert made.std_error[0] == pytest.approx(expanded.std_error[0], rel=1e-8)


def test_an_arm_without_events_is_refused() -> None:
    frame = confounded(7, 200)
    frame.loc[frame["d"] == 1, "b"] = 0
    with pytest.raises(es.EstimandError, match="cannot be targeted") as caught:
        es.estimate(frame, design(outcome="b"), "tmle", learner="boosting")
    assert "aipw" in caught.value.remedy


@pytest.mark.parametrize("method", ["regression", "aipw", "tmle"])
def test_it_finds_the_effects_planted_in_ihdp(method: str) -> None:
    whole, entry = table("ihdp10"), reference("ihdp.true_ate")
    misses, held = [], []
    for rep in (1, 4, 5, 9):
        frame = whole[whole["rep"] == rep].reset_index(drop=True)
        names = [f"x{j}" for j in range(1, 26)]
        made = es.estimate(frame, observational("treat", "y_factual", names), method)
        truth = entry["extra"]["per_rep"][rep - 1]
        low, high = made.interval()[0]
        misses.append(abs(made.value[0] - truth))
        held.append(low <= truth <= high)
    assert np.mean(misses) <= 0.35
    assert sum(held) >= 3


@cache
def acic(rep: int) -> tuple[pd.DataFrame, dict, dict]:
    features, drawn = table("acic2016_x"), table(f"acic2016_zymu_{rep}")
    plan = observational("z", "y", list(features.columns))
    frame = features.assign(z=drawn["z"], y=np.where(drawn["z"] == 1, drawn["y1"], drawn["y0"]))
    return frame, plan, reference("acic2016.truth")["extra"]["reps"][rep - 1]


@pytest.mark.parametrize("rep", [1, pytest.param(2, marks=pytest.mark.nightly), 3])
@pytest.mark.parametrize("method", ["regression", "aipw", "tmle"])
def test_its_interval_holds_the_effect_on_the_treated_planted_in_acic(method: str, rep: int) -> None:
    frame, plan, entry = acic(rep)
    low, high = es.estimate(frame, plan, method, target="ATT").interval()[0]
    assert low <= entry["satt"] <= high


@pytest.mark.parametrize("rep", [1, 2, 3])
def test_it_comes_near_the_effect_over_everyone_planted_in_acic(rep: int) -> None:
    """In the first, few of the treated are like many of the others, and no estimate of this kind is unbiased."""
    frame, plan, entry = acic(rep)
    made = es.estimate(frame, plan, "tmle")
    assert abs(made.value[0] - entry["sate"]) <= 0.2 * abs(entry["naive"] - entry["sate"])
    assert rep == 1 or abs(made.value[0] - entry["sate"]) <= 1.96 * made.std_error[0]


@pytest.mark.parametrize(
    ("draws", "target"),
    [(60, "ATE"), pytest.param(1000, "ATE", marks=pytest.mark.nightly),
     pytest.param(1000, "ATT", marks=pytest.mark.nightly)],
)  # fmt: skip
def test_its_intervals_hold_the_truth(draws: int, target: str) -> None:
    chance = np.random.default_rng(0)
    x, z = chance.normal(size=400_000), chance.random(400_000) < 0.4
    share = expit(0.5 * x - 0.4 * z + 0.1) if target == "ATT" else np.ones(400_000)
    truth = float(share @ (1.0 + 0.5 * x) / share.sum())
    holds(coverage(confounded, design(), "tmle", truth, draws, target=target, learner="linear"), draws)
