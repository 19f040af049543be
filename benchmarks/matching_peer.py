"""Run one peer on given data, in an interpreter that has it: ``matching_peer.py WAY FILE…``.

Each file holds covariates ``x``, arms ``d``, outcomes ``y``, effects ``effect`` and logits ``score`` of the propensity.
Prints, as JSON, for each file the seconds and the error against the mean effect on those whom the peer matched.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from causallib.estimation import Matching
from causalml.match import NearestNeighborMatch

warnings.filterwarnings("ignore")
CALIPER = 0.2


def causalml(data: dict[str, np.ndarray], replace: bool) -> tuple[float, float]:
    """CausalML's nearest neighbours within a caliper on the logit given to it."""
    frame = pd.DataFrame({"d": data["d"], "score": data["score"]})
    started = time.perf_counter()
    matcher = NearestNeighborMatch(caliper=CALIPER, replace=replace, random_state=0)
    matcher.match(frame, "d", ["score"])
    seconds = time.perf_counter() - started
    pairs = matcher.matched_indexes_
    own, other = pairs["from"].to_numpy(int), pairs["to"].to_numpy(int)
    return seconds, float((data["y"][own] - data["y"][other]).mean() - data["effect"][own].mean())


def causallib(data: dict[str, np.ndarray]) -> tuple[float, float]:
    """One Mahalanobis neighbour for everyone, with replacement, by causallib."""
    x, d, y = pd.DataFrame(data["x"]), pd.Series(data["d"]), pd.Series(data["y"])
    started = time.perf_counter()
    matching = Matching(metric="mahalanobis")
    matching.fit(x, d, y)
    means = matching.estimate_population_outcome(x, d)
    seconds = time.perf_counter() - started
    return seconds, float(means[1] - means[0] - data["effect"].mean())


WAYS = {
    "causalml_without": lambda data: causalml(data, replace=False),
    "causalml_with": lambda data: causalml(data, replace=True),
    "causallib_mahalanobis": causallib,
}


def main() -> None:
    """Warm up on a few rows, then time each file."""
    way = WAYS[sys.argv[1]]
    files = [dict(np.load(Path(name))) for name in sys.argv[2:]]
    way({name: values[:600] for name, values in files[0].items()})
    print(json.dumps([way(data) for data in files]))


if __name__ == "__main__":
    main()
