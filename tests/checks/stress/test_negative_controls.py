"""Negative controls: silent where nothing is hidden, loud where something is."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import f
from stress_cases import COVARIATES, PLAIN_AIPW, estimated, found, never, run

import estimand as es
from estimand.checks.stress.negative_outcome import NegativeControlOutcome
from estimand.errors import DesignError
from estimand.stats.within import spread_within

OUTCOME, EXPOSURE = "stress.negative_control_outcome", "stress.negative_control_exposure"
DESIGN = {"treatment": "d", "outcome": "y", "covariates": COVARIATES}


def hidden(strength: float, rows: int = 800, seed: int = 3) -> pd.DataFrame:
    """An effect of 1; a hidden cause moves treatment, outcome and the controls; x0 is measured."""
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(rows, 3)), rng.normal(size=rows)
    d = (rng.random(rows) < 1 / (1 + np.exp(-0.5 * x[:, 0] - strength * u))).astype(int)
    return pd.DataFrame(x, columns=COVARIATES).assign(
        d=d,
        y=d + x[:, 0] + strength * u + rng.normal(size=rows),
        before=x[:, 0] + strength * u + rng.normal(size=rows),
        other=rng.normal(size=rows),
        yes=(rng.random(rows) < 0.4).astype(int),
        rain=strength * u + rng.normal(size=rows),
        colour=rng.choice(["red", "green", "blue"], rows),
    )


def outcomes(*names: str) -> dict[str, Any]:
    return {"roles": {"negative_controls": list(names)}}


def exposures(*names: str) -> dict[str, Any]:
    return {"roles": {"negative_exposures": list(names)}}


def test_without_hidden_causes_all_pass_but_the_naive_comparison_is_noted() -> None:
    record = run(hidden(0.0), ["difference", "regression", "ipw", PLAIN_AIPW], **outcomes("before", "other", "yes"))
    grades = {f.about: f.grade for f in record.findings if f.check == OUTCOME}
    passed = dict.fromkeys(["regression", "ipw", "aipw"], es.Grade.PASS)
    assert grades == {"difference": es.Grade.NOTE, **passed}
    finding = found(record, OUTCOME, "aipw")
    assert "would not have been seen" in finding.message
    assert finding.remedy is None
    assert len(finding.evidence) == 3


def test_a_hidden_cause_is_seen_and_its_bias_is_held_against_the_effect() -> None:
    frame = hidden(0.8)
    record = run(frame, ["regression", PLAIN_AIPW], **outcomes("before", "other"))
    for about in ("regression", "aipw"):
        finding = found(record, OUTCOME, about)
        assert (finding.grade, finding.subject) == (es.Grade.WARN, "before")
        assert finding.statistic < finding.threshold == 0.05
    row = next(found(record, OUTCOME, "regression").evidence.rows())
    again = es.estimate(frame, {**DESIGN, "outcome": "before"}, "regression")
    effect = es.estimate(frame, DESIGN, "regression")
    assert row["estimate"] == pytest.approx(again.value[0], rel=1e-9)
    assert row["p"] == pytest.approx(again.p_value[0], rel=1e-6)
    assert row["p_holm"] == pytest.approx(2 * again.p_value[0], rel=1e-6)
    spread = {name: spread_within(frame[name].to_numpy(), frame["d"].to_numpy()) for name in ("y", "before")}
    assert row["bias"] == pytest.approx(again.value[0] * spread["y"] / spread["before"])
    assert row["left"] == pytest.approx(effect.value[0] - row["bias"])
    assert abs(row["left"] - 1.0) < abs(effect.value[0] - 1.0)


def test_the_effect_less_the_bias_has_the_error_of_one_regression() -> None:
    """By hand: the regression of y - ratio × control has that effect."""
    frame = hidden(0.8)
    record = run(frame, [{"method": "regression", "covariance": "HC0"}], **outcomes("before"))
    row = next(found(record, OUTCOME).evidence.rows())
    ratio = row["bias"] / row["estimate"]
    mixed = frame.assign(y=frame["y"] - ratio * frame["before"])
    again = es.estimate(mixed, DESIGN, "regression", covariance="HC0")
    assert row["left"] == pytest.approx(again.value[0])
    assert row["left_error"] == pytest.approx(np.sqrt(again.influence.covariance()[0, 0]))


def test_missing_controls_take_the_rows_that_have_them() -> None:
    frame = hidden(0.0)
    frame.loc[:99, "other"] = np.nan
    record = run(frame, ["ipw"], **outcomes("other"))
    again = es.estimate(frame.iloc[100:], {**DESIGN, "outcome": "other"}, "ipw")
    assert found(record, OUTCOME).evidence["estimate"][0] == pytest.approx(again.value[0], rel=1e-8)


def test_a_control_that_does_not_vary_is_not_run() -> None:
    finding = found(run(hidden(0.0).assign(flat=1.0), ["regression"], **outcomes("flat")), OUTCOME)
    assert finding.grade is es.Grade.NOT_RUN
    assert "'flat'" in finding.message


def test_arms_weights_and_clusters_are_those_of_the_study() -> None:
    frame = hidden(0.0).assign(w=np.linspace(0.5, 2.0, 800), team=np.arange(800) % 50)
    frame["d"] = np.where(np.arange(800) % 3 == 0, 2, frame["d"])
    design = {"weights": "w", "cluster": "team", **outcomes("other")}
    record = run(frame, ["regression"], **design)
    evidence = found(record, OUTCOME).evidence
    again = es.estimate(frame, {**DESIGN, "outcome": "other", "weights": "w", "cluster": "team"}, "regression")
    held = dict(zip(evidence["term"], evidence["estimate"], strict=True))
    assert [held["1"], held["2"]] == pytest.approx(again.value.tolist(), rel=1e-8)


def test_what_is_dear_waits_for_a_full_run() -> None:
    case, estimates = estimated(hidden(0.0), ["regression", PLAIN_AIPW], **outcomes("other"))
    (refused, ran) = NegativeControlOutcome(spend=5_000).examine(
        case,
        estimates,
        lambda estimate, changed: es.estimate(changed.source, case.design, estimate.method, outcome="y"),
    )
    assert (refused.about, refused.grade) == ("aipw", es.Grade.NOT_RUN)
    assert "stress: full" in refused.remedy
    assert ran.about == "regression"
    none = NegativeControlOutcome(spend=0.0).examine(case, estimates, never)
    assert {f.grade for f in none} == {es.Grade.NOT_RUN}


def test_a_hidden_cause_shows_in_an_exposure_and_none_does_not() -> None:
    seen = found(run(hidden(0.8), ["regression"], **exposures("rain", "colour")), EXPOSURE)
    assert (seen.grade, seen.subject, seen.about) == (es.Grade.WARN, "rain", "y")
    quiet = found(run(hidden(0.0), ["regression"], **exposures("rain", "colour")), EXPOSURE)
    assert quiet.grade is es.Grade.PASS
    assert len(quiet.evidence) == 3


@pytest.mark.parametrize("cluster", [None, "team"])
def test_the_exposure_s_test_is_the_wald_test_of_statsmodels(cluster: str | None) -> None:
    frame = hidden(0.3).assign(team=np.arange(800) % 40)
    design = {**exposures("colour", "rain"), **({"cluster": cluster} if cluster else {})}
    evidence = found(run(frame, ["regression"], **design), EXPOSURE).evidence
    p = dict(zip(evidence["control"], evidence["p"], strict=True))
    levels = pd.get_dummies(frame["colour"], drop_first=False).astype(float)
    for name, added in (("rain", frame[["rain"]]), ("colour", levels[["blue", "green"]])):
        columns = sm.add_constant(pd.concat([frame[["d", *COVARIATES]], added], axis=1))
        model = sm.OLS(frame["y"], columns)
        groups = {"groups": frame["team"]}
        fit = model.fit(cov_type="cluster", cov_kwds=groups, use_t=True) if cluster else model.fit(cov_type="HC1")
        restrict = np.eye(columns.shape[1])[-added.shape[1] :]
        tested = fit.wald_test(restrict, use_f=True, scalar=True)
        assert p[name] == pytest.approx(_hotelling(tested, 40) if cluster else float(tested.pvalue), rel=1e-7)


def test_an_exposure_that_treatment_and_covariates_span_is_not_run() -> None:
    frame = hidden(0.0).assign(copy=lambda t: 2 * t["x0"] - t["d"])
    finding = found(run(frame, ["regression"], **exposures("copy")), EXPOSURE)
    assert finding.grade is es.Grade.NOT_RUN


@pytest.mark.parametrize("role", ["negative_controls", "negative_exposures"])
@pytest.mark.parametrize("name", ["d", "y", "x0"])
def test_a_column_in_use_is_no_negative_control(role: str, name: str) -> None:
    with pytest.raises(DesignError, match=f"'{name}' cannot be both"):
        run(hidden(0.0, 50), ["regression"], roles={role: [name]})


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """Familywise 5% over two controls: 60 studies, four Monte Carlo errors."""
    grades = []
    for seed in range(60):
        case, estimates = estimated(hidden(0.0, 200, seed), ["regression"], **outcomes("before", "other"))
        (finding,) = NegativeControlOutcome().examine(
            case, estimates, lambda _, changed: es.estimate(changed.source, _design(changed), "regression")
        )
        grades.append(finding.grade is es.Grade.WARN)
    assert np.mean(grades) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)


def _hotelling(tested: Any, groups: int) -> float:
    k = int(tested.df_num)
    return float(f.sf(tested.statistic * (groups - k) / (groups - 1), k, groups - k))


def _design(case: Any) -> dict[str, Any]:
    return {**DESIGN, "outcome": case.outcome}
