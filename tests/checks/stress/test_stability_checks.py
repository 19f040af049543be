"""Stability over splits and seeds."""

from dataclasses import replace

import numpy as np
import pytest
from stress_cases import PLAIN_AIPW, altered, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.cost import refit_cost
from estimand.checks.stress.stability import SeedStability, SplitStability

FOLDS = tuple(int(j % 2) for j in range(400))


def test_a_well_behaved_estimate_hardly_moves() -> None:
    record = run(confounded(), [PLAIN_AIPW])
    finding = found(record, "stress.split_stability", "aipw")
    assert finding.grade is es.Grade.PASS
    assert len(finding.evidence) == 5
    values = np.array(finding.evidence["estimate"])
    assert finding.statistic == pytest.approx(values.std(ddof=1) / record.estimate("aipw").std_error[0])


def test_the_refits_are_those_of_studies_with_those_seeds() -> None:
    frame = confounded(400)
    evidence = found(run(frame, [PLAIN_AIPW]), "stress.split_stability", "aipw").evidence
    for seed, value in zip(evidence["seed"], evidence["estimate"], strict=True):
        options = {"learner": "linear", "propensity_learner": "logistic"}
        design = {"treatment": "d", "outcome": "y", "covariates": ["x0", "x1", "x2"]}
        assert es.estimate(frame, design, "aipw", seed=seed, **options).value[0] == pytest.approx(value, rel=1e-12)
    assert len(set(evidence["estimate"])) == 5


def test_an_estimate_that_jumps_is_warned_of_with_the_cure() -> None:
    case, estimates = estimated(confounded(), [PLAIN_AIPW])
    wild = altered(
        lambda estimate, changed: replace(estimate, value=estimate.value + 0.1 * changed.run.rng("jump").normal(size=1))
    )
    (finding,) = SplitStability().examine(case, estimates, wild)
    assert finding.grade is es.Grade.WARN
    assert finding.statistic > 0.5
    assert "Use repeats=5" in finding.message


def test_methods_without_splits_are_let_be() -> None:
    case, estimates = estimated(confounded(), ["regression", "ipw", {**PLAIN_AIPW, "folds": 1}])
    assert not SplitStability().applies(case, estimates)


def test_given_folds_are_examined_by_seed() -> None:
    record = run(confounded(400), [{"method": "aipw", "learner": "boosting", "folds": FOLDS}])
    assert not [f for f in record.findings if f.check == "stress.split_stability"]
    finding = found(record, "stress.seed_stability", "aipw")
    assert finding.grade is es.Grade.PASS
    assert len(finding.evidence) == 5


def test_a_seed_that_moves_the_standard_error_is_warned_of() -> None:
    case, estimates = estimated(confounded(400), [{**PLAIN_AIPW, "folds": FOLDS}])

    factors = iter([36.0, 1.0, 36.0, 1.0])

    def wobbly(estimate: es.Estimate, changed: object) -> es.Estimate:
        factor = next(factors)
        return replace(estimate, uncertainty=replace(estimate.uncertainty, vcov=estimate.uncertainty.vcov * factor))

    (finding,) = SeedStability().examine(case, estimates, altered(wobbly))
    assert finding.grade is es.Grade.WARN


def test_cost_decides_how_many_refits_and_is_known_beforehand() -> None:
    case, estimates = estimated(confounded(), [PLAIN_AIPW])
    cost = refit_cost(case, estimates[0])
    assert cost == 25 * 1_000 * 4
    same = altered(lambda estimate, changed: estimate)
    counts = [
        len(SplitStability(spend=spend, limit=1e9).examine(case, estimates, same)[0].evidence) - 1
        for spend in (cost, 3 * cost, 9 * cost)
    ]
    assert counts == [2, 3, 4]
    (finding,) = SplitStability(limit=1.9 * cost).examine(case, estimates, never)
    assert finding.grade is es.Grade.NOT_RUN
    assert "repeats=5" in finding.remedy


def test_repeats_cost_more() -> None:
    case, estimates = estimated(confounded(), [PLAIN_AIPW, {**PLAIN_AIPW, "id": "five", "repeats": 5}])
    assert refit_cost(case, estimates[1]) == 5 * refit_cost(case, estimates[0])
