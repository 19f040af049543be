"""Numbers of a cell, worked by hand and against resampling."""

import numpy as np
import pytest

from estimand.laboratory.repetition import Trial
from estimand.laboratory.summary import summarise


def trial(value: float, error: float = 1.0, truth: float = 0.0, p: float = 0.5) -> Trial:
    return Trial(value, error, value - 2 * error, value + 2 * error, p, truth, "ATE", 0.25)


def test_numbers_by_hand() -> None:
    made = summarise([trial(1.0), trial(3.0, p=0.01), trial(-1.0), Trial(code="NOT_CONVERGED", message="No.")])
    numbers = made.numbers
    assert made.repetitions == 4
    assert made.judged == 3
    assert (made.code, made.message, made.target, made.seconds) == ("NOT_CONVERGED", "No.", "ATE", 0.25)
    assert made.failed.value == 0.25
    assert made.failed.error == pytest.approx((0.25 * 0.75 / 4) ** 0.5)
    assert numbers["bias"].value == pytest.approx(1.0)
    assert numbers["bias"].error == pytest.approx(2.0 / 3**0.5)
    assert numbers["rmse"].value == pytest.approx((11 / 3) ** 0.5)
    assert numbers["se_ratio"].value == pytest.approx(0.5)
    assert numbers["coverage"].value == pytest.approx(2 / 3)
    assert numbers["length"].value == pytest.approx(4.0)
    assert numbers["size"].value == pytest.approx(1 / 3)
    assert numbers["power"].value is None


def test_where_there_is_an_effect_a_rejection_is_power() -> None:
    numbers = summarise([trial(1.0, truth=1.0, p=0.001), trial(0.5, truth=1.0)]).numbers
    assert numbers["power"].value == 0.5
    assert numbers["size"].value is None


def test_an_infinite_end_covers_and_has_no_length() -> None:
    endless = Trial(0.0, None, -float("inf"), float("inf"), None, 5.0, "LATE", 0.1)
    made = summarise([endless, endless])
    assert made.numbers["coverage"].value == 1.0
    assert made.numbers["length"].value is None
    assert made.numbers["se_ratio"].value is None


def test_a_truth_of_each_table_is_held_against_its_own_estimate() -> None:
    made = summarise([trial(1.0, truth=1.5), trial(2.0, truth=2.5), trial(4.0, truth=4.5)])
    assert made.own_truth
    assert made.numbers["bias"].value == pytest.approx(-0.5)
    assert made.numbers["rmse"].value == pytest.approx(0.5)


def test_without_an_estimate_there_is_only_the_reason() -> None:
    made = summarise([Trial(code="UNSUPPORTED", message="first"), Trial(code="UNSUPPORTED", message="second")])
    assert made.failed.value == 1.0
    assert made.message == "first"
    assert made.truth is None
    assert all(number.value is None for number in made.numbers.values())


@pytest.mark.parametrize("name", ["bias", "rmse", "se_ratio", "coverage", "length"])
def test_monte_carlo_errors_are_those_of_many_calibrations(name: str) -> None:
    rng = np.random.default_rng(8)

    def once() -> tuple[float, float]:
        errors = np.sqrt(rng.chisquare(30, 200) / 30)
        measured = summarise([trial(v, e) for v, e in zip(rng.normal(0.2, 1.0, 200), errors, strict=True)]).numbers[
            name
        ]
        return measured.value, measured.error

    values, errors = np.array([once() for _ in range(400)]).T
    # The spread of 400 calibrations is known to 3.5 %.
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.15)
