"""Where one unit is treated, or one is not, nothing shows how such units vary: no method claims a standard error."""

import numpy as np
import pytest

import estimand as es
from estimand.core.uncertainty import Unknown
from tests.methods.panel.rollouts import DESIGN, rollout

REGRESSIONS = ("did", "event_study", "sun_abraham", "imputation_did", "extended_twfe")


def alone(kind: str):
    """Sixty units, of which one is treated, or all but one."""
    frame = rollout(3, starts=(2,), effect=0.0)
    first = frame.id[frame.g == (2 if kind == "treated" else 0)].iloc[0]
    odd = frame.id == first
    return frame.assign(g=np.where(odd, 2, 0) if kind == "treated" else np.where(odd, 0, 2))


@pytest.mark.parametrize("key", REGRESSIONS)
@pytest.mark.parametrize("kind", ["treated", "untreated"])
def test_one_unit_alone_gives_a_value_and_no_interval(key: str, kind: str) -> None:
    made = es.estimate(alone(kind), DESIGN, key)
    assert np.isfinite(made.value).all()
    assert isinstance(made.uncertainty, Unknown)
    assert "nothing shows how" in made.uncertainty.reason
    assert made.influence is None
    assert any(finding.check.endswith("few_clusters") for finding in made.findings)


def test_a_study_of_one_treated_unit_ends_with_a_record() -> None:
    design = {**DESIGN, "covariates": ["z"]}
    record = es.run({"data": alone("treated"), "design": design, "methods": list(REGRESSIONS)})
    assert len(record.estimates) == len(REGRESSIONS)
    assert all(row["ci"] is None for estimate in record.estimates for row in estimate.summary())
