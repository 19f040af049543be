"""Four studies that the nouns must be able to hold; the methods come later, these stay."""

import json

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.design import as_design
from estimand.core.estimate import Estimate, Population, Term
from estimand.core.frozen import FrozenMap
from estimand.core.influence import joint_psi
from estimand.core.uncertainty import Regions
from estimand.data.build import build_sample
from estimand.data.source import read_table


def three_arms(rows: int = 1_200) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    plan = rng.choice(["a", "b", "c"], size=rows, p=[0.4, 0.35, 0.25])
    size = rng.normal(size=rows)
    spend = 10.0 + 2.0 * (plan == "b") - 1.0 * (plan == "c") + size + rng.normal(size=rows)
    visits = 3.0 + 0.5 * (plan == "c") + 0.2 * size + rng.normal(size=rows)
    return pd.DataFrame({"plan": plan, "size": size, "spend": spend, "visits": visits})


def test_two_metrics_and_three_arms_in_one_study() -> None:
    frame = three_arms()
    record = es.run(
        {
            "data": frame,
            "design": {
                "kind": "experiment", "variant": "plan", "outcome": ["spend", "visits"], "covariates": ["size"],
                "control": "a",
            },
            "methods": ["difference", "regression", {"method": "aipw", "learner": "linear"}],
        }
    )  # fmt: skip
    assert [e.id for e in record.estimates] == [
        "difference:spend", "regression:spend", "aipw:spend",
        "difference:visits", "regression:visits", "aipw:visits",
    ]  # fmt: skip
    for estimate in record.estimates:
        assert [dict(term.at) for term in estimate.terms] == [{"arm": "b"}, {"arm": "c"}]
        truth = [2.0, -1.0] if estimate.outcome == "spend" else [0.0, 0.5]
        assert np.abs(estimate.value - truth).max() < 4 * estimate.std_error.max()
        shared = estimate.uncertainty.vcov[0, 1]
        assert 0.0 < shared < estimate.uncertainty.vcov.diagonal().min()
    assert record.headline == "difference:spend"
    means = frame.groupby("plan")["visits"].mean()
    assert record.estimate("difference:visits").value == pytest.approx(
        [means["b"] - means["a"], means["c"] - means["a"]], abs=1e-12
    )
    restored = es.StudyRecord.from_dict(json.loads(json.dumps(record.to_dict(), allow_nan=False)))
    assert restored.to_dict() == record.to_dict()


def test_a_difference_from_moments_alone_equals_the_one_from_rows() -> None:
    frame = three_arms()
    design = as_design({"kind": "experiment", "variant": "plan", "outcome": ["spend", "visits"], "control": "a"})
    sample = build_sample(read_table(frame, design.columns()), design)
    halves = [sample.take(np.arange(600)), sample.take(np.arange(600, 1_200))]
    moments = es.Moments.from_sample(halves[0]).merge(es.Moments.from_sample(halves[1]))
    for outcome in ("spend", "visits"):
        without = es.estimate(moments, design, "difference", outcome=outcome)
        with_rows = es.estimate(frame, design, "difference", outcome=outcome)
        assert without.value == pytest.approx(with_rows.value, rel=1e-10)
        assert without.uncertainty.vcov == pytest.approx(with_rows.uncertainty.vcov, rel=1e-10)
        assert without.uncertainty.df == pytest.approx(with_rows.uncertainty.df, rel=1e-10)
        assert without.influence is None


def test_an_unbounded_and_an_empty_set_survive_json_and_repr() -> None:
    sets = Regions(
        FrozenMap({"0.95": (((-np.inf, -1.5), (2.25, np.inf)), ())}), "Anderson-Rubin", np.array([0.2, 0.001])
    )
    estimate = Estimate(
        id="iv", method="iv", options=FrozenMap({}), outcome="wage", target=es.Target.LATE,
        population=Population("compliers", 100, 1.0), terms=(Term("school"), Term("training")),
        value=np.array([1.0, 2.0]), uncertainty=sets, n_obs=100, inference="set",
    )  # fmt: skip
    written = json.loads(json.dumps(estimate.to_dict(), allow_nan=False))
    assert written["terms"][0]["ci"] == [None, None]
    assert written["terms"][1]["ci"] is None
    restored = Estimate.from_dict(written)
    assert restored.uncertainty.at(0.95) == (((-np.inf, -1.5), (2.25, np.inf)), ())
    assert restored.to_dict() == written
    assert "inf" in repr(restored.uncertainty)
    with pytest.raises(es.UnsupportedError, match="is empty"):
        restored.interval()


def test_two_methods_of_which_one_drops_rows_are_compared_through_joint_influence() -> None:
    frame = es.datasets.generate("outreach", rows=2_500, seed=8)
    design = {**frame.attrs["design"], "covariates": ["usage_score", "prior_tickets", "health_score"]}
    whole = es.estimate(frame, design, "ipw")
    narrow = es.estimate(frame, design, "ipw", trim=0.2)
    assert narrow.population.n < whole.population.n
    assert narrow.influence.psi.shape == whole.influence.psi.shape
    gap = es.difference_between(narrow, whole)
    joint = joint_psi((narrow.influence, whole.influence))
    assert gap.value[0] == narrow.value[0] - whole.value[0]
    assert gap.std_error[0] == pytest.approx(np.sqrt(np.square(joint[:, 0] - joint[:, 1]).sum()), rel=1e-12)
    assert gap.std_error[0] < np.hypot(narrow.std_error[0], whole.std_error[0])
    assert [finding.check for finding in gap.findings] == ["comparison.population"]
    complete = frame.assign(health_score=frame["health_score"].mask(np.arange(2_500) % 5 == 0))
    other = es.estimate(complete, design, "ipw")
    with pytest.raises(es.DesignError, match="different data"):
        es.difference_between(other, whole)
