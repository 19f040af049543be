"""Clusters dealt anew: every statistic against loops written out, and the set against tests of shifted totals."""

from itertools import combinations

import numpy as np
import pytest

from estimand.stats.cluster_randomisation import Totals
from estimand.stats.randomisation import Assignment


def data(clusters: int = 7, treated: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    below = rng.integers(3, 30, clusters).astype(float)
    on = np.zeros(clusters)
    on[:treated] = 1.0
    return below * (1.0 + 0.8 * on) + np.sqrt(below) * rng.normal(size=clusters), below, on


def studentised(value: np.ndarray, below: np.ndarray, on: np.ndarray) -> float:
    gap = variance = 0.0
    for sign, arm in ((1.0, on == 1.0), (-1.0, on == 0.0)):
        total = below[arm].sum()
        ratio = value[arm].sum() / total
        gap += sign * ratio
        variance += sum(
            (v - ratio * d) ** 2 / (1.0 - d / total) / total**2 for v, d in zip(value[arm], below[arm], strict=True)
        )
    return abs(gap) / float(np.sqrt(variance))


def p_by_loops(value: np.ndarray, below: np.ndarray, on: np.ndarray, effect: float) -> float:
    bare = value - effect * below * on
    dealt = []
    for chosen in combinations(range(on.size), int(on.sum())):
        other = np.zeros(on.size)
        other[list(chosen)] = 1.0
        dealt.append(studentised(bare, below, other))
    seen = studentised(bare, below, on)
    return float(np.mean([one >= seen * (1.0 - 1e-9) for one in dealt]))


def test_p_values_of_effects_are_those_of_every_assignment() -> None:
    value, below, on = data()
    pencil = Totals(value, below, on).pencil(
        Assignment(on == 1.0, np.zeros(7, dtype=int)).every().astype(float), complete=True
    )
    for effect in (-1.0, 0.0, 0.5, 0.8, 2.0):
        assert pencil.p_value(effect) == pytest.approx(p_by_loops(value, below, on, effect), abs=1e-12)


def test_the_set_holds_the_effects_that_are_not_rejected() -> None:
    value, below, on = data(9, 4)
    pencil = Totals(value, below, on).pencil(
        Assignment(on == 1.0, np.zeros(9, dtype=int)).every().astype(float), complete=True
    )
    regions = pencil.regions(0.9)
    for effect in np.linspace(-1.0, 3.0, 41):
        inside = any(low <= effect <= high for low, high in regions)
        assert inside == (p_by_loops(value, below, on, float(effect)) > 0.1)
