"""Errors of effects and averages on IHDP and ACIC 2016 beside EconML and CausalML.

::

    python benchmarks/pehe.py --peers PYTHON --data FOLDER [--keep FOLDER]

PYTHON is an interpreter with ``peers.txt`` installed; FOLDER holds ``ihdp10.csv.gz``, ``acic2016_x.csv`` and
``acic2016_zymu_1.csv`` to ``_3.csv``, which are read there. Ours are catalog methods at their defaults, and with
learner ``auto``, which stacks a linear model and trees.

``effects`` says how effects were made. ``held out``: of every row by models, or trees, that it had no part in; ours,
and of peers EconML's forest, have these. ``own rows``: asked of the model fitted to all rows, on those rows, as the
manuals of the peers do. Errors of the two are not to be held against each other: the second have seen the noise that
they are judged beside, which helps where the same covariates come again and the truth is far larger than the noise.

PEHE is the root of the mean squared error of the effects, the truth the difference of the means given the covariates
in the sample. ``average`` says what the average is: ours are by doubly robust scores, as are the ``ate_`` of EconML's
forest beside its effects held out; all others are the mean of the effects. The mean over the ten tables of IHDP is
mostly the error on one of them, whose effects are ten times larger: hence the median. Processor seconds are of one
thread, as other work runs beside. What was measured is kept, way by way, and not measured again. Written to
``pehe.csv`` beside this file.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import estimand as es
from estimand.models.effects.estimators import DRLearner, RLearner, SLearner, TLearner, XLearner
from estimand.models.forest.causal import CausalForest

HERE = Path(__file__).parent
RESULT = Path(__file__).with_suffix(".csv")
MODELS = {
    "s_learner": SLearner,
    "t_learner": TLearner,
    "x_learner": XLearner,
    "r_learner": RLearner,
    "dr_learner": DRLearner,
    "causal_forest": CausalForest,
}
PEERS = ("econml_forest", "econml_dr", "causalml_x", "econml_dr_lightgbm")
LEARNERS = ("boosting", "auto")
HEAD = ("data", "way", "effects", "average", "tables", "mean_pehe", "median_pehe", "mean_absolute_ate_error", "seconds")


class Measured(NamedTuple):
    """What one way did on one table."""

    effects: str
    average: str
    pehe: float
    missed: float
    seconds: float


class Table(NamedTuple):
    """Name; covariates, d and y; covariates as numbers; effects."""

    name: str
    frame: pd.DataFrame
    features: np.ndarray
    tau: np.ndarray

    @classmethod
    def of(cls, name: str, frame: pd.DataFrame, effects: pd.Series) -> "Table":
        """Turn categories into numbers, one column a level."""
        features = pd.get_dummies(frame.drop(columns=["d", "y"]), dtype=float).to_numpy(float)
        return cls(name, frame, features, effects.to_numpy())


def tables(folder: Path) -> Iterator[Table]:
    """Ten of IHDP and three of ACIC."""
    stacked = pd.read_csv(folder / "ihdp10.csv.gz")
    for _, rows in stacked.groupby("rep"):
        plain = rows.reset_index(drop=True)
        x = plain[[name for name in plain.columns if name.startswith("x")]]
        yield Table.of("IHDP", x.assign(d=plain["treat"], y=plain["y_factual"]), plain["mu1"] - plain["mu0"])
    x = pd.read_csv(folder / "acic2016_x.csv")
    for part in (1, 2, 3):
        drawn = pd.read_csv(folder / f"acic2016_zymu_{part}.csv")
        y = drawn["y1"].where(drawn["z"] == 1, drawn["y0"])
        yield Table.of(f"ACIC 2016, {part}", x.assign(d=drawn["z"], y=y), drawn["mu1"] - drawn["mu0"])


def ours(table: Table, key: str, learner: str) -> list[Measured]:
    """Effects held out with the doubly robust average, and effects of the model fitted to all on its own rows."""
    covariates = [name for name in table.frame.columns if name not in ("d", "y")]
    design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": covariates}
    start = time.process_time()
    made = es.estimate(table.frame, design, key, learner=learner, threads=1)
    middle = time.process_time()
    fitted = MODELS[key](learner=learner).fit(table.features, table.frame["d"], table.frame["y"], threads=1)
    own = fitted.effect(table.features)
    end = time.process_time()
    missed = float(made.value[0] - table.tau.mean())
    return [
        Measured("held out", "doubly robust", _pehe(made.details["effects"], table.tau), missed, middle - start),
        Measured("own rows", "mean", _pehe(own, table.tau), float(own.mean() - table.tau.mean()), end - middle),
    ]


def peer(table: Table, python: str, way: str) -> list[Measured]:
    """What a peer says, in an interpreter of its own."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "table.npz"
        d, y = (table.frame[name].to_numpy() for name in ("d", "y"))
        np.savez(file, x=table.features, d=d, y=y, tau=table.tau)
        command = [python, str(HERE / "pehe_peer.py"), way, str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [Measured(**found) for found in json.loads(done.stdout.splitlines()[-1])]


def _pehe(effects: np.ndarray, tau: np.ndarray) -> float:
    return float(np.sqrt(np.mean((effects - tau) ** 2)))


def _kept(file: Path, measure: Callable[[], list[Measured]]) -> list[Measured]:
    """What a file holds, measured first where there is none."""
    if not file.exists():
        file.write_text(json.dumps([found._asdict() for found in measure()]), encoding="utf-8")
    return [Measured(**found) for found in json.loads(file.read_text(encoding="utf-8"))]


def ways(table: Table, python: str) -> Iterator[tuple[str, Callable[[], list[Measured]]]]:
    """Name of each way, and how it is measured."""
    for learner in LEARNERS:
        for key in MODELS:
            yield f"estimand {key}, {learner}", lambda key=key, learner=learner: ours(table, key, learner)
    for way in PEERS:
        yield way, lambda way=way: peer(table, python, way)


def main() -> None:
    """Measure every way on every table, and write the mean over the ten of IHDP and each of ACIC."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, str, str, str], list[Measured]] = {}
    for number, table in enumerate(tables(asked.data)):
        for way, measure in ways(table, asked.peers):
            for made in _kept(keep / f"{number} {way}.json", measure):
                found.setdefault((table.name, way, made.effects, made.average), []).append(made)
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        for key, all_made in found.items():
            errors = [made.pehe for made in all_made]
            average = statistics.mean(abs(made.missed) for made in all_made)
            seconds = statistics.median(made.seconds for made in all_made)
            columns = [statistics.mean(errors), statistics.median(errors), average, seconds]
            writer.writerow([*key, len(all_made), *(f"{value:.3f}" for value in columns)])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
