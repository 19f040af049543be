"""Bounds by assumption: of hidden confounding (Manski), and of missing outcomes in an experiment (Lee)."""

import numpy as np
import pandas as pd
import pytest
from reference_data import reference, table
from stress_cases import confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.lee_bounds import LeeBounds
from estimand.checks.stress.manski_bounds import ManskiBounds


def attrited(rows: int = 3_000, seed: int = 1, kept: tuple[float, float] = (0.6, 0.9)) -> pd.DataFrame:
    """An experiment with an effect of 1; the outcome is seen for a share of the controls and of the treated."""
    frame, rng = confounded(rows, seed, pull=0.0), np.random.default_rng(seed)
    gone = rng.random(rows) >= np.where(frame["d"] == 1, kept[1], kept[0])
    return frame.assign(y=frame["y"].mask(gone))


def assumed(finding: es.Finding) -> dict[str, tuple[float, float]]:
    return {row["assumption"]: (row["low"], row["high"]) for row in finding.evidence.rows()}


def test_bounds_of_electronic_monitoring_are_the_published_ones() -> None:
    frame = table("efm").rename(columns={"cesarean": "y", "monitor": "d"})
    case, estimates = estimated(frame, ["difference"], covariates=["arrest"])
    (finding,) = ManskiBounds().examine(case, estimates, never)
    rows, naive = assumed(finding), reference("efm.naive")["value"]
    low, high = reference("efm.manski")["ci"]
    assert rows["Nothing"] == pytest.approx((low, high), rel=1e-8)
    assert rows["Treatment never lowers it"] == pytest.approx((0.0, high), rel=1e-8)
    assert rows["The treated would be higher anyway"] == pytest.approx((low, naive), rel=1e-8)
    assert rows["The treated would be lower anyway"] == pytest.approx((naive, high), rel=1e-8)
    assert rows["Treatment never lowers it, and the treated would be higher anyway"] == pytest.approx((0.0, naive))
    assert "0 or 1" in finding.message
    assert "'The treated would be lower anyway'" in finding.message


def test_each_interval_holds_its_set_and_a_negative_difference_turns_the_assumptions() -> None:
    frame = confounded()
    case, estimates = estimated(frame.assign(y=-frame["y"]), ["difference"])
    (finding,) = ManskiBounds().examine(case, estimates, never)
    rows = assumed(finding)
    low, _ = rows["Nothing"]
    assert rows["Treatment never raises it"] == (low, 0.0)
    assert rows["Treatment never raises it, and the treated would be lower anyway"][1] == 0.0
    for row in finding.evidence.rows():
        assert row["ci_low"] <= row["low"] <= row["high"] <= row["ci_high"]
    assert "values seen" in finding.message
    assert finding.grade is es.Grade.NOTE


def test_clusters_widen_the_interval_and_weights_move_the_bounds() -> None:
    base = confounded(400)
    frame = pd.concat([base] * 5, ignore_index=True).assign(g=np.tile(np.arange(400), 5))
    plain = ManskiBounds().examine(*estimated(frame, ["difference"]), never)[0]
    clustered = ManskiBounds().examine(*estimated(frame, ["difference"], cluster="g"), never)[0]
    reach = [f.evidence["low"][0] - f.evidence["ci_low"][0] for f in (plain, clustered)]
    assert reach[1] / reach[0] == pytest.approx(np.sqrt(5), rel=0.01)
    weighted = base.assign(w=np.where(base["d"] == 1, 3.0, 1.0))
    repeated = pd.concat([base, base[base["d"] == 1], base[base["d"] == 1]])
    one = ManskiBounds().examine(*estimated(weighted, ["difference"], weights="w"), never)[0]
    other = ManskiBounds().examine(*estimated(repeated, ["difference"]), never)[0]
    assert one.evidence["low"] == pytest.approx(other.evidence["low"], rel=1e-9)


def test_several_arms_have_the_worst_case_each_and_an_experiment_none() -> None:
    frame = confounded()
    three = frame.assign(d=np.arange(1_000) % 3)
    case, estimates = estimated(three, ["difference"])
    findings = ManskiBounds().examine(case, estimates, never)
    assert [len(f.evidence) for f in findings] == [1, 1]
    assert not ManskiBounds().applies(*estimated(frame, ["difference"], kind="experiment"))


