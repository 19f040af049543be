"""Double machine learning: published numbers, the partialling out by hand, its label, coverage."""

import numpy as np
import pytest
from scipy.special import expit
from simulated import confounded, coverage, design, holds
from sklearn.linear_model import LinearRegression
from test_reference_values import PENSION, observational

import estimand as es
from estimand.core.design import as_design
from estimand.core.nuisances import FoldPlan
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.errors import Code
from estimand.models.bank import NuisanceBank
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night


def test_the_partially_linear_model_reproduces_the_pension_study() -> None:
    frame = table("pension401k")
    folds = tuple(int(j % 5) for j in range(len(frame)))
    made = es.estimate(
        frame, observational("e401", "net_tfa", PENSION), "dml",
        score="plr", learner="linear", propensity_learner=LinearRegression(), folds=folds,
    )  # fmt: skip
    matches("p401k.dml_plr_lin", value=made.value[0], se=made.std_error[0])
    assert made.interval()[0] == pytest.approx(reference("p401k.dml_plr_lin")["ci"], rel=0.002)
    assert made.target is es.Target.VARIANCE_WEIGHTED


def test_the_interactive_model_reproduces_the_pension_study() -> None:
    frame = table("pension401k")
    folds = tuple(int(j % 5) for j in range(len(frame)))
    made = es.estimate(frame, observational("e401", "net_tfa", PENSION), "dml", learner="linear", folds=folds)
    matches("p401k.dml_irm_ate", value=made.value[0], se=made.std_error[0])
    assert made.target is es.Target.ATE


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("arms", [2, 3])
def test_the_partially_linear_model_is_the_regression_of_residuals(arms: int, weighted: bool) -> None:
    frame = confounded(31, arms=arms)
    fold = np.arange(len(frame)) % 4
    plan = design(**({"weights": "w"} if weighted else {}))
    made = es.estimate(frame, plan, "dml", score="plr", learner="linear", folds=tuple(int(f) for f in fold))
    x, d, y = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy(), frame["y"].to_numpy()
    w = frame["w"].to_numpy() / frame["w"].mean() if weighted else np.ones(len(y))
    p = made.details["propensity"].reshape(len(y), -1)
    chance = p if arms == 2 else p[:, 1:]
    root = np.sqrt(w)[:, None]
    z, left = np.column_stack([np.ones(len(y)), x]), np.empty(len(y))
    for held in range(4):
        rows = fold == held
        fitted = np.linalg.lstsq(z[~rows] * root[~rows], y[~rows] * root[~rows, 0], rcond=None)[0]
        left[rows] = y[rows] - z[rows] @ fitted
    away = (d[:, None] == np.arange(1, arms)) - chance
    value = np.linalg.lstsq(away * root, left * root[:, 0], rcond=None)[0]
    bread = np.linalg.inv((away * w[:, None]).T @ away)
    scores = away * (w * (left - away @ value))[:, None]
    np.testing.assert_allclose(made.value, value, rtol=1e-8)
    np.testing.assert_allclose(made.uncertainty.vcov, bread @ scores.T @ scores @ bread, rtol=1e-8)


@pytest.mark.parametrize("score", ["irm", "plr"])
def test_repeats_take_the_median_and_add_the_spread_between_splits(score: str) -> None:
    frame, options = confounded(32), {"score": score, "learner": "linear"}
    made = es.estimate(frame, design(), "dml", folds=2, repeats=5, **options)
    drawn = as_design(design())
    bank = NuisanceBank(build_sample(read_table(frame, drawn.columns()), drawn), "y", Run(0))
    splits = [tuple(int(f) for f in bank.fold_ids(FoldPlan(2, repeat))) for repeat in range(5)]
    single = [es.estimate(frame, design(), "dml", folds=folds, **options) for folds in splits]
    values = np.array([one.value[0] for one in single])
    psi = np.median([one.influence.psi[:, 0] for one in single], axis=0)
    middle = np.median(values)
    assert len(set(values)) == 5
    assert made.value[0] == pytest.approx(middle, rel=1e-10)
    variance = psi @ psi / len(frame) ** 2 + np.median(np.square(values - middle))
    assert made.uncertainty.vcov[0, 0] == pytest.approx(variance, rel=1e-8)
    assert made.uncertainty.correction == "influence + split"


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_a_target_the_partially_linear_model_has_not_is_relabelled_aloud(target: str) -> None:
    made = es.estimate(confounded(33), design(), "dml", score="plr", learner="linear", target=target)
    assert made.target is es.Target.VARIANCE_WEIGHTED
    (finding,) = [item for item in made.findings if item.check == "dml.target"]
    assert finding.grade is es.Grade.WARN
    assert f"{target} was asked for" in finding.message
    assert finding.remedy == f"Use score: irm for {target}."
    silent = es.estimate(confounded(33), design(), "dml", score="plr", learner="linear")
    assert not silent.findings


def test_the_interactive_score_is_that_of_aipw() -> None:
    frame = confounded(34)
    for target in ("ATE", "ATT"):
        dml = es.estimate(frame, design(), "dml", learner="linear", target=target)
        aipw = es.estimate(frame, design(), "aipw", learner="linear", target=target)
        assert dml.value[0] == aipw.value[0]
        assert dml.uncertainty.vcov[0, 0] == aipw.uncertainty.vcov[0, 0]
        assert (dml.id, dml.method) == ("dml", "dml")


def test_an_arm_that_the_covariates_give_away_leaves_nothing_to_compare() -> None:
    frame = confounded(35)
    frame["twin"] = frame["d"].astype(float)
    with pytest.raises(es.IdentificationError, match="'twin' tells the arms apart perfectly") as caught:
        es.estimate(
            frame, design(("twin",)), "dml",
            score="plr", learner="linear", propensity_learner=LinearRegression(), folds=2,
        )  # fmt: skip
    assert caught.value.code == Code.INSUFFICIENT_OVERLAP


@by_day_and_night(80, 150)
def test_its_intervals_cover(repetitions: int) -> None:
    options = {"learner": "linear", "folds": 2}
    holds(coverage(confounded, design(), "dml", 1.0, repetitions, **options), repetitions)


def curved(seed: int):
    """An effect of x² / 2 + 1 in a table where treatment is likelier at large x."""
    frame = confounded(seed, n=600)
    rng = np.random.default_rng([1, seed])
    chance = expit(1.5 * frame["x"] - 1.0)
    frame["d"] = (rng.random(len(frame)) < chance).astype(int)
    frame["y"] = frame["x"] + frame["d"] * np.exp(0.5 * frame["x"]) + rng.normal(size=len(frame))
    return frame


@by_day_and_night(80, 150)
def test_the_partially_linear_model_covers_its_own_target_and_not_the_average_effect(repetitions: int) -> None:
    """Where the effect is exp(x / 2) the two differ: with the nuisances' right shape given, the former is covered."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000_000)
    p = expit(1.5 * x - 1.0)
    truth = float((p * (1 - p)) @ np.exp(0.5 * x) / (p * (1 - p)).sum())

    def drawn(seed: int):
        frame = curved(seed)
        return frame.assign(mean=frame["x"] + expit(1.5 * frame["x"] - 1.0) * np.exp(0.5 * frame["x"]))

    options = {"score": "plr", "learner": "linear", "folds": 2}
    holds(coverage(drawn, design(("x", "mean")), "dml", truth, repetitions, **options), repetitions)
    assert abs(truth - np.exp(1 / 8)) > 0.1
