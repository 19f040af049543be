"""Panels through the command line: flags that make a design of kind panel, and audits that make sense of it."""

import json
from pathlib import Path

import pytest
from in_process import Command, command_of

from estimand.data import datasets

FLAGS = ["--outcome", "score", "--unit", "school", "--time", "term"]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line, beside a panel."""
    datasets.generate("tutoring", rows=600, seed=3).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


@pytest.mark.parametrize("treated", [["--cohort", "first_term"], ["--treatment", "tutored"]])
def test_a_time_makes_a_panel_of_the_table(treated: list[str], command: Command) -> None:
    ended = command("audit", "t.csv", *FLAGS, *treated, "--covariates", "free_meals", "--json")
    assert ended.status == 0, ended
    audit = json.loads(ended.out)
    assert (audit["design"]["kind"], audit["design"]["time"]) == ("panel", "term")
    (cohorts,) = [finding for finding in audit["findings"] if finding["check"] == "panel.cohorts"]
    assert "60 units over 10 periods, 1 to 10" in cohorts["message"]
    ran = {finding["check"] for finding in audit["findings"]}
    assert ran >= {"audit.missing", "audit.attrition", "audit.outcome", "audit.outliers", "audit.outcome_leak"}
    assert not ran & {"audit.balance", "audit.overlap", "audit.duplicates", "audit.treatment_leak", "audit.influence"}
    assert not [finding for finding in audit["findings"] if finding["grade"] == "not_run"]


def test_a_window_and_further_levels_reach_the_design(command: Command) -> None:
    flags = [*FLAGS, "--cohort", "first_term", "--window", "2, 6", "--absorb", "free_meals", "--json"]
    audit = json.loads(command("audit", "t.csv", *flags).out)
    assert (audit["design"]["window"], audit["design"]["absorb"]) == (["2", "6"], ["free_meals"])
    assert audit["sample"]["drops"] == [{"reason": "outside the window", "column": "term", "rows": 300}]
    (cohorts,) = [finding for finding in audit["findings"] if finding["check"] == "panel.cohorts"]
    assert "5 periods, 2 to 6" in cohorts["message"]


def test_the_audit_page_of_a_panel_is_written(command: Command, tmp_path: Path) -> None:
    ended = command("audit", "t.csv", *FLAGS, "--cohort", "first_term", "--out", "audited")
    assert ended.status == 0, ended
    assert "panel.cohorts" in (tmp_path / "audited" / "audit.html").read_text(encoding="utf-8")
    assert "untreated" in ended.out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--outcome", "score"], "needs 'treatment'"),
        (["--outcome", "score", "--cohort", "first_term"], "needs 'time'"),
        (["--outcome", "score", "--time", "term"], "neither 'treatment' nor 'cohort'"),
        (["--outcome", "score", "--time", "trem", "--cohort", "first_term"], "no column 'trem'"),
        (["--outcome", "score", "--time", "term", "--treatment", "tutored"], "Without a unit"),
        (["--outcome", "score", "--time", "term", "--treatment", "tutored", "--design", "observational"], "'time'"),
        (["--outcome", "score", "--time", "term", "--cohort", "term"], "'term'"),
        ([*FLAGS, "--cohort", "first_term", "--absorb", "score"], "'score'"),
        ([*FLAGS, "--cohort", "first_term", "--window", "3"], "first and its last period"),
        ([*FLAGS, "--cohort", "school"], "both unit and cohort"),
    ],
)
@pytest.mark.parametrize("asked", ["audit", "analyze"])
def test_flags_that_make_no_panel_are_refused(asked: str, flags: list[str], words: str, command: Command) -> None:
    ended = command(asked, "t.csv", *flags)
    assert ended.status == 2, ended
    message, remedy = ended.err.strip().splitlines()[-2:]
    assert message.startswith("Error: ")
    assert words in f"{message} {remedy}"
    assert ended.out == ""


def test_methods_for_arms_are_refused_for_a_panel(command: Command) -> None:
    ended = command("analyze", "t.csv", *FLAGS, "--cohort", "first_term", "--methods", "aipw")
    assert ended.status == 2, ended
    assert "does not take a design of kind 'panel'" in ended.err
