"""`did` beside pyfixest: two-way effects with standard errors by unit, seconds, memory, and that both say the same.

::

    python benchmarks/did.py --peers PYTHON [--large]

PYTHON is an interpreter with ``peers.txt`` installed. 100,000 units over 10 periods, half of them treated from the
sixth on, one covariate that varies; balanced, and with 10 % of the rows missing at random. Ours is timed whole, from a
data frame to the estimate, and apart for reading and fitting; pyfixest's ``feols`` starts from a data frame too, with
its defaults and with nothing stored. Rounds alternate; of each way and round the second of two calls in a row is taken,
as the first also waits for the machine to hand out memory (and, of the peer, compiles); our first stands beside it.
Medians, with both processors allowed. Then ours alone at 100,000, 1,000,000 and (``--large``) 10,000,000 rows, each in
a process of its own, with its peak memory. Written to ``did.csv`` beside this file.
"""

import argparse
import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROUNDS, UNITS, PERIODS = 3, 100_000, 10
DESIGN = {"kind": "panel", "unit": "unit", "time": "time", "outcome": "y", "treatment": "d", "covariates": ["x"]}
OPTIONS = {"covariance": "CR1"}


def panel(units: int, missing: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Draw a panel of one treated cohort, whose effect is one."""
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(units), PERIODS), np.tile(np.arange(PERIODS), units)
    treated = (rng.random(units) < 0.5)[unit] & (period >= PERIODS // 2)
    x = rng.normal(size=unit.shape[0])
    y = rng.normal(size=units)[unit] + 0.1 * period + 0.5 * x + treated + rng.normal(size=unit.shape[0])
    frame = pd.DataFrame({"unit": unit, "time": period, "d": treated.astype(np.int64), "x": x, "y": y})
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


def ours(frame: pd.DataFrame) -> tuple[float, float, float, float]:
    """Seconds of reading and fitting, value and standard error."""
    import estimand as es
    from estimand.core.design import as_design
    from estimand.data.build import build_sample
    from estimand.data.source import read_table

    design = as_design(DESIGN)
    started = time.perf_counter()
    sample = build_sample(read_table(frame, design.columns()), design)
    read = time.perf_counter()
    made = es.estimate(sample, DESIGN, "did", **OPTIONS)
    return read - started, time.perf_counter() - read, float(made.value[0]), float(made.std_error[0])


def alone(units: int) -> None:
    """Time one whole call in this process, and print it with the memory it took."""
    import estimand as es

    es.estimate(panel(100), DESIGN, "did", **OPTIONS)
    frame = panel(units)
    taken = []
    for _ in range(2):
        started = time.perf_counter()
        made = es.estimate(frame, DESIGN, "did", **OPTIONS)
        taken.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([*taken, float(made.value[0]), float(made.std_error[0]), peak / 2**20]))


def peer(python: str, path: Path) -> dict[str, list[float]]:
    """Seconds, value and standard error of each of the peer's ways, in a process of its own."""
    done = subprocess.run([python, str(HERE / "did_peer.py"), str(path)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def beside(python: str) -> list[list[str]]:
    """Rows of the table that set ours beside the peer."""
    rows = []
    for missing in (0.0, 0.1):
        frame = panel(UNITS, missing)
        found: dict[str, list[tuple[float, ...]]] = {}
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "panel.npz"
            np.savez(path, **{name: frame[name].to_numpy() for name in frame.columns})
            ours(frame)
            for _ in range(ROUNDS):
                first, (read, fit, value, error) = ours(frame), ours(frame)
                each = (
                    ("whole", read + fit, first[0] + first[1]),
                    ("reading", read, first[0]),
                    ("fitting", fit, first[1]),
                )
                for name, seconds, at_first in each:
                    found.setdefault(f"estimand did, {name}", []).append((seconds, value, error, at_first))
                for name, told in peer(python, path).items():
                    found.setdefault(name, []).append(tuple(told))
        base = statistics.median(told[0] for told in found["estimand did, whole"])
        for name, told in found.items():
            seconds = statistics.median(each[0] for each in told)
            at_first = f"{statistics.median(each[3] for each in told):.3f}" if len(told[0]) > 3 else ""
            panel_kind = "10 % missing" if missing else "balanced"
            rows.append(
                [
                    name,
                    panel_kind,
                    f"{len(frame)}",
                    f"{seconds:.3f}",
                    f"{seconds / base:.2f}",
                    at_first,
                    "",
                    *map(_ten, told[0][1:3]),
                ]
            )
    return rows


def _ten(value: float) -> str:
    return f"{value:.10f}"


def main() -> None:
    """Run all, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--alone", type=int)
    asked = parser.parse_args()
    if asked.alone:
        alone(asked.alone)
        return
    rows = beside(asked.peers) if asked.peers else []
    for units in (10_000, 100_000, *((1_000_000,) if asked.large else ())):
        command = [sys.executable, __file__, "--alone", str(units)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        first, seconds, value, error, peak = json.loads(done.stdout.splitlines()[-1])
        size = f"{units * PERIODS}"
        rows.append(
            [
                "estimand did, alone", "balanced", size, f"{seconds:.3f}", "", f"{first:.3f}", f"{peak:.2f}",
                _ten(value), _ten(error),
            ]
        )  # fmt: skip
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["way", "panel", "rows", "median_seconds", "ratio_to_ours", "first_call_seconds", "peak_gib", "value",
             "std_error"]
        )  # fmt: skip
        writer.writerows(rows)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
