"""`causal_forest` beside EconML's forests: seconds, processor seconds, error of effects, and what more rows take.

::

    python benchmarks/causal_forest.py --generator FILE --peers PYTHON

FILE is the shared generator of tables (its ``xsec``: 45 correlated normals and 5 integer covariates, logistic
propensity, average effect 1.25); PYTHON an interpreter with ``peers.txt`` installed. Everything that a user waits for
is timed: nuisances, 2,000 trees, effects out of bag, pointwise standard errors and the average, on two threads, warm.
``whole`` is the catalog's method at its defaults over 20 seeds, and CausalForestDML as its manual uses it on the first.
``matched`` is both forests alone on our nuisances of the first seed, with halves to split and to estimate, half the
rows a tree, and equal numbers of covariates tried, drawn afresh at every node. ``rows`` are single runs on larger
tables, each in a process of its own, whose peak memory counts the making of the data. Peers run once, as they take
minutes. Processor seconds are of all threads: where other work runs beside, they tell more than seconds.

Parts can be run one at a time (``--part``); the rows of other parts stay in ``causal_forest.csv`` beside this file.
"""

import argparse
import csv
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimand.core.catalog import resolve
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.models.bank import Cache
from estimand.models.forest.causal import CausalForest
from estimand.models.forest.centring import Rows, centred
from estimand.models.forest.columns import Treatments
from estimand.study.case import case_of
from estimand.study.threads import single_threaded

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
HEAD = [
    *("part", "way", "rows", "covariates", "trees", "seeds", "seconds", "processor_seconds"),
    *("effect_rmse", "pointwise_coverage", "average_rmse", "average_covered", "peak_gb"),
]
TREES, SEEDS, THREADS, TRUTH, REACH = 2_000, 20, 2, 1.25, 1.959964
LARGER = {3_000: 2_000, 10_000: 2_000, 30_000: 2_000, 100_000: 2_000, 1_000_000: 200}
MATCHED = {"split_share": 0.5, "mtry": 38, "guided": False}
Row = dict[str, object]


def drawn(generator: Path, rows: int, seed: int) -> dict[str, Any]:
    """One table of the shared generator."""
    spec = importlib.util.spec_from_file_location("generator", generator)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.xsec(rows, seed))


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What work gives, its seconds, and its processor seconds."""
    began, busy = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - began, time.process_time() - busy


def estimated(data: dict[str, Any], trees: int, run: Run) -> tuple[Any, float, float]:
    """The catalog's estimate on one table, and what it took."""
    names = [f"x{j}" for j in range(data["X"].shape[1])]
    frame = pd.DataFrame(data["X"], columns=names, copy=False).assign(d=data["D"], y=data["Y"])
    design = as_design({"kind": "observational", "treatment": "d", "outcome": "y", "covariates": names})
    case = case_of(design, build_sample(read_table(frame, design.columns()), design), "y", run, Cache())
    with single_threaded():
        return timed(lambda: resolve("methods", "causal_forest")(trees=trees).estimate(case))


def scored(effects: Any, errors: Any, tau: Any) -> tuple[float, float]:
    """Root mean squared error of effects, and share of pointwise intervals that hold the truth."""
    gap = effects - tau
    return float(np.sqrt(np.mean(gap**2))), float(np.mean(np.abs(gap) < REACH * errors))


def whole(generator: Path) -> list[Row]:
    """Our method over the seeds, after a warm-up."""
    estimated(drawn(generator, 10_000, SEEDS), TREES, Run(0, THREADS))
    found = []
    for seed in range(SEEDS):
        data = drawn(generator, 10_000, seed)
        made, seconds, busy = estimated(data, TREES, Run(seed, THREADS))
        error, held = scored(made.details["effects"], made.details["effect_std_error"], data["tau"])
        low, high = made.interval()[0]
        found.append((seconds, busy, error, held, float(made.value[0]) - TRUTH, low < TRUTH < high))
        print(seed, *(f"{number:.3f}" for number in found[-1]), flush=True)
    seconds, busy, error, held, gap, covered = (list(column) for column in zip(*found, strict=True))
    return [
        line("whole", "estimand causal_forest", 10_000, TREES, SEEDS)
        | took(statistics.median(seconds), statistics.median(busy))
        | {"effect_rmse": f"{np.mean(error):.4f}", "pointwise_coverage": f"{np.mean(held):.3f}"}
        | {"average_rmse": f"{np.sqrt(np.mean(np.square(gap))):.4f}", "average_covered": f"{sum(covered)}/{SEEDS}"}
    ]


def line(part: str, way: str, rows: int, trees: int, seeds: int) -> Row:
    """Begin a row of the table."""
    return {"part": part, "way": way, "rows": rows, "covariates": 50, "trees": trees, "seeds": seeds}


def took(seconds: float, busy: float) -> Row:
    """Times of a row."""
    return {"seconds": f"{seconds:.2f}", "processor_seconds": f"{busy:.2f}"}


