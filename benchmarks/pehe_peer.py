"""Run one peer on one file, in an interpreter that has it: ``pehe_peer.py WAY FILE``.

The file holds features ``x``, arm ``d``, outcome ``y`` and effects ``tau``. Each is used as its manual does: effects on
the rows it was fitted to, the average their mean. Of EconML's forest also the effects by trees that a row had no part
in, and its own doubly robust average. Prints, as JSON, the root of the mean squared error of the effects (PEHE), the
error of the average and processor seconds of one thread.
"""

import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def econml_forest(x, d, y):
    """EconML's causal forest, a thousand trees, nuisances of its own choice."""
    from econml.dml import CausalForestDML

    model = CausalForestDML(discrete_treatment=True, n_estimators=1000, random_state=0, n_jobs=1).fit(y, d, X=x)
    return model.effect(x), np.ravel(model.model_cate.oob_predict(x)), float(np.ravel(model.ate_)[0])


def econml_dr(x, d, y):
    """EconML's DR-learner as it comes: nuisances of its own choice, a linear last stage."""
    from econml.dr import DRLearner

    return DRLearner(random_state=0).fit(y, d, X=x).effect(x)


def econml_dr_lightgbm(x, d, y):
    """EconML's DR-learner with LightGBM for all, five folds."""
    from econml.dr import DRLearner
    from lightgbm import LGBMClassifier, LGBMRegressor

    number, chance = LGBMRegressor(verbose=-1, n_jobs=1), LGBMClassifier(verbose=-1, n_jobs=1)
    # A propensity of trees reaches nought on few rows; at EconML's own floor of 1e-6 its scores leave the table.
    model = DRLearner(
        model_regression=number,
        model_propensity=chance,
        model_final=number,
        min_propensity=0.01,
        cv=5,
        random_state=0,
    )
    return model.fit(y, d, X=x).effect(x)


def causalml_x(x, d, y):
    """CausalML's X-learner with LightGBM, and its own logistic propensity."""
    from causalml.inference.meta import BaseXRegressor
    from lightgbm import LGBMRegressor

    return BaseXRegressor(learner=LGBMRegressor(verbose=-1, n_jobs=1)).fit_predict(x, d, y, verbose=False)


def main() -> None:
    way, file = sys.argv[1], np.load(sys.argv[2])
    tau = file["tau"]

    def row(effects, average, found, value, seconds):
        error = float(np.sqrt(np.mean((np.ravel(found) - tau) ** 2)))
        missed = float(value - tau.mean())
        return {"effects": effects, "average": average, "pehe": error, "missed": missed, "seconds": seconds}

    start = time.process_time()
    made = globals()[way](file["x"], file["d"], file["y"])
    seconds = time.process_time() - start
    own, *more = made if isinstance(made, tuple) else (made,)
    rows = [row("own rows", "mean", own, np.mean(own), seconds)]
    if more:
        rows.append(row("held out", "doubly robust", *more, seconds))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
