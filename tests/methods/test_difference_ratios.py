"""Ratios of unadjusted means: by hand, from rows and from moments, against the delta method and simulation."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import estimand as es
from estimand.core.uncertainty import Normal
from tests.repeated import by_day_and_night

PLAN = {"kind": "experiment", "treatment": "d", "outcome": "y"}


def two_by_two() -> pd.DataFrame:
    """30 of 50 treated and 20 of 80 controls."""
    return pd.DataFrame({"d": [1] * 50 + [0] * 80, "y": [1] * 30 + [0] * 20 + [1] * 20 + [0] * 60})


def positive(seed: int, rows: int = 60, arms: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    d = rng.integers(0, arms, rows)
    return pd.DataFrame({"d": d, "y": rng.gamma(3.0, 1.0 + 0.5 * d), "w": rng.uniform(0.5, 2.0, rows)})


def as_moments(frame: pd.DataFrame) -> es.Moments:
    """Moments worked out by pandas alone."""
    grouped = frame.groupby("d")["y"]
    return es.Moments.from_dict(
        {
            "columns": ["y"],
            "arms": [str(label) for label in grouped.groups],
            "shift": [0.0],
            "units": grouped.size().astype(float).tolist(),
            "means": [[mean] for mean in grouped.mean()],
            "cross": [[[cross]] for cross in grouped.var() * (grouped.size() - 1)],
        }
    )


@pytest.mark.parametrize("source", ["rows", "moments"])
def test_a_table_of_two_by_two_by_hand(source: str) -> None:
    frame = two_by_two()
    data = frame if source == "rows" else as_moments(frame)
    parts = (0.6 * 0.4 / 49, 0.25 * 0.75 / 79)
    ratio = es.estimate(data, PLAN, "difference", contrast="ratio")
    assert ratio.value[0] == pytest.approx(2.4, rel=1e-12)
    shares = (parts[0] / 0.6**2, parts[1] / 0.25**2)
    assert ratio.scaled_error[0] == pytest.approx(math.sqrt(sum(shares)), rel=1e-10)
    freedom = sum(shares) ** 2 / (shares[0] ** 2 / 49 + shares[1] ** 2 / 79)
    reach = t.ppf(0.975, freedom) * math.sqrt(sum(shares))
    assert ratio.interval()[0] == pytest.approx([2.4 * math.exp(-reach), 2.4 * math.exp(reach)], rel=1e-9)
    assert ratio.terms[0].unit == "risk ratio"
    odds = es.estimate(data, PLAN, "difference", contrast="odds_ratio")
    assert odds.value[0] == pytest.approx((30 * 60) / (20 * 20), rel=1e-12)
    spread = parts[0] / (0.6 * 0.4) ** 2 + parts[1] / (0.25 * 0.75) ** 2
    assert odds.scaled_error[0] == pytest.approx(math.sqrt(spread), rel=1e-10)
    assert odds.terms[0].unit == "odds ratio"


@pytest.mark.parametrize("extra", [{}, {"weights": "w"}, {"cluster": "g"}])
def test_the_ratio_is_the_delta_method_on_the_difference(extra: dict[str, str]) -> None:
    frame = positive(1).assign(g=np.arange(60) // 3)
    plain = es.estimate(frame, {**PLAN, **extra}, "difference")
    base, error = plain.baseline, plain.uncertainty.vcov[0, 0]
    control, treated = base.value[0], base.value[0] + plain.value[0]
    made = es.estimate(frame, {**PLAN, **extra}, "difference", contrast="ratio")
    assert made.value[0] == pytest.approx(treated / control, rel=1e-12)
    gradient = np.array([1.0 / treated, 1.0 / treated - 1.0 / control])
    joint = np.array([[error, base.cross[0, 0]], [base.cross[0, 0], base.vcov[0, 0]]])
    assert made.scaled_error[0] == pytest.approx(math.sqrt(gradient @ joint @ gradient), rel=1e-10)
    of_control = made.value[0] * (gradient @ joint[:, 1])
    assert made.baseline.cross[0, 0] == pytest.approx(of_control, rel=1e-10)
    with_units = made.influence.covariance()[0, 0] / made.std_error[0] ** 2
    assert with_units == pytest.approx(1.0, abs=0.08)


def test_rows_without_the_outcome_are_stood_for_in_a_ratio_too() -> None:
    frame = positive(2, 400).assign(x=np.random.default_rng(3).normal(size=400))
    seen = 1.0 / (1.0 + np.exp(frame["x"] - 1.0))
    frame["y"] = frame["y"].where(np.random.default_rng(4).random(400) < seen)
    plan = {**PLAN, "covariates": ["x"], "missing_outcome": "weight"}
    plain = es.estimate(frame, plan, "difference")
    made = es.estimate(frame, plan, "difference", contrast="ratio")
    assert made.value[0] == pytest.approx(1.0 + plain.value[0] / plain.baseline.value[0], rel=1e-10)
    assert made.std_error[0] == pytest.approx(math.sqrt(made.influence.covariance()[0, 0]), rel=0.02)


def test_several_arms_share_control() -> None:
    frame = positive(4, 150, arms=3)
    made = es.estimate(frame, PLAN, "difference", contrast="ratio")
    mean, var, n = (frame.groupby("d")["y"].agg(how).to_numpy() for how in ("mean", "var", "size"))
    assert made.value == pytest.approx(mean[1:] / mean[0], rel=1e-12)
    shares = var / n / mean**2
    assert made.uncertainty.vcov == pytest.approx(np.diag(shares[1:]) + shares[0], rel=1e-10)
    assert isinstance(made.uncertainty, Normal)
    assert made.uncertainty.scale == "log"


def test_what_has_no_ratio_is_refused() -> None:
    frame = two_by_two()
    none = frame.assign(y=frame["y"] * frame["d"])
    for data in (none, as_moments(none)):
        for kind in ("ratio", "odds_ratio"):
            with pytest.raises(es.IdentificationError, match=r"A mean of 0 has no"):
                es.estimate(data, PLAN, "difference", contrast=kind)
    with pytest.raises(es.DesignError, match="between 0 and 1"):
        es.estimate(positive(5), PLAN, "difference", contrast="odds_ratio")
    with pytest.raises(es.UnsupportedError, match="not those of zeros and ones"):
        es.estimate(as_moments(positive(5)), PLAN, "difference", contrast="odds_ratio")
    shares = positive(5).assign(y=lambda f: f["y"] / 30.0)
    assert es.estimate(as_moments(shares), PLAN, "difference", contrast="ratio").terms[0].unit == "ratio of means"


@pytest.mark.parametrize("kind", ["wild_cluster", "randomisation"])
def test_tests_of_a_difference_are_refused_to_a_ratio(kind: str) -> None:
    frame = positive(6).assign(g=np.arange(60) // 3)
    plan = {**PLAN, "cluster": "g"} if kind == "wild_cluster" else PLAN
    with pytest.raises(es.UnsupportedError, match="this is a ratio"):
        es.estimate(frame, plan, "difference", contrast="ratio", resample=kind)


def test_drawing_rows_again_agrees_with_the_formula() -> None:
    frame = positive(7, 400)
    made = es.estimate(frame, PLAN, "difference", contrast="ratio")
    drawn = es.estimate(frame, PLAN, "difference", contrast="ratio", resample={"kind": "pairs", "draws": 2000})
    assert drawn.std_error[0] == pytest.approx(made.std_error[0], rel=4 / math.sqrt(2 * 2000) + 0.01)


def test_few_clusters_ask_no_test_of_a_ratio() -> None:
    frame = positive(8).assign(g=np.arange(60) // 12)
    frame["d"] = frame["g"] % 2
    plan = {**PLAN, "cluster": "g"}
    record = es.Study(data=frame, design=plan, methods=[{"method": "difference", "contrast": "ratio"}]).run()
    assert not [f for f in record.findings if f.check in {"inference.wild_cluster", "inference.randomisation"}]


@by_day_and_night(250, 1_000)
def test_intervals_of_a_ratio_hold_the_truth(repetitions: int) -> None:
    hits = 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        d = np.arange(60) % 3 == 0
        y = rng.gamma(4.0, np.where(d, 1.5, 1.0))
        low, high = es.estimate(
            as_moments(pd.DataFrame({"d": d.astype(int), "y": y})), PLAN, "difference", contrast="ratio"
        ).interval()[0]
        hits += low <= 1.5 <= high
    assert hits / repetitions == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / repetitions))
