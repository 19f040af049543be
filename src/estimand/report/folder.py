"""All that a study leaves behind, in one folder."""

from pathlib import Path

from estimand.core.record import StudyRecord
from estimand.report.memo import memo
from estimand.report.page import write_report
from estimand.report.reproduction import reproduce_script


def write_folder(record: StudyRecord, folder: str | Path) -> Path:
    """Write the record with its arrays, the report, the memo and the script that runs the study again.

    Parameters
    ----------
    record : StudyRecord
    folder : str or Path
        Made where it does not exist.

    Returns
    -------
    Path
        The folder, with ``record.json``, ``arrays``, ``report.html``, ``memo.md`` and ``reproduce.py``.
    """
    place = record.save(folder)
    write_report(record, place / "report.html")
    (place / "memo.md").write_text(memo(record), encoding="utf-8")
    (place / "reproduce.py").write_text(reproduce_script(record), encoding="utf-8")
    return place
