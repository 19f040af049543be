"""tea-tasting's side of ``experiments.py``: prints one line of JSON.

::

    PYTHON experiments_peer.py FILE METRICS

Every metric with CUPED on FILE. Reads a way from each line of standard input (pandas, polars, polars from Parquet,
unadjusted), and answers with one line of JSON: seconds, processor seconds, and value and standard error of the first
metric. Says "ready" once warm.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import tea_tasting as tt


def main() -> None:
    """Answer every line."""
    path, metrics = sys.argv[1], int(sys.argv[2])
    adjusted = tt.Experiment({f"m{j}": tt.Mean(f"m{j}", f"m{j}_pre") for j in range(metrics)}, variant="variant")
    plain = tt.Experiment({"m0": tt.Mean("m0")}, variant="variant")
    frame = pd.read_parquet(path)
    polar = pl.from_pandas(frame)
    ways: dict[str, Callable[[], Any]] = {
        "pandas": lambda: adjusted.analyze(frame),
        "polars": lambda: adjusted.analyze(polar),
        "polars, from Parquet": lambda: adjusted.analyze(pl.scan_parquet(path)),
        "unadjusted": lambda: plain.analyze(frame),
    }
    for way in ways.values():
        way()
    print("ready", flush=True)
    for line in sys.stdin:
        started, used = time.perf_counter(), time.process_time()
        made = ways[line.strip()]()
        spent = [time.perf_counter() - started, time.process_time() - used]
        print(json.dumps([*spent, *read(made["m0"])]), flush=True)


def read(result: Any) -> tuple[float, float]:
    """Value and standard error of a difference."""
    return float(result.effect_size), float(result.effect_size / result.statistic)


if __name__ == "__main__":
    main()
