"""The rollout that ``staggered.py`` times, and diff-diff and csdid on it, run by an interpreter that has them.

::

    PYTHON staggered_peer.py diff_diff|csdid never|not_yet SEEDS UNITS
"""

import contextlib
import importlib.metadata
import io
import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

PERIODS, STARTS = 10, np.array([0, 3, 4, 5, 6, 7, 8])


def table(seed: int, units: int) -> tuple[pd.DataFrame, float]:
    """A rollout whose waves and trends depend on a covariate, and its effect over treated unit-periods."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(units)
    late = rng.random(units) < 1.0 / (1.0 + np.exp(0.4 - 0.5 * x))
    g = np.where(late, STARTS[1 + rng.integers(0, 6, units)], 0)[:, None]
    t = np.arange(1, PERIODS + 1)
    treated = (g > 0) & (t >= g)
    effect = np.where(treated, 1.0 + 0.2 * (t - g), 0.0)
    y = (
        rng.standard_normal((units, 1))
        + 0.1 * t
        + 0.05 * x[:, None] * t
        + effect
        + rng.standard_normal((units, PERIODS))
    )
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(units), PERIODS),
            "t": np.tile(t, units),
            "g": np.repeat(g[:, 0], PERIODS),
            "x": np.repeat(x, PERIODS),
            "y": y.ravel(),
        }
    )
    return frame, float(effect[treated].mean())


def diff_diff(frame: pd.DataFrame, control: str) -> tuple[float, float]:
    """Overall effect and standard error by diff-diff."""
    from diff_diff import CallawaySantAnna

    group = {"never": "never_treated", "not_yet": "not_yet_treated"}[control]
    model = CallawaySantAnna(estimation_method="dr", control_group=group)
    names: dict[str, Any] = {"outcome": "y", "unit": "id", "time": "t", "first_treat": "g", "covariates": ["x"]}
    made = model.fit(frame, **names)
    return float(made.overall_att), float(made.overall_se)


def csdid(frame: pd.DataFrame, control: str) -> tuple[float, float]:
    """Overall effect and standard error by csdid, both analytic."""
    from csdid.att_gt import ATTgt

    group = {"never": "nevertreated", "not_yet": "notyettreated"}[control]
    names = {"yname": "y", "gname": "g", "idname": "id", "tname": "t", "xformla": "y~x"}
    with contextlib.redirect_stdout(io.StringIO()):
        made = ATTgt(data=frame, control_group=group, **names).fit(est_method="dr", bstrap=False)
        made.aggte(typec="simple", bstrap=False, cband=False)
    return float(made.atte["overall_att"]), float(np.ravel(made.atte["overall_se"])[0])


def main() -> None:
    """Time one peer on every seed, after a first call that is not timed."""
    warnings.simplefilter("ignore")
    name, control, seeds, units = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    work = {"diff_diff": diff_diff, "csdid": csdid}[name]
    work(table(0, 500)[0], control)
    seconds, values, errors = [], [], []
    for seed in range(seeds):
        frame, _ = table(seed, units)
        started = time.perf_counter()
        value, error = work(frame, control)
        seconds.append(time.perf_counter() - started)
        values.append(value)
        errors.append(error)
    package = name.replace("_", "-")
    said = f"{package} {importlib.metadata.version(package)}"
    print(json.dumps({"name": said, "seconds": seconds, "values": values, "errors": errors}))


if __name__ == "__main__":
    main()
