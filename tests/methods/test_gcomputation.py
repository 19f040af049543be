"""Standardised outcome regression: published numbers, a second variance, coverage and refusals."""

import numpy as np
import pytest
from scipy.special import expit
from simulated import confounded, coverage, design, holds
from stacked import contrasted, sandwich
from test_reference_values import NHEFS, ZEPID, nhefs, observational

import estimand as es
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night

MEAN = {"linear": lambda v: v, "logistic": expit, "poisson": np.exp}
OUTCOME = {"linear": "y", "logistic": "b", "poisson": "c"}


def test_it_reproduces_what_if_chapter_13_standardised_to_everyone() -> None:
    made = es.estimate(
        nhefs(), observational("qsmk", "wt82_71", NHEFS), "gcomputation",
        family="linear", interactions=("smokeintensity",), standardise="everyone",
    )  # fmt: skip
    matches("nhefs.gformula_std", value=made.value[0])
    extra = reference("nhefs.gformula_std")["extra"]
    assert made.details["means"]["1"] == pytest.approx(extra["EY1"], rel=1e-4)
    assert made.details["means"]["0"] == pytest.approx(extra["EY0"], rel=1e-4)
    assert made.population.n == 1629
    assert made.n_obs == 1566
    assert made.population.label == "everyone (outcome missing at random)"


def test_it_reproduces_the_hiv_cohort() -> None:
    made = es.estimate(
        table("zepid_sample"), observational("art", "dead", ZEPID), "gcomputation", interactions=False
    )  # fmt: skip
    assert made.details["family"] == "logistic"
    matches("zepid.gformula_rd", value=made.value[0])
    extra = reference("zepid.gformula_rd")["extra"]
    assert made.details["means"]["1"] == pytest.approx(extra["r1"], rel=1e-4)
    assert made.details["means"]["0"] == pytest.approx(extra["r0"], rel=1e-4)


def expected(frame, family: str, target: str, weighted: bool, everyone: bool) -> tuple[np.ndarray, np.ndarray]:
    """Arm 1's mean and control's, with their covariance, by stacked equations."""
    y = frame[OUTCOME[family]].to_numpy(float)
    seen = ~np.isnan(y)
    if not everyone:
        frame, y, seen = frame[seen], y[seen], seen[seen]
    y = np.nan_to_num(y)
    x, z, d = (frame[name].to_numpy(float) for name in ("x", "z", "d"))
    w = frame["w"].to_numpy() if weighted else np.ones(len(frame))
    member = w * (d == 1) if target == "ATT" else w
    mean = MEAN[family]

    def columns(arm: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones_like(arm), arm, x, z, arm * x, arm * z])

    own, one, zero = columns(d), columns(np.ones_like(d)), columns(np.zeros_like(d))

    def equations(theta: np.ndarray) -> np.ndarray:
        beta, high, low = theta[:6], theta[6], theta[7]
        score = own * (w * seen * (y - mean(own @ beta)))[:, None]
        return np.column_stack([score, member * (mean(one @ beta) - high), member * (mean(zero @ beta) - low)])

    start = np.zeros(8)
    theta, vcov = sandwich(equations, start)
    return theta[6:], vcov[6:, 6:]


def incomplete(seed: int, family: str) -> tuple:
    frame = confounded(seed)
    name = OUTCOME[family]
    frame[name] = frame[name].astype(float)
    frame.loc[np.random.default_rng(seed).random(len(frame)) < expit(frame["x"] - 1.0), name] = np.nan
    return frame, name


