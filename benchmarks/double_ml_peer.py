"""Run one peer on given seeds, in an interpreter that has it: ``double_ml_peer.py WAY FOLDER FIRST STOP``."""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
TUNED = {"num_leaves": 5, "learning_rate": 0.2, "n_estimators": 100, "max_bin": 63, "colsample_bytree": 0.5}


def learners(tuned: bool):
    """Regressor and classifier, at the library's defaults or at ours."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    if not tuned:
        return LGBMRegressor(verbose=-1), LGBMClassifier(verbose=-1)
    classifier = TUNED | {"num_leaves": 3, "n_estimators": 50, "min_child_weight": 5.0}
    return LGBMRegressor(verbose=-1, **TUNED), LGBMClassifier(verbose=-1, **classifier)


def doubleml(kind: str, x, d, y, tuned: bool = False) -> float:
    """DoubleML, five folds."""
    from doubleml import DoubleMLData, DoubleMLIRM, DoubleMLPLR

    data = DoubleMLData.from_arrays(x, y, d.astype(float))
    number, chance = learners(tuned)
    model = (DoubleMLIRM if kind == "irm" else DoubleMLPLR)(data, number, chance, n_folds=5)
    return float(model.fit().coef[0])


def econml(kind: str, x, d, y) -> float:
    """EconML, five folds."""
    from econml.dml import LinearDML
    from econml.dr import LinearDRLearner

    number, chance = learners(False)
    if kind == "dr":
        model = LinearDRLearner(model_regression=number, model_propensity=chance, cv=5, random_state=0)
        model.fit(y, d, X=None, W=x)
    else:
        model = LinearDML(model_y=number, model_t=chance, discrete_treatment=True, cv=5, random_state=0)
        model.fit(y, d, X=None, W=x)
    return float(model.ate(None))


WAYS = {
    "doubleml_irm": lambda *data: doubleml("irm", *data),
    "doubleml_irm_tuned": lambda *data: doubleml("irm", *data, tuned=True),
    "doubleml_plr": lambda *data: doubleml("plr", *data),
    "econml_linear_dr": lambda *data: econml("dr", *data),
    "econml_linear_dml": lambda *data: econml("dml", *data),
}


def main() -> None:
    """Warm up on the first seed, then time each; print seconds and value as JSON."""
    way, folder, first, stop = WAYS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    out = []
    for seed in range(first, stop):
        with np.load(folder / f"{seed}.npz") as held:
            data = held["x"], held["d"], held["y"]
        if seed == first:
            way(*data)
        started = time.perf_counter()
        value = way(*data)
        out.append((time.perf_counter() - started, value))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
