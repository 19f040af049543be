"""E-values of estimates: from risk differences, ratios and means."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from stress_cases import PLAIN_AIPW, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.e_value import EValue, as_risk_ratio
from estimand.core.frozen import FrozenMap
from estimand.core.uncertainty import Normal, Unknown
from estimand.errors import UnsupportedError


def binary(base: float, lift: float, rows: int = 4_000, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = confounded(rows, seed)
    risk = np.clip(base + 0.05 * frame["x0"] + lift * frame["d"], 0.005, 0.995)
    return frame.assign(y=(rng.random(rows) < risk).astype(int))


def test_it_is_a_note_about_each_adjusted_estimate_and_never_about_the_naive_one() -> None:
    record = run(confounded(), ["difference", "regression", "ipw", PLAIN_AIPW])
    about = {f.about: f.grade for f in record.findings if f.check == "stress.e_value"}
    assert about == dict.fromkeys(["regression", "ipw", "aipw"], es.Grade.NOTE)


def test_an_experiment_has_none() -> None:
    record = run(confounded(pull=0.0), ["difference", "regression"], kind="experiment")
    assert not [f for f in record.findings if f.check == "stress.e_value"]


def test_means_go_through_standard_deviations_within_arms() -> None:
    case, (estimate,) = estimated(confounded(), ["regression"])
    finding = EValue().examine(case, (estimate,), never)[0]
    y, d = case.values(), case.sample().arm
    spread = np.sqrt(np.average([y[d == a].var(ddof=1) for a in (0, 1)], weights=[(d == a).sum() - 1 for a in (0, 1)]))
    ratio, low = np.exp(0.91 * estimate.value[0] / spread), np.exp(0.91 * estimate.interval()[0, 0] / spread)
    assert finding.evidence["risk_ratio"] == pytest.approx((ratio, low))
    assert finding.evidence["e_value"] == pytest.approx(tuple(r + np.sqrt(r * (r - 1)) for r in (ratio, low)))
    assert f"{finding.evidence['e_value'][1]:.2f} would take the 95% interval" in finding.message


def test_risk_differences_go_through_the_untreated_level() -> None:
    case, (estimate,) = estimated(binary(0.3, 0.2), ["ipw"])
    risk = as_risk_ratio(case, estimate, 0)
    base = estimate.baseline.value[0]
    assert risk.ratio == pytest.approx((base + estimate.value[0]) / base)
    psi = case.sample().n ** 2 * np.block(
        [
            [estimate.uncertainty.vcov, estimate.baseline.cross],
            [estimate.baseline.cross.T, estimate.baseline.vcov],
        ]
    )
    draws = np.random.default_rng(0).multivariate_normal([estimate.value[0], base], psi / case.sample().n ** 2, 400_000)
    ratios = np.log1p(draws[:, 0] / draws[:, 1])
    assert np.log(risk.high / risk.low) / (2 * 1.959964) == pytest.approx(ratios.std(), rel=0.01)


def test_an_interval_that_holds_no_effect_has_e_value_one() -> None:
    record = run(binary(0.3, 0.0), ["ipw"])
    finding = found(record, "stress.e_value")
    assert finding.evidence["e_value"][1] == 1.0
    assert "already holds no effect (E-value 1)" in finding.message


def ratio_of(kind: str, value: float, base: float) -> float:
    case, (estimate,) = estimated(binary(base, 0.0), ["ipw"])
    told = replace(
        estimate,
        value=np.array([value]),
        uncertainty=Normal(np.array([[0.01]]), None, "log"),
        options=FrozenMap({"contrast": kind}),
    )
    return as_risk_ratio(case, told, 0).ratio


def test_ratios_are_taken_as_they_are_or_by_their_approximation_where_common() -> None:
    assert ratio_of("ratio", 4.0, 0.5) == 4.0
    assert ratio_of("odds_ratio", 4.0, 0.5) == 2.0
    assert ratio_of("odds_ratio", 4.0, 0.06) == 4.0
    assert ratio_of("hazard_ratio", 4.0, 0.06) == 4.0
    assert ratio_of("hazard_ratio", 4.0, 0.5) == pytest.approx(0.75 / (1 - 0.5**0.5))


def test_what_has_no_ratio_is_said_not_to() -> None:
    case, (estimate,) = estimated(binary(0.3, 0.0), ["ipw"])
    below = replace(estimate, value=np.array([-0.9]))
    (finding,) = EValue().examine(case, (below,), never)
    assert finding.grade is es.Grade.NOT_RUN
    with pytest.raises(UnsupportedError, match="no interval"):
        as_risk_ratio(case, replace(estimate, uncertainty=Unknown("none is claimed.")), 0)
