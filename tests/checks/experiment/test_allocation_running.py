"""Shares of the arms tested day after day: the path, what it is at the end and before it, clusters, and its figure."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from trust_cases import found, record, table

from estimand.core.catalog import resolve
from estimand.core.finding import Grade
from estimand.stats.allocation import sequential_allocation

RUNNING: dict[str, Any] = {"planned": {"allocation": {"A": 1, "B": 1}, "finished": False}}


def losing(frame: pd.DataFrame) -> pd.DataFrame:
    """Lose a third of the treated units from the fifth day on."""
    rng = np.random.default_rng(1)
    late = (frame["v"] == "B") & (frame["seen"] >= pd.Timestamp("2024-03-05"))
    return frame[~(late & (rng.random(len(frame)) < 0.33))]


def by_hand(frame: pd.DataFrame) -> np.ndarray:
    counts = pd.crosstab(frame["seen"].dt.date, frame["v"]).sort_index().cumsum().to_numpy(float)
    return sequential_allocation(counts, np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("changes", "grade"), [(RUNNING, Grade.VETO), ({}, Grade.WARN), ({"planned": None}, Grade.WARN)]
)
def test_a_loss_is_told_on_its_day(changes: dict[str, Any], grade: Grade) -> None:
    frame = losing(table())
    finding = found(record(frame, **changes), "srm_running")
    path = by_hand(frame)
    np.testing.assert_allclose(finding.evidence["p_value"], path, rtol=1e-9)
    assert finding.grade is grade
    assert f"first below 0.001 on day {finding.evidence['day'][int(np.argmax(path < 0.001))]}" in finding.message
    assert finding.evidence["units B"][-1] == (frame["v"] == "B").sum()


def test_sound_shares_pass_on_every_day() -> None:
    finding = found(record(table(), **RUNNING), "srm_running")
    assert finding.grade is Grade.PASS
    assert "never below" in finding.message
    assert len(finding.evidence) == 10


def test_a_cluster_counts_once_from_its_first_day() -> None:
    frame = table()
    arm = frame["v"].to_numpy()
    frame["team"] = np.where(arm == "A", np.arange(len(frame)) % 200, 200 + np.arange(len(frame)) % 200)
    finding = found(record(frame, cluster="team", **RUNNING), "srm_running")
    assert (finding.evidence["units A"][-1], finding.evidence["units B"][-1]) == (200.0, 200.0)
    first = frame.sort_values("seen").drop_duplicates("team")
    np.testing.assert_allclose(finding.evidence["p_value"], by_hand(first), rtol=1e-9)


def test_its_figure_is_of_the_path() -> None:
    finding = found(record(losing(table()), **RUNNING), "srm_running")
    chart = resolve("figures", "allocation_path")(finding)
    assert chart.title == "Units stopped falling to the arms as planned"
    curve = chart.panels[0].marks[1]
    np.testing.assert_allclose(curve.y, np.log10(finding.evidence["p_value"]))
    assert chart.table is finding.evidence
