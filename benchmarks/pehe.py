"""Errors of effects and averages on IHDP and ACIC 2016 beside EconML and CausalML.

::

    python benchmarks/pehe.py --peers PYTHON --data FOLDER [--keep FOLDER]

PYTHON is an interpreter with ``peers.txt`` installed; FOLDER holds ``ihdp10.csv.gz``, ``acic2016_x.csv`` and
``acic2016_zymu_1.csv`` to ``_3.csv``, which are read there. Ours are catalog methods at their defaults, and with
learner ``auto``, which stacks a linear model and trees: effects of every row by models that it had no part in, and the
average by doubly robust scores. Of the five learners the model fitted on everyone is asked too (``used``), as peers'
are. PEHE is the root of the mean squared error of the effects, the truth the difference of the means given the
covariates in the sample. What was measured is kept, table by table, and not measured again. Written to ``pehe.csv``
beside this file.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import estimand as es
from estimand.models.effects.estimators import DRLearner, RLearner, SLearner, TLearner, XLearner

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
MODELS = {
    "s_learner": SLearner,
    "t_learner": TLearner,
    "x_learner": XLearner,
    "r_learner": RLearner,
    "dr_learner": DRLearner,
}
METHODS = (*MODELS, "causal_forest")
PEERS = ("econml_forest", "econml_dr", "econml_dr_lightgbm", "causalml_x")
LEARNERS = ("boosting", "auto")


def datasets(folder: Path) -> Iterator[tuple[str, pd.DataFrame, pd.Series]]:
    """Name, table of covariates, d and y, and the effects."""
    stacked = pd.read_csv(folder / "ihdp10.csv.gz")
    for _, rows in stacked.groupby("rep"):
        plain = rows.reset_index(drop=True)
        x = plain[[name for name in plain.columns if name.startswith("x")]]
        yield "IHDP", x.assign(d=plain["treat"], y=plain["y_factual"]), plain["mu1"] - plain["mu0"]
    x = pd.read_csv(folder / "acic2016_x.csv")
    for part in (1, 2, 3):
        drawn = pd.read_csv(folder / f"acic2016_zymu_{part}.csv")
        y = drawn["y1"].where(drawn["z"] == 1, drawn["y0"])
        yield f"ACIC 2016, {part}", x.assign(d=drawn["z"], y=y), drawn["mu1"] - drawn["mu0"]


def ours(frame: pd.DataFrame, features: np.ndarray, tau: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """Name, PEHE and error of the average of each of our ways."""
    covariates = [name for name in frame.columns if name not in ("d", "y")]
    design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": covariates}
    for learner in LEARNERS:
        for key in METHODS:
            made = es.estimate(frame, design, key, learner=learner, threads=2)
            missed = float(made.value[0]) - tau.mean()
            yield f"estimand {key}, {learner}, out of fold", _pehe(made.details["effects"], tau), missed
            if key in MODELS:
                fitted = MODELS[key](learner).fit(features, frame["d"], frame["y"], threads=2)
                yield f"estimand {key}, {learner}, used", _pehe(fitted.effect(features), tau), missed


def peers(
    python: str, frame: pd.DataFrame, features: np.ndarray, tau: np.ndarray
) -> Iterator[tuple[str, float, float]]:
    """Name, PEHE and error of the average of each peer."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "table.npz"
        np.savez(file, x=features, d=frame["d"].to_numpy(), y=frame["y"].to_numpy(), tau=tau)
        for way in PEERS:
            command = [python, str(HERE / "pehe_peer.py"), way, str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            yield f"{way}, used", found["pehe"], found["ate_error"]


def _pehe(effects: np.ndarray, tau: np.ndarray) -> float:
    return float(np.sqrt(np.mean((effects - tau) ** 2)))


def main() -> None:
    """Run every way on every table, and write the mean over the ten of IHDP and each of ACIC."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number, (name, frame, effects) in enumerate(datasets(asked.data)):
        file = keep / f"{number}.json"
        if not file.exists():
            tau = effects.to_numpy()
            features = pd.get_dummies(frame.drop(columns=["d", "y"]), dtype=float).to_numpy(float)
            rows = [*ours(frame, features, tau), *peers(asked.peers, frame, features, tau)]
            file.write_text(json.dumps(rows), encoding="utf-8")
        for way, pehe, missed in json.loads(file.read_text(encoding="utf-8")):
            found.setdefault((name, way), []).append((pehe, missed))
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["data", "way", "tables", "mean_pehe", "median_pehe", "mean_absolute_ate_error"])
        for (name, way), pairs in found.items():
            errors = [pehe for pehe, _ in pairs]
            average = statistics.mean(abs(missed) for _, missed in pairs)
            columns = [f"{value:.3f}" for value in (statistics.mean(errors), statistics.median(errors), average)]
            writer.writerow([name, way, len(pairs), *columns])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
