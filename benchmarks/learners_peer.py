"""Run peers on one draw, in an interpreter that has them: ``learners_peer.py FILE THREADS WAY...``.

The file holds covariates ``x``, arm ``d``, outcome ``y`` and effects ``tau``. A WAY is a learner, a package and how,
such as ``x:econml:crossed``: ``used``, fitted once and asked about the rows it was fitted to, R and DR with their own
five folds for the nuisances where they can be told; or ``crossed``, a loop over five folds around that, so that no row
is asked of a model that saw it. LightGBM is at its defaults. Prints a line of JSON for each: seconds after a warm-up on
a tenth of the rows, processor seconds of all threads, and the root of the mean squared error of the effects.
"""

import json
import sys
import time
import warnings

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.model_selection import StratifiedKFold, cross_val_predict

warnings.filterwarnings("ignore")
FOLDS = 5
WARM = 1000


def learners(threads):
    """Regressor of outcomes, classifier, and regressor of effects."""
    plain = {"verbose": -1, "n_jobs": threads}
    return LGBMRegressor(**plain), LGBMClassifier(**plain), LGBMRegressor(**plain)


def econml(kind, threads, train, x):
    """Fit EconML, and ask it about rows."""
    from econml.dml import NonParamDML
    from econml.dr import DRLearner
    from econml.metalearners import SLearner, TLearner, XLearner

    number, chance, effect = learners(threads)
    own, d, y = train
    if kind == "s":
        model = SLearner(overall_model=number)
    elif kind == "t":
        model = TLearner(models=number)
    elif kind == "x":
        model = XLearner(models=number, cate_models=effect, propensity_model=chance)
    elif kind == "r":
        model = NonParamDML(
            model_y=number, model_t=chance, model_final=effect, discrete_treatment=True, cv=FOLDS, random_state=0
        )
    else:
        model = DRLearner(
            model_regression=number, model_propensity=chance, model_final=effect, cv=FOLDS, random_state=0
        )
    return model.fit(y, d, X=own).effect(x)


def causalml(kind, threads, train, x):
    """Fit CausalML, and ask it about rows; X, R and DR are given LightGBM's propensity.

    R stays in this process: starting others takes longer than they save, and hides their processor seconds.
    """
    from causalml.inference.meta import BaseDRRegressor, BaseRRegressor, BaseSRegressor, BaseTRegressor, BaseXRegressor

    number, chance, effect = learners(threads)
    own, d, y = train
    if kind == "s":
        return _asked(BaseSRegressor(number), train, x)
    if kind == "t":
        return _asked(BaseTRegressor(number), train, x)
    if kind == "x":
        model = BaseXRegressor(number, control_effect_learner=effect, treatment_effect_learner=effect)
        fitted = chance.fit(own, d)
        model.fit(own, d, y, p=fitted.predict_proba(own)[:, 1])
        return model.predict(x, p=fitted.predict_proba(x)[:, 1])
    p = cross_val_predict(chance, own, d, cv=FOLDS, method="predict_proba")[:, 1]
    if kind == "r":
        model = BaseRRegressor(outcome_learner=number, effect_learner=effect, n_fold=FOLDS, random_state=0)
        model.cv_n_jobs = 1
        model.fit(own, d, y, p=p, verbose=False)
    else:
        model = BaseDRRegressor(number, treatment_effect_learner=effect)
        model.fit(own, d, y, p=p, seed=0)
    return model.predict(x)


def _asked(model, train, x):
    model.fit(*train)
    return model.predict(x)


def effects(way, threads, x, d, y):
    """Effect of every row."""
    kind, package, how = way.split(":")
    run = {"econml": econml, "causalml": causalml}[package]
    if how == "used":
        return np.asarray(run(kind, threads, (x, d, y), x), dtype=float).ravel()
    out = np.empty(y.shape[0])
    for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, d):
        out[held] = np.asarray(run(kind, threads, (x[train], d[train], y[train]), x[held]), dtype=float).ravel()
    return out


def main() -> None:
    file, threads = np.load(sys.argv[1]), int(sys.argv[2])
    x, d, y, tau = file["x"], file["d"], file["y"], file["tau"]
    for way in sys.argv[3:]:
        effects(way, threads, x[:WARM], d[:WARM], y[:WARM])
        wall, processor = time.perf_counter(), time.process_time()
        found = effects(way, threads, x, d, y)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        error = float(np.sqrt(np.mean((found - tau) ** 2)))
        print(json.dumps({"way": way, "seconds": wall, "processor": processor, "rmse": error}), flush=True)


if __name__ == "__main__":
    main()
