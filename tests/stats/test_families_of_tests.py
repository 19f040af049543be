"""Adjusted p-values against R, statsmodels and a literal step-down."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

import estimand as es
from estimand.stats.multiplicity import bonferroni, false_discovery, holm, romano_wolf
from tests.methods.simulated import confounded, design
from tests.reference_data import matches, reference


@pytest.mark.parametrize(("key", "adjust"), [("bonferroni", bonferroni), ("holm", holm), ("BH", false_discovery)])
def test_adjustments_of_twenty_five_published_p_values(key: str, adjust) -> None:
    extra = reference(f"mt.{key}")["extra"]
    found = adjust(np.array(extra["p"]))
    assert found == pytest.approx(np.array(extra["adjusted"]), rel=1e-8)
    matches(f"mt.{key}", value=float(np.sort(found)[2]))


def test_any_dependence_is_allowed_for_as_statsmodels_does() -> None:
    p_values = np.random.default_rng(1).random(12) ** 2
    expected = multipletests(p_values, method="fdr_by")[1]
    assert false_discovery(p_values, dependent=True) == pytest.approx(expected, rel=1e-12)


def test_the_step_down_is_a_loop_over_those_not_yet_rejected() -> None:
    rng = np.random.default_rng(2)
    draws = np.abs(rng.standard_normal((500, 6)) @ np.linalg.cholesky(0.5 * np.eye(6) + 0.5).T)
    statistics = np.abs(rng.normal(1.5, 1.0, 6))
    left, last, expected = list(range(6)), 0.0, np.empty(6)
    while left:
        top = max(left, key=lambda j: statistics[j])
        share = (1 + sum(max(row[j] for j in left) >= statistics[top] for row in draws)) / 501
        last = max(last, share)
        expected[top] = last
        left.remove(top)
    assert romano_wolf(statistics, draws) == pytest.approx(expected, abs=1e-12)


def test_terms_and_outcomes_are_one_family() -> None:
    frame = confounded(4, n=300, arms=3)
    record = es.run(
        {
            "data": frame,
            "design": design(outcome=["y", "b"]),
            "methods": ["regression", "ipw"],
            "headline": "regression",
            "multiplicity": "holm",
        }
    )
    (found,) = [finding for finding in record.findings if finding.check == "inference.multiplicity"]
    rows = [item for item in record.estimates if item.method == "regression"]
    plain = np.concatenate([item.p_value for item in rows])
    assert list(found.evidence["p_value"]) == pytest.approx(plain)
    assert list(found.evidence["adjusted"]) == pytest.approx(multipletests(plain, method="holm")[1])
    assert list(found.evidence["outcome"]) == ["y", "y", "b", "b"]


def test_the_joint_adjustment_is_never_kinder_than_one_test_and_seldom_harsher_than_holm() -> None:
    made = es.estimate(confounded(5, n=400, arms=4), design(), "regression")
    plain = np.array(es.adjusted_p_values(made, "holm")["p_value"])
    joint = np.array(es.adjusted_p_values(made, "romano_wolf", seed=3)["adjusted"])
    assert (joint >= plain).all()
    assert (joint <= np.array(es.adjusted_p_values(made, "holm")["adjusted"]) + 0.03).all()
    assert joint == pytest.approx(np.array(es.adjusted_p_values(made, "romano_wolf", seed=3)["adjusted"]))


def test_an_unknown_adjustment_is_refused_by_name() -> None:
    made = es.estimate(confounded(5, n=200), design(), "difference")
    with pytest.raises(es.DesignError, match="no adjustment 'sidak'"):
        es.adjusted_p_values(made, "sidak")
