"""What an estimate of every method promises once its uncertainty is drawn again, by every kind its card allows."""

import json
import pickle
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.catalog import keys, resolve
from estimand.core.design import Observational, Panel
from estimand.core.jsonable import ArrayStore
from estimand.core.resampling import KINDS
from tests.contract.changes import DESIGN
from tests.contract.panels import PANEL, rollout

FOLDED = {"learner": "linear", "folds": 2}
SMALL: dict[str, dict[str, Any]] = {"aipw": FOLDED, "dml": FOLDED, "tmle": FOLDED}
ALLOWED = [(key, kind) for key in keys("methods") for kind in resolve("methods", key).spec.resampling]
REFUSED = [(key, kind) for key in keys("methods") for kind in KINDS if (key, kind) not in ALLOWED]


@cache
def data(key: str) -> pd.DataFrame:
    if Panel in resolve("methods", key).spec.designs:
        return rollout(120)
    frame = es.datasets.generate("outreach", rows=240, seed=5)
    noise = np.random.default_rng(1).normal(size=240)
    return frame.assign(team=np.arange(240) % 12 + 12 * frame["outreach"], churn=frame["churn"] + noise)


def design(key: str, kind: str) -> dict[str, Any]:
    """A design that the method takes and in which the kind has a meaning."""
    extra = {"cluster": "team"} if kind in {"cluster", "wild_cluster"} else {}
    if Panel in resolve("methods", key).spec.designs:
        return PANEL | extra
    made = DESIGN | extra | {"covariates": ["usage_score", "health_score"]}
    if Observational not in resolve("methods", key).spec.designs:
        return made | {"kind": "experiment"}
    return made | ({"kind": "experiment"} if kind == "randomisation" else {})


@cache
def made(key: str, kind: str, threads: int = 1) -> es.Estimate:
    scheme = {"kind": kind, "draws": 100}
    return es.estimate(data(key), design(key, kind), key, resample=scheme, threads=threads, **SMALL.get(key, {}))


@pytest.mark.parametrize(("key", "kind"), ALLOWED)
def test_only_its_uncertainty_is_exchanged(key: str, kind: str) -> None:
    plain = es.estimate(data(key), design(key, kind), key, **SMALL.get(key, {}))
    found = made(key, kind)
    assert found.value == pytest.approx(plain.value, abs=0.0)
    assert found.target is plain.target
    assert set(found.details) == set(plain.details)
    assert found.inference == ("permutation" if kind == "randomisation" else "resampling")
    assert found.uncertainty.kind == ("regions" if kind in {"wild_cluster", "randomisation"} else "draws")
    assert found.options["resample"]["kind"] == kind
    assert found.options["resample"]["draws"] == 100


@pytest.mark.parametrize(("key", "kind"), ALLOWED)
def test_its_interval_holds_its_value_and_its_p_value_is_one(key: str, kind: str) -> None:
    found = made(key, kind)
    low, high = found.interval()[0]
    assert low < found.value[0] < high
    assert (found.p_value > 0.0).all()
    assert (found.p_value <= 1.0).all()


@pytest.mark.parametrize(("key", "kind"), ALLOWED)
def test_the_number_of_threads_does_not_move_a_digit(key: str, kind: str) -> None:
    assert made(key, kind, threads=2).to_dict() == made(key, kind).to_dict()


@pytest.mark.parametrize(("key", "kind"), ALLOWED)
def test_it_survives_json_and_pickling(key: str, kind: str) -> None:
    found, store = made(key, kind), ArrayStore()
    written = json.loads(json.dumps(found.to_dict(store), allow_nan=False))
    assert es.Estimate.from_dict(written, store.arrays).to_dict() == found.to_dict()
    assert pickle.loads(pickle.dumps(found)).to_dict() == found.to_dict()


@pytest.mark.parametrize(("key", "kind"), REFUSED)
def test_what_its_card_does_not_allow_is_refused_by_name_with_a_remedy(key: str, kind: str) -> None:
    with pytest.raises(es.UnsupportedError, match=f"'{key}' does not take resampling of kind '{kind}'") as caught:
        es.estimate(data(key), design(key, kind), key, resample=kind)
    assert len(caught.value.remedy) > 10
