"""Every branch from the rules of a plan to ship, do not ship or keep running."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import estimand as es
from estimand.core.decision import Action, Decision, DecisionRules
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.parts import Term
from estimand.core.uncertainty import Normal, Regions
from estimand.report.memo import memo
from estimand.study.decision import decide, decision_findings

GAIN = {"name": "gain", "column": "gain"}
MORE = {"name": "more", "column": "more"}
SLOW = {"name": "slow", "column": "slow", "role": "guardrail", "direction": "decrease", "margin": 1.0}
BARE = {"name": "bare", "column": "bare", "role": "guardrail"}


def made(name: str, z: Any, *, method: str = "difference", level: float = 10.0) -> Estimate:
    """Estimates whose standard error is 1, so that values are z statistics; one arm each."""
    value = np.atleast_1d(np.asarray(z, dtype=float))
    k = value.shape[0]
    terms = tuple(Term(label, FrozenMap({"arm": label})) for label in "BCD"[:k])
    base = Baseline(np.full(k, level), np.full((k, k), 0.5), np.full((k, k), -0.5))
    return Estimate(
        f"{method}:{name}", method, FrozenMap({}), name, es.Target.ATE, Population("everyone", 100, 1.0), terms,
        value, Normal(np.eye(k), None), 100, "small_sample", baseline=base,
    )  # fmt: skip


def decided(
    z: dict[str, Any],
    plan: dict[str, Any] | None = None,
    findings: tuple[Finding, ...] = (),
    method: str = "difference",
) -> Decision:
    every = {metric["name"]: metric for metric in (GAIN, MORE, SLOW, BARE)}
    metrics = tuple(every[name] for name in z)
    design = es.Experiment(treatment="arm", metrics=metrics, planned=plan or {})
    own = tuple(made(name, value, method=method) for name, value in z.items())
    found = decide(design, own[0], own, findings, 0)
    assert found is not None
    return found


def standing(decision: Decision, metric: str, arm: str = "B") -> str:
    return next(r.standing for r in decision.readings if (r.metric, r.arm) == (metric, arm))


def test_a_better_primary_ships() -> None:
    found = decided({"gain": 3.0})
    assert (found.action, found.arm) == (Action.SHIP, "B")
    assert standing(found, "gain") == "better"
    assert found.summary.startswith("Ship B: gain better")
    assert Decision.from_dict(found.to_dict()).to_dict() == found.to_dict()


@pytest.mark.parametrize("z", [1.9, -1.9])
def test_no_evidence_at_the_end_does_not_ship(z: float) -> None:
    found = decided({"gain": z})
    assert found.action is Action.DO_NOT_SHIP
    assert found.arm is None
    assert "not told from no effect" in found.summary


def test_a_worse_primary_does_not_ship_whatever_the_others_do() -> None:
    found = decided({"gain": 4.0, "more": -3.0})
    assert found.action is Action.DO_NOT_SHIP
    assert "more worse" in found.summary


def test_any_or_all_primaries() -> None:
    assert decided({"gain": 3.0, "more": 0.0}).action is Action.SHIP
    assert decided({"gain": 3.0, "more": 0.0}, {"decision": {"primary": "all"}}).action is Action.DO_NOT_SHIP
    assert decided({"gain": 3.0, "more": 3.0}, {"decision": {"primary": "all"}}).action is Action.SHIP


def test_the_plans_correction_decides() -> None:
    z = {"gain": norm.isf(0.02), "more": 0.0}
    assert decided(z).action is Action.SHIP
    corrected = decided(z, {"correction": "holm"})
    assert corrected.action is Action.DO_NOT_SHIP
    assert next(r.p_value for r in corrected.readings if r.metric == "gain") == pytest.approx(0.08)
    assert decided({"gain": norm.isf(0.02)}, {"correction": "holm"}).action is Action.SHIP


def test_the_plans_error_decides() -> None:
    assert decided({"gain": 1.8}, {"alpha": 0.1}).action is Action.SHIP
    assert decided({"gain": 2.3}, {"alpha": 0.01}).action is Action.DO_NOT_SHIP


@pytest.mark.parametrize(
    ("z", "stands", "action"),
    [
        (-1.0, "within", Action.SHIP),
        (-0.9, "not_shown", Action.DO_NOT_SHIP),
        (2.9, "not_shown", Action.DO_NOT_SHIP),
        (3.0, "beyond", Action.DO_NOT_SHIP),
    ],
)
def test_a_guardrail_is_held_to_its_margin_on_one_side(z: float, stands: str, action: Action) -> None:
    """Lower is better and 1 is tolerated: within up to 1 - 1.96, beyond from 1 + 1.96."""
    found = decided({"gain": 3.0, "slow": z})
    assert standing(found, "slow") == stands
    assert found.action is action
    vetoes = decision_findings(found)
    assert [f.grade for f in vetoes] == ([Grade.VETO] if stands == "beyond" else [])
    assert all(f.about == "slow" for f in vetoes)


def test_a_guardrail_may_be_asked_only_not_to_be_beyond() -> None:
    lenient = {"decision": {"guardrails": "not_beyond"}}
    assert decided({"gain": 3.0, "slow": 2.9}, lenient).action is Action.SHIP
    assert decided({"gain": 3.0, "slow": 3.0}, lenient).action is Action.DO_NOT_SHIP


def test_a_guardrail_without_direction_is_held_on_both_sides() -> None:
    """Two tests, each at the whole error: within 2 ± 1.645 standard errors of 0.1."""
    both = {"name": "size", "column": "size", "role": "guardrail", "direction": "none", "margin": 2.0}
    design = es.Experiment(treatment="arm", metrics=(GAIN, both), planned={})
    cases = ((0.3, "within"), (0.4, "not_shown"), (3.6, "not_shown"), (3.7, "beyond"), (-3.7, "beyond"))
    for value, stands in cases:
        own = (made("gain", 3.0), made("size", value))
        found = decide(design, own[0], own, (), 0)
        assert found is not None
        assert standing(found, "size") == stands


def test_a_relative_margin_has_the_error_of_the_level_in_it() -> None:
    """Effect plus 0.3 of a level of 10: value + 3, variance 1 + 0.09 · 0.5 - 2 · 0.3 · 0.5 = 0.745."""
    guard = {"name": "kept", "column": "kept", "role": "guardrail", "margin": 0.3, "margin_kind": "relative"}
    design = es.Experiment(treatment="arm", metrics=(GAIN, guard), planned={})
    edge = norm.isf(0.025) * np.sqrt(0.745) - 3.0
    for value, stands in ((edge + 0.01, "within"), (edge - 0.01, "not_shown")):
        own = (made("gain", 3.0), made("kept", value))
        found = decide(design, own[0], own, (), 0)
        assert found is not None
        assert standing(found, "kept") == stands


def test_a_guardrail_without_margin_must_not_be_worse() -> None:
    assert decided({"gain": 3.0, "bare": -1.0}).action is Action.SHIP
    found = decided({"gain": 3.0, "bare": -2.5})
    assert found.action is Action.DO_NOT_SHIP
    assert decision_findings(found)[0].check == "decision.guardrail"


def test_before_the_end_a_fixed_horizon_keeps_running_whatever_it_shows() -> None:
    for plan in ({"finished": False}, {"units": 200}, {"days": 14.0}):
        for z in (5.0, -5.0):
            assert decided({"gain": z}, plan).action is Action.KEEP_RUNNING
    assert decided({"gain": 5.0}, {"units": 100}).action is Action.SHIP
    assert decided({"gain": 5.0}, {"units": 200, "finished": True}).action is Action.SHIP


def test_units_are_those_that_the_check_of_early_reading_counted() -> None:
    counted = Finding("experiment.peeking", "difference:gain", Grade.PASS, "gain", "", statistic=250.0)
    assert decided({"gain": 5.0}, {"units": 200}, (counted,)).action is Action.SHIP


def test_a_sequential_reading_decides_early() -> None:
    plan = {"units": 200, "sequential": "confidence_sequence"}
    for z, action in ((5.0, Action.SHIP), (0.5, Action.KEEP_RUNNING), (-5.0, Action.DO_NOT_SHIP)):
        assert decided({"gain": z}, plan, method="sequential").action is action
    patient = plan | {"decision": {"harm": "ignore"}}
    assert decided({"gain": -5.0}, patient, method="sequential").action is Action.KEEP_RUNNING
    assert decided({"gain": -5.0}, patient | {"finished": True}, method="sequential").action is Action.DO_NOT_SHIP


def test_nothing_ships_on_a_headline_that_is_vetoed() -> None:
    veto = Finding("experiment.srm", "study", Grade.VETO, "B", "Arms are not as allocated.")
    found = decided({"gain": 5.0}, findings=(veto,))
    assert found.action is Action.DO_NOT_SHIP
    assert "Arms are not as allocated." in found.summary
    early = Finding("experiment.peeking", "difference:gain", Grade.VETO, "gain", "Too early.", statistic=50.0)
    assert decided({"gain": 5.0}, {"units": 200}, (early,)).action is Action.KEEP_RUNNING
    other = Finding("x.y", "ipw:gain", Grade.VETO, "B", "Of another.")
    assert decided({"gain": 5.0}, findings=(other,)).action is Action.SHIP


def test_of_several_arms_the_one_that_gains_most_ships() -> None:
    found = decided({"gain": [3.0, 4.0, -3.0]})
    assert (found.action, found.arm) == (Action.SHIP, "C")
    assert [str(action) for action in found.arms.values()] == ["ship", "ship", "do_not_ship"]
    guarded = decided({"gain": [3.0, 4.0], "slow": [-2.0, 4.0]})
    assert (guarded.action, guarded.arm) == (Action.SHIP, "B")


def test_business_value_weighs_the_primaries() -> None:
    metrics = (GAIN | {"value": 1.0}, MORE | {"value": 10.0})
    design = es.Experiment(treatment="arm", metrics=metrics, planned={})
    own = (made("gain", [5.0, 3.0]), made("more", [2.5, 3.5]))
    found = decide(design, own[0], own, (), 0)
    assert found is not None
    assert found.arm == "C"


def test_what_was_not_estimated_bars_shipping() -> None:
    design = es.Experiment(treatment="arm", metrics=(GAIN, SLOW), planned={})
    own = (made("gain", 5.0),)
    found = decide(design, own[0], own, (), 0)
    assert found is not None
    assert found.action is Action.DO_NOT_SHIP
    assert standing(found, "slow") == "not_read"


def test_regions_are_read_by_their_intervals() -> None:
    def regions(name: str, low: float, high: float) -> Estimate:
        held = FrozenMap({"0.95": (((low, high),),), "0.9": (((low, high),),)})
        plain = made(name, 0.5 * (low + high), method="sequential")
        fields = {k: getattr(plain, k) for k in plain.__dataclass_fields__}
        return Estimate(**(fields | {"uncertainty": Regions(held, "test")}))

    design = es.Experiment(treatment="arm", metrics=(GAIN, SLOW), planned={})
    for ends, stands in (((-2.0, 0.9), "within"), ((-2.0, 1.1), "not_shown"), ((1.1, 3.0), "beyond")):
        own = (regions("gain", 0.1, 2.0), regions("slow", *ends))
        found = decide(design, own[0], own, (), 0)
        assert found is not None
        assert (standing(found, "gain"), standing(found, "slow")) == ("better", stands)


def test_without_a_plan_nothing_is_decided() -> None:
    design = es.Experiment(treatment="arm", metrics=(GAIN,))
    own = (made("gain", 5.0),)
    assert decide(design, own[0], own, (), 0) is None
    assert decide(es.Experiment(treatment="arm", metrics=(GAIN,), planned={}), None, own, (), 0) is None
    assert decision_findings(None) == ()


def test_rules_are_refused_by_name() -> None:
    with pytest.raises(es.DesignError, match="primary"):
        es.Experiment(treatment="arm", metrics=(GAIN,), planned={"decision": {"primary": "most"}})
    with pytest.raises(es.DesignError):
        es.Experiment(treatment="arm", metrics=(GAIN,), planned={"decision": {"prime": "any"}})
    assert DecisionRules().guardrails == "shown"


def test_a_study_carries_its_decision() -> None:
    rng = np.random.default_rng(1)
    arm = np.repeat(["A", "B"], 2_000)
    gain = rng.standard_normal(4_000) + 0.2 * (arm == "B")
    frame = pd.DataFrame({"arm": arm, "gain": gain, "slow": 10.0 + rng.standard_normal(4_000)})
    slow = SLOW | {"margin": 0.05, "margin_kind": "relative"}
    design = {"kind": "experiment", "treatment": "arm", "metrics": [GAIN, slow], "planned": {"units": 4_000}}
    record = es.run({"data": frame, "design": design, "methods": ["difference"]})
    assert record.decision is not None
    assert (record.decision.action, record.decision.arm) == (Action.SHIP, "B")
    again = es.StudyRecord.from_dict(record.to_dict())
    assert again.to_dict()["decision"] == record.to_dict()["decision"]
    assert "Decision: **Ship B" in memo(record)
    frame["slow"] += 1.0 * (arm == "B")
    harmed = es.run({"data": frame, "design": design, "methods": ["difference"]})
    assert harmed.decision is not None
    assert harmed.decision.action is Action.DO_NOT_SHIP
    assert [f.about for f in harmed.findings if f.check == "decision.guardrail"] == ["slow"]
    assert harmed.verdict.grade is not Grade.VETO


def test_a_metric_that_the_headline_does_not_serve_is_read_by_the_next_method() -> None:
    design = es.Experiment(treatment="arm", metrics=(GAIN, SLOW), planned={"units": 100})
    own = (made("gain", 5.0, method="cuped"), made("slow", -3.0))
    found = decide(design, own[0], own, (), 0)
    assert found is not None
    assert found.action is Action.SHIP
    looked = (made("gain", 5.0, method="sequential"), made("slow", -3.0))
    early = es.Experiment(treatment="arm", metrics=(GAIN, SLOW), planned={"units": 200})
    found = decide(early, looked[0], looked, (), 0)
    assert found is not None
    assert (found.action, standing(found, "slow")) == (Action.KEEP_RUNNING, "not_read")
