"""The catalog's causal forest: averages, designs, and what it says of itself."""

import numpy as np
import pandas as pd
import pytest

import estimand as es

DESIGN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["a", "b", "c"]}
QUICK = {"trees": 200, "learner": {"name": "boosting", "params": {"rounds": 40}}}


def table(n: int = 3000, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Confounded arms, and the effects."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    d = (rng.random(n) < 1.0 / (1.0 + np.exp(-x[:, 1]))).astype(int)
    effect = 1.0 + (x[:, 0] > 0.0) + 0.5 * x[:, 1]
    y = x[:, 1] + x[:, 2] + d * effect + rng.normal(size=n)
    return pd.DataFrame(x, columns=list("abc")).assign(d=d, y=y), effect


@pytest.mark.parametrize("target", ["ATE", "ATT", "ATO"])
def test_each_average_is_about_its_own_people(target: str) -> None:
    frame, effect = table(6000)
    made = es.estimate(frame, DESIGN, "causal_forest", target=target, **QUICK)
    e = 1.0 / (1.0 + np.exp(-frame["b"]))
    weight = {"ATE": np.ones(6000), "ATT": frame["d"], "ATO": e * (1.0 - e)}[target]
    truth = np.average(effect, weights=weight)
    assert abs(made.value[0] - truth) < 4.0 * made.std_error[0]
    assert made.std_error[0] < 0.06
    assert (made.baseline is None) == (target == "ATO")


def test_effects_rank_people_and_importance_names_the_covariate() -> None:
    frame, effect = table()
    made = es.estimate(frame, DESIGN, "causal_forest", **QUICK)
    assert np.corrcoef(made.details["effects"], effect)[0, 1] > 0.85
    importance = made.details["importance"]
    assert sum(importance.values()) == pytest.approx(1.0)
    assert importance["c"] == min(importance.values())
    assert [f.check for f in made.findings] == ["causal_forest.pointwise"]


def test_effects_that_do_not_vary_are_found_not_to() -> None:
    rng = np.random.default_rng(5)
    frame, _ = table()
    frame["y"] = frame["b"] + frame["d"] + rng.normal(size=3000)
    made = es.estimate(frame, DESIGN, "causal_forest", **QUICK)
    far = np.abs(made.details["effects"] - made.value[0]) / made.details["effect_std_error"]
    assert np.mean(far > 1.96) < 0.1


def test_the_file_may_come_in_any_order() -> None:
    frame, _ = table(900)
    frame["id"] = [f"p{i}" for i in range(900)]
    design = {**DESIGN, "unit": "id"}
    made = es.estimate(frame, design, "causal_forest", **QUICK)
    mixed = frame.sample(frac=1.0, random_state=1)
    again = es.estimate(mixed, design, "causal_forest", **QUICK)
    np.testing.assert_allclose(again.details["effects"], made.details["effects"][mixed.index], rtol=1e-8)
    assert again.value[0] == pytest.approx(made.value[0], rel=1e-10)


def test_several_arms_have_a_term_each_and_no_overlap_average() -> None:
    rng = np.random.default_rng(6)
    frame, _ = table(3000)
    frame["d"] = np.array(["none", "mail", "call"])[rng.integers(0, 3, 3000)]
    frame["y"] = frame["b"] + (frame["d"] == "mail") + 2.0 * (frame["d"] == "call") + rng.normal(size=3000)
    design = {**DESIGN, "control": "none"}
    for target in ("ATE", "ATT"):
        made = es.estimate(frame, design, "causal_forest", target=target, **QUICK)
        truth = np.array([2.0 if term.label == "call" else 1.0 for term in made.terms])
        assert made.details["effects"].shape == (3000, 2)
        assert (np.abs(made.value - truth) < 4.0 * made.std_error).all()
        np.testing.assert_allclose(made.details["propensity"].sum(axis=1), 1.0, rtol=1e-12)
    with pytest.raises(es.UnsupportedError, match="two arms"):
        es.estimate(frame, design, "causal_forest", target="ATO", **QUICK)


def test_weights_and_clusters_enter_the_average() -> None:
    frame, effect = table()
    frame["w"] = np.where(frame["a"] > 0.0, 3.0, 1.0)
    weighted = es.estimate(frame, {**DESIGN, "weights": {"column": "w", "kind": "sampling"}}, "causal_forest", **QUICK)
    assert abs(weighted.value[0] - np.average(effect, weights=frame["w"])) < 4.0 * weighted.std_error[0]
    frame["team"] = np.arange(3000) // 30
    clustered = es.estimate(frame, {**DESIGN, "cluster": "team"}, "causal_forest", **QUICK)
    assert clustered.uncertainty.df[0] == 99.0


def test_without_covariates_or_with_arms_told_apart_it_refuses() -> None:
    frame, _ = table(400)
    with pytest.raises(es.DataError, match="names none"):
        es.estimate(frame, {**DESIGN, "covariates": [], "kind": "experiment"}, "causal_forest", **QUICK)
    frame["a"] = frame["d"] * 2.0 + 0.1 * frame["b"] / frame["b"].abs().max()
    with pytest.raises(es.IdentificationError, match="apart perfectly"):
        es.estimate(frame, DESIGN, "causal_forest", **QUICK)


def test_outcomes_that_weights_stand_for_are_refused() -> None:
    frame, _ = table(400)
    holed = frame.assign(y=frame["y"].where(np.arange(400) > 9))
    with pytest.raises(es.UnsupportedError, match="who has the outcome"):
        es.estimate(holed, {**DESIGN, "missing_outcome": "weight"}, "causal_forest", **QUICK)


@pytest.mark.nightly
def test_intervals_of_the_average_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(300):
        frame, _ = table(1000, seed)
        made = es.estimate(frame, DESIGN, "causal_forest", **QUICK)
        low, high = made.interval()[0]
        held += low < 1.5 < high
    assert abs(held / 300 - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / 300)
