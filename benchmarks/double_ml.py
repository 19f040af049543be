"""Boosted `aipw` and `dml` beside DoubleML and EconML with LightGBM: seconds, ratio, and error over 20 seeds.

::

    python benchmarks/double_ml.py --peers PYTHON

PYTHON is an interpreter with ``peers.txt`` installed (``make benchmarks`` makes one). 10,000 rows, 45 correlated
normals and 5 integer covariates, logistic propensity, average effect 1.25; five folds and one repeat for all; peers
with LightGBM at its library defaults, as they are used, and once with our settings. Each round times ours and then
each peer on the same data, warm, in one process each, with both processors allowed; medians over 20 seeds. Written to
``double_ml.csv`` beside this file.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from ipw import DESIGN, TRUTH, table

import estimand as es
from estimand.core.design import as_design
from estimand.data.build import build_sample
from estimand.data.source import read_table

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROUNDS, SEEDS, THREADS = 5, 20, 2
OURS = {
    "estimand aipw, boosting": ("aipw", {"learner": "boosting"}),
    "estimand aipw, auto": ("aipw", {"learner": "auto"}),
    "estimand dml irm, boosting": ("dml", {"learner": "boosting"}),
    "estimand dml plr, boosting": ("dml", {"learner": "boosting", "score": "plr"}),
}
PEERS = ("doubleml_irm", "doubleml_plr", "econml_linear_dr", "econml_linear_dml", "doubleml_irm_tuned")


def ours(seeds: range) -> dict[str, list[tuple[float, float]]]:
    """Seconds and value of each of our ways on each seed, after a warm-up."""
    out: dict[str, list[tuple[float, float]]] = {name: [] for name in OURS}
    design = as_design(DESIGN)
    for seed in seeds:
        frame = table(seed)
        sample = build_sample(read_table(frame, design.columns()), design)
        for name, (key, options) in OURS.items():
            if seed == seeds[0]:
                es.estimate(sample, DESIGN, key, threads=THREADS, **options)
            started = time.perf_counter()
            made = es.estimate(sample, DESIGN, key, threads=THREADS, **options)
            out[name].append((time.perf_counter() - started, float(made.value[0])))
    return out


def peer(python: str, way: str, folder: Path, seeds: range) -> list[tuple[float, float]]:
    """Seconds and value of a peer on each seed, after a warm-up, in one process of its own."""
    command = [python, str(HERE / "double_ml_peer.py"), way, str(folder), str(seeds.start), str(seeds.stop)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [tuple(pair) for pair in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Run rounds of all ways in turn, then the remaining seeds for the errors, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True)
    python = parser.parse_args().peers
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in (*OURS, *PEERS)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for seed in range(SEEDS):
            frame = table(seed)
            x = frame.drop(columns=["d", "y"]).to_numpy()
            np.savez(folder / f"{seed}.npz", x=x, d=frame["d"].to_numpy(), y=frame["y"].to_numpy())
        step = SEEDS // ROUNDS
        for first in range(0, SEEDS, step):
            seeds = range(first, first + step)
            for name, pairs in ours(seeds).items():
                results[name].extend(pairs)
            for way in PEERS:
                results[way].extend(peer(python, way, folder, seeds))
    base = statistics.median(seconds for seconds, _ in results["estimand aipw, boosting"])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["way", "rows", "covariates", "folds", "runs", "median_seconds", "ratio_to_aipw", "rmse"])
        for name, pairs in results.items():
            seconds = statistics.median(s for s, _ in pairs)
            rmse = float(np.sqrt(np.mean([(value - TRUTH) ** 2 for _, value in pairs])))
            writer.writerow([name, 10_000, 50, 5, len(pairs), f"{seconds:.3f}", f"{seconds / base:.1f}", f"{rmse:.4f}"])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
