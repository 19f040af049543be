"""Commands that run a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimand.cli import VETOED
from estimand.cli.metric_words import with_metrics
from estimand.cli.output import folder_for, print_json, tell_places, writing
from estimand.cli.progress import Progress
from estimand.cli.show import show_record, terminal
from estimand.core.finding import Grade
from estimand.core.record import StudyRecord
from estimand.errors import DesignError
from estimand.report.folder import write_folder
from estimand.study.demo import demo_study
from estimand.study.study import Study

OUT = Path("estimand-out")


def demo(name: str, out: Path | None) -> int:
    """Run a demonstration and write its report; 0 when it completes."""
    study = demo_study(name)
    folder = folder_for(out or OUT / name)
    with Progress() as progress:
        record = study.run(report=progress.report)
    show_record(record, terminal())
    _write(record, folder)
    return 0


def run(study: Path, other: Mapping[str, Any], json: bool, out: Path | None, threads: int | None) -> int:
    """Run a study file; what is given beside it replaces what the file says."""
    planned = Study.from_file(study)
    given = {name: value for name, value in other.items() if value is not None}
    return _finish(Study(**(dict(planned) | given)) if given else planned, json, out, threads)


def analyze(
    study: Mapping[str, Any], measured: Mapping[str, str], json: bool, out: Path | None, threads: int | None
) -> int:
    """Run a study given on the command line, its metrics as words by role."""
    design = with_metrics(study["design"], measured)
    _refuse_unnamed(design)
    return _finish(Study(**(dict(study) | {"design": design})), json, out, threads)


def _refuse_unnamed(design: Mapping[str, Any]) -> None:
    """Refuse a design of arms that names no arms, or nothing that was measured.

    Raises
    ------
    DesignError
    """
    if not design.get("metrics") and not design.get("outcome"):
        raise DesignError(
            "Nothing is named that was measured.",
            remedy="Name it: --metrics spend,orders of an A/B test (spend@spend_before with its history), or --outcome "
            "churn. 'estimand inspect' shows what a file holds.",
        )
    if design["kind"] != "panel" and "treatment" not in design:
        raise DesignError(
            "The design needs 'treatment': the column that says which arm a row is in.",
            remedy="Name it: --treatment variant.",
        )


def _finish(study: Study, json: bool, out: Path | None, threads: int | None) -> int:
    folder = None if out is None else folder_for(out)
    with Progress() as progress:
        record = study.run(threads=threads, report=progress.report)
    if json:
        print_json(record.to_dict())
    else:
        show_record(record, terminal())
    if folder is not None:
        _write(record, folder)
    return VETOED if record.verdict.grade is Grade.VETO else 0


def _write(record: StudyRecord, folder: Path) -> None:
    with writing(folder):
        place = write_folder(record, folder)
    tell_places(report=place / "report.html", memo=place / "memo.md", record=place / "record.json")
