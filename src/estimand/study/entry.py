"""Run a study from whatever describes it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from estimand.core.record import StudyRecord
from estimand.study.study import Study, as_study


def run(
    study: Study | Mapping[str, Any] | str | Path,
    *,
    threads: int | None = None,
    report: Callable[[str, int, int], None] | None = None,
) -> StudyRecord:
    """Run a study given as a file's path, a mapping or a :class:`Study`.

    Parameters
    ----------
    study : path, mapping or Study
    threads : int, optional
        Batches side by side; all processors by default. The record does not depend on it.
    report : callable (label, done, total), optional
        Hears of progress.

    Raises
    ------
    EstimandError
        If the study, its data or its design cannot be used; the message says what to do.
    """
    return as_study(study).run(threads=threads, report=report)
