"""From a draft to a registered study file, to the record that says whether it was kept to."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import estimand as es
from estimand.core.decision import Action
from estimand.core.finding import Finding, Grade
from estimand.study.study import Study

METRICS = [
    {"column": "spend", "covariate": "before"},
    {"column": "latency", "role": "guardrail", "direction": "decrease", "margin": 0.05, "margin_kind": "relative"},
]
DESIGN = {"kind": "experiment", "treatment": "variant", "metrics": METRICS}


@pytest.fixture(scope="module")
def past() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    before = rng.lognormal(1.0, 0.5, 2_000)
    spend = 0.9 * before + rng.lognormal(0.5, 0.5, 2_000)
    return pd.DataFrame({"before": before, "spend": spend, "latency": rng.gamma(9.0, 10.0, 2_000)})


def planned(past: pd.DataFrame, **more: Any) -> Any:
    return es.plan(past, **{"design": DESIGN, "question": "Does it pay?", "mde": 0.05, "relative": True} | more)


def gathered(past: pd.DataFrame, folder: Path, units: int, effect: float) -> None:
    rng = np.random.default_rng(3)
    rows = past.iloc[rng.integers(len(past), size=units)].reset_index(drop=True)
    rows["variant"] = np.where(np.arange(units) % 2, "treated", "control")
    rows.loc[rows["variant"] == "treated", "spend"] += effect
    rows.to_parquet(folder / "experiment.parquet")


def about_the_plan(record: es.StudyRecord) -> Finding:
    (found,) = (finding for finding in record.findings if finding.check.startswith("plan."))
    return found


def test_the_size_is_that_of_the_metric_that_needs_most(past: pd.DataFrame) -> None:
    made = planned(past, daily=250.0)
    alone = [
        es.power(past, metric=METRICS[0], mde=0.05, relative=True),
        es.power(past, metric=METRICS[1]),
    ]
    plan = made.study["design"]["planned"]
    assert plan["units"] == max(sum(item.arms.values()) for item in alone)
    assert plan["days"] == np.ceil(plan["units"] / 250.0)
    assert min(item.power for item in made.power) == pytest.approx(0.8, abs=1e-3)
    assert made.study["methods"] == ("cuped", "difference")


def test_a_given_size_says_what_can_be_found(past: pd.DataFrame) -> None:
    made = planned(past, design=DESIGN | {"planned": {"units": 1_000}}, mde=None)
    assert made.power[0].solved == "effect"
    assert made.power[0].power == pytest.approx(0.8, abs=1e-6)
    assert made.study["design"]["planned"]["units"] == 1_000


def test_the_file_is_a_study_that_runs_to_a_decision(past: pd.DataFrame, tmp_path: Path) -> None:
    made = planned(past)
    place = made.write(tmp_path / "study.yaml")
    assert yaml.safe_load(place.read_text(encoding="utf-8")) == made.to_dict()["study"]
    assert made.digest in made.text
    gathered(past, tmp_path, made.study["design"]["planned"]["units"], 0.5)
    record = es.run(place)
    kept = about_the_plan(record)
    assert (kept.check, kept.grade, kept.subject) == ("plan.registered", Grade.PASS, made.digest)
    assert record.decision is not None
    assert record.decision.action is Action.SHIP
    assert record.headline == "cuped:spend"
    again = Study(**{**made.study, "data": str(tmp_path / "experiment.parquet")})
    assert again.registration() == made.study["registered"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("alpha: 0.05", "alpha: 0.1", "planned"),
        ("guardrails: shown", "guardrails: not_beyond", "planned"),
        ("margin: 0.05", "margin: 0.5", "design"),
        ("Does it pay?", "Does it sell?", "question"),
        ("headline: cuped", "headline: difference", "analysis"),
        ("seed: 0", "seed: 1", "analysis"),
    ],
)
def test_what_was_changed_since_is_found(past: pd.DataFrame, tmp_path: Path, old: str, new: str, part: str) -> None:
    made = planned(past)
    assert old in made.text
    (tmp_path / "study.yaml").write_text(made.text.replace(old, new), encoding="utf-8")
    gathered(past, tmp_path, 400, 0.0)
    found = about_the_plan(es.run(tmp_path / "study.yaml"))
    assert (found.check, found.grade, found.subject) == ("plan.changed", Grade.WARN, part)
    assert made.digest in found.message


def test_to_say_that_it_is_finished_is_no_change(past: pd.DataFrame, tmp_path: Path) -> None:
    made = planned(past)
    text = made.text.replace("    power: 0.8\n", "    power: 0.8\n    finished: true\n")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    gathered(past, tmp_path, 400, 0.0)
    record = es.run(tmp_path / "study.yaml")
    assert about_the_plan(record).check == "plan.registered"
    assert record.decision is not None
    assert record.decision.action is Action.DO_NOT_SHIP


def test_without_a_registration_nothing_is_said(past: pd.DataFrame, tmp_path: Path) -> None:
    gathered(past, tmp_path, 400, 0.0)
    record = es.run({"data": str(tmp_path / "experiment.parquet"), "design": DESIGN, "methods": ["difference"]})
    assert not [finding for finding in record.findings if finding.check.startswith("plan.")]
    assert "registered" not in record.plan


def test_numbers_serve_where_there_is_no_history() -> None:
    metrics = [{"column": "bought", "kind": "proportion"}, {"column": "visits", "kind": "count"}]
    known = {"bought": {"baseline": 0.1}, "visits": {"baseline": 3.0}}
    made = es.plan(
        design=DESIGN | {"metrics": metrics, "planned": {"correction": "holm", "sequential": "group_sequential",
                                                         "looks": 3}},
        question="More?", mde={"bought": 0.02, "visits": 0.2}, known=known,
    )  # fmt: skip
    assert made.study["methods"] == ("sequential",)
    assert all(item.alpha == pytest.approx(0.025) for item in made.power)
    assert made.study["design"]["planned"]["units"] == sum(made.power[0].arms.values())


def test_a_plan_needs_a_primary_metric(past: pd.DataFrame) -> None:
    with pytest.raises(es.DesignError, match="primary"):
        planned(past, design=DESIGN | {"metrics": [METRICS[1]]})
