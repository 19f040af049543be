"""S, T, X, R and DR beside CausalML and EconML: seconds, ratio, and error of the effects over 20 seeds.

::

    python benchmarks/learners.py --peers PYTHON --generator FILE [--seeds FIRST:STOP --keep FOLDER]

PYTHON is an interpreter with ``peers.txt`` installed; FILE holds ``xsec(rows, seed)``, which draws 10,000 rows of 45
correlated normals and 5 integer covariates, a logistic propensity, and effects that vary. Five folds for all. Ours
gives every row an effect by models that it had no part in, fits a model on everyone for new rows, and measures
importance; all of that is timed. A peer ``used`` is fitted once and asked about its own rows (R and DR cross-fit their
nuisances by themselves; CausalML's DR with three folds, which cannot be changed); a peer ``crossed`` is fitted on four
folds and asked about the fifth. Peers use LightGBM at its defaults, as they are used, and once at the settings of our
nuisances. Ours are ``boosting``, and ``stopped_boosting`` for what X, R and DR make of the rows, which no peer has.

The first seeds are timed, with both processors, each way in turn on the same draw, warm; the others give the error
only. What was measured is kept in FOLDER, so that the seeds may be run in parts. Written to ``learners.csv`` beside
this file.
"""

import argparse
import csv
import importlib.util
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from estimand.models.effects.estimators import DRLearner, RLearner, SLearner, TLearner, XLearner

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROWS, COVARIATES, FOLDS, SEEDS, TIMED, THREADS = 10_000, 50, 5, 20, 5, 2
OURS = {"s": SLearner, "t": TLearner, "x": XLearner, "r": RLearner, "dr": DRLearner}
PACKAGES = ("econml", "causalml")
# R and DR of the peers inside another loop take a minute a seed: the first two only.
PLAN = [
    *((kind, package, "crossed", "defaults", SEEDS) for kind in "stx" for package in PACKAGES),
    *((kind, package, "used", "defaults", SEEDS) for kind in OURS for package in PACKAGES),
    *((kind, package, "crossed", "ours", SEEDS) for kind in "stx" for package in PACKAGES),
    *((kind, package, "used", "ours", SEEDS) for kind in ("r", "dr") for package in PACKAGES),
    *((kind, package, "crossed", "defaults", 2) for kind in ("r", "dr") for package in PACKAGES),
]
Row = tuple[str, str, str, str]


def ours(data: dict[str, np.ndarray], threads: int) -> dict[Row, tuple[float, float]]:
    """Seconds and error of our five, warm."""
    out = {}
    for kind, learner in OURS.items():
        learner().fit(data["x"][:1000], data["d"][:1000], data["y"][:1000], threads=threads)
        started = time.perf_counter()
        made = learner().fit(data["x"], data["d"], data["y"], threads=threads)
        seconds = time.perf_counter() - started
        error = float(np.sqrt(np.mean((made.fitted_.effects - data["tau"]) ** 2)))
        out[kind, "estimand", "crossed", "ours"] = seconds, error
    return out


def peers(python: str, file: Path, seed: int, threads: int) -> dict[Row, tuple[float, float]]:
    """Seconds and error of every peer, each in a process of its own."""
    out = {}
    for kind, package, how, settings, until in PLAN:
        if seed >= until:
            continue
        way = [f"{package}_{kind}", str(file), how, settings, str(threads)]
        done = subprocess.run(
            [python, str(HERE / "learners_peer.py"), *way], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        out[kind, package, how, settings] = found["seconds"], found["rmse"]
    return out


def measured(seed: int, python: str, generator: str, keep: Path) -> None:
    """Measure every way on one seed, and keep it."""
    spec = importlib.util.spec_from_file_location("generator", generator)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = module.xsec(ROWS, seed)
    data = {"x": drawn["X"], "d": drawn["D"], "y": drawn["Y"], "tau": drawn["tau"]}
    threads = THREADS if seed < TIMED else 1
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "draw.npz"
        np.savez(file, **data)
        found = ours(data, threads) | peers(python, file, seed, threads)
    (keep / f"{seed}.json").write_text(json.dumps([[*row, *pair] for row, pair in found.items()]), encoding="utf-8")


def written(keep: Path) -> None:
    """Write the table of what is kept."""
    seconds: dict[Row, list[float]] = {}
    errors: dict[Row, list[float]] = {}
    for file in sorted(keep.glob("*.json")):
        for *row, spent, error in json.loads(file.read_text(encoding="utf-8")):
            errors.setdefault(tuple(row), []).append(error)
            if int(file.stem) < TIMED:
                seconds.setdefault(tuple(row), []).append(spent)
    names = ["learner", "package", "effects", "lightgbm", "rows", "covariates", "folds", "timed", "median_seconds"]
    with RESULT.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*names, "ratio_to_ours", "seeds", "mean_rmse"])
        for kind in OURS:
            base = statistics.median(seconds[kind, "estimand", "crossed", "ours"])
            for row in (row for row in errors if row[0] == kind):
                spent, found = statistics.median(seconds[row]), errors[row]
                timed = [len(seconds[row]), f"{spent:.3f}", f"{spent / base:.1f}"]
                writer.writerow([*row, ROWS, COVARIATES, FOLDS, *timed, len(found), f"{statistics.mean(found):.3f}"])
    print(RESULT.read_text(encoding="utf-8"))


def main() -> None:
    """Measure the seeds asked for that are not kept yet, and write the table once all are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--seeds", default=f"0:{SEEDS}")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    first, stop = map(int, asked.seeds.split(":"))
    for seed in range(first, stop):
        if not (keep / f"{seed}.json").exists():
            measured(seed, asked.peers, asked.generator, keep)
    if all((keep / f"{seed}.json").exists() for seed in range(SEEDS)):
        written(keep)


if __name__ == "__main__":
    main()
