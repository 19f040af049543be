"""Averages of cells by hand, and their slopes in the cohorts' shares as derivatives."""

import numpy as np
import pytest

from estimand.stats.did_aggregation import aggregated
from estimand.stats.group_time import Cells, base_period, planned_cells

CLOCK = np.arange(6)
SHARE = np.array([0.0, 0.0, 0.3, 0.1, 0.2, 0.0, 0.4])


def cells(anticipation: int = 0) -> Cells:
    return planned_cells(CLOCK, np.array([2, 3, 4]), anticipation, "varying", "never")


def effects(found: Cells) -> np.ndarray:
    return np.asarray(10.0 * found.cohort + found.period)


def test_cells_are_every_period_of_every_cohort_but_the_first_one() -> None:
    found = cells()
    assert list(zip(found.cohort[:5], found.period[:5], found.base[:5], strict=True)) == [
        (2, 1, 0), (2, 2, 1), (2, 3, 1), (2, 4, 1), (2, 5, 1)
    ]  # fmt: skip
    universal = planned_cells(CLOCK, np.array([2, 3, 4]), 1, "universal", "not_yet")
    third = universal.take(universal.cohort == 3)
    assert third.base.tolist() == [1] * 5
    assert third.period.tolist() == [0, 2, 3, 4, 5]
    # A unit first treated one step after the period expects it already.
    assert third.first.tolist() == [3, 4, 5, 6, 6]
    assert third.earlier.tolist() == [0, 1, 1, 1, 1]


def test_the_base_period_goes_by_the_calendar() -> None:
    clock = np.array([0, 1, 4, 5])
    assert base_period(clock, 2, 0) == 1
    assert base_period(clock, 2, 2) == 1
    assert base_period(clock, 2, 3) == 0
    assert base_period(clock, 2, 4) == -1
    assert planned_cells(clock, np.array([2]), 4, "varying", "never").size == 0


def test_overall_averages_by_hand() -> None:
    found = cells()
    value = effects(found)

    def term(kind: str, row: int, balance: int | None = None) -> float:
        made = aggregated(found, CLOCK, kind, balance)
        weights = made.weights(SHARE[found.cohort])
        assert weights.sum(axis=1) == pytest.approx(np.ones(weights.shape[0]))
        return float(weights[row] @ value)

    simple = (
        [(0.3, 20 + t) for t in (2, 3, 4, 5)] + [(0.1, 30 + t) for t in (3, 4, 5)] + [(0.2, 40 + t) for t in (4, 5)]
    )
    assert term("simple", 0) == pytest.approx(sum(p * a for p, a in simple) / sum(p for p, _ in simple))
    cohorts = [23.5, 34.0, 44.5]
    assert [term("group", j) for j in (1, 2, 3)] == pytest.approx(cohorts)
    assert term("group", 0) == pytest.approx(np.average(cohorts, weights=[0.3, 0.1, 0.2]))
    onsets = [np.average([22 + e, 33 + e, 44 + e], weights=[0.3, 0.1, 0.2]) for e in (0, 1)]
    later = [np.average([24, 35], weights=[0.3, 0.1]), 25.0]
    made = aggregated(found, CLOCK, "event")
    assert made.places.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert [term("event", j) for j in (4, 5, 6, 7)] == pytest.approx([*onsets, *later])
    assert term("event", 0) == pytest.approx(np.mean([*onsets, *later]))
    balanced = aggregated(found, CLOCK, "event", 2)
    assert balanced.places.tolist() == [-2, -1, 0, 1, 2]
    kept = [np.average([22 + e, 33 + e], weights=[0.3, 0.1]) for e in (0, 1, 2)]
    assert term("event", 0, 2) == pytest.approx(np.mean(kept))
    periods = {2: 22.0, 3: np.average([23, 33], weights=[0.3, 0.1])}
    assert aggregated(found, CLOCK, "calendar").places.tolist() == [2, 3, 4, 5]
    assert [term("calendar", j) for j in (1, 2)] == pytest.approx(list(periods.values()))


@pytest.mark.parametrize("kind", ["simple", "group", "event", "calendar", "group_time"])
def test_slopes_in_the_shares_are_derivatives_and_only_ratios_matter(kind: str) -> None:
    found = cells()
    value = effects(found) + np.sin(np.arange(found.size))
    made = aggregated(found, CLOCK, kind)
    slopes = made.slopes(SHARE[found.cohort], value, found.cohort, 7)
    assert slopes @ SHARE == pytest.approx(np.zeros(slopes.shape[0]), abs=1e-10)
    for g in (2, 3, 4):
        moved = []
        for sign in (1.0, -1.0):
            share = SHARE.copy()
            share[g] += sign * 1e-6
            moved.append(made.weights(share[found.cohort]) @ value)
        assert (moved[0] - moved[1]) / 2e-6 == pytest.approx(slopes[:, g], abs=1e-7)


def test_leads_are_of_cohorts_with_an_effect_and_without_one_there_is_no_term() -> None:
    found = cells()
    lost = found.take((found.cohort != 4) | (found.period < 4))
    assert aggregated(lost, CLOCK, "event").places.tolist() == [-2, -1, 0, 1, 2, 3]
    before = found.take(~found.post)
    for kind in ("simple", "group", "event", "calendar"):
        assert aggregated(before, CLOCK, kind).combination.shape[0] == 0
    assert aggregated(found, CLOCK, "event", 9).combination.shape[0] == 0
