"""How often a simulation is repeated: seldom by day and often by night, with the same question asked of both."""

import pytest


def by_day_and_night(day: int, night: int) -> pytest.MarkDecorator:
    """Give a test ``repetitions``; those of the night are left to ``make nightly``."""
    return pytest.mark.parametrize("repetitions", [day, pytest.param(night, marks=pytest.mark.nightly)])
