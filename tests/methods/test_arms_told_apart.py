"""Arms that the covariates tell apart completely are refused, unless chance or chance alone would do as much."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es

ADJUSTING: list[tuple[str, dict[str, Any]]] = [
    ("regression", {}),
    ("gcomputation", {"family": "linear"}),
    ("aipw", {"learner": "boosting", "clip": 0.01}),
    ("dml", {"learner": "lasso", "score": "plr"}),
    ("ipw", {}),
    ("matching", {"distance": "mahalanobis"}),
    ("stratification", {}),
    ("balancing", {}),
]
SEVERAL = [case for case in ADJUSTING if case[0] not in {"matching", "stratification"}]


def frame(rows: int = 400, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)) @ np.array([[1.0, 0.9], [0.9, 1.0]])
    d = (x[:, 0] > x[:, 1]).astype(int)
    return pd.DataFrame({"d": d, "a": x[:, 0], "b": x[:, 1], "y": x[:, 0] + d + rng.normal(size=rows)})


def design(**more: Any) -> dict[str, Any]:
    return {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["a", "b"], **more}


@pytest.mark.parametrize(("method", "options"), ADJUSTING)
def test_a_hyperplane_between_the_arms_is_refused(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(es.IdentificationError, match="covariates together tell the arms apart") as refused:
        es.estimate(frame(), design(), method, **options)
    assert refused.value.code == "INSUFFICIENT_OVERLAP"


@pytest.mark.parametrize("method", ["regression", "gcomputation"])
def test_one_row_across_the_hyperplane_is_enough_to_run(method: str) -> None:
    one_across = frame().assign(d=lambda f: np.where(np.arange(400) == f["a"].argmax(), 1 - f["d"], f["d"]))
    assert np.isfinite(es.estimate(one_across, design(), method).value).all()


@pytest.mark.parametrize(("method", "options"), SEVERAL)
def test_each_arm_is_held_against_control(method: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(9)
    three = frame(600).assign(d=lambda f: np.where(rng.random(600) < 0.3, 2, f["d"]))
    with pytest.raises(es.IdentificationError, match="arm '1' and control '0' apart"):
        es.estimate(three, design(), method, **options)


@pytest.mark.parametrize("method", ["regression", "aipw", "ipw"])
def test_weights_have_no_part_in_separation(method: str) -> None:
    rng = np.random.default_rng(10)
    weighted = frame().assign(w=rng.uniform(0.5, 2.0, 400))
    with pytest.raises(es.IdentificationError, match="apart perfectly"):
        es.estimate(weighted, design(weights={"column": "w", "kind": "sampling"}), method)


@pytest.mark.parametrize("method", ["regression", "gcomputation"])
def test_randomised_arms_are_never_refused(method: str) -> None:
    made = es.estimate(frame(), design(kind="experiment"), method)
    assert np.isfinite(made.value).all()


def test_what_chance_would_separate_runs_and_one_column_that_it_would_not_is_named() -> None:
    rng = np.random.default_rng(11)
    names = [f"x{j}" for j in range(40)]
    wide = pd.DataFrame(rng.normal(size=(60, 40)), columns=names).assign(d=np.arange(60) % 2, y=rng.normal(size=60))
    made = es.estimate(wide, design(covariates=names), "dml", learner="lasso", folds=2)
    assert np.isfinite(made.value).all()
    leaking = wide.assign(x7=wide["x7"].abs() * (2 * wide["d"] - 1))
    with pytest.raises(es.IdentificationError, match="Covariate 'x7' tells"):
        es.estimate(leaking, design(covariates=names), "dml", learner="lasso", folds=2)


def test_few_clusters_put_in_one_arm_each_are_what_chance_would_separate() -> None:
    rng = np.random.default_rng(12)
    team = np.arange(400) % 8
    levels = rng.normal(size=(8, 4))[team]
    teams = pd.DataFrame(levels, columns=list("abce")).assign(d=team % 2, team=team, y=rng.normal(size=400))
    rows = design(covariates=list("abce"))
    with pytest.raises(es.IdentificationError):
        es.estimate(teams.assign(a=teams["a"] + 9 * teams["d"]), rows, "regression", interactions=False)
    kept = es.estimate(
        teams.assign(a=teams["a"] + 9 * teams["d"]), {**rows, "cluster": "team"}, "regression", interactions=False
    )
    assert np.isfinite(kept.value).all()
