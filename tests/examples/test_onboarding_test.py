"""The onboarding test: every command of its README runs as it stands, and prints what is shown."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from estimand import cli
from estimand.data import datasets

HERE = Path(__file__).parents[2] / "examples" / "onboarding-test"
README = (HERE / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
STATUS = (0, 0, 3, 0, 0)


class Step(NamedTuple):
    """A command, what it is shown to print, and what it printed."""

    words: list[str]
    shown: list[str]
    status: int
    printed: str


def plain(text: str) -> str:
    return " ".join(text.split())


def commands() -> list[tuple[list[str], list[str]]]:
    """Commands with the lines shown after each."""
    found: list[tuple[list[str], list[str]]] = []
    for language, text in BLOCKS:
        if language == "":
            named = re.findall(r'"([^"]*)"|(\S+)', text.replace("\\\n", " "))
            found.append(([quoted or word for quoted, word in named], []))
        else:
            found[-1][1].extend(text.splitlines())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("clone")
    shutil.copytree(HERE.parent, place / "examples")
    return place


@pytest.fixture(scope="module")
def steps(folder):
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, (words, shown) in enumerate(commands()):
            out = folder / f"printed-{number}.txt"
            with out.open("w", encoding="utf-8") as stream:
                patch.setattr(sys, "argv", words)
                patch.setattr(sys, "stdout", stream)
                with pytest.raises(SystemExit) as ended:
                    cli.main()
                patch.undo()
                patch.chdir(folder)
            made.append(Step(words, shown, int(ended.value.code or 0), out.read_text(encoding="utf-8")))
    return made


def test_every_command_ends_as_told(steps):
    assert tuple(step.status for step in steps) == STATUS
    assert [step.words[1] for step in steps] == ["power", "plan", "run", "run", "aa"]


def test_what_is_shown_is_what_is_printed(steps):
    for step in steps:
        assert step.shown
        for line in step.shown:
            assert plain(line) in plain(step.printed), line


def test_the_study_file_is_what_the_plan_wrote(steps, folder):
    written = (folder / "examples" / "onboarding-test" / "study.yaml").read_bytes()
    assert written == (HERE / "study.yaml").read_bytes()


def test_the_table_is_the_run_s(steps, folder):
    told = {}
    for line in README.splitlines():
        if line.startswith("| `"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            told[re.search(r"`([\w:]+)`", name)[1]] = cells
    truth = datasets.describe("onboarding").truth
    record = json.loads((folder / "onboarding-out" / "end" / "record.json").read_text(encoding="utf-8"))
    assert set(told) == {estimate["id"] for estimate in record["estimates"]}
    for name, (effect, error, interval, true) in told.items():
        row = next(line for line in steps[3].printed.splitlines() if line.strip().startswith(name))
        assert plain(row).startswith(f"{name} ATE {effect} {error} {interval}")
        low, high = (float(end.replace("−", "-")) for end in interval.split(" to "))
        assert float(true) == truth[name.split(":")[1]]
        assert low < float(true) < high


def test_the_first_week_is_told_as_it_was(steps, folder):
    record = json.loads((folder / "onboarding-out" / "week-1" / "record.json").read_text(encoding="utf-8"))
    grades = {finding["check"]: finding["grade"] for finding in record["findings"]}
    assert grades["experiment.srm"] == grades["experiment.peeking"] == "veto"
    assert grades["plan.registered"] == "pass"
    assert {"platform android −1.71", "cuped:sessions ATE −0.0106", "difference:sessions ATE −0.118"} <= {
        text for text in ("platform android −1.71", "cuped:sessions ATE −0.0106", "difference:sessions ATE −0.118")
        if text in plain(steps[2].printed)
    }  # fmt: skip


def test_figures_and_reports_are_there(steps, folder):
    out = folder / "onboarding-out"
    for name in ("power.svg", "aa.svg", "week-1/report.html", "end/report.html"):
        assert (out / name).stat().st_size > 1_000
    page = (out / "end" / "report.html").read_text(encoding="utf-8")
    assert "without history" in page
    assert "platform" in page
