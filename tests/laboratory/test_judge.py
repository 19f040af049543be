"""When a cell passes, at the edges of the line."""

import pytest

from estimand.laboratory import judge
from estimand.laboratory.judge import band, ruling


@pytest.mark.parametrize(
    ("repetitions", "low", "high"),
    [(1_000, 0.929, 0.971), (9_999, 0.929, 0.971), (10_000, 0.935, 0.965), (20_000, 0.935, 0.965)],
)
def test_the_line_is_the_published_one(repetitions: int, low: float, high: float) -> None:
    assert band(repetitions) == (low, high)


def test_with_fewer_tables_the_line_widens_with_the_monte_carlo_error() -> None:
    low, high = band(200)
    assert low == pytest.approx(0.95 - 3.05 * (0.95 * 0.05 / 200) ** 0.5)
    assert high == pytest.approx(0.95 + 3.05 * (0.95 * 0.05 / 200) ** 0.5)
    assert band(20)[1] == 1.0


@pytest.mark.parametrize(
    ("covered", "repetitions", "expected"),
    [
        (0.929, 1_000, "pass"),
        (0.928, 1_000, "fail"),
        (0.971, 1_000, "pass"),
        (0.972, 1_000, "fail"),
        (0.935, 10_000, "pass"),
        (0.9349, 10_000, "fail"),
        (0.9651, 10_000, "fail"),
        (None, 1_000, "refused"),
        (1.0, 19, "refused"),
    ],
)
def test_a_cell_is_ruled_by_its_coverage(covered: float | None, repetitions: int, expected: str) -> None:
    assert ruling("ipw", "well_specified", covered, repetitions) == expected


def test_a_conservative_setting_is_held_to_the_lower_line_only() -> None:
    assert ruling("matching_pairs", "well_specified", 0.999, 1_000) == "pass"
    assert ruling("matching_pairs", "randomised", 0.928, 1_000) == "fail"


def test_what_was_declared_beforehand_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "KNOWN", {("ipw", "few_clusters"): "few"})
    assert ruling("ipw", "few_clusters", 0.80, 1_000) == "known"
    assert ruling("ipw", "few_clusters", 0.95, 1_000) == "pass"
    assert ruling("ipw", "clustered", 0.80, 1_000) == "fail"
