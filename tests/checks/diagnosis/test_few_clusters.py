"""Checks for few clusters: when they apply, and what they hold beside the interval."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.methods.simulated import design


def grouped(groups: int, treated: int, seed: int = 1) -> pd.DataFrame:
    """Whole clusters treated, with a level of their own and no effect."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), 20)
    x = rng.normal(size=g.shape[0])
    y = x + rng.exponential(size=groups)[g] + rng.normal(size=g.shape[0])
    return pd.DataFrame({"g": g, "d": (g < treated).astype(int), "x": x, "z": rng.normal(size=g.shape[0]), "y": y})


def found(frame: pd.DataFrame, **plan: str) -> dict[str, es.Finding]:
    study = {"data": frame, "design": design(cluster="g", **plan), "methods": ["regression", "ipw"]}
    record = es.run(study | {"headline": "regression"})
    return {finding.check: finding for finding in record.findings if finding.about == "regression"}


def test_many_even_clusters_bring_neither_test() -> None:
    frame = grouped(120, 60)
    record = es.run({"data": frame, "design": design(cluster="g"), "methods": ["difference"]})
    assert not {f.check for f in record.findings} & {"inference.wild_cluster", "inference.randomisation"}


def test_few_clusters_bring_the_wild_test_with_its_evidence() -> None:
    finding = found(grouped(12, 6))["inference.wild_cluster"]
    scheme = {"kind": "wild_cluster", "draws": 1999}
    tested = es.estimate(grouped(12, 6), design(cluster="g"), "regression", resample=scheme)
    row = next(finding.evidence.rows())
    assert (row["test_low"], row["test_high"]) == pytest.approx(tuple(tested.interval()[0]), abs=1e-12)
    assert row["test_p_value"] == finding.statistic == tested.p_value[0]
    plain = es.estimate(grouped(12, 6), design(cluster="g"), "regression")
    parted = (row["p_value"] <= 0.05) != (row["test_p_value"] <= 0.05)
    assert row["p_value"] == pytest.approx(plain.p_value[0])
    assert finding.grade == ("note" if parted else "pass")


def test_very_few_clusters_in_an_arm_are_tested_by_their_assignment_where_there_was_one() -> None:
    frame = grouped(9, 3)
    tested = found(frame, kind="experiment")["inference.randomisation"]
    assert tested.statistic * 84 == pytest.approx(round(tested.statistic * 84))
    assert found(frame)["inference.randomisation"].grade == "not_run"


def test_a_set_made_for_few_clusters_is_a_note_and_a_percentile_interval_a_warning() -> None:
    grades = {}
    for kind in ("wild_cluster", "cluster"):
        study = {"data": grouped(12, 6), "design": design(cluster="g"), "methods": ["regression"]}
        record = es.run(study | {"resample": {"kind": kind, "draws": 100}})
        grades[kind] = next(f.grade for f in record.findings if f.check == "inference.clusters")
    assert grades == {"wild_cluster": "note", "cluster": "warn"}
