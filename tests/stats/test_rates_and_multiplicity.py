"""Shares of trials and Holm's procedure against statsmodels and scipy."""

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from estimand.stats.multiplicity import holm
from estimand.stats.rates import at_least, wilson_interval


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson(level: float) -> None:
    counts, trials = np.array([0.0, 3.0, 17.0, 40.0]), np.array([10.0, 30.0, 20.0, 40.0])
    expected = np.stack(proportion_confint(counts, trials, 1 - level, method="wilson"), axis=1)
    assert wilson_interval(counts / trials, trials, level) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", range(0, 21, 4))
def test_upper_tail(count: int) -> None:
    assert at_least(count, 20, 0.05) == pytest.approx(binom.sf(count - 1, 20, 0.05), rel=1e-10)


def test_holm() -> None:
    p = np.random.default_rng(0).random(12) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)
    assert holm(np.array([])).shape == (0,)
