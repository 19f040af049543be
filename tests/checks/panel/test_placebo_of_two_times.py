"""A placebo date for two groups and two times, which have no period effects."""

import numpy as np
from panel_cases import case_for, estimated, rollout

from estimand.checks.panel.placebo_date import PlaceboDate, earlier
from estimand.core.finding import Grade

TWO = {"method": "did", "id": "two", "effects": "two_by_two"}


def test_what_later_periods_do_to_those_never_treated_is_no_effect_of_an_earlier_date() -> None:
    frame = rollout({4: 80}, 80, noise=0.3)
    frame["y"] += 2.0 * (frame["year"] - 2000) ** 2
    estimates, refit = estimated(case_for(frame), TWO)
    (finding,) = PlaceboDate().examine(case_for(frame), estimates, refit)
    assert finding.grade is Grade.PASS


def test_rows_are_of_the_periods_in_which_the_dated_are_seen() -> None:
    case = case_for(rollout({3: 5, 5: 5}, 10))
    dated = earlier(case, 1)
    assert dated is not None
    assert np.unique(dated.sample.timeline.period).tolist() == [0, 1, 2, 3, 4]
