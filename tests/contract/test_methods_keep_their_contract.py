"""What every method of the catalog promises, proved on data; other packages' methods are held to it too."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.catalog import keys, resolve
from estimand.core.design import Panel, as_design
from estimand.core.jsonable import ArrayStore
from estimand.core.method import Invariance
from estimand.core.uncertainty import Normal
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.study.plan import offered_targets
from tests.contract.changes import CHANGES, DESIGN, Change
from tests.contract.panels import PANEL, PANEL_CHANGES, rollout

METHODS = keys("methods")
TREES = {"learner": {"name": "boosting", "params": {"rounds": 20}}, "folds": 3}
COARSE = {"bins": {"tenure_months": 2, "usage_score": 2, "prior_tickets": 1, "health_score": 1}}
SMALL: dict[str, dict[str, Any]] = {
    "aipw": TREES,
    "tmle": TREES,
    "dml": TREES,
    "causal_forest": {**TREES, "trees": 60},
    "s_learner": TREES,
    "t_learner": TREES,
    "x_learner": TREES,
    "r_learner": TREES,
    "dr_learner": TREES,
    "stratification": {"draws": 60},
    "coarsened_matching": COARSE,
    "event_study": {"allow_staggered": True},
}
CONTINUOUS = {"quantile_effects", "quantile"}
KIND = {"proportion": "proportion"}
SUMMED_OTHERWISE = {"stratification", "coarsened_matching"}
MEASURED = {key for key in METHODS if resolve("methods", key).spec.needs_metrics}


assert set(CHANGES) | set(PANEL_CHANGES) == set(get_args(Invariance))


@dataclass(frozen=True)
class Setting:
    """What a method is tried on: a table, a design, changes of both, and the same with clusters."""

    frame: pd.DataFrame
    design: dict[str, Any]
    changes: dict[str, Callable[[pd.DataFrame], Change]]
    grouped: pd.DataFrame
    clusters: int


@cache
def accounts(*, continuous: bool) -> Setting:
    """Accounts that churn or not; or a number in its place, for methods that need a density."""
    frame = es.datasets.generate("outreach", rows=900, seed=5)
    frame = frame.assign(churn=frame["post_outreach_engagement"]) if continuous else frame
    frame = frame.assign(took=np.where(np.arange(900) % 4 == 0, 0, frame["outreach"]))
    return Setting(frame, DESIGN, CHANGES, frame.assign(team=np.arange(900) % 60), 60)


def measured(design: dict[str, Any], kind: str = "mean") -> dict[str, Any]:
    """The same as an experiment with a metric: the outcome, with history and strata; and what was received."""
    kept = {name: part for name, part in design.items() if name not in {"outcome", "covariates"}}
    metric = {"name": "churn", "column": "churn", "covariate": "health_score", "kind": kind}
    return {**kept, "kind": "experiment", "metrics": [metric], "strata": ["region"], "took": "took"}


@cache
def users(*, continuous: bool, kind: str) -> Setting:
    """The accounts as users of an experiment."""

    def of(change: Callable[[pd.DataFrame], Change]) -> Callable[[pd.DataFrame], Change]:
        def changed(frame: pd.DataFrame) -> Change:
            found = change(frame)
            return Change(found.frame, measured(found.design, kind), found.expected)

        return changed

    plain = accounts(continuous=continuous)
    changes = {name: of(c) for name, c in CHANGES.items()}
    return Setting(plain.frame, measured(DESIGN, kind), changes, plain.grouped, 60)


def given(key: str, frame: pd.DataFrame, design: dict[str, Any]) -> Any:
    """What the method reads: the table, or of an experiment its rows, which give an influence function."""
    if key not in MEASURED:
        return frame
    drawn = as_design(design)
    return build_sample(read_table(frame, drawn.columns()), drawn)


@cache
def sites() -> Setting:
    """A rollout over sites; with clusters, twice as many in teams of two."""
    return Setting(rollout(), PANEL, PANEL_CHANGES, rollout(120), 60)


def for_panels(key: str) -> bool:
    return Panel in resolve("methods", key).spec.designs


def setting(key: str) -> Setting:
    """Data and design of a kind that the method takes."""
    if key in MEASURED:
        return users(continuous=key in CONTINUOUS, kind=KIND.get(key, "mean"))
    return sites() if for_panels(key) else accounts(continuous=key in CONTINUOUS)


@cache
def made(key: str, **options: Any) -> es.Estimate:
    frame, design = setting(key).frame, setting(key).design
    return es.estimate(given(key, frame, design), design, key, **SMALL.get(key, {}), **options)


@pytest.mark.parametrize("key", METHODS)
def test_its_card_is_whole(key: str) -> None:
    kind = resolve("methods", key)
    spec = kind.spec
    assert spec.key == key
    assert spec.designs
    assert spec.references
    assert set(spec.invariances) <= set(setting(key).changes)
    assert "Estimand:" in kind.__doc__
    assert "Variance:" in kind.__doc__
    for name in kind.model_fields:
        assert f"{name} : " in kind.__doc__, f"option {name} of {key} is not in its manual"


@pytest.mark.parametrize("key", METHODS)
def test_its_details_are_the_declared_ones(key: str) -> None:
    estimate = made(key)
    declared = {detail.name: detail for detail in resolve("methods", key).spec.details}
    assert set(estimate.details) == set(declared)
    for name, detail in declared.items():
        if detail.shape == "(n,)":
            assert estimate.details[name].shape == (estimate.n_obs,)
            assert np.isfinite(estimate.details[name]).all()


@pytest.mark.parametrize("key", METHODS)
def test_its_numbers_are_finite_and_its_interval_holds_its_value(key: str) -> None:
    estimate = made(key)
    low, high = estimate.interval()[0]
    assert np.isfinite([estimate.value[0], low, high]).all()
    assert low < estimate.value[0] < high
    first = estimate.summary()[0]
    if estimate.inference == "set":
        assert first["p_value"] is None or 0.0 <= first["p_value"] <= 1.0
    else:
        assert np.isfinite(first["std_error"])
        assert 0.0 <= first["p_value"] <= 1.0


@pytest.mark.parametrize("target", list(es.Target))
@pytest.mark.parametrize("key", METHODS)
def test_a_target_is_estimated_as_asked_or_refused(key: str, target: es.Target) -> None:
    kind = resolve("methods", key)
    if target in offered_targets(kind):
        assert made(key, target=target).target is target
    else:
        with pytest.raises(es.DesignError) as caught:
            kind(target=target)
        assert caught.value.code in {"UNSUPPORTED", "INVALID_MAPPING"}


@pytest.mark.parametrize(("key", "change"), [(key, change) for key in METHODS for change in setting(key).changes])
def test_declared_invariances_hold_and_the_others_do_not(key: str, change: str) -> None:
    before = made(key).value[0]
    changed = setting(key).changes[change](setting(key).frame)
    declared = change in resolve("methods", key).spec.invariances
    if key in KIND and not declared:
        with pytest.raises(es.DataError, match=f"of kind {KIND[key]}"):
            es.estimate(changed.frame, changed.design, key)
        return
    after = es.estimate(given(key, changed.frame, changed.design), changed.design, key, **SMALL.get(key, {})).value[0]
    gap = abs(after - changed.expected(before)) / max(1.0, abs(before))
    if declared:
        assert gap <= 1e-8
    else:
        assert gap > 1e-8, f"'{key}' is invariant to {change} here: declare it"


@pytest.mark.parametrize("key", METHODS)
def test_its_influence_agrees_with_its_covariance(key: str) -> None:
    estimate = made(key)
    spec = resolve("methods", key).spec
    if spec.inference not in {"influence", "small_sample"}:
        assert estimate.influence is None
        return
    psi, vcov = estimate.influence.psi, estimate.uncertainty.vcov
    assert np.abs(psi.mean(axis=0)).max() <= 1e-8 * np.abs(psi).max()
    ratio = vcov[0, 0] / estimate.influence.covariance()[0, 0]
    if spec.inference == "influence":
        assert ratio == pytest.approx(1.0, abs=1e-8)
    else:
        assert 1.0 <= ratio * (1.0 + 1e-8) <= spec.variance_factor


@pytest.mark.parametrize("key", METHODS)
def test_with_clusters_its_influence_is_summed_within_them(key: str) -> None:
    place = setting(key)
    frame, design = place.grouped, {**place.design, "cluster": "team"}
    if key in MEASURED and resolve("methods", key).spec.reads_moments:
        with pytest.raises(es.IdentificationError, match="two arms"):
            es.estimate(frame, design, key)
        return
    if key in SUMMED_OTHERWISE:
        made_with = es.estimate(frame, design, key, **SMALL.get(key, {}))
        assert made_with.value[0] == pytest.approx(made(key).value[0], rel=1e-12)
        assert made_with.std_error[0] != made(key).std_error[0]
        return
    if resolve("methods", key).spec.inference not in {"influence", "small_sample"}:
        with pytest.raises(es.UnsupportedError, match="cluster"):
            es.estimate(frame, design, key)
        return
    estimate = es.estimate(frame, design, key, **SMALL.get(key, {}))
    assert estimate.influence.psi.shape == (place.clusters, len(estimate.terms))
    ratio = estimate.uncertainty.vcov[0, 0] / estimate.influence.covariance()[0, 0]
    factor = resolve("methods", key).spec.variance_factor
    assert 1.0 / (1.0 + 1e-8) <= ratio <= factor * (1.0 + 1e-8)
    assert estimate.uncertainty.df is not None


@pytest.mark.parametrize("key", METHODS)
def test_the_record_of_it_survives_json_and_pickling(key: str) -> None:
    estimate = made(key)
    store = ArrayStore()
    written = json.loads(json.dumps(estimate.to_dict(store), allow_nan=False))
    for arrays in (store.arrays, None) if isinstance(estimate.uncertainty, Normal) else (store.arrays,):
        assert es.Estimate.from_dict(written, arrays).to_dict() == estimate.to_dict()
    assert pickle.loads(pickle.dumps(estimate)).to_dict() == estimate.to_dict()


@pytest.mark.parametrize("key", METHODS)
def test_the_number_of_threads_does_not_move_a_digit(key: str) -> None:
    rows = given(key, setting(key).frame, setting(key).design)
    two = es.estimate(rows, setting(key).design, key, threads=2, **SMALL.get(key, {}))
    assert two.to_dict() == made(key).to_dict()


@pytest.mark.parametrize("key", METHODS)
def test_it_refuses_what_it_does_not_take(key: str) -> None:
    with pytest.raises(es.DesignError, match="no field 'foldz'"):
        es.estimate(setting(key).frame, setting(key).design, key, foldz=3)
    moments = es.Moments.from_dict(
        {
            "columns": [setting(key).design.get("outcome", "churn")], "arms": ["0", "1"], "shift": [0.0],
            "units": [50, 60], "means": [[0.2], [0.3]], "cross": [[[8.0]], [[12.6]]],
        }
    )  # fmt: skip
    if key in MEASURED and resolve("methods", key).spec.reads_moments:
        with pytest.raises(es.UnsupportedError, match="moments of a metric"):
            es.estimate(moments, setting(key).design, key)
    elif resolve("methods", key).spec.reads_moments:
        assert es.estimate(moments, DESIGN, key).n_obs == 110
    else:
        with pytest.raises(es.UnsupportedError, match="needs rows"):
            es.estimate(moments, setting(key).design, key)


@pytest.mark.parametrize("key", METHODS)
def test_an_experiment_or_an_observational_design_it_does_not_take_is_refused_by_name(key: str) -> None:
    kinds = {design.model_fields["kind"].default for design in resolve("methods", key).spec.designs}
    for kind in ("observational", "experiment"):
        if key in MEASURED and kind == "experiment":
            with pytest.raises(es.UnsupportedError, match="names none"):
                es.estimate(setting(key).frame, {**DESIGN, "kind": kind}, key)
        elif kind in kinds:
            found = es.estimate(setting(key).frame, {**DESIGN, "kind": kind}, key, **SMALL.get(key, {}))
            assert found.n_obs == 900
        else:
            with pytest.raises(es.DesignError, match="does not take a design"):
                es.estimate(accounts(continuous=False).frame, {**DESIGN, "kind": kind}, key)


@pytest.mark.parametrize("key", METHODS)
def test_a_panel_is_taken_whole_or_refused_by_name(key: str) -> None:
    if for_panels(key):
        assert made(key).n_obs == len(sites().frame)
    else:
        with pytest.raises(es.DesignError, match="does not take a design"):
            es.estimate(sites().frame, PANEL, key)
