"""Each diagnosis fires where it should, stays silent where it should, and says the number it saw."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.reference_data import reference, table

LALONDE = {
    "kind": "observational",
    "treatment": "treat",
    "outcome": "re78",
    "covariates": ["age", "educ", "race", "married", "nodegree", "re74", "re75"],
}


def confounded(strength: float, rows: int = 3_000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    d = (rng.random(rows) < 1 / (1 + np.exp(-strength * x))).astype(int)
    return pd.DataFrame({"d": d, "x": x, "y": x + d + rng.normal(size=rows), "team": np.arange(rows) % 30})


def run(frame: pd.DataFrame, methods: list[Any], **more: Any) -> es.StudyRecord:
    design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"], **more}
    return es.run({"data": frame, "design": design, "methods": methods})


def found(record: es.StudyRecord, check: str, about: str) -> es.Finding:
    (finding,) = [f for f in record.findings if f.check == check and f.about == about]
    return finding


def test_balance_after_weighting_is_the_published_one() -> None:
    record = es.run(
        {"data": table("lalonde_matchit"), "design": LALONDE, "methods": [{"method": "ipw", "target": "ATT"}]}
    )
    evidence = found(record, "balance.smd", "ipw").evidence
    after = dict(zip(evidence["feature"], evidence["after"], strict=True))
    before = dict(zip(evidence["feature"], evidence["before"], strict=True))
    raw, weighted = reference("lalonde.matchit.smd_raw"), reference("lalonde.matchit.smd_ipw_att")
    assert before["age"] == pytest.approx(raw["value"], rel=1e-4)
    assert after["age"] == pytest.approx(weighted["value"], rel=1e-4)
    for name, value in weighted["extra"].items():
        key = "race = black" if name == "black" else name
        assert after[key] == pytest.approx(value, rel=1e-4)
        assert before[key] == pytest.approx(raw["extra"][name], rel=1e-4)
    assert set(after) >= {"race = black", "race = hispan", "race = white"}


def test_balance_is_reached_where_the_propensity_model_is_right_and_warned_of_where_it_is_clipped() -> None:
    frame = confounded(2.0)
    good = run(frame, ["ipw"])
    assert found(good, "balance.before", "study").grade is es.Grade.NOTE
    assert found(good, "balance.before", "study").statistic > 1.0
    assert found(good, "balance.smd", "ipw").grade is es.Grade.PASS
    bad = run(frame, [{"method": "ipw", "clip": 0.35}])
    finding = found(bad, "balance.smd", "ipw")
    assert finding.grade is es.Grade.WARN
    assert abs(finding.statistic) > finding.threshold == 0.25
    clip = found(bad, "ipw.clip", "ipw")
    assert clip.grade is es.Grade.WARN
    assert clip.statistic == pytest.approx(np.mean(np.abs(good.estimate().details["propensity"] - 0.5) > 0.15))


def test_the_variance_ratio_sees_what_means_do_not() -> None:
    rng = np.random.default_rng(2)
    d = rng.integers(0, 2, 4_000)
    x = rng.normal(size=4_000) * np.where(d == 1, 2.0, 1.0)
    record = run(pd.DataFrame({"d": d, "x": x, "y": x + rng.normal(size=4_000)}), ["ipw"])
    assert found(record, "balance.smd", "ipw").grade is es.Grade.PASS
    finding = found(record, "balance.variance_ratio", "ipw")
    assert finding.grade is es.Grade.WARN
    assert finding.statistic == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    ("target", "grade"),
    [("ATE", es.Grade.WARN), ("ATT", es.Grade.WARN), ("ATC", es.Grade.WARN), ("ATO", es.Grade.PASS)],
)
def test_overlap_is_judged_relative_to_the_target(target: str, grade: es.Grade) -> None:
    record = run(confounded(4.0), [{"method": "ipw", "target": target}])
    finding = found(record, "overlap.propensity", "ipw")
    assert finding.grade in {grade, es.Grade.NOTE} if grade is es.Grade.PASS else finding.grade is grade
    propensity = record.estimate("ipw").details["propensity"]
    treated = confounded(4.0)["d"].to_numpy() == 1
    expected = {
        "ATE": np.mean((propensity < 0.05) | (propensity > 0.95)),
        "ATT": np.mean(propensity[treated] > 0.95),
        "ATC": np.mean(propensity[~treated] < 0.05),
        "ATO": 0.0,
    }[target]
    assert finding.statistic == pytest.approx(expected)
    assert sum(finding.evidence["arm 0"]) + sum(finding.evidence["arm 1"]) == 3_000


def test_good_overlap_passes() -> None:
    record = run(confounded(0.5), ["ipw"])
    assert found(record, "overlap.propensity", "ipw").grade is es.Grade.PASS
    assert found(record, "weights.effective_n", "ipw").grade is es.Grade.PASS
    assert found(record, "weights.max_share", "ipw").grade is es.Grade.PASS


def test_few_heavy_rows_are_seen() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    d = (rng.random(400) < 1 / (1 + np.exp(-3.5 * x))).astype(int)
    record = run(pd.DataFrame({"d": d, "x": x, "y": x}), ["ipw"])
    weights = record.estimate("ipw").details["weights"]
    share = max(weights[d == a].max() / weights[d == a].sum() for a in (0, 1))
    assert found(record, "weights.max_share", "ipw").statistic == pytest.approx(share)
    assert found(record, "weights.max_share", "ipw").grade is es.Grade.WARN
    thin = min(weights[d == a].sum() ** 2 / np.square(weights[d == a]).sum() for a in (0, 1))
    finding = found(record, "weights.effective_n", "ipw")
    assert finding.statistic == pytest.approx(thin / min((d == 1).sum(), (d == 0).sum()))
    assert finding.grade is es.Grade.WARN


def test_trimming_renames_the_population_and_says_so() -> None:
    record = run(confounded(2.0), [{"method": "ipw", "trim": 0.1}])
    estimate = record.estimate("ipw")
    assert estimate.population.label == "everyone (propensity within [0.1, 0.9])"
    propensity = estimate.details["propensity"]
    kept = (propensity >= 0.1) & (propensity <= 0.9)
    assert estimate.population.n == kept.sum()
    assert (estimate.details["weights"][~kept] == 0.0).all()
    assert found(record, "ipw.trim", "ipw").statistic == pytest.approx(1 - kept.mean())


@pytest.mark.parametrize(("teams", "grade"), [(30, es.Grade.WARN), (60, es.Grade.PASS)])
def test_few_clusters_are_warned_of(teams: int, grade: es.Grade) -> None:
    frame = confounded(0.5).assign(team=np.arange(3_000) % teams)
    record = run(frame, ["ipw", "regression"], cluster="team")
    assert found(record, "inference.clusters", "ipw").grade is grade
    corrected = found(record, "inference.clusters", "regression")
    assert corrected.grade is (es.Grade.NOTE if teams == 30 else es.Grade.PASS)
    assert record.estimate("regression").uncertainty.correction == ("CR2" if teams == 30 else "CR1")


def test_very_few_treated_clusters_are_warned_of_whatever_the_correction() -> None:
    frame = confounded(0.5)
    frame = frame.assign(d=(frame["team"] < 3).astype(int))
    record = run(frame, ["difference"], cluster="team")
    finding = found(record, "inference.clusters", "difference")
    assert record.estimate("difference").uncertainty.correction == "CR2"
    assert finding.grade is es.Grade.WARN
    assert "3 of them with rows of arm '1'" in finding.message


def test_the_policy_moves_the_lines() -> None:
    frame = confounded(2.0)
    design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}
    study = {"data": frame, "design": design, "methods": ["ipw"]}
    assert found(es.run(study), "overlap.propensity", "ipw").grade is es.Grade.WARN
    loose = es.run({**study, "gates": {"overlap_edge": 0.001}})
    assert found(loose, "overlap.propensity", "ipw").grade is es.Grade.PASS


def test_overlap_with_several_arms_looks_at_each() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=3_000)
    odds = np.exp(np.stack([np.zeros_like(x), 3.0 * x, -3.0 * x], axis=1))
    chance = odds / odds.sum(axis=1, keepdims=True)
    d = (rng.random((3_000, 1)) > chance.cumsum(axis=1)).sum(axis=1)
    frame = pd.DataFrame({"d": d.astype(str), "x": x, "y": x + rng.normal(size=3_000)})
    record = run(frame, ["ipw"])
    fitted = record.estimate("ipw").details["propensity"]
    assert np.abs(fitted - chance).max() < 0.1
    finding = found(record, "overlap.propensity", "ipw")
    assert finding.grade is es.Grade.WARN
    assert finding.statistic == pytest.approx((fitted < 0.05).any(axis=1).mean())


def test_arms_told_apart_but_for_ties_veto_what_still_gives_a_number() -> None:
    frame = confounded(1.0).assign(x=lambda f: f["x"].round(2).where(f["x"].abs() > 0.05, 0.0))
    frame["d"] = np.where(frame["x"] == 0.0, frame["d"], frame["x"] > 0).astype(int)
    record = run(frame, ["regression", "gcomputation", "ipw", {"method": "aipw", "learner": "boosting"}])
    assert record.verdict.grade is es.Grade.VETO
    assert {e.id for e in record.estimates} == {"regression", "gcomputation", "aipw"}
    for key in ("regression", "gcomputation", "aipw"):
        finding = found(record, "overlap.separation", key)
        assert finding.grade is es.Grade.VETO
        assert finding.statistic == pytest.approx((frame["x"] != 0.0).mean(), abs=1e-12)
    assert found(record, "ipw.failed", "ipw").grade is es.Grade.NOT_RUN
    assert found(run(confounded(1.0), ["regression"]), "overlap.separation", "regression").grade is es.Grade.PASS


def test_an_arm_that_ties_with_no_other_is_vetoed_beside_two_that_overlap() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=900).round(1)
    d = np.where(x > 1.0, 2, rng.integers(0, 2, 900))
    d[np.flatnonzero(x == 1.0)[:3]] = 2
    frame = pd.DataFrame({"d": d.astype(str), "x": x, "y": x + rng.normal(size=900)})
    finding = found(run(frame, ["gcomputation"]), "overlap.separation", "gcomputation")
    assert finding.grade is es.Grade.VETO
    assert finding.statistic == pytest.approx((x != 1.0).mean(), abs=1e-12)


def test_so_many_covariates_that_they_decide_arms_drawn_by_lot_are_a_warning() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(60, 40))).add_prefix("x").assign(d=np.arange(60) % 2, y=rng.normal(size=60))
    record = run(frame, [{"method": "dml", "learner": "lasso", "folds": 2}], covariates=[f"x{j}" for j in range(40)])
    finding = found(record, "overlap.separation", "dml")
    assert finding.grade is es.Grade.WARN
    assert "drawn by lot" in finding.message


def test_a_rare_cell_of_one_arm_is_a_warning_and_not_a_veto() -> None:
    frame = confounded(0.5)
    frame = frame.assign(rare=(np.arange(3_000) < 4).astype(int), d=frame["d"].where(np.arange(3_000) >= 4, 1))
    record = run(frame, [{"method": "aipw", "learner": "boosting"}], covariates=["x", "rare"])
    finding = found(record, "overlap.separation", "aipw")
    assert finding.grade is es.Grade.WARN
    assert finding.statistic == pytest.approx(4 / 3_000)


def test_a_method_with_nothing_to_adjust_for_is_warned_of() -> None:
    bare = run(confounded(1.0), ["difference", "regression"], covariates=[])
    assert found(bare, "design.unadjusted", "regression").grade is es.Grade.WARN
    assert bare.verdict.grade is es.Grade.WARN
    assert found(run(confounded(1.0), ["regression"]), "design.unadjusted", "regression").grade is es.Grade.PASS


def test_remedies_name_only_what_the_method_can_do() -> None:
    record = run(confounded(4.0), ["ipw", {"method": "aipw", "learner": "linear"}])
    assert "set trim" in found(record, "overlap.propensity", "ipw").remedy
    assert "trim" not in found(record, "overlap.propensity", "aipw").remedy


def test_design_weights_count_people_in_balance_and_overlap() -> None:
    frame = confounded(2.0, rows=400).assign(w=1.0 + np.arange(400) % 3)
    repeated = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    weighted = run(frame, ["ipw"], weights={"column": "w", "kind": "sampling"})
    counted = run(repeated, ["ipw"])
    unweighted = run(frame, ["ipw"])
    for check, about in (("balance.before", "study"), ("overlap.propensity", "ipw")):
        ours, theirs = found(weighted, check, about), found(counted, check, about)
        assert ours.statistic == pytest.approx(theirs.statistic, rel=5e-3)
        assert ours.statistic != pytest.approx(found(unweighted, check, about).statistic, rel=5e-3)
    assert found(weighted, "overlap.propensity", "ipw").evidence["arm 1"] == pytest.approx(
        found(counted, "overlap.propensity", "ipw").evidence["arm 1"]
    )
