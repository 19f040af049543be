"""How long a new process takes to import the package, and to print the command line's help.

::

    python benchmarks/startup.py

Whole processes, file cache warm, in turn with a bare interpreter; medians of 15 runs, written to
``startup.csv`` beside this file.
"""

import csv
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).with_suffix(".csv")
RUNS = 15
COMMANDS = {
    "bare python": [sys.executable, "-c", "pass"],
    "import estimand": [sys.executable, "-c", "import estimand"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "estimand --help": [str(Path(sys.executable).with_name("estimand")), "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall seconds of one process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Time the commands in turn and write the table."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, command in COMMANDS.items():
            taken = seconds(command)
            if run:
                times[name].append(taken)
    bare = statistics.median(times["bare python"])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["process", "runs", "median_seconds", "over_bare_python"])
        for name, taken in times.items():
            middle = statistics.median(taken)
            writer.writerow([name, RUNS, f"{middle:.3f}", f"{middle - bare:.3f}"])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