def peer(python: str, way: str, data: dict[str, Any], more: dict[str, Any], trees: int) -> Row:
    """Run EconML in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        np.savez(file, x=data["X"], d=data["D"], y=data["Y"], tau=data["tau"], **more)
        command = [python, str(HERE / "causal_forest_peer.py"), way, str(file), str(trees), str(MATCHED["mtry"])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return took(told["seconds"], told["processor_seconds"]) | {
        "effect_rmse": f"{told['rmse']:.4f}",
        "pointwise_coverage": f"{told['held']:.3f}",
    }


def peers(generator: Path, python: str, trees: int) -> list[Row]:
    """CausalForestDML on the first seed."""
    data = drawn(generator, 10_000, 0)
    nothing = np.zeros(10_000)
    told = peer(python, "dml", data, {"m": nothing, "e": nothing}, trees)
    return [line("peer", "econml CausalForestDML", 10_000, trees, 1) | told]


def matched(generator: Path, python: str, trees: int) -> list[Row]:
    """Both forests alone, on equal terms."""
    data = drawn(generator, 10_000, 0)
    forest = CausalForest(trees=trees, **MATCHED)
    dose = data["D"].astype(float)[:, None]
    rows = Rows(np.ascontiguousarray(data["X"]), data["Y"], dose)
    level = centred(rows, (forest.learner, forest.learner), forest.folds, Run(0, THREADS))

    def grow() -> Any:
        return forest.grown(rows, level, (Treatments(dose, ("d",)), None), Run(0, THREADS))

    grow()
    grown, seconds, busy = timed(grow)
    error, held = scored(grown.effects, grown.effect_std_error, data["tau"])
    ours = line("matched", "estimand CausalForest", 10_000, trees, 1) | took(seconds, busy)
    ours |= {"effect_rmse": f"{error:.4f}", "pointwise_coverage": f"{held:.3f}"}
    told = peer(python, "matched", data, {"m": level.outcome, "e": level.treatments[:, 0]}, trees)
    return [ours, line("matched", "econml grf.CausalForest", 10_000, trees, 1) | told]


def larger(generator: Path, rows: int) -> Row:
    """One run on a table of so many rows, in this process."""
    estimated(drawn(generator, 1_000, 0), 40, Run(0, THREADS))

    def report(label: str, done: int, total: int) -> None:
        if rows >= 1_000_000:
            print(label, f"{done}/{total}", flush=True, file=sys.stderr)

    data = drawn(generator, rows, 0)
    made, seconds, busy = estimated(data, LARGER[rows], Run(0, THREADS, report))
    error, held = scored(made.details["effects"], made.details["effect_std_error"], data["tau"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        line("rows", "estimand causal_forest", rows, LARGER[rows], 1)
        | took(seconds, busy)
        | {"effect_rmse": f"{error:.4f}", "pointwise_coverage": f"{held:.3f}"}
        | {"average_rmse": f"{abs(float(made.value[0]) - TRUTH):.4f}", "peak_gb": f"{peak:.2f}"}
    )


def growing(generator: Path, largest: int) -> list[Row]:
    """Larger tables, and the exponent of seconds in rows where the trees are as many."""
    table: list[Row] = []
    for rows in (size for size in LARGER if size <= largest):
        command = [sys.executable, __file__, "--generator", str(generator), "--rows", str(rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        table.append(json.loads(done.stdout.splitlines()[-1]))
        print(table[-1], flush=True)
    alike = [row for row in table if row["trees"] == TREES]
    size = np.log([float(str(row["rows"])) for row in alike])
    slopes = [np.polyfit(size, np.log([float(str(row[key])) for row in alike]), 1)[0] for key in HEAD[6:8]]
    fitted = line("exponent", "log of time on log of rows", 0, TREES, 1) | took(*slopes)
    return [*table, fitted | {"rows": f"{min(LARGER)} to 100000"}]


def written(parts: set[str], fresh: list[Row]) -> None:
    """Replace the rows of the parts that were run."""
    kept: list[Row] = []
    if RESULT.exists():
        with RESULT.open(encoding="utf-8", newline="") as file:
            kept = [dict(row) for row in csv.DictReader(file) if row["part"] not in parts]
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *fresh])


def main() -> None:
    """Run the parts asked for, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--peers")
    parser.add_argument("--part", choices=("whole", "peer", "matched", "rows"), action="append")
    parser.add_argument("--peer-trees", type=int, default=TREES)
    parser.add_argument("--largest", type=int, default=max(LARGER))
    parser.add_argument("--rows", type=int)
    asked = parser.parse_args()
    if asked.rows:
        print(json.dumps(larger(asked.generator, asked.rows)))
        return
    work: dict[str, Callable[[], list[Row]]] = {"whole": lambda: whole(asked.generator)}
    if asked.peers:
        work["peer"] = lambda: peers(asked.generator, asked.peers, asked.peer_trees)
        work["matched"] = lambda: matched(asked.generator, asked.peers, asked.peer_trees)
    work["rows"] = lambda: growing(asked.generator, asked.largest)
    for part in asked.part or work:
        fresh = work[part]()
        written({part, "exponent"} if part == "rows" else {part}, fresh)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
