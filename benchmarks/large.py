"""The adjustment methods on 1,000,000 rows × 50 covariates: seconds, peak memory and error.

::

    python benchmarks/large.py

The data of ``ipw.py``, a hundred times over. One process reads the table once; the methods then run in turn, each
estimate with its standard error, and share their nuisances as in a study; boosted trees for ``aipw`` and ``dml``.
Peak memory is the process's own, the making of the data included. Written to ``large.csv`` beside this file.
"""

import csv
import resource
import time
from pathlib import Path
from typing import Any

import ipw
import pandas as pd

from estimand.core.catalog import resolve
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.threads import single_threaded

RESULT = Path(__file__).with_suffix(".csv")
ROWS, THREADS = 1_000_000, 2
BOOSTED: dict[str, Any] = {"learner": "boosting"}
WORK: dict[str, tuple[str, dict[str, Any]]] = {
    "difference": ("difference", {}),
    "regression": ("regression", {}),
    "ipw": ("ipw", {}),
    "gcomputation": ("gcomputation", {}),
    "balancing, entropy": ("balancing", {}),
    "matching on the propensity": ("matching", {"distance": "propensity"}),
    "aipw, boosted": ("aipw", BOOSTED),
    "dml irm, boosted": ("dml", BOOSTED),
    "dml plr, boosted": ("dml", BOOSTED | {"score": "plr"}),
}


def peak() -> float:
    """Peak memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Read, estimate in turn, and write the table."""
    ipw.ROWS = ROWS
    frame: pd.DataFrame = ipw.table(0)
    table: list[list[object]] = []
    started = time.perf_counter()
    design = as_design(ipw.DESIGN)
    case = case_of(design, build_sample(read_table(frame, design.columns()), design), "y", Run(0, THREADS), Cache())
    table.append(["reading the frame", ROWS, 50, f"{time.perf_counter() - started:.2f}", f"{peak():.2f}", "", ""])
    with single_threaded():
        for name, (key, options) in WORK.items():
            began = time.perf_counter()
            made = resolve("methods", key)(**options).estimate(case)
            seconds = time.perf_counter() - began
            error, std = float(made.value[0]) - ipw.TRUTH, float(made.std_error[0])
            label = f"{name} ({made.target})"
            table.append([label, ROWS, 50, f"{seconds:.2f}", f"{peak():.2f}", f"{error:.4f}", f"{std:.4f}"])
            print(*table[-1], flush=True)
    table.append(["together", ROWS, 50, f"{time.perf_counter() - started:.2f}", f"{peak():.2f}", "", ""])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = ["work", "rows", "covariates", "seconds", "peak_gb", "error_against_ate", "std_error"]
        writer.writerows([head, *table])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
