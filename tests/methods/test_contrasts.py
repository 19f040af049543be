"""Ratios, odds ratios and numbers needed to treat, from every method that has the means of its arms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import confounded, coverage, design, holds
from test_reference_values import NHEFS, ZEPID, nhefs, observational

import estimand as es
from estimand.core.compare import difference_between
from tests.reference_data import reference, table

PLAIN = {"learner": "linear"}
OPTIONS = {"ipw": {}, "balancing": {}, "aipw": PLAIN, "tmle": PLAIN, "gcomputation": {}}
UNITS = {("b", "ratio"): "risk ratio", ("b", "odds_ratio"): "odds ratio", ("c", "ratio"): "rate ratio"}


def levels(made: es.Estimate) -> tuple[np.ndarray, np.ndarray]:
    """Means of the treated and control arms of a difference, and their covariance."""
    base, vcov = made.baseline, made.uncertainty.vcov
    mean = np.array([made.value[0] + base.value[0], base.value[0]])
    own = vcov[0, 0] + base.vcov[0, 0] + 2 * base.cross[0, 0]
    both = base.cross[0, 0] + base.vcov[0, 0]
    return mean, np.array([[own, both], [both, base.vcov[0, 0]]])


@pytest.mark.parametrize(("outcome", "contrast"), UNITS)
@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("method", OPTIONS)
def test_a_ratio_is_that_of_the_means_with_the_delta_method(
    method: str, target: str, outcome: str, contrast: str
) -> None:
    frame, plan, options = confounded(3, 600), design(outcome=outcome), {**OPTIONS[method], "target": target}
    mean, vcov = levels(es.estimate(frame, plan, method, **options))
    slope = np.array([1.0, -1.0]) / (mean * (1.0 - mean) if contrast == "odds_ratio" else mean)
    odds = mean / (1.0 - mean) if contrast == "odds_ratio" else mean
    made = es.estimate(frame, plan, method, contrast=contrast, **options)
    assert made.value[0] == pytest.approx(odds[0] / odds[1], rel=1e-8)
    error = np.sqrt(slope @ vcov @ slope)
    reach = np.exp(np.array([-1.0, 1.0]) * 1.959963984540054 * error)
    assert made.interval()[0] == pytest.approx(made.value[0] * reach, rel=1e-8)
    assert made.scaled_error[0] == pytest.approx(error, rel=1e-8)
    assert made.influence.covariance()[0, 0] == pytest.approx(made.std_error[0] ** 2, rel=1e-8)
    assert made.terms[0].unit == UNITS[outcome, contrast]


@given(seed=st.integers(0, 300), method=st.sampled_from(sorted(OPTIONS)))
@settings(max_examples=15, deadline=None)
def test_swapped_arms_turn_a_ratio_over_and_one_is_no_effect(seed: int, method: str) -> None:
    frame, options = confounded(seed, 400), {**OPTIONS[method], "contrast": "ratio"}
    if "learner" in options:
        options["folds"] = 1
    first = es.estimate(frame, design(outcome="b"), method, **options)
    second = es.estimate(frame, design(outcome="b", control="1"), method, **options)
    assert first.value[0] * second.value[0] == pytest.approx(1.0, rel=1e-8)
    low, high = first.interval()[0]
    assert (first.p_value[0] < 0.05) == (not low <= 1.0 <= high)


def test_a_relative_effect_is_the_ratio_less_one() -> None:
    frame = confounded(4, 500)
    plain = es.estimate(frame, design(outcome="b"), "ipw")
    ratio = es.estimate(frame, design(outcome="b"), "ipw", contrast="ratio")
    assert plain.relative().value[0] == pytest.approx(ratio.value[0] - 1.0, rel=1e-10)
    with pytest.raises(es.UnsupportedError, match="a ratio already"):
        ratio.relative()


@pytest.mark.parametrize("method", OPTIONS)
def test_what_has_no_ratio_is_refused(method: str) -> None:
    frame = confounded(5, 400)
    frame["low"] = frame["y"] - 50.0
    with pytest.raises(es.IdentificationError, match="has no ratio"):
        es.estimate(frame, design(outcome="low"), method, contrast="ratio", **OPTIONS[method])
    with pytest.raises(es.DesignError, match="odds ratio needs an outcome between 0 and 1"):
        es.estimate(frame, design(outcome="c"), method, contrast="odds_ratio", **OPTIONS[method])


def test_several_arms_have_a_ratio_each() -> None:
    frame = confounded(6, 900, arms=3)
    for method, options in OPTIONS.items():
        made = es.estimate(frame, design(outcome="c"), method, contrast="ratio", **options)
        assert made.value.shape == (2,)
        assert made.uncertainty.vcov[0, 1] > 0.0
        assert (made.interval(joint=True)[:, 1] > made.interval()[:, 1]).all()


def test_the_hiv_cohorts_risk_ratio() -> None:
    made = es.estimate(
        table("zepid_sample"), observational("art", "dead", ZEPID), "aipw",
        learner="linear", folds=1, outcome_model="pooled", contrast="ratio",
    )  # fmt: skip
    assert made.value[0] == pytest.approx(reference("zepid.aiptw_rd")["extra"]["RR"], rel=1e-4)


def test_the_marginal_odds_ratio_of_what_if_chapter_12() -> None:
    """Published with weights from everyone with a weight in 1982, as known; estimating them makes the error smaller."""
    entry = reference("nhefs.msm_logistic")
    frame = nhefs().dropna(subset=["wt82"])
    made = es.estimate(frame, observational("qsmk", "death", NHEFS), "ipw", contrast="odds_ratio")
    assert made.value[0] == pytest.approx(entry["value"], rel=1e-4)
    assert 0.85 * entry["se"] < made.scaled_error[0] < 1.02 * entry["se"]


def test_two_ratios_differ_on_the_log_scale() -> None:
    frame = confounded(7, 500)
    first, second = (
        es.estimate(frame, design(outcome="b"), m, contrast="ratio", **OPTIONS[m]) for m in ("ipw", "aipw")
    )
    apart = difference_between(first, second)
    assert apart.value[0] == pytest.approx(first.value[0] / second.value[0], rel=1e-12)
    psi = first.influence.psi / first.value - second.influence.psi / second.value
    assert apart.scaled_error[0] == pytest.approx(np.sqrt(np.square(psi).sum()) / 500, rel=1e-8)
    plain = es.estimate(frame, design(outcome="b"), "ipw")
    odds = es.estimate(frame, design(outcome="b"), "ipw", contrast="odds_ratio")
    for other in (plain, odds):
        with pytest.raises(es.DesignError):
            difference_between(first, other)


def test_numbers_needed_to_treat_invert_the_risk_difference() -> None:
    made = es.estimate(confounded(8, 2000), design(outcome="b"), "ipw")
    needed = made.number_needed_to_treat()
    low, high = made.interval()[0]
    assert low > 0.0
    assert needed.value[0] == pytest.approx(1.0 / made.value[0])
    assert needed.interval()[0] == pytest.approx([1.0 / high, 1.0 / low])
    assert needed.p_value == pytest.approx(made.p_value)
    assert needed.interval(0.99)[0, 1] > needed.interval(0.9)[0, 1]


def test_a_risk_difference_that_may_be_zero_leaves_two_pieces() -> None:
    frame = confounded(9, 300)
    frame["b"] = np.random.default_rng(1).integers(0, 2, 300)
    made = es.estimate(frame, design(outcome="b"), "ipw")
    low, high = made.interval()[0]
    assert low < 0.0 < high
    pieces = made.number_needed_to_treat().uncertainty.at(0.95)[0]
    assert pieces == ((-np.inf, pytest.approx(1.0 / low)), (pytest.approx(1.0 / high), np.inf))


def test_what_has_no_number_needed_is_refused() -> None:
    frame = confounded(10, 300)
    for made, says in (
        (es.estimate(frame, design(), "ipw"), "zeros and ones"),
        (es.estimate(frame, design(outcome="b"), "ipw", contrast="ratio"), "is a ratio"),
        (es.estimate(frame, design(outcome="b"), "difference"), "adjusts for nothing"),
    ):
        with pytest.raises(es.UnsupportedError, match=says) as caught:
            made.number_needed_to_treat()
        assert caught.value.remedy


@pytest.mark.parametrize(("method", "draws"), [("ipw", 80), pytest.param("aipw", 1000, marks=pytest.mark.nightly)])
def test_their_intervals_hold_the_truth(method: str, draws: int) -> None:
    chance = np.random.default_rng(0)
    x, z = chance.normal(size=2_000_000), chance.random(2_000_000) < 0.4
    means = [float((1 / (1 + np.exp(0.3 - 0.7 * x + 0.4 * z - 0.6 * d))).mean()) for d in (1, 0)]
    truth = means[0] / means[1]
    holds(coverage(confounded, design(outcome="b"), method, truth, draws, contrast="ratio", **OPTIONS[method]), draws)
