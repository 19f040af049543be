"""E-values against their published values, and against the bias bound they invert."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from estimand.stats.evalue import (
    e_value,
    hazard_to_risk_ratio,
    limit_nearest_null,
    odds_to_risk_ratio,
    standardised_to_risk_ratio,
)
from tests.reference_data import matches, reference

PUBLISHED = [
    ("evalue.smoking_lung", 10.73, (8.02, 14.36)),
    ("evalue.formula_feeding", 3.9, (1.8, 8.7)),
    ("evalue.rr080", 0.8, (0.71, 0.91)),
]


@pytest.mark.parametrize(("key", "ratio", "ends"), PUBLISHED)
def test_published_values(key: str, ratio: float, ends: tuple[float, float]) -> None:
    matches(key, value=e_value(ratio))
    found = e_value(limit_nearest_null(*ends))
    assert found == pytest.approx(reference(key)["extra"]["evalue_ci"], rel=reference(key)["tolerance"]["value_rel"])


def test_a_risk_ratio_of_two_and_a_half() -> None:
    assert e_value(2.5) == pytest.approx(4.4365, abs=1e-4)


def test_an_interval_that_holds_no_effect_has_e_value_one() -> None:
    assert e_value(limit_nearest_null(0.9, 3.0)) == 1.0
    assert limit_nearest_null(1.0, 3.0) == 1.0


@given(st.floats(1.001, 1e4))
def test_it_inverts_the_bias_bound(ratio: float) -> None:
    """A confounder with both risk ratios at g biases by at most g² / (2g - 1) (Ding & VanderWeele 2016)."""
    brute = brentq(lambda g: g * g / (2.0 * g - 1.0) - ratio, ratio, 3.0 * ratio + 1.0)
    assert e_value(ratio) == pytest.approx(brute, rel=1e-8)


@given(st.floats(1e-6, 1e6))
def test_a_ratio_and_its_inverse_have_the_same(ratio: float) -> None:
    assert e_value(ratio) == pytest.approx(e_value(1.0 / ratio), rel=1e-9)
    assert e_value(ratio) >= 1.0


def test_ratios_without_an_end_need_an_endless_confounder() -> None:
    assert e_value(0.0) == e_value(math.inf) == math.inf


def test_other_measures_become_risk_ratios() -> None:
    assert odds_to_risk_ratio(4.0, rare=True) == 4.0
    assert odds_to_risk_ratio(4.0, rare=False) == 2.0
    assert hazard_to_risk_ratio(0.7, rare=True) == 0.7
    by_hand = (1 - 0.5 ** np.sqrt(0.56)) / (1 - 0.5 ** np.sqrt(1 / 0.56))
    assert hazard_to_risk_ratio(0.56, rare=False) == pytest.approx(by_hand, rel=1e-12)
    assert standardised_to_risk_ratio(0.5) == pytest.approx(np.exp(0.455))
    assert hazard_to_risk_ratio(1.0, rare=False) == 1.0
