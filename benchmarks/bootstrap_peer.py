"""Run a peer's bootstrap loop on given data: ``bootstrap_peer.py WAY FILE DRAWS``.

The file holds covariates ``x``, arms ``d``, outcomes ``y``, clusters ``g``, and ``counts`` of some draws. Prints, as
JSON, the seconds of the loop, the standard deviation of its values, and its values on the draws given.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import sklearn
import statsmodels
import statsmodels.formula.api as smf
from sklearn.linear_model import LogisticRegression

Data = dict[str, np.ndarray]


def weighted(data: Data, rows: np.ndarray) -> float:
    """Hájek difference on the given rows, the propensity refitted without a penalty."""
    x, d, y = data["x"][rows], data["d"][rows], data["y"][rows]
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, d)
    e = fit.predict_proba(x)[:, 1]
    treated, control = d / e, (1 - d) / (1 - e)
    return float(treated @ y / treated.sum() - control @ y / control.sum())


def scikit_learn(data: Data) -> tuple[Callable[[np.ndarray], float], Callable[[np.random.Generator], np.ndarray]]:
    """Refit on rows drawn with replacement."""
    n = data["y"].shape[0]
    return (
        lambda count: weighted(data, np.repeat(np.arange(n), count.astype(int))),
        lambda rng: np.bincount(rng.integers(0, n, n), minlength=n),
    )


def statsmodels_formula(
    data: Data,
) -> tuple[Callable[[np.ndarray], float], Callable[[np.random.Generator], np.ndarray]]:
    """Put the frames of the clusters drawn one under another, and fit the formula."""
    frame = pd.DataFrame(data["x"], columns=[f"x{j}" for j in range(data["x"].shape[1])])
    frame = frame.assign(d=data["d"], y=data["y"])
    parts = [part for _, part in frame.groupby(data["g"])]
    formula = "y ~ d + " + " + ".join(f"x{j}" for j in range(data["x"].shape[1]))

    def fit(count: np.ndarray) -> float:
        drawn = pd.concat([parts[g] for g in np.repeat(np.arange(len(parts)), count.astype(int))])
        return float(smf.ols(formula, drawn).fit().params["d"])

    return fit, lambda rng: np.bincount(rng.integers(0, len(parts), len(parts)), minlength=len(parts))


WAYS = {
    "scikit_learn": (f"scikit-learn {sklearn.__version__}, loop", scikit_learn),
    "statsmodels": (f"statsmodels {statsmodels.__version__}, loop", statsmodels_formula),
}


def main() -> None:
    """Warm up, time the loop, then answer on the draws given."""
    name, way = WAYS[sys.argv[1]]
    data: Data = dict(np.load(sys.argv[2]))
    fit, draw = way(data)
    rng = np.random.default_rng(1)
    fit(draw(rng))
    started = time.perf_counter()
    values = [fit(draw(rng)) for _ in range(int(sys.argv[3]))]
    seconds = time.perf_counter() - started
    shown = [fit(count) for count in data["counts"]]
    print(json.dumps({"name": name, "seconds": seconds, "std_error": float(np.std(values, ddof=1)), "values": shown}))


if __name__ == "__main__":
    main()
