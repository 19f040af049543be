"""S, T, X, R and DR beside CausalML and EconML: seconds, ratio, and error of the effects over seeds.

::

    python benchmarks/learners.py --peers PYTHON --generator FILE [--seeds FIRST:STOP --packages ONE,OTHER --threads N
        --keep FOLDER]

PYTHON is an interpreter with ``peers.txt`` installed; FILE holds ``xsec(rows, seed)``, which draws 10,000 rows of 45
correlated normals and 5 integer covariates, a logistic propensity, and effects that vary. Five folds for all. Ours
gives every row an effect by models that it had no part in, fits a model on everyone for new rows, and measures
importance; all of that is timed. A peer ``used`` is fitted once and asked about its own rows: S, T and X saw them, R
and DR cross-fit their nuisances by themselves (CausalML's DR with three folds, which cannot be changed). A peer
``crossed`` is fitted on four folds and asked about the fifth, which is what ours are. Peers use LightGBM at its
defaults, as they are used. Ours are ``boosting``, and ``stopped_boosting`` for what X, R and DR make of the rows, which
no peer has.

Each way is timed warm, ours and then the peers' on the same draw. Processor seconds are those of all threads of a
process; the ratio is of them, as wall seconds say little on a machine that others use too. With two threads LightGBM
waits for the slower one by spinning: on a busy machine measure with ``--threads 1``. What was measured is kept in
FOLDER, so that it may be done in parts, and the table is of what is kept: ``rmse_ours_same_seeds`` is our error on the
seeds that the row was measured on. Written to ``learners.csv`` beside this file.
"""

import argparse
import csv
import importlib.util
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from estimand.models.effects.estimators import DRLearner, RLearner, SLearner, TLearner, XLearner

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROWS, COVARIATES, FOLDS, SEEDS, WARM = 10_000, 50, 5, 20, 1000
OURS = {"s": SLearner, "t": TLearner, "x": XLearner, "r": RLearner, "dr": DRLearner}
PACKAGES = ("econml", "causalml")
# On how many seeds; R and DR of the peers inside another loop take half a minute each.
PLAN = {
    **{(kind, package, "used"): 20 if kind in "stx" else 5 for kind in OURS for package in PACKAGES},
    **{(kind, package, "crossed"): 20 if kind in "stx" else 1 for kind in OURS for package in PACKAGES},
}
Row = tuple[str, str, str]
Found = dict[str, float]


def ours(data: dict[str, np.ndarray], threads: int) -> Iterator[tuple[Row, Found]]:
    """Seconds and error of our five, warm."""
    for kind, learner in OURS.items():
        learner().fit(*(data[name][:WARM] for name in ("x", "d", "y")), threads=threads)
        wall, processor = time.perf_counter(), time.process_time()
        made = learner().fit(data["x"], data["d"], data["y"], threads=threads)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        error = float(np.sqrt(np.mean((made.fitted_.effects - data["tau"]) ** 2)))
        yield (kind, "estimand", "crossed"), {"seconds": wall, "processor": processor, "rmse": error}


def peers(python: str, file: Path, rows: list[Row], threads: int) -> Iterator[tuple[Row, Found]]:
    """Seconds and error of peers, one after the other in a process of their own."""
    ways = [":".join(row) for row in rows]
    call = [python, str(HERE / "learners_peer.py"), str(file), str(threads), *ways]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        for line in running.stdout:
            if line.startswith("{"):
                found = json.loads(line)
                yield tuple(found.pop("way").split(":")), found
    if running.returncode != 0:
        raise SystemExit(f"The peers ended with status {running.returncode}.")


def drawn(generator: str, seed: int) -> dict[str, np.ndarray]:
    """One draw."""
    spec = importlib.util.spec_from_file_location("generator", generator)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.xsec(ROWS, seed)
    return {"x": found["X"], "d": found["D"], "y": found["Y"], "tau": found["tau"]}


def measured(seed: int, asked: argparse.Namespace, keep: Path) -> None:
    """Measure on one seed what is not kept yet, and keep it row by row."""
    kept = _kept(keep, seed)
    packages = asked.packages.split(",")
    own = "estimand" in packages and ("dr", "estimand", "crossed") not in kept
    rows = [row for row, until in PLAN.items() if seed < until and row[1] in packages and row not in kept]
    if not own and not rows:
        return
    data = drawn(asked.generator, seed)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "draw.npz"
        np.savez(file, **data)
        sources = [ours(data, asked.threads)] if own else []
        sources += [peers(asked.peers, file, rows, asked.threads)] if rows else []
        for source in sources:
            for row, found in source:
                kept[row] = found | {"threads": asked.threads}
                listed = [[*row, item] for row, item in kept.items()]
                (keep / f"{seed}.json").write_text(json.dumps(listed), encoding="utf-8")


def _kept(keep: Path, seed: int) -> dict[Row, dict[str, Any]]:
    file = keep / f"{seed}.json"
    if not file.exists():
        return {}
    return {tuple(row): found for *row, found in json.loads(file.read_text(encoding="utf-8"))}


def written(keep: Path) -> None:
    """Write the table of what is kept."""
    kept = {seed: _kept(keep, seed) for seed in range(SEEDS)}
    names = ["learner", "package", "effects", "rows", "covariates", "folds", "threads", "seeds", "median_wall_seconds"]
    with RESULT.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            [*names, "median_processor_seconds", "processor_ratio_to_ours", "mean_rmse", "rmse_ours_same_seeds"]
        )
        for row in [(kind, "estimand", "crossed") for kind in OURS] + list(PLAN):
            base = (row[0], "estimand", "crossed")
            seeds = [seed for seed, found in kept.items() if row in found and base in found]
            if not seeds:
                continue
            threads = sorted({kept[seed][row]["threads"] for seed in seeds})
            wall, spent, error = (
                [kept[seed][row][name] for seed in seeds] for name in ("seconds", "processor", "rmse")
            )
            ratio = statistics.median(kept[seed][row]["processor"] / kept[seed][base]["processor"] for seed in seeds)
            measures = [
                f"{statistics.median(wall):.3f}",
                f"{statistics.median(spent):.3f}",
                f"{ratio:.1f}",
                f"{statistics.mean(error):.3f}",
                f"{statistics.mean(kept[seed][base]['rmse'] for seed in seeds):.3f}",
            ]
            told = "+".join(map(str, threads))
            writer.writerow([*row, ROWS, COVARIATES, FOLDS, told, len(seeds), *measures])
    print(RESULT.read_text(encoding="utf-8"))


def main() -> None:
    """Measure what is asked for and not kept yet, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--seeds", default=f"0:{SEEDS}")
    parser.add_argument("--packages", default=",".join(("estimand", *PACKAGES)))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    first, stop = map(int, asked.seeds.split(":"))
    for seed in range(first, stop):
        measured(seed, asked, keep)
    written(keep)


if __name__ == "__main__":
    main()
