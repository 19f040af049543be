"""Numbers as a reader sees them."""

import doctest
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimand.figures import numbers
from estimand.figures.numbers import (
    aligned,
    format_count,
    format_interval,
    format_number,
    format_p,
    format_plain,
    format_share,
    format_ticks,
)

RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(text: str) -> float:
    mantissa, _, power = text.replace(",", "").replace("−", "-").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(RAISED) or 0)


def test_docstring_examples_run():
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1214.27, "1,214"),
        (-635.0, "−635"),
        (0.04712, "0.0471"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234567.8, "1,234,568"),
        (0.00001234, "1.23 × 10⁻⁵"),
        (-4.5e13, "−4.50 × 10¹³"),
        (0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "none"),
        (None, "none"),
    ],
)
def test_number(value, text):
    assert format_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_number_keeps_three_digits_and_its_sign(value):
    if abs(value) < 1e-300:
        return
    text = format_number(value)
    assert text.startswith("−") == (value < 0)
    assert read(text) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("ci", "text"),
    [
        ([-330.2, 2759.9], "−330 to 2,760"),
        ([None, 0.8], "−∞ to 0.800"),
        ([1.5, None], "1.50 to ∞"),
        ([None, None], "−∞ to ∞"),
        (None, "none"),
    ],
)
def test_interval(ci, text):
    assert format_interval(ci) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0004, "< 0.001"), (0.001, "0.001"), (0.25, "0.250"), (1.0, "1.000"), (None, "none")]
)
def test_p_value(p, text):
    assert format_p(p) == text


def test_counts_and_shares():
    assert [format_count(x) for x in (6000, 0, 1234.0, 12.3456)] == ["6,000", "0", "1,234", "12.3"]
    assert [format_share(x) for x in (0.0, 0.0004, 0.5, 0.99999, 1.0)] == [
        "0%",
        "< 0.1%",
        "50.0%",
        "> 99.9%",
        "100%",
    ]


def test_ticks_have_the_same_decimals():
    assert format_ticks([-0.025, 0.0, 0.05, 0.1]) == ("−0.025", "0", "0.050", "0.100")
    assert format_ticks([-2000.0, 0.0, 2000.0]) == ("−2,000", "0", "2,000")
    assert format_plain(0.25) == "0.25"


@given(st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=8))
def test_aligned_numbers_end_as_far_behind_their_point(values):
    texts = [format_number(value) for value in values]
    if any("×" in text for text in texts):
        return
    padded = aligned(texts)
    assert [text.strip() for text in padded] == texts
    behind = {len(re.sub(r"^[−,\d]*", "", text)) for text in padded}
    assert len(behind) == 1


def test_words_are_not_padded():
    assert aligned(["1.25", "none", "3"]) == ("1.25", "none", "3\u2008\u2007\u2007")
