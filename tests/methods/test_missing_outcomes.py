"""Rows without the outcome: what complete cases and standardisation to everyone each answer."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from simulated import confounded, coverage, design, holds

import estimand as es
from tests.repeated import by_day_and_night


def attrited(seed: int) -> pd.DataFrame:
    """Outcomes go missing where x is large: at random given the covariates."""
    frame = confounded(seed, n=600)
    gone = np.random.default_rng([4, seed]).random(len(frame)) < expit(1.5 * frame["x"] - 0.5)
    return frame.assign(y=frame["y"].mask(gone))


@by_day_and_night(80, 200)
def test_the_effect_on_everyone_is_covered_where_outcomes_are_missing_at_random(repetitions: int) -> None:
    found = coverage(attrited, design(), "gcomputation", 1.0, repetitions, standardise="everyone")
    holds(found, repetitions)
    complete = [es.estimate(attrited(seed), design(), "gcomputation").value[0] for seed in range(30)]
    assert np.mean(complete) < 0.9


def test_each_standardisation_names_its_population() -> None:
    frame = attrited(0)
    seen = int(frame["y"].notna().sum())
    complete = es.estimate(frame, design(), "gcomputation")
    everyone = es.estimate(frame, design(), "gcomputation", standardise="everyone")
    assert (complete.population.label, complete.population.n) == ("everyone (complete cases)", seen)
    assert (everyone.population.label, everyone.population.n) == ("everyone (outcome missing at random)", 600)
    assert everyone.population.share == 1.0
    assert everyone.n_obs == seen
    assert everyone.influence.psi.shape == (600, 1)


def test_rows_dropped_for_a_covariate_stay_dropped_and_are_still_named() -> None:
    frame = attrited(1)
    frame.loc[:49, "z"] = np.nan
    made = es.estimate(frame, design(), "gcomputation", standardise="everyone")
    assert made.population.n == 550
    assert made.population.share == pytest.approx(550 / 600)
    assert made.population.label == "everyone (complete cases; outcome missing at random)"
    assert made.population.rule == "complete cases; outcome missing at random given the covariates"


def test_without_missing_outcomes_both_standardisations_are_one() -> None:
    frame = confounded(2)
    first = es.estimate(frame, design(), "gcomputation")
    second = es.estimate(frame, design(), "gcomputation", standardise="everyone")
    assert first.value[0] == second.value[0]
    assert first.std_error[0] == second.std_error[0]


def test_clusters_that_hold_both_kinds_of_rows_are_summed_whole() -> None:
    frame = attrited(3)
    frame["team"] = np.arange(600) % 50
    made = es.estimate(frame, design(cluster="team"), "gcomputation", standardise="everyone")
    plain = es.estimate(frame, design(), "gcomputation", standardise="everyone")
    psi = np.zeros(50)
    np.add.at(psi, frame["team"].to_numpy()[plain.influence.units], plain.influence.psi[:, 0])
    assert made.value[0] == pytest.approx(plain.value[0], rel=1e-12)
    assert made.influence.psi.shape == (50, 1)
    assert made.uncertainty.vcov[0, 0] == pytest.approx(psi @ psi / 600**2, rel=1e-10)


@pytest.mark.parametrize("method", ["ipw", "aipw", "dml", "balancing", "regression", "stratification", "difference"])
def test_other_methods_use_the_rows_with_the_outcome_and_say_so(method: str) -> None:
    frame = attrited(4)
    options = {"learner": "linear"} if method in {"aipw", "dml"} else {}
    options |= {"draws": 50} if method == "stratification" else {}
    made = es.estimate(frame, design(), method, **options)
    alone = es.estimate(frame.dropna(), design(), method, **options)
    assert made.n_obs == frame["y"].notna().sum()
    assert "complete cases" in made.population.label
    if method not in {"aipw", "dml", "stratification"}:
        assert made.value[0] == pytest.approx(alone.value[0], rel=1e-10)
        assert made.std_error[0] == pytest.approx(alone.std_error[0], rel=1e-10)
