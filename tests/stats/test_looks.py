"""Cost of looks against published inflation factors and simulated paths."""

import numpy as np
import pytest

from estimand.stats.looks import Looks, expected_share, inflation, looks_power, planned_looks
from estimand.stats.power import t_power

QUARTERS = np.array([0.25, 0.5, 0.75, 1.0])
PATHS = 100_000


def first_crossing(looks: Looks, effect: float, std_error: float, seed: int) -> tuple[float, float]:
    """Share of simulated paths that cross, and the mean share of units gathered."""
    steps = np.diff(looks.share / std_error**2, prepend=0.0)
    draws = np.random.default_rng(seed).standard_normal((PATHS, steps.size))
    score = np.cumsum(effect * steps + np.sqrt(steps) * draws, axis=1)
    out = np.abs(score) > looks.limit * np.sqrt(np.cumsum(steps))
    crossed = out.any(axis=1)
    return float(crossed.mean()), float(np.where(crossed, looks.share[out.argmax(axis=1)], 1.0).mean())


def test_one_look_costs_nothing() -> None:
    alone = planned_looks(np.array([1.0]), 0.05, "obrien_fleming")
    assert alone.limit == pytest.approx([1.959964], abs=1e-6)
    assert looks_power(0.3, 0.1, alone) == pytest.approx(t_power(0.3, 0.1, np.inf, 0.05), abs=1e-9)
    assert inflation(alone, 0.05, 0.8) == pytest.approx(1.0, abs=1e-6)


def test_inflation_is_that_of_jennison_and_turnbull() -> None:
    """Classical limits, five looks, power 0.8 at 0.05: 1.228 by Pocock, 1.028 by O'Brien and Fleming (table 2.2, 2.4).

    Spending functions come near them.
    """
    fifths = np.arange(1.0, 6.0) / 5.0
    assert inflation(Looks(fifths, np.full(5, 2.413)), 0.05, 0.8) == pytest.approx(1.229, abs=0.002)
    assert inflation(planned_looks(fifths, 0.05, "pocock"), 0.05, 0.8) == pytest.approx(1.229, abs=0.02)
    assert inflation(planned_looks(fifths, 0.05, "obrien_fleming"), 0.05, 0.8) == pytest.approx(1.028, abs=0.01)


@pytest.mark.parametrize("paying", ["obrien_fleming", "pocock", "lan_demets", "always_valid"])
def test_crossings_as_simulated(paying: str) -> None:
    looks = planned_looks(QUARTERS, 0.05, paying)
    for effect in (0.0, 0.28):
        power, share = first_crossing(looks, effect, 0.1, 3)
        found = looks_power(effect, 0.1, looks)
        assert abs(power - found) <= 4.0 * np.sqrt(max(found * (1.0 - found), 1e-4) / PATHS)
        assert abs(share - expected_share(effect, 0.1, looks)) <= 4.0 * 0.5 / np.sqrt(PATHS)
    assert looks_power(0.0, 0.1, looks) <= 0.05 + 1e-9


def test_always_valid_costs_more_than_four_planned_looks() -> None:
    costs = [inflation(planned_looks(QUARTERS, 0.05, kind), 0.05, 0.8) for kind in ("obrien_fleming", "always_valid")]
    assert 1.0 < costs[0] < 1.05
    assert 1.4 < costs[1] < 2.5


def test_looks_in_the_burn_in_decide_nothing() -> None:
    looks = planned_looks(QUARTERS, 0.05, "always_valid", silent=0.5)
    assert np.isinf(looks.limit[0])
    assert np.isfinite(looks.limit[1:]).all()


def test_one_function_two_sided_spends_more_early_than_its_halves() -> None:
    halves, whole = (planned_looks(QUARTERS, 0.05, kind).limit for kind in ("obrien_fleming", "lan_demets"))
    assert (whole[:3] < halves[:3]).all()
    assert whole[3] > halves[3]
