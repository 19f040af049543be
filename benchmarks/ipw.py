"""Hájek IPW with its stacked standard error, beside a scikit-learn propensity without one.

::

    python benchmarks/ipw.py

10,000 rows, 45 correlated normals and 5 integer covariates, logistic propensity, continuous outcome, average effect
1.25. Both start from arrays in memory and run in turn on one thread; medians of 20 runs after a warm-up, the error
over 20 seeds. Written to ``ipw.csv`` beside this file.
"""

import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import estimand as es
from estimand.core.design import as_design
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.data.source import read_table

RESULT = Path(__file__).with_suffix(".csv")
ROWS, NUMBERS, CATEGORIES, RUNS, SEEDS = 10_000, 45, 5, 20, 20
TRUTH = 1.25
NAMES = [f"x{j}" for j in range(NUMBERS + CATEGORIES)]
DESIGN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": NAMES}


def table(seed: int) -> pd.DataFrame:
    """One draw of the data."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, NUMBERS + CATEGORIES))
    for j in range(1, NUMBERS):
        x[:, j] = 0.3 * x[:, j - 1] + np.sqrt(0.91) * x[:, j]
    x[:, NUMBERS:] = rng.integers(0, 5, (ROWS, CATEGORIES))
    logit = 0.4 * x[:, 0] - 0.3 * x[:, 1] + 0.3 * x[:, 3] - 0.25 * x[:, 5] + 0.2 * x[:, 7] + 0.15 * (x[:, 45] - 2)
    d = (rng.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int)
    effect = 1 + 0.5 * x[:, 0] + 0.5 * (x[:, 1] > 0) - 0.25 * x[:, 2]
    y = x[:, 0] + 0.5 * x[:, 3] + 0.5 * x[:, 7] + 0.4 * (x[:, 45] == 2) + d * effect + rng.standard_normal(ROWS)
    return pd.DataFrame(x, columns=NAMES).assign(d=d, y=y)


def ours(sample: Sample, frame: pd.DataFrame) -> float:
    """Estimate and its standard error."""
    made = es.estimate(sample, DESIGN, "ipw")
    assert made.std_error[0] > 0
    return float(made.value[0])


def scikit_learn(sample: Sample, frame: pd.DataFrame) -> float:
    """The estimate alone: no standard error."""
    x, d, y = sample.features.values, frame["d"].to_numpy(), frame["y"].to_numpy()
    e = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, d).predict_proba(x)[:, 1]
    treated, control = d / e, (1 - d) / (1 - e)
    return float(treated @ y / treated.sum() - control @ y / control.sum())


def main() -> None:
    """Time both in turn, measure their errors, and write the table."""
    ways: dict[str, Callable[[Sample, pd.DataFrame], float]] = {
        "estimand ipw, with standard error": ours,
        "scikit-learn newton-cholesky, without": scikit_learn,
    }
    design = as_design(DESIGN)
    times: dict[str, list[float]] = {name: [] for name in ways}
    errors: dict[str, list[float]] = {name: [] for name in ways}
    with threadpool_limits(1):
        for seed in range(SEEDS):
            frame = table(seed)
            sample = build_sample(read_table(frame, design.columns()), design)
            for name, way in ways.items():
                errors[name].append(way(sample, frame) - TRUTH)
        for _ in range(RUNS):
            for name, way in ways.items():
                started = time.perf_counter()
                way(sample, frame)
                times[name].append(time.perf_counter() - started)
    first = statistics.median(times["estimand ipw, with standard error"])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["way", "rows", "covariates", "runs", "median_seconds", "ratio_to_ours", "rmse_over_20_seeds"])
        for name, taken in times.items():
            middle = statistics.median(taken)
            rmse = float(np.sqrt(np.mean(np.square(errors[name]))))
            shape = [ROWS, len(NAMES), RUNS]
            writer.writerow([name, *shape, f"{middle:.4f}", f"{middle / first:.2f}", f"{rmse:.4f}"])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
