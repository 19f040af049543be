"""Lee bounds by trimming within cells of discrete covariates: an answer by hand, which cells, and coverage."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stress_cases import estimated, never

import estimand as es
from estimand.checks.stress.lee_bounds import LeeBounds
from tests.repeated import by_day_and_night

ONE_WAY = "Treatment moves all one way in being observed"


def answered(frame: pd.DataFrame, covariates: list[str], **design: Any) -> es.Finding:
    case, estimates = estimated(frame, ["difference"], kind="experiment", covariates=covariates, **design)
    return LeeBounds().examine(case, estimates, never)[0]


def rows_of(finding: es.Finding) -> dict[str, dict[str, Any]]:
    return {row["assumption"]: row for row in finding.evidence.rows()}


def block(site: str, arm: int, outcomes: list[float], missing: int, times: int = 1) -> list[dict[str, Any]]:
    """Rows of one site and arm: its outcomes, each so many times, and rows without one."""
    return [{"site": site, "d": arm, "y": y} for y in outcomes * times + [math.nan] * (missing * times)]


def by_hand() -> pd.DataFrame:
    """Two sites of 100 rows an arm.

    North: all treated are seen (50 of 1, 50 of 3), half of the controls (50 of 0): the lower half of the treated is at
    1, the upper at 3. South: all are seen, treated at 5 and controls at 4. Over both sites a quarter of the treated is
    trimmed: 50 of the 200.
    """
    north = block("north", 1, [1.0, 3.0], 0, 50) + block("north", 0, [0.0], 1, 50)
    return pd.DataFrame(north + block("south", 1, [5.0], 0, 100) + block("south", 0, [4.0], 0, 100))


def test_within_cells_by_hand() -> None:
    """Controls seen: 50 in the north, 100 in the south, so the sites count 1 to 2, and controls average 8/3."""
    finding = answered(by_hand(), ["site"])
    rows = rows_of(finding)
    control = (50 * 0.0 + 100 * 4.0) / 150
    whole = rows[ONE_WAY]
    assert whole["low"] == pytest.approx((50 * 1.0 + 50 * 3.0 + 50 * 5.0) / 150 - control, rel=1e-12)
    assert whole["high"] == pytest.approx((50 * 3.0 + 100 * 5.0) / 150 - control, rel=1e-12)
    within = rows[f"{ONE_WAY}, trimmed within 2 cells of site"]
    assert within["low"] == pytest.approx((1 * 1.0 + 2 * 5.0) / 3 - control, rel=1e-12)
    assert within["high"] == pytest.approx((1 * 3.0 + 2 * 5.0) / 3 - control, rel=1e-12)
    assert "trimmed within 2 cells of site, between 1.00 and 1.67" in finding.message
    assert list(rows)[1:3] == [ONE_WAY, f"{ONE_WAY}, trimmed within 2 cells of site"]


def test_columns_are_crossed_while_every_cell_has_fifty_observed_on_both_sides() -> None:
    frame = by_hand()
    rng = np.random.default_rng(0)
    frame = frame.assign(half=np.arange(400) % 2, age=rng.normal(size=400), same="one")
    assert f"{ONE_WAY}, trimmed within 2 cells of site" in rows_of(answered(frame, ["age", "same", "site", "half"]))
    twice = pd.concat([frame, frame], ignore_index=True)
    assert f"{ONE_WAY}, trimmed within 4 cells of site, half" in rows_of(answered(twice, ["age", "site", "half"]))
    thin = frame.drop(frame.index[(frame["site"] == "north") & (frame["d"] == 0) & frame["y"].notna()][:1])
    assert len(answered(thin, ["age", "site"]).evidence) == 3


def test_a_column_treatment_may_have_changed_makes_no_cells() -> None:
    roles = {"post_treatment": ["site"]}
    assert len(answered(by_hand(), ["site"], roles=roles).evidence) == 3


def test_with_several_arms_the_cells_are_those_of_the_two_compared() -> None:
    """A third arm, in the south and in a site of its own, and all of it seen, changes nothing for the first."""
    other = pd.DataFrame(block("south", 2, [9.0], 0, 60) + block("west", 2, [7.0], 0, 60))
    both = rows_of(answered(pd.concat([by_hand(), other], ignore_index=True), ["site"]))
    alone = rows_of(answered(by_hand(), ["site"]))
    name = f"{ONE_WAY}, trimmed within 2 cells of site"
    assert [both[name][end] for end in ("low", "high", "ci_low", "ci_high")] == pytest.approx(
        [alone[name][end] for end in ("low", "high", "ci_low", "ci_high")], rel=1e-9
    )


def selected(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Site moves the outcome and who is seen; those seen only if treated do better by one."""
    site = rng.choice(3, rows, p=[0.3, 0.3, 0.4])
    d = rng.integers(0, 2, rows)
    kind = rng.random(rows)
    always, moved = np.array([0.5, 0.6, 0.7])[site], np.array([0.8, 0.75, 0.9])[site]
    y = rng.normal(size=rows) + 1.5 * site + (kind >= always) + 0.5 * d
    seen = (kind < always) | ((kind < moved) & (d == 1))
    return pd.DataFrame({"site": site.astype(str), "d": d, "y": np.where(seen, y, np.nan)})


def bounds(frame: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = rows_of(answered(frame, ["site"]))
    return rows[ONE_WAY], rows[f"{ONE_WAY}, trimmed within 3 cells of site"]


@by_day_and_night(100, 300)
def test_intervals_within_cells_cover_both_ends_and_are_narrower(repetitions: int) -> None:
    rng = np.random.default_rng(4)
    truth = bounds(selected(rng, 1_000_000))
    hits = np.zeros(2)
    for _ in range(repetitions):
        row = bounds(selected(rng, 1_500))[1]
        hits += [row["ci_low"] <= truth[1][end] <= row["ci_high"] for end in ("low", "high")]
    assert truth[1]["low"] - truth[0]["low"] > 0.05
    assert truth[0]["high"] - truth[1]["high"] > 0.05
    assert truth[1]["low"] < 0.5 < truth[1]["high"]
    error = 4 * math.sqrt(0.05 * 0.95 / repetitions)
    assert hits / repetitions == pytest.approx([0.95, 0.95], abs=error)


def test_cases_without_missing_outcomes_have_none() -> None:
    case, estimates = estimated(by_hand().dropna(), ["difference"], kind="experiment", covariates=["site"])
    assert not LeeBounds().applies(case, estimates)
