"""The report of seven methods on 10,000 rows: how long it takes to write, and how large it is.

::

    python benchmarks/report.py

The study runs once, on ``llm_logs``. Its record is then read by a new interpreter for each of five runs, which
writes the whole folder: record, report, memo and script. Time counts from before the report is imported, drawing
library included, on the wall and on the processor; the first row is the median. Written to ``report.csv`` beside
this file.
"""

import csv
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import estimand as es

RESULT = Path(__file__).with_suffix(".csv")
ROWS, RUNS = 10_000, 5
METHODS = ("difference", "regression", "ipw", "aipw", "stratification", "gcomputation", "dml")
WRITES = """
import sys, time
from estimand.core.record import StudyRecord
record = StudyRecord.load(sys.argv[1])
wall, processor = time.perf_counter(), time.process_time()
from estimand.report.folder import write_folder
write_folder(record, sys.argv[2])
print(time.perf_counter() - wall, time.process_time() - processor)
"""


def record() -> es.StudyRecord:
    """The record of the study."""
    frame = es.datasets.generate("llm_logs", rows=ROWS, seed=1)
    study = {"question": frame.attrs["question"], "design": frame.attrs["design"], "methods": METHODS}
    return es.run(study | {"data": frame, "headline": "aipw"})


def written(source: Path, target: Path) -> tuple[float, float]:
    """Seconds on the wall and on the processor of one new interpreter."""
    command = [sys.executable, "-c", WRITES, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, processor = done.stdout.split()
    return float(wall), float(processor)


def main() -> None:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "record", Path(folder) / "out"
        record().save(source)
        runs = [written(source, target) for _ in range(RUNS)]
        size = (target / "report.html").stat().st_size
    wall, processor = (statistics.median(times) for times in zip(*runs, strict=True))
    row = {
        "rows": ROWS,
        "methods": len(METHODS),
        "runs": RUNS,
        "median_seconds": f"{wall:.2f}",
        "median_processor_seconds": f"{processor:.2f}",
        "report_bytes": size,
    }
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
