"""The design of an experiment: metrics are outcomes, a plan is part of it, and what contradicts is refused."""

import pytest

import estimand as es
from estimand.core.design import as_design
from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.core.planned import Planned

START = {"kind": "experiment", "variant": "v", "control": "A"}


def made(**fields: object) -> Experiment:
    design = as_design(START | fields)
    assert isinstance(design, Experiment)
    return design


def test_metrics_are_the_outcomes_and_their_columns_are_read() -> None:
    design = made(
        metrics=[
            "visits",
            {"name": "order value", "column": "spend", "denominator": "orders", "covariate": "spend_before"},
        ],
        strata="country",
        exposed="first_seen",
    )
    assert design.treatment == "v"
    assert design.outcome == ("visits", "order value")
    assert design.columns() == ("visits", "spend", "orders", "spend_before", "v", "country", "first_seen")
    metric = design.metric("order value")
    assert metric is not None
    assert metric.kind == "ratio"
    assert design.metric("visits") == Metric(column="visits")
    assert design.metric("v") is None


def test_without_metrics_an_experiment_is_as_it_was() -> None:
    design = made(outcome="y", covariates=["x"])
    assert design.metrics == ()
    assert design.columns() == ("y", "x", "v")
    assert design.to_dict() == {
        "kind": "experiment", "treatment": "v", "outcome": ["y"], "covariates": ["x"], "control": "A",
    }  # fmt: skip


def test_a_design_survives_its_own_json() -> None:
    design = made(
        metrics=[
            {"name": "q", "column": "x", "quantile": 0.9},
            {"kind": "retention", "column": "last", "window": [7, 13], "role": "guardrail", "margin": 0.01},
            {"name": "m", "kind": "revenue", "column": "spend", "winsor": 0.99, "missing": "zero"},
        ],
        planned={"allocation": {"A": 1, "B": 3}, "looks": [0.5, 1], "correction": "bh", "ends": "2024-05-01"},
    )
    assert "outcome" not in design.to_dict()
    assert as_design(design.to_dict()) == design


def test_a_plan_says_shares_and_corrections() -> None:
    plan = Planned(allocation={"A": 1, "B": 3}, correction="bh")
    assert plan.shares(("A", "B")) == (0.25, 0.75)
    assert plan.multiplicity == "BH"
    assert Planned().shares(("A", "B", "C", "D")) == (0.25,) * 4
    assert Planned().multiplicity is None
    with pytest.raises(es.EstimandError, match="and the arms are A, C"):
        plan.shares(("A", "C"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "needs 'outcome'"),
        ({"metrics": []}, "needs 'outcome'"),
        ({"outcome": "y", "metrics": ["x"]}, "names both metrics and outcomes"),
        ({"metrics": [3]}, "name of a column or a mapping"),
        ({"metrics": ["x", "x"]}, "'x' is listed twice in outcome"),
        ({"metrics": ["v"]}, "cannot be both treatment"),
        ({"metrics": [{"name": "m", "column": "v"}]}, "cannot be both treatment and a column of metric 'm'"),
        ({"metrics": [{"column": "x", "kind": "ratio"}]}, "ratio without a denominator"),
        ({"metrics": [{"column": "x", "kind": "mean", "denominator": "n"}]}, "takes no 'denominator'"),
        ({"metrics": [{"column": "x", "kind": "median"}]}, "does not take 'median' for 'kind'"),
        ({"metrics": [{"column": "x", "margin": 0.1}]}, "a margin is what a guardrail tolerates"),
        ({"metrics": [{"column": "x", "kind": "proportion", "winsor": 3}]}, "takes no 'winsor'"),
        ({"metrics": [{"column": "x", "kind": "retention", "day": 7, "window": [7, 13]}]}, "in two ways"),
        ({"metrics": [{"column": "x", "colour": "red"}]}, "no field 'colour'"),
        ({"metrics": ["x"], "planned": {"looks": [0.5, 0.8]}}, "looks are"),
        ({"metrics": ["x"], "planned": {"allocation": {"A": 0}}}, "a share of 0"),
        ({"metrics": ["x"], "strata": ["v"]}, "cannot be both treatment and a stratum"),
        ({"metrics": ["x"], "kind": "observational"}, "takes no metrics"),
    ],
)
def test_what_contradicts_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(es.EstimandError, match=said) as refused:
        as_design(START | fields)
    assert refused.value.remedy
