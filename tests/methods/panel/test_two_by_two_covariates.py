"""Two groups and two times beside a covariate that does not change within units."""

import numpy as np
import pandas as pd
import pytest

import estimand as es

DESIGN = {"kind": "panel", "unit": "unit", "time": "time", "outcome": "y", "treatment": "d", "covariates": ["x"]}


def rollout() -> pd.DataFrame:
    """Untreated outcomes drift with a covariate that is higher among the treated; the effect is 2 and no noise."""
    rng = np.random.default_rng(4)
    ever = np.repeat([0, 1], 30)
    x = rng.standard_normal(60) + ever
    unit, time = np.divmod(np.arange(240), 4)
    d = ever[unit] * (time >= 2)
    y = 3.0 * ever[unit] + (1.0 + time) * x[unit] + time**2 + 2.0 * d
    return pd.DataFrame({"unit": unit, "time": time, "x": x[unit], "d": d, "y": y + 1e-3 * rng.standard_normal(240)})


@pytest.mark.parametrize("effects", ["two_way", "two_by_two"])
def test_a_drift_along_a_covariate_is_not_taken_for_an_effect(effects: str) -> None:
    # Within a time, the drift left over by one slope is balanced over units: 60 of them, noise a thousandth.
    found = es.estimate(rollout(), DESIGN, "did", effects=effects)
    assert found.value[0] == pytest.approx(2.0, abs=1e-3)


def test_two_by_two_is_least_squares_with_a_slope_in_each_time() -> None:
    frame = rollout()
    ever, after = frame.groupby("unit")["d"].transform("max"), (frame["time"] >= 2).astype(float)
    columns = np.column_stack([frame["d"], np.ones(240), ever, after, frame["x"], frame["x"] * after])
    by_hand = np.linalg.lstsq(columns, frame["y"], rcond=None)[0][0]
    assert es.estimate(frame, DESIGN, "did", effects="two_by_two").value[0] == pytest.approx(by_hand, abs=1e-8)
