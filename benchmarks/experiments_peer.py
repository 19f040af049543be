"""tea-tasting's side of ``experiments.py``: prints one line of JSON.

::

    PYTHON experiments_peer.py FILE METRICS ROUNDS

Every metric with CUPED on FILE, from a pandas frame, a polars frame and a lazy polars scan of the file: median seconds
after a warm-up, and value and standard error of the first metric without CUPED and with it.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import tea_tasting as tt


def main() -> None:
    """Time the ways and print them."""
    path, metrics, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    adjusted = tt.Experiment({f"m{j}": tt.Mean(f"m{j}", f"m{j}_pre") for j in range(metrics)}, variant="variant")
    plain = tt.Experiment({"m0": tt.Mean("m0")}, variant="variant")
    frame = pd.read_parquet(path)
    sources: dict[str, Callable[[], Any]] = {"pandas": lambda: frame}
    polar = pl.from_pandas(frame)
    sources |= {"polars": lambda: polar, "polars, from Parquet": lambda: pl.scan_parquet(path)}
    told: dict[str, Any] = {}
    for name, source in sources.items():
        adjusted.analyze(source())
        spent = []
        for _ in range(rounds):
            started = time.perf_counter()
            made = adjusted.analyze(source())
            spent.append(time.perf_counter() - started)
        told[name] = [statistics.median(spent), *read(made["m0"])]
    told["unadjusted"] = [0.0, *read(plain.analyze(frame)["m0"])]
    print(json.dumps(told))


def read(result: Any) -> tuple[float, float]:
    """Value and standard error of a difference."""
    return float(result.effect_size), float(result.effect_size / result.statistic)


if __name__ == "__main__":
    main()
