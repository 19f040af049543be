"""S, T, X, R and DR in the catalog: the average is that of aipw; effects, groups and projections by scores."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es

LEARNERS = ("s_learner", "t_learner", "x_learner", "r_learner", "dr_learner")
DESIGN: dict[str, Any] = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x", "z", "v"]}
TREES = {"name": "boosting", "params": {"rounds": 10}}


def drawn(seed: int, n: int = 500, arms: int = 2, noise: float = 1.0) -> pd.DataFrame:
    """Arms by a logit of x; an effect of 1 + x times the arm."""
    rng = np.random.default_rng(seed)
    x, z, v = rng.normal(size=(3, n))
    odds = np.stack([0.5 * a * x for a in range(arms)], axis=1)
    chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    d = (rng.random((n, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "v": v,
            "d": d,
            "y": z + d * (1.0 + x) + noise * rng.normal(size=n),
            "w": rng.uniform(0.4, 3.0, n),
            "g": np.arange(n) // 5,
        }
    )


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("key", LEARNERS)
def test_the_average_is_that_of_aipw_with_the_same_nuisances(key: str, target: str) -> None:
    frame = drawn(0)
    model = "pooled" if key == "s_learner" else "by_arm"
    shared = {"target": target, "learner": TREES, "propensity_learner": "linear", "folds": 3}
    ours = es.estimate(frame, DESIGN, key, **shared)
    theirs = es.estimate(frame, DESIGN, "aipw", outcome_model=model, **shared)
    assert ours.value == pytest.approx(theirs.value, rel=1e-10)
    assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-10)
    assert ours.influence.psi == pytest.approx(theirs.influence.psi, abs=1e-9)
    assert ours.baseline.value == pytest.approx(theirs.baseline.value, rel=1e-10)


@pytest.mark.parametrize("more", [{"weights": "w"}, {"cluster": "g"}])
def test_with_weights_or_clusters_too_it_is_that_of_aipw(more: dict[str, str]) -> None:
    frame = drawn(1, arms=3)
    shared = {"learner": "linear", "folds": 3}
    ours = es.estimate(frame, DESIGN | more, "dr_learner", **shared)
    theirs = es.estimate(frame, DESIGN | more, "aipw", **shared)
    assert ours.value == pytest.approx(theirs.value, rel=1e-10)
    assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-10)
    assert ours.details["effects"].shape == ours.details["scores"].shape == (500, 2)


@pytest.mark.parametrize("key", LEARNERS)
def test_effects_do_not_depend_on_the_order_of_the_file(key: str) -> None:
    frame = drawn(2, 240).assign(who=[f"p{i}" for i in range(240)])
    design, order = DESIGN | {"unit": "who"}, np.random.default_rng(1).permutation(240)
    one = es.estimate(frame, design, key, learner=TREES, folds=3)
    two = es.estimate(frame.iloc[order], design, key, learner=TREES, folds=3)
    assert np.array_equal(one.details["effects"][order], two.details["effects"])
    assert one.details["importance"] == two.details["importance"]


def test_without_noise_effects_and_scores_are_the_truth() -> None:
    noisy = es.estimate(drawn(3), DESIGN, "t_learner", learner="linear", folds=4)
    exact = es.estimate(drawn(3, noise=0.0), DESIGN, "t_learner", learner="linear", folds=4)
    assert exact.details["effects"] == pytest.approx(1.0 + drawn(3)["x"].to_numpy(), abs=1e-8)
    # Without noise nothing is left to weight, so that the score of a row is its effect.
    assert exact.details["scores"] == pytest.approx(exact.details["effects"], abs=1e-8)
    assert noisy.details["effects"] != pytest.approx(noisy.details["scores"], abs=0.1)


def test_groups_average_the_scores_of_fifths_and_the_projection_finds_the_slope() -> None:
    frame = drawn(4, 2000)
    found = es.estimate(frame, DESIGN, "x_learner", learner="linear")
    groups, projection = found.details["groups"], found.details["projection"]
    assert groups["group"] == (1, 2, 3, 4, 5)
    assert sum(groups["rows"]) == 2000
    assert np.average(groups["value"], weights=groups["rows"]) == pytest.approx(found.value[0], rel=1e-10)
    # Fifths of a normal effect 1 + x: the mean of the lowest is 1 - 1.40.
    assert groups["value"][0] == pytest.approx(1.0 - 1.40, abs=4.0 * groups["std_error"][0])
    assert groups["value"][4] == pytest.approx(1.0 + 1.40, abs=4.0 * groups["std_error"][4])
    assert projection["covariate"] == ("x", "z", "v")
    for slope, error, truth in zip(projection["slope"], projection["std_error"], (1.0, 0.0, 0.0), strict=True):
        assert slope == pytest.approx(truth, abs=4.0 * error)
    assert found.details["importance"]["x"] > 0.9


def test_what_they_do_not_take_is_refused_with_a_remedy() -> None:
    frame = drawn(5, 120)
    with pytest.raises(es.DesignError):
        es.estimate(frame, DESIGN, "r_learner", folds=2)
    with pytest.raises(es.DesignError, match="3 folds or more"):
        es.estimate(frame, DESIGN, "r_learner", learner="linear", folds=tuple(np.arange(120) % 2))
    with pytest.raises(es.DataError, match="names none"):
        es.estimate(frame, DESIGN | {"covariates": []}, "t_learner")
    holed = frame.assign(y=frame["y"].where(np.arange(120) > 9))
    with pytest.raises(es.UnsupportedError, match="who has the outcome"):
        es.estimate(holed, DESIGN | {"missing_outcome": "weight"}, "t_learner", learner="linear")
