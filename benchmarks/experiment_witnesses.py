"""Numbers of experiments beside those of other packages: the same to 1e-8, or why not.

::

    python benchmarks/experiment_witnesses.py --peers PYTHON [PYTHON ...]

Each PYTHON is an interpreter with some of scipy, statsmodels, tea-tasting and gbstats; gbstats needs one of its own
(``peers_gbstats.txt``), as it wants an older pandas. All read one table: 4,000 users in 300 clusters, two arms, a
metric with history, a denominator and a conversion. Written to ``experiment_witnesses.csv`` beside this file, a row for
every number: ours, theirs, how far apart they are relative to ours, and, beyond 1e-8, the different formula that this
comes from. A difference that has no such note ends the script with an error.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import estimand as es
from estimand.core.uncertainty import Normal
from estimand.stats.multiplicity import false_discovery, holm

PEER = Path(__file__).with_name("experiment_witnesses_peer.py")
RESULT = Path(__file__).with_suffix(".csv")
SAME = 1e-8
TARGET, PRIOR_MEAN, PRIOR_SD, TUNING, ALPHA = 0.9, 0.05, 0.2, 5_000.0, 0.05
P_VALUES = np.array([0.001, 0.02, 0.021, 0.4, 0.04])
Numbers = dict[str, float]
# By what was computed and by whom; a number's own name after a third part where only that differs.
NOTES = {
    "lift|tea-tasting|low": "interval on the log scale, exp(log ratio ± t·se) - 1; ours is on the ratio itself",
    "lift|tea-tasting|high": "interval on the log scale, exp(log ratio ± t·se) - 1; ours is on the ratio itself",
    "proportion, from moments|gbstats": "p(1 - p)/n; ours is s²/n, which divides by n - 1",
    "quantile|gbstats": "bounds are order statistics, times (n - 1)/n; ours are interpolated",
    "quantile, clusters|gbstats": "the same times the design effect of shares below; t of rows, ours of clusters",
    "sequence|gbstats": "tuned by the rule of thumb (-2 log α + log(1 - 2 log α))/N; ours is tightest exactly at N",
    "mean, clusters|statsmodels": "CR1 over both arms, G/(G - 1)·(n - 1)/(n - 2); ours is G/(G - 1) of each arm",
}


def table() -> pd.DataFrame:
    """Users of an experiment."""
    rng = np.random.default_rng(11)
    n, groups = 4_000, 300
    home, arm, level = rng.integers(0, groups, n), rng.integers(0, 2, groups), 0.3 * rng.normal(size=groups)
    frame = pd.DataFrame({"variant": arm[home], "home": home, "x": rng.gamma(2.0, 2.0, n)})
    frame["d"] = 1 + rng.poisson(2.0, n)
    frame["y"] = 2.0 + 0.6 * frame["x"] + 0.1 * frame["variant"] + level[home] + rng.normal(size=n)
    frame["c"] = (rng.random(n) < 0.1).astype(int)
    return frame


def estimate(
    frame: pd.DataFrame, method: str, metric: dict[str, Any], design: Any = None, **options: Any
) -> es.Estimate:
    """Estimate one metric by one method."""
    fields = {"kind": "experiment", "variant": "variant", "metrics": [{"name": "m"} | metric], **(design or {})}
    return es.estimate(frame, fields, method, **options)


def numbers(made: es.Estimate) -> Numbers:
    """Value, standard error, p-value, interval and degrees of freedom, those there are."""
    low, high = made.interval()[0]
    found = {"value": float(made.value[0]), "low": float(low), "high": float(high)}
    if made.uncertainty.p_value(made.value) is not None:
        found["p_value"] = float(made.p_value[0])
    if isinstance(made.uncertainty, Normal):
        found["std_error"] = float(made.std_error[0])
    df = getattr(made.uncertainty, "df", None)
    return found if df is None else found | {"df": float(df[0])}


def ours(frame: pd.DataFrame) -> dict[str, Numbers]:
    """What is compared, by what it is."""
    y, clusters = {"column": "y"}, {"cluster": "home"}
    plain = estimate(frame, "difference", y)
    ranks = estimate(frame, "rank_test", y)
    believed = estimate(frame, "bayesian", y, prior_mean=PRIOR_MEAN, prior_sd=PRIOR_SD)
    sequence = {"kind": "confidence_sequence", "units": int(TUNING), "burn_in": 1}
    # The rule of thumb's variance of the mixture, as the mSPRT states it.
    thumb = (-2.0 * np.log(ALPHA) + np.log1p(-2.0 * np.log(ALPHA))) * len(frame) / TUNING
    spread = float(plain.std_error[0]) * float(np.sqrt(thumb))
    shares = {"column": "c", "kind": "proportion"}
    family = {"holm": holm(P_VALUES), "false discoveries": false_discovery(P_VALUES)}
    quantiles = {"column": "y", "kind": "quantile", "quantile": TARGET}
    return {
        "mean": numbers(plain),
        "mean, clusters": numbers(estimate(frame, "difference", y, clusters)),
        "lift": numbers(plain.relative()),
        "ratio": numbers(estimate(frame, "difference", {"column": "y", "denominator": "d"})),
        "cuped, one slope": numbers(estimate(frame, "cuped", y | {"covariate": "x"}, slopes="pooled")),
        "proportion": numbers(estimate(frame, "proportion", shares)),
        "proportion, from moments": numbers(estimate(frame, "difference", shares)),
        "ranks": {"index": float(ranks.value[0]), "p_value": float(ranks.p_value[0])},
        "quantile": numbers(estimate(frame, "quantile", quantiles)),
        "quantile, clusters": numbers(estimate(frame, "quantile", quantiles, clusters)),
        "sequence": numbers(estimate(frame, "sequential", y, **sequence)),
        "sequence, our tuning": numbers(
            estimate(frame, "sequential", y, kind="msprt", effect_sd=spread, burn_in=1, units=int(TUNING))
        ),
        "posterior": numbers(believed)
        | {"chance": float(believed.details["chance_to_beat"][0]), "loss": float(believed.details["expected_loss"][0])},
        "allocation": {"p_value": allocation(frame)},
    } | {what: {f"p{j}": float(p) for j, p in enumerate(adjusted)} for what, adjusted in family.items()}


def allocation(frame: pd.DataFrame) -> float:
    """P-value of equal shares at the planned end."""
    design = {
        "kind": "experiment", "variant": "variant", "metrics": ["y"],
        "planned": {"allocation": {"0": 1, "1": 1}, "finished": True},
    }  # fmt: skip
    record = es.run({"data": frame, "design": design, "methods": ["difference"]})
    return float(next(f.statistic for f in record.findings if f.check == "experiment.srm") or 0.0)


def note(what: str, witness: str, number: str) -> str:
    """Why a number differs; empty where nothing is known."""
    return NOTES.get(f"{what}|{witness}|{number}", NOTES.get(f"{what}|{witness}", ""))


def compared(mine: dict[str, Numbers], theirs: dict[str, dict[str, Numbers]]) -> list[list[Any]]:
    """A row for every number that both have."""
    rows = []
    for what, by_witness in theirs.items():
        for witness, found in by_witness.items():
            for number, value in found.items():
                own = mine[what].get(number)
                if own is None:
                    continue
                apart = abs(value - own) / abs(own)
                words = note(what, witness, number) if apart > SAME else ""
                rows.append([what, number, witness, own, value, float(f"{apart:.2g}"), words])
    return rows


def main() -> None:
    """Compare, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True, nargs="+", help="interpreters with the other packages")
    frame, theirs = table(), dict[str, dict[str, Numbers]]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "users.csv"
        frame.to_csv(path, index=False)
        for python in parser.parse_args().peers:
            told = subprocess.run([python, str(PEER), str(path)], capture_output=True, text=True, check=True)
            for what, found in json.loads(told.stdout).items():
                theirs.setdefault(what, {}).update(found)
    rows = compared(ours(frame), theirs)
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["what", "number", "witness", "ours", "theirs", "relative_difference", "note"])
        out.writerows(rows)
    unexplained = [row[:6] for row in rows if row[5] > SAME and not row[6]]
    if unexplained:
        sys.exit("\n".join(map(str, unexplained)))


if __name__ == "__main__":
    main()
