"""Run EconML's causal forest on given data: ``causal_forest_peer.py WAY FILE TREES``.

The file holds covariates ``x``, arm ``d``, outcome ``y``, effects ``tau``, and our nuisances ``m``, ``e``. ``dml`` is
CausalForestDML as its manual uses it; ``matched`` the forest alone on our nuisances, at our subsample and candidates.
Prints, as JSON, seconds and processor seconds (fit, effects and intervals), RMSE of effects and coverage of
pointwise intervals.
"""

import json
import sys
import time

import numpy as np
from econml.dml import CausalForestDML
from econml.grf import CausalForest


def main() -> None:
    way, file, trees = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
    x, d, y, tau = file["x"], file["d"], file["y"], file["tau"]
    started, busy = time.perf_counter(), time.process_time()
    if way == "dml":
        model = CausalForestDML(discrete_treatment=True, n_estimators=trees, random_state=0, n_jobs=2)
        model.fit(y, d, X=x)
        value = model.effect(x)
        low, high = model.effect_interval(x, alpha=0.05)
    else:
        model = CausalForest(
            n_estimators=trees,
            max_samples=0.5,
            max_features=int(sys.argv[4]),
            min_samples_leaf=5,
            random_state=0,
            n_jobs=2,
        )
        model.fit(x, (d - file["e"])[:, None], (y - file["m"])[:, None])
        value, low, high = (part.ravel() for part in model.predict(x, interval=True, alpha=0.05))
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    rmse, held = float(np.sqrt(np.mean((value - tau) ** 2))), float(np.mean((low < tau) & (tau < high)))
    print(json.dumps({"seconds": seconds, "processor_seconds": busy, "rmse": rmse, "held": held}))


if __name__ == "__main__":
    main()
