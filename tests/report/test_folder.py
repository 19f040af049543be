"""What a study leaves behind: record, report, memo, and a script that runs it again."""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
import study_records as made

import estimand as es
from estimand.core.frozen import FrozenMap
from estimand.core.record import StudyRecord
from estimand.data import datasets
from estimand.report.folder import write_folder
from estimand.report.memo import memo
from estimand.report.reproduction import missing_pieces, reproduce_script, study_of

RECORDS = (made.lalonde, made.churn, made.experiment, made.vetoed, made.hostile, made.unanswered)
STUDY = {
    "question": {"text": "Did it help?", "unit": "share"},
    "design": {"treatment": "outreach", "outcome": "churn", "covariates": ["health_score", "region"]},
    "methods": ["difference", {"method": "ipw", "id": "ipw_att", "target": "ATT"}, "ipw"],
    "gates": {"smd_note": 0.02},
    "level": 0.9,
}


def rerun(folder, *arguments):
    command = [sys.executable, "-W", "error", "reproduce.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("left")
    datasets.write(datasets.generate("outreach", rows=400, seed=3), place / "accounts.csv")
    write_folder(es.run(STUDY | {"data": str(place / "accounts.csv")}), place)
    return place


def test_the_folder_holds_everything(folder):
    assert {path.name for path in folder.iterdir()} >= {
        "record.json", "arrays", "report.html", "memo.md", "reproduce.py",
    }  # fmt: skip
    read = StudyRecord.load(folder)
    assert (folder / "memo.md").read_text(encoding="utf-8") == memo(read)
    assert (folder / "reproduce.py").read_text(encoding="utf-8") == reproduce_script(read)


def test_the_script_runs_the_study_again_and_finds_the_same_record(folder):
    done = rerun(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"The same record, to the last digit: {StudyRecord.load(folder).digest()}\n"


def test_the_script_says_what_differs(folder, tmp_path):
    datasets.write(datasets.generate("outreach", rows=400, seed=4), tmp_path / "accounts.csv")
    done = rerun(folder, str(tmp_path / "accounts.csv"))
    assert done.returncode == 1
    assert "the fingerprint of the sample differs" in done.stdout
    assert "ipw_att: " in done.stdout
    lost = rerun(folder, "nowhere.csv")
    assert lost.returncode == 2
    assert "python reproduce.py DATA" in lost.stdout
    assert "Traceback" not in lost.stderr


def test_the_study_in_the_script_is_a_study_file_s():
    record = es.run(STUDY | {"data": "outreach"})
    again = es.run(study_of(record))
    assert again.digest() == record.digest()
    assert study_of(record)["gates"] == {"smd_note": 0.02}
    assert [entry["id"] for entry in study_of(record)["methods"]] == ["difference", "ipw_att", "ipw"]


def test_what_cannot_be_run_again_says_what_is_missing(tmp_path):
    frame = datasets.generate("outreach", rows=400, seed=3)
    write_folder(es.run(STUDY | {"data": frame}), tmp_path)
    done = rerun(tmp_path)
    assert done.returncode == 1
    assert "were a table in memory" in done.stderr
    options = FrozenMap({"learner": {"name": "python:sklearn.linear_model.Ridge", "params": {}}})
    one = made.estimate("aipw", (1.0,), (0.1,), options=options)
    record = replace(made.record((one,)), reproducible=False, plan=FrozenMap({"level": 0.95}))
    assert missing_pieces(record) == ("A Python object took part, which no file can hold: sklearn.linear_model.Ridge.")
    assert missing_pieces(made.lalonde()) == "The record does not hold the plan of the study."


@pytest.mark.parametrize("make", RECORDS, ids=lambda make: make.__name__)
def test_the_script_is_python_whatever_the_names(make):
    for record in (make(), replace(make(), plan=FrozenMap({"level": 0.95}))):
        tree = ast.parse(reproduce_script(record))
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert make is not made.hostile or not record.plan or f"{made.HOSTILE}.csv" in strings


@cache
def written(make):
    return memo(make())


@pytest.mark.parametrize("make", RECORDS, ids=lambda make: make.__name__)
def test_the_memo_is_one_page_with_every_part(make):
    text = written(make)
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == [
        "## Numbers", "## What could be wrong", "## How",
    ]  # fmt: skip
    assert len(text.split()) < 900
    assert text.splitlines()[2].startswith("**")
    assert not re.search(r"<\w", text)
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    assert widths <= {4, 5, 6, 7, 8}


def test_the_memo_says_the_answer_the_verdict_and_what_stands_untested():
    text = written(made.vetoed)
    assert "is not to be relied on." in text
    assert "Verdict: **veto**." in text
    assert "| aipw | ATT | 1,214 |" in text
    assert "naive: not adjusted" in text
    assert "* Veto: It adjusts for 'engagement\\_after'" in text
    assert "* Violated: Covariates come first." in text
    assert "* Untestable: No interference." in text
