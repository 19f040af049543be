"""The bootstrap beside a loop over scikit-learn and one over statsmodels: seconds, standard error, difference of draws.

::

    python benchmarks/bootstrap.py --peers PYTHON

PYTHON is an interpreter with ``peers.txt`` installed. 50,000 rows, 4 normal covariates, a logistic propensity and 50
clusters. 1,000 pairs draws of inverse-probability weighting, the propensity refitted in each, and 500 cluster draws of
least squares. Ours is the public call, on two threads, and includes the estimate itself; a peer's loop is what its
manual suggests. The last column is the largest difference from the peer over 20 draws of the same rows. Medians of
three runs of ours; the peers run once. Written to ``bootstrap.csv`` beside this file.
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

import estimand as es
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.stats.resampling import batches, multinomial_counts

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
ROWS, GROUPS, RUNS, SHOWN, THREADS = 50_000, 50, 3, 20, 2
NAMES = [f"x{j}" for j in range(4)]
DESIGN: dict[str, Any] = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": NAMES}
# Work, method, kind, draws, units, options, the peer.
WORK: list[tuple[str, str, str, int, int, dict[str, Any], str]] = [
    ("ipw, pairs", "ipw", "pairs", 1000, ROWS, {}, "scikit_learn"),
    ("least squares, clusters", "regression", "cluster", 500, GROUPS, {"interactions": False}, "statsmodels"),
]


def table() -> pd.DataFrame:
    """The data."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, 4))
    group = np.arange(ROWS) % GROUPS
    d = (rng.random(ROWS) < 1 / (1 + np.exp(-(x @ [0.4, -0.3, 0.2, 0.1])))).astype(int)
    y = x @ [1.0, 0.5, 0.0, 0.2] + d + rng.standard_normal(ROWS) + rng.standard_normal(GROUPS)[group]
    return pd.DataFrame(x, columns=NAMES).assign(d=d, y=y, g=group)


def built(frame: pd.DataFrame, kind: str) -> tuple[dict[str, Any], Sample]:
    """The design and the sample of one piece of work."""
    plan = DESIGN | ({"cluster": "g"} if kind == "cluster" else {})
    design = as_design(plan)
    return plan, build_sample(read_table(frame, design.columns()), design)


def ours(plan: dict[str, Any], sample: Sample, work: tuple[Any, ...]) -> tuple[float, es.Estimate]:
    """Seconds of the public call, and its estimate."""
    _, method, kind, draws, _, options, _ = work
    scheme = {"kind": kind, "draws": draws}
    started = time.perf_counter()
    made = es.estimate(sample, plan, method, resample=scheme, threads=THREADS, **options)
    return time.perf_counter() - started, made


def peer(python: str, frame: pd.DataFrame, work: tuple[Any, ...]) -> dict[str, Any]:
    """What the peer's loop took and found, and its values on our first draws."""
    _, _, kind, draws, units, _, name = work
    number, size = batches(draws, units)[0]
    counts = multinomial_counts(Run(0).rng("resample", kind, number), size, units)[:SHOWN]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "data.npz"
        np.savez(place, x=frame[NAMES].to_numpy(), d=frame["d"], y=frame["y"], g=frame["g"], counts=counts)
        command = [python, str(HERE / "bootstrap_peer.py"), name, str(place), str(draws)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """Time each piece of work, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True, help="an interpreter with peers.txt installed")
    python = parser.parse_args().peers
    frame, lines = table(), []
    for work in WORK:
        plan, sample = built(frame, work[2])
        ours(plan, sample, work)
        timed = [ours(plan, sample, work) for _ in range(RUNS)]
        seconds, made = statistics.median(taken for taken, _ in timed), timed[0][1]
        theirs = peer(python, frame, work)
        drawn = made.uncertainty.values[: len(theirs["values"]), 0]
        apart = float(np.abs(drawn - np.array(theirs["values"])).max())
        shape = [ROWS, work[3]]
        error = float(made.std_error[0])
        lines.append([work[0], "estimand", *shape, f"{seconds:.3f}", "1.0", f"{error:.5f}", f"{apart:.1e}"])
        ratio, spread = theirs["seconds"] / seconds, theirs["std_error"]
        lines.append([work[0], theirs["name"], *shape, f"{theirs['seconds']:.3f}", f"{ratio:.1f}", f"{spread:.5f}", ""])
    header = ["work", "way", "rows", "draws", "seconds", "ratio_to_ours", "std_error", "largest_difference_of_20_draws"]
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
