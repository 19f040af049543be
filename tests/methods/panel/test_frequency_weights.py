"""A frequency stands for copies of a unit that share its cluster: they add weight, and no independent evidence."""

import numpy as np
import pytest

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout

EVERY = ("did", "event_study", "staggered_did", "sun_abraham", "imputation_did", "extended_twfe")


@pytest.mark.parametrize("key", EVERY)
def test_copies_of_a_unit_stay_in_its_cluster(key: str) -> None:
    frame = rollout(5, units=70, starts=(2,)).assign(times=lambda f: 1 + f.id % 3)
    weighted = es.estimate(frame, {**DESIGN, "weights": {"column": "times", "kind": "frequency"}}, key)
    copies = frame.loc[frame.index.repeat(frame.times)]
    copy = copies.groupby(["id", "t"]).cumcount()
    written = copies.assign(home=copies.id, id=copies.id * 10 + copy)
    expected = es.estimate(written, {**DESIGN, "cluster": "home"}, key)
    np.testing.assert_allclose(weighted.value, expected.value, rtol=1e-8)
    np.testing.assert_allclose(weighted.std_error, expected.std_error, rtol=1e-7)
    apart = es.estimate(written, DESIGN, key)
    assert (apart.std_error[0] < 0.85 * weighted.std_error[0]).all()
