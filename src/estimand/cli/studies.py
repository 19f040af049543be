"""Commands that run a study."""

import json as json_text
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from estimand.cli import VETOED
from estimand.cli.progress import Progress
from estimand.cli.show import show_record, terminal
from estimand.core.finding import Grade
from estimand.core.record import StudyRecord
from estimand.report.folder import write_folder
from estimand.study.demo import run_demo
from estimand.study.study import Study

OUT = Path("estimand-out")


def demo(name: str, out: Path | None) -> int:
    """Run a demonstration and write its report; 0 when it completes."""
    with Progress() as progress:
        record = run_demo(name, progress.report)
    folder = out or OUT / name
    show_record(record, terminal())
    _write(record, folder)
    return 0


def run(study: Path, json: bool, out: Path | None, threads: int | None) -> int:
    """Run a study file."""
    return _finish(Study.from_file(study), json, out, threads)


def analyze(study: Mapping[str, Any], json: bool, out: Path | None, threads: int | None) -> int:
    """Run a study given on the command line."""
    return _finish(Study(**study), json, out, threads)


def _finish(study: Study, json: bool, out: Path | None, threads: int | None) -> int:
    with Progress() as progress:
        record = study.run(threads=threads, report=progress.report)
    if json:
        sys.stdout.write(json_text.dumps(record.to_dict(), allow_nan=False, ensure_ascii=False, indent=1) + "\n")
    else:
        show_record(record, terminal())
    if out is not None:
        _write(record, out)
    return VETOED if record.verdict.grade is Grade.VETO else 0


def _write(record: StudyRecord, folder: Path) -> None:
    place = write_folder(record, folder)
    Console(stderr=True).print(
        f"Report: [bold]{place / 'report.html'}[/bold]   Memo: {place / 'memo.md'}   Record: {place / 'record.json'}",
        soft_wrap=True,
    )
