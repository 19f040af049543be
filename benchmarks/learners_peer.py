"""Run one peer on one draw, in an interpreter that has it: ``learners_peer.py WAY FILE HOW SETTINGS THREADS``.

The file holds covariates ``x``, arm ``d``, outcome ``y`` and effects ``tau``. WAY is a package and a learner, such as
``econml_x``. HOW is ``used``, fitted once and asked about the rows it was fitted to, R and DR with their own five folds
for the nuisances where they can be told; or ``crossed``, a loop over five folds around that, so that no row is asked of
a model that saw it. SETTINGS are LightGBM's ``defaults``, or ``ours``. Prints, as JSON, seconds after a warm-up on a
tenth of the rows, and the root of the mean squared error of the effects.
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
THREADS = int(sys.argv[5])
OURS = {"learning_rate": 0.2, "max_bin": 63, "colsample_bytree": 0.5, "verbose": -1, "n_jobs": THREADS}


def learners(settings):
    """Regressor of outcomes, classifier, and regressor of effects."""
    if settings == "defaults":
        plain = {"verbose": -1, "n_jobs": THREADS}
        return LGBMRegressor(**plain), LGBMClassifier(**plain), LGBMRegressor(**plain)
    return (
        LGBMRegressor(**OURS, num_leaves=5, n_estimators=100),
        LGBMClassifier(**OURS, num_leaves=3, n_estimators=50, min_child_weight=5.0),
        LGBMRegressor(**OURS, num_leaves=5, n_estimators=100),
    )


def econml(kind, settings, train, x):
    """Fit EconML, and ask it about rows."""
    from econml.dml import NonParamDML
    from econml.dr import DRLearner
    from econml.metalearners import SLearner, TLearner, XLearner

    number, chance, effect = learners(settings)
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


def causalml(kind, settings, train, x):
    """Fit CausalML, and ask it about rows; X, R and DR are given LightGBM's propensity."""
    from causalml.inference.meta import BaseDRRegressor, BaseRRegressor, BaseSRegressor, BaseTRegressor, BaseXRegressor

    number, chance, effect = learners(settings)
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
        model.fit(own, d, y, p=p, verbose=False)
    else:
        model = BaseDRRegressor(number, treatment_effect_learner=effect)
        model.fit(own, d, y, p=p, seed=0)
    return model.predict(x)


def _asked(model, train, x):
    model.fit(*train)
    return model.predict(x)


def effects(way, how, settings, x, d, y):
    """Effect of every row."""
    package, kind = way.split("_")
    run = {"econml": econml, "causalml": causalml}[package]
    if how == "used":
        return np.asarray(run(kind, settings, (x, d, y), x), dtype=float).ravel()
    out = np.empty(y.shape[0])
    for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, d):
        out[held] = np.asarray(run(kind, settings, (x[train], d[train], y[train]), x[held]), dtype=float).ravel()
    return out


def main() -> None:
    way, file, how, settings = sys.argv[1], np.load(sys.argv[2]), sys.argv[3], sys.argv[4]
    x, d, y, tau = file["x"], file["d"], file["y"], file["tau"]
    effects(way, "used", settings, x[:1000], d[:1000], y[:1000])
    started = time.perf_counter()
    found = effects(way, how, settings, x, d, y)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "rmse": float(np.sqrt(np.mean((found - tau) ** 2)))}))


if __name__ == "__main__":
    main()