@pytest.mark.parametrize("everyone", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("family", ["linear", "logistic", "poisson"])
def test_its_variance_is_that_of_the_stacked_equations(
    family: str, target: str, weighted: bool, everyone: bool
) -> None:
    frame, name = incomplete(3, family)
    mean, vcov = expected(frame, family, target, weighted, everyone)
    plan = design(outcome=name, **({"weights": "w"} if weighted else {}))
    standardise = "everyone" if everyone else "observed"
    made = es.estimate(frame, plan, "gcomputation", family=family, target=target, standardise=standardise)
    assert made.value[0] == pytest.approx(mean[0] - mean[1], rel=1e-8)
    assert made.std_error[0] == pytest.approx(np.sqrt(vcov[0, 0] + vcov[1, 1] - 2 * vcov[0, 1]), rel=1e-6)
    assert made.baseline.value[0] == pytest.approx(mean[1], rel=1e-8)
    assert made.influence.covariance()[0, 0] == pytest.approx(made.uncertainty.vcov[0, 0], rel=1e-12)


@pytest.mark.parametrize("everyone", [False, True])
@pytest.mark.parametrize("contrast", ["ratio", "odds_ratio"])
def test_ratios_are_normal_on_the_log_scale_with_the_delta_method(contrast: str, everyone: bool) -> None:
    frame, name = incomplete(4, "logistic")
    mean, vcov = expected(frame, "logistic", "ATE", False, everyone)
    slope = np.array([1.0, -1.0]) / (mean * (1.0 - mean) if contrast == "odds_ratio" else mean)
    level = mean / (1.0 - mean) if contrast == "odds_ratio" else mean
    log, error = np.log(level[0] / level[1]), np.sqrt(slope @ vcov @ slope)
    made = es.estimate(
        frame, design(outcome=name), "gcomputation",
        contrast=contrast, standardise="everyone" if everyone else "observed",
    )  # fmt: skip
    assert made.value[0] == pytest.approx(np.exp(log), rel=1e-8)
    bounds = np.exp(log + np.array([-1, 1]) * 1.959963984540054 * error)
    assert made.interval()[0] == pytest.approx(bounds, rel=1e-6)
    assert made.terms[0].unit == {"ratio": "risk ratio", "odds_ratio": "odds ratio"}[contrast]


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_three_arms_share_one_model_and_one_covariance(target: str) -> None:
    frame = confounded(5, arms=3)
    x, z, d, y = (frame[name].to_numpy(float) for name in ("x", "z", "d", "y"))

    def columns(arm: np.ndarray) -> np.ndarray:
        one, two = (arm == 1).astype(float), (arm == 2).astype(float)
        return np.column_stack([np.ones(len(x)), one, two, x, z, one * x, one * z, two * x, two * z])

    own = columns(d)

    def equations(theta: np.ndarray) -> np.ndarray:
        beta, means = theta[:9], theta[9:]
        parts = [own * (y - own @ beta)[:, None]]
        for j, arm in enumerate((1, 2)):
            member = (d == arm).astype(float) if target == "ATT" else np.ones(len(x))
            for k, code in enumerate((arm, 0)):
                moment = member * (columns(np.full(len(x), float(code))) @ beta - means[2 * j + k])
                parts.append(moment[:, None])
        return np.hstack(parts)

    value, vcov = contrasted(equations, np.zeros(13), [(9, 10), (11, 12)])
    made = es.estimate(frame, design(), "gcomputation", target=target)
    np.testing.assert_allclose(made.value, value, rtol=1e-8)
    np.testing.assert_allclose(made.uncertainty.vcov, vcov, rtol=1e-6)


def test_a_linear_model_is_regression_adjustment() -> None:
    frame = confounded(6)
    linear = es.estimate(frame, design(), "gcomputation", family="linear")
    lines = es.estimate(frame, design(), "regression", covariance="HC0")
    assert linear.value[0] == pytest.approx(lines.value[0], rel=1e-10)
    one = es.estimate(frame, design(), "gcomputation", family="linear", interactions=False)
    slope = es.estimate(frame, design(), "regression", interactions=False, covariance="HC0")
    assert one.value[0] == pytest.approx(slope.value[0], rel=1e-10)
    assert one.std_error[0] == pytest.approx(slope.std_error[0], rel=1e-10)


@by_day_and_night(100, 250)
@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_its_intervals_cover(target: str, repetitions: int) -> None:
    chance = np.random.default_rng(0)
    x, z = chance.normal(size=400_000), chance.random(400_000) < 0.4
    treated = expit(0.5 * x - 0.4 * z + 0.1)
    truth = 1.0 if target == "ATE" else float(1.0 + 0.5 * (treated @ x) / treated.sum())
    holds(coverage(confounded, design(), "gcomputation", truth, repetitions, target=target), repetitions)


@pytest.mark.parametrize(
    ("outcome", "options", "says"),
    [
        ("y", {"family": "logistic"}, "needs an outcome of zeros and ones"),
        ("y", {"family": "poisson"}, "needs an outcome of counts, none negative"),
        ("low", {"contrast": "ratio"}, r"A mean of -.* has no ratio"),
        ("c", {"contrast": "odds_ratio"}, "An odds ratio needs an outcome between 0 and 1"),
        ("y", {"interactions": ("age",)}, "'age' is in interactions and not among the covariates"),
    ],
)
def test_what_the_outcome_cannot_bear_is_refused(outcome: str, options: dict, says: str) -> None:
    frame = confounded(7)
    frame["low"] = frame["y"] - 50.0
    with pytest.raises(es.EstimandError, match=says) as caught:
        es.estimate(frame, design(outcome=outcome), "gcomputation", **options)
    assert caught.value.remedy


def test_a_covariate_that_predicts_the_outcome_perfectly_is_refused() -> None:
    frame = confounded(8)
    frame["b"] = (frame["x"] > 0).astype(int)
    with pytest.raises(es.ConvergenceError, match="predict some rows perfectly"):
        es.estimate(frame, design(outcome="b"), "gcomputation")


@pytest.mark.parametrize("interactions", [False, True])
@pytest.mark.parametrize("method", ["gcomputation", "regression"])
def test_a_covariate_that_gives_the_arm_away_is_refused(method: str, interactions: bool) -> None:
    frame = confounded(9)
    frame["twin"] = 3.0 - 2.0 * frame["d"]
    plan = design(("x", "z", "twin"))
    with pytest.raises(es.IdentificationError, match="tells the arms apart perfectly"):
        es.estimate(frame, plan, method, interactions=interactions)
    with pytest.raises(es.IdentificationError, match="determine the arm exactly"):
        es.estimate(frame, {**plan, "kind": "experiment"}, method, interactions=interactions)
