"""The marginal sensitivity model: at Λ = 1 the estimate's own interval; beyond, a bootstrap says the same."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from stress_cases import COVARIATES, PLAIN_AIPW, confounded, estimated, never, run

import estimand as es
from estimand.checks.stress.marginal_sensitivity import MarginalSensitivity, tilted
from estimand.stats.set_intervals import end_std_error

TARGETS = [{"method": "ipw", "id": target, "target": target} for target in ("ATE", "ATT", "ATC")]


def first_rows(findings: tuple[es.Finding, ...]) -> list[tuple[float, ...]]:
    return [tuple(f.evidence[name][0] for name in ("low", "high", "ci_low", "ci_high")) for f in findings]


@pytest.mark.parametrize("option", [{}, {"trim": 0.15}, {"clip": 0.2}])
def test_without_hidden_confounding_it_is_the_estimate_and_its_interval(option: dict[str, float]) -> None:
    case, estimates = estimated(confounded(), [{**item, **option} for item in TARGETS])
    rows = first_rows(MarginalSensitivity().examine(case, estimates, never))
    for estimate, row in zip(estimates, rows, strict=True):
        assert row == pytest.approx((estimate.value[0], estimate.value[0], *estimate.interval()[0]), rel=1e-7)


def test_with_weights_and_clusters_too() -> None:
    frame = confounded().assign(g=np.arange(1_000) // 10, w=np.random.default_rng(1).random(1_000) + 0.5)
    case, estimates = estimated(frame, TARGETS, cluster="g", weights="w")
    rows = first_rows(MarginalSensitivity().examine(case, estimates, never))
    for estimate, row in zip(estimates, rows, strict=True):
        assert row == pytest.approx((estimate.value[0], estimate.value[0], *estimate.interval()[0]), rel=1e-7)


def test_with_several_arms_every_term_is_answered() -> None:
    frame = confounded()
    frame["d"] = np.where(np.random.default_rng(2).random(1_000) < 0.3, 2, frame["d"])
    case, estimates = estimated(frame, TARGETS)
    findings = MarginalSensitivity().examine(case, estimates, never)
    assert len(findings) == 6
    for j, row in enumerate(first_rows(findings)):
        estimate, term = estimates[j // 2], j % 2
        assert row == pytest.approx((estimate.value[term], estimate.value[term], *estimate.interval()[term]), rel=1e-7)


def extreme(frame: pd.DataFrame, weights: np.ndarray, bound: float) -> float:
    """Least ATE at Λ with a propensity refitted on weighted rows: every cut of every arm tried."""
    x, d, y = sm.add_constant(frame[COVARIATES]), frame["d"].to_numpy(), frame["y"].to_numpy()
    e = np.asarray(sm.GLM(d, x, sm.families.Binomial(), freq_weights=weights).fit().predict())
    ends = []
    for arm, p, largest in ((1, e, False), (0, 1 - e, True)):
        rows = np.flatnonzero(d == arm)
        rows = rows[np.argsort(y[rows])]
        odds, above = (1 - p[rows]) / p[rows], bound if largest else 1 / bound
        means = []
        for cut in range(rows.size + 1):
            factor = np.where(np.arange(rows.size) < cut, 1 / above, above)
            means.append(np.average(y[rows], weights=weights[rows] * (1 + factor * odds)))
        ends.append(max(means) if largest else min(means))
    return ends[0] - ends[1]


def test_the_standard_error_of_a_bound_is_that_of_a_bootstrap_that_refits_the_propensity() -> None:
    """The percentile bootstrap of Zhao, Small & Bhattacharya, with the search over cuts spelt out."""
    frame, bound = confounded(200, 5), 1.5
    case, estimates = estimated(frame, TARGETS[:1])
    (finding,) = MarginalSensitivity(steps=2).examine(case, estimates, never)
    rng, draws = np.random.default_rng(0), 200
    values = [extreme(frame, rng.multinomial(200, np.full(200, 1 / 200)).astype(float), bound) for _ in range(draws)]
    from_scores = standard_error_of_low(case, estimates, bound)
    assert extreme(frame, np.ones(200), bound) == pytest.approx(from_scores[0], rel=1e-6)
    assert from_scores[1] == pytest.approx(np.std(values), rel=4 / np.sqrt(2 * draws))
    assert finding.evidence["lambda"][0] == 1.0


def standard_error_of_low(case, estimates, bound: float) -> tuple[float, float]:
    """Least effect at Λ, and its standard error by the check's own influence."""
    low, _ = tilted(case, estimates[0], 1).ends(bound)
    return low.value, end_std_error(low.psi)


