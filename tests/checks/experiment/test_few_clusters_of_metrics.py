"""Metrics over few clusters: what is said of their number, and the test that deals them anew."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord

DESIGN: dict[str, Any] = {
    "kind": "experiment", "variant": "v", "control": "A", "cluster": "team",
    "metrics": [{"name": "y", "column": "y"}, {"name": "z", "column": "z"}],
}  # fmt: skip


def table(teams: tuple[int, ...]) -> pd.DataFrame:
    """Teams of twenty rows, so many in each arm."""
    rng = np.random.default_rng(2)
    home = np.repeat(np.arange(sum(teams)), 20)
    arm = np.repeat(["A", "B", "C"][: len(teams)], teams)[home]
    y = 0.3 * rng.normal(size=sum(teams))[home] + rng.normal(size=home.size)
    return pd.DataFrame({"team": home, "v": arm, "y": y, "z": rng.normal(size=home.size)})


def record(frame: pd.DataFrame, **changes: Any) -> StudyRecord:
    return es.run({"data": frame, "design": DESIGN | changes, "methods": ["difference"]})


def of(made: StudyRecord, check: str) -> list[Finding]:
    return [finding for finding in made.findings if finding.check == check]


@pytest.mark.parametrize(
    ("teams", "grade", "tested"),
    [((30, 30), Grade.PASS, False), ((15, 15), Grade.NOTE, False), ((30, 4), Grade.WARN, True)],
)
def test_few_clusters_are_told_from_moments_alone(teams: tuple[int, ...], grade: Grade, tested: bool) -> None:
    made = record(table(teams))
    assert not of(made, "experiment.second_pass")
    told = of(made, "inference.clusters")
    assert {finding.about for finding in told} == {"difference:y", "difference:z"}
    assert {finding.grade for finding in told} == {grade}
    assert told[0].statistic == sum(teams)
    assert bool(of(made, "experiment.few_clusters")) is tested


def test_the_smallest_p_value_is_said_and_warned_of_where_out_of_reach() -> None:
    (finding,) = of(record(table((3, 3)), metrics=["y"]), "experiment.few_clusters")
    assert finding.grade is Grade.WARN
    assert finding.evidence["smallest"] == (pytest.approx(2 / 20),)
    assert finding.statistic >= 2 / 20
    (enough,) = of(record(table((12, 4)), metrics=["y"]), "experiment.few_clusters")
    assert enough.grade is Grade.NOTE
    assert enough.evidence["smallest"] == (pytest.approx(1 / 1820),)


def test_every_arm_is_dealt_against_control() -> None:
    (finding,) = of(record(table((4, 4, 9)), metrics=["y"]), "experiment.few_clusters")
    assert finding.evidence["arm"] == ("B", "C")
    assert finding.evidence["clusters"] == (8, 13)


def test_the_joint_correction_works_over_clusters() -> None:
    """Romano and Wolf's p-values lie between those of one test and those of Holm, and are the same for a copy."""
    frame = table((20, 20)).assign(copy=lambda held: held["y"])
    metrics = ["y", "copy", "z"]
    made = record(frame, metrics=metrics, planned={"correction": "romano_wolf"})
    (family,) = of(made, "inference.multiplicity")
    assert family.subject == "romano_wolf"
    assert family.evidence["outcome"] == tuple(metrics)
    plain, adjusted = (np.array(family.evidence[name]) for name in ("p_value", "adjusted"))
    assert adjusted[0] == adjusted[1]
    assert (adjusted >= plain).all()
    assert adjusted[0] <= 2.2 * plain[0] + 0.02


def test_the_influence_over_clusters_gives_the_error_back() -> None:
    frame = table((60, 60)).assign(x=lambda held: held["y"] + held["z"])
    metric = {"name": "y", "column": "y", "covariate": "x"}
    for method in ("difference", "cuped"):
        made = es.run({
            "data": frame, "design": DESIGN | {"metrics": [metric], "planned": {"correction": "romano_wolf"}},
            "methods": [method],
        }).estimates[0]  # fmt: skip
        assert made.influence is not None
        assert made.influence.psi.shape == (120, 1)
        assert np.sqrt(made.influence.covariance()[0, 0]) == pytest.approx(made.std_error[0], rel=0.03)
