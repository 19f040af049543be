"""An outcome that treatment decides has no noise, and every method says so instead of a quiet zero."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout

PANEL = ("did", "event_study", "staggered_did", "sun_abraham", "imputation_did", "extended_twfe")
ARMS = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}


def checks(made: es.Estimate) -> dict[str, es.Grade]:
    return {finding.check: finding.grade for finding in made.findings}


@pytest.mark.parametrize("key", PANEL)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_twice_the_treatment_is_no_outcome(key: str, scale: float) -> None:
    frame = rollout(3, starts=(2,))
    exact = es.estimate(frame.assign(y=scale * 2.0 * frame.d), DESIGN, key)
    assert exact.value[0] == pytest.approx(2.0 * scale)
    assert checks(exact)["estimate.no_noise"] == "warn"
    noisy = es.estimate(frame.assign(y=scale * (2.0 * frame.d + 1e-6 * frame.y)), DESIGN, key)
    assert "estimate.no_noise" not in checks(noisy)


def test_levels_and_effects_without_noise_are_none_either() -> None:
    frame = rollout(3).assign(y=lambda f: np.cos(f.id) + 0.3 * f.t + f.d * (1.0 + f.t - f.g))
    assert checks(es.estimate(frame, DESIGN, "imputation_did"))["estimate.no_noise"] == "warn"


@pytest.mark.parametrize("key", ["difference", "regression", "ipw", "aipw", "gcomputation", "stratification"])
def test_methods_of_arms_say_so_too(key: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"d": rng.integers(0, 2, 200), "x": rng.normal(size=200)})
    exact = es.estimate(frame.assign(y=2.0 * frame.d), ARMS, key)
    assert checks(exact)["estimate.no_noise"] == "warn"
    noisy = es.estimate(frame.assign(y=1e6 + 2.0 * frame.d + 1e-3 * rng.normal(size=200)), ARMS, key)
    assert "estimate.no_noise" not in checks(noisy)


def test_a_study_carries_it_into_the_verdict() -> None:
    frame = rollout(3, starts=(2,)).assign(y=lambda f: 2.0 * f.d)
    record = es.run({"data": frame, "design": DESIGN, "methods": ["did"]})
    (finding,) = [finding for finding in record.findings if finding.check == "estimate.no_noise"]
    assert finding.about == "did"
    assert record.verdict.grade in {"warn", "veto"}
