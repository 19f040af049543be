"""Metrics of an experiment with CUPED, beside tea-tasting: seconds, memory, and that both say the same.

::

    python benchmarks/experiments.py --peers PYTHON --generator FOLDER [--large]

PYTHON is an interpreter with ``peers.txt`` installed, FOLDER holds ``gen.py``, whose ``ab`` draws the tables: two arms,
metrics of normal noise on a gamma covariate. Ours is a whole study, from the data to its record, checks included: from
a pandas frame, and from the Parquet file. tea-tasting analyses a pandas frame, a polars frame and a lazy
polars scan of the file. Rounds alternate; medians after a warm-up, with all processors allowed, and processor seconds
beside them, which say more on a busy machine. Values and standard errors are of the
first metric; the last rows compare at equal formulas: no covariate, and one slope taken for known. With ``--large``,
ours alone on 10,000,000 rows and 10 metrics in a process of its own, with its peak memory. Written to
``experiments.csv`` beside this file.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROUNDS, ROWS, METRICS, PIECE = 15, 1_000_000, 4, 1_000_000


def design(metrics: int) -> dict[str, Any]:
    """Design with every metric and its covariate."""
    listed = [{"name": f"m{j}", "column": f"m{j}", "covariate": f"m{j}_pre"} for j in range(metrics)]
    return {"kind": "experiment", "variant": "variant", "metrics": listed}


def write(folder: str, path: Path, rows: int, metrics: int) -> None:
    """Write a table in pieces, each of its own seed."""
    sys.path.insert(0, folder)
    import gen

    writer = None
    for seed in range(rows // PIECE):
        piece = pa.table(gen.ab(PIECE, metrics, seed))
        writer = pq.ParquetWriter(path, piece.schema) if writer is None else writer
        writer.write_table(piece)
    if writer is not None:
        writer.close()


def study(data: Any, metrics: int, **options: Any) -> tuple[float, float, float, float]:
    """Seconds and processor seconds of a whole study, and value and standard error of its first metric."""
    import estimand as es

    started, used = time.perf_counter(), time.process_time()
    record = es.run({"data": data, "design": design(metrics), "methods": [{"method": "cuped", **options}]})
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    first = record.estimates[0]
    return seconds, processor, float(first.value[0]), float(first.std_error[0])


def alone(path: str, metrics: int) -> None:
    """Time one study in this process after a small warm-up, and print it with the memory it took."""
    import numpy as np

    rng = np.random.default_rng(0)
    names = [f"m{j}{end}" for j in range(metrics) for end in ("", "_pre")]
    drawn = {name: rng.normal(size=100) for name in names}
    small = pd.DataFrame({"variant": rng.integers(0, 2, 100)} | drawn)
    study(small, metrics)
    made = study(path, metrics)
    print(json.dumps([*made, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]))


def main() -> None:
    """Run both sides and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers")
    parser.add_argument("--generator")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--alone", nargs=2)
    asked = parser.parse_args()
    if asked.alone:
        alone(asked.alone[0], int(asked.alone[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ab.parquet"
        write(asked.generator, path, ROWS, METRICS)
        table = side_by_side(asked.peers, path)
        if asked.large:
            path.unlink()
            write(asked.generator, path, 10 * ROWS, 10)
            table.append(["estimand, from Parquet", 10 * ROWS, 10, *large(path)])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["way", "rows", "metrics", "median_seconds", "processor_seconds", "peak_gib", "value", "std_error"]
        )
        writer.writerows(table)
    print(RESULT.read_text(encoding="utf-8"))


def side_by_side(python: str, path: Path) -> list[list[Any]]:
    """Rows of both sides on one file."""
    import estimand as es

    frame = pd.read_parquet(path)
    command = [python, str(HERE / "experiments_peer.py"), str(path), str(METRICS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        if peer.stdin is None or peer.stdout is None:
            raise RuntimeError("the peer has no pipes")
        sent, told = peer.stdin, peer.stdout
        told.readline()

        def theirs(way: str) -> list[float]:
            sent.write(way + "\n")
            sent.flush()
            return list(json.loads(told.readline()))

        ways: dict[str, Callable[[], Sequence[float]]] = {
            "estimand, from pandas": lambda: study(frame, METRICS),
            "tea-tasting, pandas": lambda: theirs("pandas"),
            "estimand, from Parquet": lambda: study(str(path), METRICS),
            "tea-tasting, polars, from Parquet": lambda: theirs("polars, from Parquet"),
            "tea-tasting, polars": lambda: theirs("polars"),
        }
        for way in ways.values():
            way()
        rounds = [{name: way() for name, way in ways.items()} for _ in range(ROUNDS)]
        unadjusted = theirs("unadjusted")[2:]
        sent.close()
    plain = es.estimate(frame, design(METRICS), "difference")
    pooled = es.estimate(frame, design(METRICS), "cuped", slopes="pooled")
    rows = []
    for name in ways:
        seconds, processor = (statistics.median(found[name][j] for found in rounds) for j in (0, 1))
        value, error = rounds[0][name][2:]
        spent = [f"{seconds:.3f}", f"{processor:.3f}", ""]
        rows.append([name, ROWS, METRICS, *spent, f"{value:.12f}", f"{error:.12f}"])
    same = {
        "estimand, no covariate": (plain.value[0], plain.std_error[0]),
        "tea-tasting, no covariate": unadjusted,
        "estimand, one slope": (pooled.value[0], pooled.std_error[0]),
    }
    return rows + [[way, ROWS, 1, "", "", "", f"{v:.12f}", f"{e:.12f}"] for way, (v, e) in same.items()]


def large(path: Path) -> list[str]:
    """Median of three processes of our own, with the peak memory of the median one."""
    command = [sys.executable, str(Path(__file__)), "--alone", str(path), "10"]
    found = []
    for _ in range(3):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    seconds, processor, value, error, peak = sorted(found)[1]
    return [f"{seconds:.3f}", f"{processor:.3f}", f"{peak:.2f}", f"{value:.12f}", f"{error:.12f}"]


if __name__ == "__main__":
    main()
