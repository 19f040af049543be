"""Doubly robust staggered difference-in-differences beside diff-diff and csdid, and alone on up to ten million rows.

::

    python benchmarks/staggered.py --peers PYTHON

PYTHON is an interpreter with ``peers.txt`` installed. 20,000 units in 10 periods, six waves and units never treated, a
covariate that waves and trends depend on; from the table in memory to the overall effect with its analytic standard
error, on one thread. Medians over 20 seeds, the root mean squared error over them, and the largest difference of value
and standard error from ours. Then one run each of ours on more units. Written to ``staggered.csv`` beside this file.
"""

import argparse
import csv
import json
import resource
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from staggered_peer import PERIODS, table

import estimand as es

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
UNITS, SEEDS = 20_000, 20
LARGER = [100_000, 1_000_000]
DESIGN: dict[str, Any] = {
    "kind": "panel", "unit": "id", "time": "t", "outcome": "y", "cohort": "g", "covariates": ["x"],
}  # fmt: skip


def ours(seed: int, units: int, control: str) -> tuple[float, float, float, float]:
    """Seconds, value, standard error and truth."""
    frame, truth = table(seed, units)
    started = time.perf_counter()
    made = es.estimate(frame, DESIGN, "staggered_did", control=control)
    return time.perf_counter() - started, float(made.value[0]), float(made.std_error[0]), truth


def peer(python: str, name: str, control: str) -> dict[str, Any]:
    """What a peer took and found."""
    command = [python, str(HERE / "staggered_peer.py"), name, control, str(SEEDS), str(UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """Time all, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True, help="an interpreter with peers.txt installed")
    python = parser.parse_args().peers
    ours(0, 500, "never")
    lines: list[list[object]] = []
    for control in ("never", "not_yet"):
        seconds, value, error, truth = np.array([ours(seed, UNITS, control) for seed in range(SEEDS)]).T
        middle = statistics.median(seconds)
        rows = UNITS * PERIODS
        rmse = float(np.sqrt(np.mean(np.square(value - truth))))
        lines.append([control, "estimand", rows, SEEDS, f"{middle:.3f}", "1.0", f"{rmse:.5f}", "", "", ""])
        for name in ("diff_diff", "csdid"):
            theirs = peer(python, name, control)
            taken = statistics.median(theirs["seconds"])
            off = float(np.sqrt(np.mean(np.square(np.array(theirs["values"]) - truth))))
            apart = [
                float(np.abs(np.array(theirs[key]) - own).max()) for key, own in (("values", value), ("errors", error))
            ]
            cells = [f"{taken:.3f}", f"{taken / middle:.1f}", f"{off:.5f}", *(f"{gap:.1e}" for gap in apart), ""]
            lines.append([control, theirs["name"], rows, SEEDS, *cells])
    for units in LARGER:
        taken, found, _, known = ours(0, units, "never")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        cells = [f"{taken:.2f}", "", f"{abs(found - known):.5f}", "", "", f"{memory:.1f}"]
        lines.append(["never", "estimand", units * PERIODS, 1, *cells])
    header = [
        "control", "way", "rows", "seeds", "median_seconds", "ratio_to_ours", "rmse", "largest_value_gap",
        "largest_error_gap", "peak_gb",
    ]  # fmt: skip
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
