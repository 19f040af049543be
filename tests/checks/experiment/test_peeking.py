"""A fixed-horizon interval before the planned end is a veto; sequential ones are not."""

from typing import Any

import pytest

import estimand as es
from tests.methods.experiments.experiment_data import METRICS, users

METHODS = ["difference", "sequential", "bayesian"]


def grades(plan: dict[str, Any] | None, n: int = 900, **design: Any) -> dict[str, str]:
    drawn = {
        "kind": "experiment",
        "variant": "variant",
        "control": "A",
        "metrics": [METRICS["plain"]],
        **({} if plan is None else {"planned": plan}),
        **design,
    }
    record = es.run({"question": "?", "data": users(n), "design": drawn, "methods": METHODS})
    return {f.about: str(f.grade) for f in record.findings if f.check == "experiment.peeking"}


@pytest.mark.parametrize("plan", [{"units": 1_000}, {"finished": False}, {"units": 500, "finished": False}])
def test_before_the_end_it_is_vetoed(plan: dict[str, Any]) -> None:
    assert grades(plan) == {"difference": "veto", "sequential": "pass", "bayesian": "note"}


@pytest.mark.parametrize("plan", [{"units": 900}, {"finished": True}, {"units": 5_000, "finished": True}])
def test_at_the_end_it_passes(plan: dict[str, Any]) -> None:
    assert grades(plan) == {"difference": "pass", "sequential": "pass", "bayesian": "pass"}


def test_at_the_end_of_planned_looks_it_is_a_warning() -> None:
    assert grades({"units": 900, "looks": 4})["difference"] == "warn"
    assert grades({"finished": True, "sequential": "group_sequential", "units": 900}) == {
        "difference": "warn",
        "sequential": "pass",
        "bayesian": "pass",
    }


def test_a_date_alone_is_not_judged() -> None:
    assert grades({"ends": "2031-05-01"})["difference"] == "not_run"
    assert grades({"days": 14})["difference"] == "not_run"


def test_without_a_plan_there_is_nothing_to_hold_it_to() -> None:
    assert grades(None) == {}
    assert grades({"allocation": {"A": 1, "B": 1, "C": 1}}) == {}


def test_units_without_a_value_count_as_there() -> None:
    frame = users(900)
    frame.loc[:99, "spend"] = float("nan")
    drawn = {
        "kind": "experiment", "variant": "variant", "control": "A", "metrics": ["spend"], "planned": {"units": 900},
    }  # fmt: skip
    record = es.run({"question": "?", "data": frame, "design": drawn, "methods": ["difference"]})
    assert [f.grade for f in record.findings if f.check == "experiment.peeking"] == ["pass"]
    outcome = {"kind": "experiment", "treatment": "variant", "control": "A", "outcome": "spend"}
    record = es.run(
        {"question": "?", "data": frame, "design": outcome | {"planned": {"units": 901}}, "methods": ["difference"]}
    )
    assert [f.statistic for f in record.findings if f.check == "experiment.peeking"] == [900.0]


def test_the_verdict_is_a_veto() -> None:
    drawn = {
        "kind": "experiment", "variant": "variant", "control": "A", "metrics": ["spend"], "planned": {"units": 5_000},
    }  # fmt: skip
    record = es.run({"question": "?", "data": users(900), "design": drawn, "methods": ["difference"]})
    assert record.verdict.grade == "veto"
