"""The record of a study: plain JSON and back, a digest of everything but the run, files on disk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_by_hand import ROOT, estimate, pickled

from estimand.core.design import Experiment, Observational
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.jsonable import ArrayStore, canonical
from estimand.core.question import Benchmark, Question, Target
from estimand.core.record import SampleFlow, StudyRecord
from estimand.core.sample import Drop
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal, Regions, Unknown
from estimand.core.verdict import judge
from estimand.errors import DataError, DesignError

INFLUENCE = Influence(np.random.default_rng(0).normal(size=(90, 1)), np.arange(90), 90, ROOT)
UNCERTAINTIES = {
    "normal": Normal(np.array([[0.04]]), np.array([12.5])),
    "log": Normal(np.array([[0.04]]), scale="log"),
    "draws": Draws(np.random.default_rng(1).normal(size=(200, 1)), "bootstrap"),
    "unbounded": Regions({"0.95": (((-np.inf, 2.0),),)}, "Fieller", np.array([0.4])),
    "empty": Regions({"0.95": ((),)}, "Anderson-Rubin"),
    "unknown": Unknown("one cluster."),
}


def record(**changes: Any) -> StudyRecord:
    made = tuple(
        estimate(name, [1.5], uncertainty=uncertainty, influence=INFLUENCE if name == "normal" else None)
        for name, uncertainty in UNCERTAINTIES.items()
    )
    evidence = Table({"bin": [0.1, 0.2], "rows": [3, 4]})
    findings = (
        Finding("overlap", "draws", Grade.VETO, "propensity", "No overlap.", None, np.inf, 0.05, evidence),
        Finding("balance.smd", "normal", Grade.WARN, "age", "Unbalanced.", "Adjust.", -0.3, 0.25),
        Finding("srm", STUDY, Grade.NOT_RUN, "arms", "No expected shares."),
    )
    fields: dict[str, Any] = {
        "question": Question(text="Did it?", benchmarks=(Benchmark(label="trial", value=1.0, std_error=0.5),)),
        "design": Observational(treatment="t", outcome="y0", covariates=("a",), weights="w"),
        "data": "table.csv",
        "headline": "normal",
        "seed": 3,
        "sample": SampleFlow(100, 90, (Drop("missing", "a", 10),), FrozenMap({"0": 50, "1": 40}), ROOT),
        "estimates": made,
        "findings": findings,
        "verdict": judge(findings, "normal", "y0"),
        "reproducible": True,
        "run": {"seconds": 0.4, "environment": {"numpy": "2", "threads": (1, 2)}},
    }
    return StudyRecord(**(fields | changes))


def test_a_record_survives_json_with_its_arrays_beside_it() -> None:
    store = ArrayStore()
    data = record().to_dict(store)
    text = json.dumps(data, allow_nan=False)
    assert len(store.arrays) == 3
    read = StudyRecord.from_dict(json.loads(text), store.arrays)
    assert read.to_dict() == data
    assert read.digest() == record().digest()
    assert read.estimate().influence.covariance().tolist() == INFLUENCE.covariance().tolist()


@settings(max_examples=40)
@given(
    headline=st.none() | st.text(max_size=5),
    seed=st.integers(0, 2**63 - 1),
    chosen=st.lists(st.sampled_from([name for name in UNCERTAINTIES if name != "draws"]), max_size=4),
    target=st.sampled_from(Target),
    experiment=st.booleans(),
    rows=st.integers(0, 10**9),
    text=st.text(max_size=20),
    timing=st.dictionaries(st.text(max_size=4), st.floats() | st.text(max_size=3) | st.just({"deep": [1]})),
)
def test_any_record_survives_json(
    headline: str | None,
    seed: int,
    chosen: list[str],
    target: Target,
    experiment: bool,
    rows: int,
    text: str,
    timing: dict[str, Any],
) -> None:
    design = Experiment if experiment else Observational
    made = record(
        headline=headline,
        seed=seed,
        estimates=tuple(estimate(name, [0.7], uncertainty=UNCERTAINTIES[name]) for name in chosen),
        question=Question(text=text, target=target),
        design=design(treatment="t", outcome=("y0", text + "y"), control=text or None),
        sample=SampleFlow(rows, rows, (), FrozenMap({text: rows}), ROOT),
        run=timing,
    )
    data = made.to_dict()
    read = StudyRecord.from_dict(json.loads(json.dumps(data, allow_nan=False)))
    assert read.to_dict() == data
    assert read.digest() == made.digest()


def test_json_without_the_arrays_can_still_be_read_and_judged() -> None:
    read = StudyRecord.from_dict(json.loads(json.dumps(record().to_dict(), allow_nan=False)))
    assert read.verdict.grade is Grade.WARN
    assert read.estimate("draws").value.tolist() == [1.5]
    assert read.estimate("draws").uncertainty.kind == "unknown"
    assert read.estimate("unbounded").to_dict() == record().estimate("unbounded").to_dict()


def test_the_digest_ignores_the_run_and_nothing_else() -> None:
    made = record()
    assert replace(made, run={"seconds": 99.0}).digest() == made.digest()
    changes = [
        {"seed": 4},
        {"headline": "log"},
        {"data": "other.csv"},
        {"findings": made.findings[1:]},
        {"estimates": made.estimates[1:]},
        {"reproducible": False},
        {"question": Question(text="Did it not?")},
    ]
    digests = {replace(made, **change).digest() for change in changes}
    assert len(digests | {made.digest()}) == len(changes) + 1


def test_the_digest_sees_one_number_in_an_array_beside_the_record() -> None:
    made = record()
    psi = np.array(INFLUENCE.psi)
    psi[7] += 1e-9
    moved = replace(made.estimates[0], influence=Influence(psi, INFLUENCE.units, 90, ROOT))
    assert replace(made, estimates=(moved, *made.estimates[1:])).digest() != made.digest()


def test_what_is_saved_can_be_loaded(tmp_path: Path) -> None:
    made = record()
    place = made.save(tmp_path / "study")
    read = StudyRecord.load(place)
    assert canonical(read.to_dict()) == canonical(made.to_dict())
    assert read.estimate("draws").interval().tolist() == made.estimate("draws").interval().tolist()
    names = {path.stem for path in (place / "arrays").iterdir()}
    store = ArrayStore()
    made.to_dict(store)
    assert names == set(store.arrays)


def test_a_record_survives_pickling() -> None:
    assert pickled(record()).to_dict() == record().to_dict()


def test_a_record_of_another_schema_is_refused() -> None:
    with pytest.raises(DataError, match="schema 99") as caught:
        StudyRecord.from_dict(record().to_dict() | {"schema": 99})
    assert caught.value.code == "UNREADABLE_FILE"


def test_an_estimate_is_found_by_id_and_an_unknown_one_lists_those_there_are() -> None:
    assert record().estimate().id == "normal"
    assert record().estimate("log").id == "log"
    with pytest.raises(DesignError, match=r"no estimate 'aipw'\. It has: normal, log"):
        record().estimate("aipw")
    assert [finding.check for finding in record().about("normal")] == ["balance.smd"]


def test_undefined_and_unbounded_numbers_are_null() -> None:
    data = record().to_dict()
    assert data["findings"][0]["statistic"] is None
    cis = {item["id"]: item["terms"][0]["ci"] for item in data["estimates"]}
    assert cis["unbounded"] == [None, 2.0]
    assert cis["empty"] is None
    assert cis["unknown"] is None