def test_missing_outcomes_of_an_experiment_are_bounded() -> None:
    frame = attrited()
    case, estimates = estimated(frame, ["difference"], kind="experiment")
    (finding,) = LeeBounds().examine(case, estimates, never)
    rows = assumed(finding)
    assert rows["Missing at random within arms"][0] == pytest.approx(estimates[0].value[0], rel=1e-9)
    row = list(finding.evidence.rows())[-1]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(estimates[0].interval()[0], rel=2e-3)
    seen = frame["y"].notna()
    q1, q0 = (seen[frame["d"] == arm].mean() for arm in (1, 0))
    assert finding.statistic == pytest.approx(1 - q0 / q1)
    assert f"trimming {1 - q0 / q1:.1%} of arm '1'" in finding.message
    low, high = frame["y"].min(), frame["y"].max()
    filled = [frame["y"].fillna(value) for value in (low, high)]
    worst = filled[0][frame["d"] == 1].mean() - filled[1][frame["d"] == 0].mean()
    assert rows["Nothing of who is missing"][0] == pytest.approx(worst)
    lows = [row["low"] for row in finding.evidence.rows()]
    assert lows == sorted(lows)


def test_the_arm_that_is_trimmed_follows_the_shares_and_doubt_is_said() -> None:
    fewer = LeeBounds().examine(*estimated(attrited(kept=(0.9, 0.6)), ["difference"], kind="experiment"), never)[0]
    assert "of arm '0'" in fewer.message
    assert "not clear" not in fewer.message
    alike = LeeBounds().examine(*estimated(attrited(kept=(0.8, 0.8)), ["difference"], kind="experiment"), never)[0]
    assert "not clear from the data" in alike.message


def test_it_is_asked_only_where_outcomes_are_missing_by_design_of_an_experiment() -> None:
    assert not LeeBounds().applies(*estimated(confounded(pull=0.0), ["difference"], kind="experiment"))
    assert not LeeBounds().applies(*estimated(attrited(), ["difference"]))
    record = run(attrited(), ["difference"], kind="experiment")
    assert found(record, "stress.lee_bounds").grade is es.Grade.NOTE


def test_clusters_and_weights_of_those_without_the_outcome_count() -> None:
    frame = attrited(600)
    doubled = pd.concat([frame, frame], ignore_index=True).assign(g=np.tile(np.arange(600), 2), w=2.0)
    once = LeeBounds().examine(*estimated(frame, ["difference"], kind="experiment"), never)[0]
    twice = LeeBounds().examine(
        *estimated(doubled, ["difference"], kind="experiment", cluster="g", weights="w"), never
    )[0]
    assert twice.evidence["low"] == pytest.approx(once.evidence["low"], rel=1e-9)
    reach = [f.evidence["low"][1] - f.evidence["ci_low"][1] for f in (once, twice)]
    assert reach[1] == pytest.approx(reach[0], rel=0.01)


def test_weights_that_stand_for_missing_outcomes_are_taken_off() -> None:
    frame = attrited()
    plain, weighted = (
        LeeBounds().examine(*estimated(frame, ["regression"], kind="experiment", missing_outcome=how), never)[0]
        for how in ("complete_case", "weight")
    )
    assert weighted.evidence["low"] == pytest.approx(plain.evidence["low"], rel=1e-9)
    assert weighted.evidence["ci_high"] == pytest.approx(plain.evidence["ci_high"], rel=1e-9)


def test_rows_that_share_covariates_are_pooled_without_overlap() -> None:
    """The published bounds have the share treated as their reference; a fitted one narrows them."""
    frame = table("efm").rename(columns={"cesarean": "y", "monitor": "d"})
    names = ["arrest", "breech", "nullipar", "year"]
    (finding,) = ManskiBounds().examine(*estimated(frame, ["difference"], covariates=names), never)
    row = list(finding.evidence.rows())[1]
    assert row["assumption"].startswith("Nothing is hidden")
    published = reference("efm.atebounds")
    assert published["value"] < row["low"] <= row["high"] < published["extra"]["est_ub"]
    (plain,) = estimated(frame, ["regression"], covariates=names)[1]
    assert row["ci_low"] < plain.value[0] < row["ci_high"]


def test_nothing_is_pooled_of_continuous_covariates_or_weighted_rows() -> None:
    frame = confounded()
    assert len(ManskiBounds().examine(*estimated(frame, ["difference"]), never)[0].evidence) == 5
    coarse = frame.assign(x0=frame["x0"].round(), w=1.0)
    assert len(ManskiBounds().examine(*estimated(coarse, ["difference"], covariates=["x0"]), never)[0].evidence) == 6
    weighted = estimated(coarse, ["difference"], covariates=["x0"], weights="w")
    assert len(ManskiBounds().examine(*weighted, never)[0].evidence) == 5
