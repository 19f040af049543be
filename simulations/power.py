"""Is the power that ``estimand power`` computes by formula the share of simulated experiments that find the effect?

Plans each design at a power of 0.8, draws that many units again and again, reads them by the method that the plan
names, and writes one row per design to ``power.csv`` beside this file::

    python simulations/power.py

The histories are drawn from fixed seeds. Columns: units over all arms; power by formula and by simulation; their
difference in points, with its Monte-Carlo error; the experiments simulated and the method that read them.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import estimand as es

EXPERIMENTS, SEED = 5_000, 20_261_122
RESULT = Path(__file__).with_suffix(".csv")
MEAN = {"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.2}
SHARE = {"metric": {"column": "y", "kind": "proportion"}, "baseline": 0.05, "mde": 0.02}


def history() -> pd.DataFrame:
    """20,000 users in clusters of one to five: skewed spend with a past, orders of visits, and purchases."""
    rng = np.random.default_rng(SEED)
    cluster = np.repeat(np.arange(7_000), rng.integers(1, 6, 7_000))[:20_000]
    shared = rng.standard_normal(7_000)[cluster]
    before = rng.lognormal(1.0, 0.8, cluster.size)
    visits = 1.0 + rng.poisson(3.0, cluster.size)
    bought = (rng.random(cluster.size) < 0.15).astype(float)
    return pd.DataFrame(
        {
            "cluster": cluster,
            "before": np.where(rng.random(cluster.size) < 0.2, np.nan, before),
            "spend": 0.8 * before + np.exp(0.5 * shared + 0.5 * rng.standard_normal(cluster.size)),
            "visits": visits,
            "orders": 0.3 * visits + 0.5 * rng.standard_normal(cluster.size),
            "revenue": bought * rng.lognormal(2.0, 1.0, cluster.size),
        }
    )


def designs() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Every design: a history or none, and what is asked."""
    past = history()
    margin = {"column": "y", "role": "guardrail", "margin": 0.2}
    several = {"allocation": {"A": 2, "B": 1, "C": 1}, "correction": "holm"}
    share = {"relative": True, "mde": 0.1}
    return {
        "mean": (None, MEAN),
        "mean, small": (None, MEAN | {"mde": 1.0}),
        "proportion": (None, SHARE),
        "proportion, three unequal arms, Holm": (None, SHARE | {"planned": several}),
        "count": (None, {"metric": {"column": "y", "kind": "count"}, "baseline": 0.6, "sd": 1.2, "mde": 0.1}),
        "mean, covariate": (None, MEAN | {"correlation": 0.7}),
        "mean, clusters": (None, MEAN | {"icc": 0.05, "cluster_size": 10.0}),
        "non-inferiority": (None, {"metric": margin, "baseline": 1.0, "sd": 1.0}),
        "spend, covariate from history": (past, {"metric": {"column": "spend", "covariate": "before"}} | share),
        "spend, clusters from history": (past, {"metric": "spend", "cluster": "cluster"} | share),
        "revenue, winsorised": (past, {"metric": {"column": "revenue", "kind": "revenue", "winsor": 0.99}} | share),
        "ratio": (past, {"metric": {"name": "rate", "column": "orders", "denominator": "visits"}} | share),
        "median": (past, {"metric": {"name": "median", "column": "spend", "quantile": 0.5}, "mde": 0.2}),
        "four looks, always valid": (None, MEAN | _looks("confidence_sequence")),
        "four looks, O'Brien-Fleming": (None, MEAN | _looks("group_sequential")),
    }


def _looks(kind: str) -> dict[str, Any]:
    return {"planned": {"sequential": kind, "looks": 4}, "simulate": 1_000}


def row(name: str, past: Any, asked: dict[str, Any]) -> dict[str, object]:
    """Plan and simulate one design."""
    found = es.power(past, **{"simulate": EXPERIMENTS, "seed": SEED} | asked)
    counted = found.simulated
    if counted is None:
        raise RuntimeError(name)
    return {
        "design": name,
        "units": sum(found.arms.values()),
        "formula": round(found.power, 4),
        "simulated": round(counted.power, 4),
        "points": round(100.0 * (counted.power - found.power), 2),
        "mc_error": round(100.0 * counted.mc_error, 2),
        "experiments": counted.experiments,
        "method": counted.method,
    }


def main() -> None:
    """Simulate every design, and write the table."""
    rows = []
    for name, (past, asked) in designs().items():
        rows.append(row(name, past, asked))
        with RESULT.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
