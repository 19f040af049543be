"""Samples and estimates built by hand, without the rooms that normally make them."""

import pickle
from typing import Any, TypeVar

import numpy as np

from estimand.core.estimate import Estimate, Population, Term
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.question import Target
from estimand.core.sample import Encoded, Feature, Sample
from estimand.core.uncertainty import Normal

ROOT = "a" * 64
T = TypeVar("T")


def pickled(value: T) -> T:
    """Return what comes back from pickling."""
    return pickle.loads(pickle.dumps(value))


def sample(values: np.ndarray, arm: np.ndarray, *, arms: tuple[str, ...] = ("0", "1"), **changes: Any) -> Sample:
    """Sample with outcomes ``y0``, ``y1``, … from values of shape (n, p), and the same columns as features."""
    n, p = values.shape
    outcomes = FrozenMap({f"y{j}": values[:, j] for j in range(p)})
    fields: dict[str, Any] = {
        "outcomes": outcomes,
        "present": FrozenMap({name: np.ones(n, dtype=bool) for name in outcomes}),
        "arm": arm.astype(np.int64),
        "arms": arms,
        "features": Encoded(values, tuple(Feature(f"x{j}", f"x{j}") for j in range(p))),
        "roles": FrozenMap({}),
        "ids": np.arange(n, dtype=np.uint64),
        "cluster": None,
        "rows_read": n,
        "drops": (),
        "findings": (),
        "root": ROOT,
        "index": np.arange(n),
        "fingerprint": ROOT,
    }
    return Sample(**(fields | changes))


def estimate(key: str = "made", value: Any = (1.0,), **changes: Any) -> Estimate:
    """Estimate with a unit covariance, one term per value."""
    values = np.asarray(value, dtype=float)
    fields: dict[str, Any] = {
        "id": key,
        "method": "made",
        "options": FrozenMap({}),
        "outcome": "y0",
        "target": Target.ATE,
        "population": Population("everyone", 10, 1.0),
        "terms": tuple(Term(f"term {j}", FrozenMap({"term": j})) for j in range(values.shape[0])),
        "value": values,
        "uncertainty": Normal(np.eye(values.shape[0])),
        "n_obs": 10,
        "inference": "influence",
    }
    return Estimate(**(fields | changes))


def mean_difference(
    key: str, y: np.ndarray, arm: np.ndarray, rows: np.ndarray, units: np.ndarray | None = None
) -> Estimate:
    """Difference in means over the given rows of a root sample, with its influence function."""
    units = np.arange(y.shape[0]) if units is None else units
    used, treated = y[rows], arm[rows] == 1
    n, share = used.shape[0], treated.mean()
    means = used[treated].mean(), used[~treated].mean()
    psi = np.where(treated, (used - means[0]) / share, -(used - means[1]) / (1 - share))
    influence = Influence(psi[:, None], units[rows], n, ROOT)
    return estimate(
        key,
        [means[0] - means[1]],
        uncertainty=Normal(influence.covariance()),
        influence=influence,
        n_obs=n,
        population=Population("everyone" if n == y.shape[0] else "some rows", n, n / y.shape[0]),
    )
