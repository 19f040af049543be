"""Where results go: a place that takes none is refused before the work, and paths are printed as they are."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimand import cli

COMMAND = Path(sys.executable).with_name("estimand")
COLUMNS = ("t.csv", "--treatment", "treated", "--outcome", "sales")
ANALYZE = ("analyze", *COLUMNS, "--methods", "difference")
AUDIT = ("audit", *COLUMNS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"treated": [0, 1] * 50, "sales": rng.standard_normal(100)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "taken.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "study.yaml").write_text(
        "data: t.csv\ndesign: {kind: observational, treatment: treated, outcome: sales}\nmethods: [difference]\n",
        encoding="utf-8",
    )
    return tmp_path


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def refuse_to_run(*_: object, **__: object) -> None:
    raise AssertionError("the work began")


@pytest.mark.parametrize("place", ["taken.csv", "taken.csv/inside"])
@pytest.mark.parametrize(
    ("command", "work"),
    [
        (("run", "study.yaml"), "estimand.cli.studies.Study.run"),
        (("demo", "outreach"), "estimand.cli.studies.Study.run"),
        (AUDIT, "estimand.cli.auditing.audited"),
    ],
    ids=["run", "demo", "audit"],
)
def test_a_file_as_folder_is_refused_before_the_work(
    command: tuple[str, ...],
    work: str,
    place: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(work, refuse_to_run)
    monkeypatch.setattr(sys, "argv", ["estimand", *command, "--out", place])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert f"'{place}'" in shown.err
    assert "--out" in shown.err
    assert (folder / "taken.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("command", [ANALYZE, AUDIT], ids=["analyze", "audit"])
def test_a_place_the_system_forbids_is_refused_with_a_remedy(command: tuple[str, ...], folder: Path) -> None:
    made = call(folder, *command, "--out", "/proc/x")
    assert made.returncode == 2
    assert made.stdout == ""
    assert made.stderr.startswith("Error: Nothing can be written to '/proc/x'")
    assert "Traceback" not in made.stderr


@pytest.mark.parametrize("place", ["x[/bold]", "x[red]y"])
@pytest.mark.parametrize("command", [ANALYZE, AUDIT], ids=["analyze", "audit"])
def test_a_path_is_printed_as_it_is(command: tuple[str, ...], place: str, folder: Path) -> None:
    made = call(folder, *command, "--out", place)
    assert made.returncode in {0, 3}, made.stderr
    assert f"{place}/" in made.stderr
    assert (folder / place).is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "command",
    [(*ANALYZE, "--json"), ANALYZE, (*AUDIT, "--json"), AUDIT, ("inspect", "t.csv", "--json"), ("inspect", "t.csv"),
     ("inspect", "t.csv", "--study"), ("methods",), ("datasets", "--json")],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_is_told_without_a_stack_trace(command: tuple[str, ...], folder: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        made = subprocess.run(
            [COMMAND, *command], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120
        )
    assert made.returncode == 2
    assert made.stderr.strip().splitlines()[0] == "Error: Standard output failed: No space left on device."
    assert "Traceback" not in made.stderr
    assert "Exception ignored" not in made.stderr


@pytest.mark.parametrize("place", ["nowhere/x.csv", "/proc/x.csv"])
def test_simulated_data_that_cannot_be_written_are_refused(place: str, folder: Path) -> None:
    made = call(folder, "generate", "outreach", "--rows", "100", "--out", place)
    assert made.returncode == 2
    assert "could not be written" in made.stderr
    assert "Traceback" not in made.stderr


def test_a_folder_as_study_is_named(folder: Path) -> None:
    made = call(folder, "run", ".")
    assert made.returncode == 2
    assert f"'{folder.name}' cannot be read: it is a folder" in made.stderr


def test_the_version_is_told(folder: Path) -> None:
    made = call(folder, "--version")
    assert made.returncode == 0
    assert made.stdout.startswith("estimand ")
