"""Matching beside CausalML and causallib: seconds, ratio, and error over up to 20 seeds.

::

    python benchmarks/matching.py --peers PYTHON

PYTHON is an interpreter with ``peers.txt`` installed. The data of ``ipw.py``: 45 correlated normals and 5 integer
covariates, logistic propensity, effects that vary. Ours includes the standard error and the balance table; the peers
return pairs or a value alone. For the propensity ways the fitted logit is given to both, and its fit is timed by
neither. Each way runs alone, warm, on the same files; medians over the seeds, which are fewer where a peer is slow.
The error is against the mean effect on those whom each way matched. Written to ``matching.csv`` beside this file.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ipw import DESIGN, NAMES

import estimand as es
from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.design import as_design
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.threads import single_threaded

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
THREADS = 2
GREEDY = {"replace": False, "caliper": 0.2, "bias_correct": False}
NEAREST = {"caliper": 0.2}
METRIC = {"distance": "mahalanobis", "target": "ATE"}
# Work, rows, seeds, our options, the peer.
WORK: list[tuple[str, int, int, dict[str, Any], str | None]] = [
    ("1:1 without replacement, caliper", 10_000, 20, GREEDY, "causalml_without"),
    ("1:1 without replacement, caliper", 100_000, 1, GREEDY, "causalml_without"),
    ("1:1 with replacement, caliper", 10_000, 20, NEAREST, "causalml_with"),
    ("1:1 with replacement, caliper", 100_000, 3, NEAREST, "causalml_with"),
    ("Mahalanobis, 50 covariates", 10_000, 2, METRIC | {"bias_correct": False}, "causallib_mahalanobis"),
    ("Mahalanobis, 50 covariates, bias corrected", 10_000, 20, METRIC, None),
]


def draw(rows: int, seed: int) -> dict[str, np.ndarray]:
    """One draw of the data, as ``ipw.py`` makes it, with each row's effect."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, len(NAMES)))
    for j in range(1, 45):
        x[:, j] = 0.3 * x[:, j - 1] + np.sqrt(0.91) * x[:, j]
    x[:, 45:] = rng.integers(0, 5, (rows, 5))
    logit = 0.4 * x[:, 0] - 0.3 * x[:, 1] + 0.3 * x[:, 3] - 0.25 * x[:, 5] + 0.2 * x[:, 7] + 0.15 * (x[:, 45] - 2)
    d = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    effect = 1 + 0.5 * x[:, 0] + 0.5 * (x[:, 1] > 0) - 0.25 * x[:, 2]
    y = x[:, 0] + 0.5 * x[:, 3] + 0.5 * x[:, 7] + 0.4 * (x[:, 45] == 2) + d * effect + rng.standard_normal(rows)
    return {"x": x, "d": d, "y": y, "effect": effect}


def prepared(data: dict[str, np.ndarray]) -> tuple[Case, np.ndarray]:
    """The case with its propensity fitted, and the logit."""
    design = as_design(DESIGN)
    frame = pd.DataFrame(data["x"], columns=NAMES).assign(d=data["d"], y=data["y"])
    case = case_of(design, build_sample(read_table(frame, design.columns()), design), "y", Run(0, THREADS), Cache())
    e = case.fitted().propensity(Learner("logistic"), FoldPlan(1)).prediction[:, 1]
    return case, np.log(e / (1 - e))


def ours(case: Case, effect: np.ndarray, options: dict[str, Any]) -> tuple[float, float]:
    """Seconds and error of one estimate."""
    method = resolve("methods", "matching")(**options)
    started = time.perf_counter()
    made: es.Estimate = method.estimate(case)
    seconds = time.perf_counter() - started
    assert made.std_error[0] > 0
    return seconds, float(made.value[0] - effect[np.unique(made.details["pairs"][:, 0])].mean())


def measure(work: tuple[str, int, int, dict[str, Any], str | None], python: str | None) -> list[list[object]]:
    """Rows of the table for one piece of work."""
    name, rows, seeds, options, peer = work
    results: dict[str, list[tuple[float, float]]] = {"estimand": []}
    with tempfile.TemporaryDirectory() as folder, single_threaded():
        files = []
        for seed in range(seeds):
            data = draw(rows, seed)
            case, score = prepared(data)
            if seed == 0:
                ours(case, data["effect"], options)
            results["estimand"].append(ours(case, data["effect"], options))
            files.append(Path(folder) / f"{seed}.npz")
            np.savez(files[-1], score=score, **data)
        if peer is not None and python is not None:
            command = [python, str(HERE / "matching_peer.py"), peer, *map(str, files)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[peer] = json.loads(done.stdout.strip().splitlines()[-1])
    first = statistics.median(seconds for seconds, _ in results["estimand"])
    out: list[list[object]] = []
    for way, taken in results.items():
        middle = statistics.median(seconds for seconds, _ in taken)
        rmse = float(np.sqrt(np.mean([error**2 for _, error in taken])))
        out.append([name, way, rows, len(NAMES), seeds, f"{middle:.4f}", f"{middle / first:.1f}", f"{rmse:.4f}"])
    return out


def main() -> None:
    """Measure all work and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="interpreter with the peers installed; without it only ours is timed")
    python = parser.parse_args().peers
    table = [row for work in WORK for row in measure(work, python)]
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = ["work", "way", "rows", "covariates", "seeds", "median_seconds", "ratio_to_ours", "rmse"]
        writer.writerows([head, *table])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
