"""Fieller's set against the test that it inverts."""

import numpy as np
import pytest

from estimand.stats.fieller import fieller_set

SPREAD = (0.04, -0.01, 0.09)


def rejected(ratio: float, numerator: float, denominator: float, critical: float) -> bool:
    variance = SPREAD[0] - 2.0 * ratio * SPREAD[1] + ratio**2 * SPREAD[2]
    return abs(numerator - ratio * denominator) > critical * np.sqrt(variance)


@pytest.mark.parametrize(
    ("numerator", "denominator", "pieces"), [(1.0, 5.0, 1), (-2.0, -1.5, 1), (2.0, 0.3, 2), (0.05, 0.1, 1)]
)
def test_it_holds_what_the_test_does_not_reject(numerator: float, denominator: float, pieces: int) -> None:
    found = fieller_set(numerator, denominator, SPREAD, 1.96)
    assert len(found) == pieces
    for ratio in np.linspace(-30.0, 30.0, 4_001):
        held = any(low <= ratio <= high for low, high in found)
        assert held != rejected(float(ratio), numerator, denominator, 1.96)


def test_far_from_zero_it_is_the_delta_method() -> None:
    ((low, high),) = fieller_set(1.0, 5.0, (4e-6, -1e-6, 9e-6), 1.96)
    ratio = 0.2
    error = np.sqrt(4e-6 + 2.0 * ratio * 1e-6 + ratio**2 * 9e-6) / 5.0
    np.testing.assert_allclose([low, high], [ratio - 1.96 * error, ratio + 1.96 * error], rtol=1e-5)