def test_bounds_widen_and_the_turns_are_where_they_meet_zero() -> None:
    case, estimates = estimated(confounded(2_000), TARGETS)
    for finding in MarginalSensitivity().examine(case, estimates, never):
        rows = list(finding.evidence.rows())
        assert all(a["low"] >= b["low"] and a["high"] <= b["high"] for a, b in pairwise(rows))
        interval, whole = rows[0]["interval_turn"], rows[0]["set_turn"]
        assert finding.statistic == interval < whole
        assert next(row for row in rows if row["lambda"] == interval)["ci_low"] == pytest.approx(0.0, abs=1e-3)
        assert next(row for row in rows if row["lambda"] == whole)["low"] == pytest.approx(0.0, abs=1e-3)
        assert finding.grade is es.Grade.NOTE


def test_hidden_confounding_within_the_model_is_inside_the_bounds() -> None:
    """A cause that nobody measured doubles or halves the odds of treatment; the truth is 1."""
    rng = np.random.default_rng(9)
    x, u = rng.normal(size=(20_000, 3)), rng.integers(0, 2, 20_000)
    d = (rng.random(20_000) < 1 / (1 + np.exp(-0.5 * x[:, 0] - np.log(2.0) * (2 * u - 1)))).astype(int)
    frame = pd.DataFrame(x, columns=COVARIATES).assign(d=d, y=d + x[:, 0] + 2 * u + rng.normal(size=20_000))
    case, estimates = estimated(frame, TARGETS[:1])
    (finding,) = MarginalSensitivity().examine(case, estimates, never)
    rows = list(finding.evidence.rows())
    assert rows[0]["ci_low"] > 1.0
    past = [row for row in rows if row["lambda"] >= 2.0]
    assert past
    assert all(row["low"] <= 1.0 <= row["high"] for row in past)


def test_what_has_no_such_model_is_said_or_left_alone() -> None:
    record = run(confounded(), ["regression", PLAIN_AIPW, {"method": "ipw", "id": "ato", "target": "ATO"}])
    (finding,) = [f for f in record.findings if f.check == "stress.marginal_sensitivity"]
    assert (finding.about, finding.grade) == ("ato", es.Grade.NOT_RUN)
    record = run(confounded(pull=0.0), ["ipw"], kind="experiment")
    assert not [f for f in record.findings if f.check == "stress.marginal_sensitivity"]


def test_an_effect_of_nothing_needs_no_confounding() -> None:
    frame = confounded()
    case, estimates = estimated(frame.assign(y=frame["y"] - frame["d"]), TARGETS[:1])
    (finding,) = MarginalSensitivity().examine(case, estimates, never)
    assert finding.statistic == 1.0
    assert "already holds zero" in finding.message


def test_too_many_rows_are_refused() -> None:
    case, estimates = estimated(confounded(), TARGETS[:1])
    (finding,) = MarginalSensitivity(limit=100.0).examine(case, estimates, never)
    assert finding.grade is es.Grade.NOT_RUN


def test_ratios_and_weights_for_missing_outcomes_are_refused() -> None:
    frame = confounded()
    binary = frame.assign(y=(frame["y"] > 0.0).astype(int))
    case, estimates = estimated(binary, [{"method": "ipw", "contrast": "ratio"}])
    (finding,) = MarginalSensitivity().examine(case, estimates, never)
    assert "this is a ratio" in finding.message
    gone = frame.assign(y=frame["y"].mask(np.random.default_rng(3).random(1_000) < 0.2))
    case, estimates = estimated(gone, TARGETS[:1], missing_outcome="weight")
    (finding,) = MarginalSensitivity().examine(case, estimates, never)
    assert finding.grade is es.Grade.NOT_RUN
