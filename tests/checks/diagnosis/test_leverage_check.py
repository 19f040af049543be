"""Coefficients for the rows there are: silent with few, a warning with many, and the leverage it saw."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.repeated import by_day_and_night


def table(covariates: int, rows: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, covariates))
    d = np.arange(rows) % 2
    y = x[:, 0] + d + rng.normal(size=rows)
    return pd.DataFrame({f"x{j}": x[:, j] for j in range(covariates)} | {"d": d, "y": y, "w": rng.uniform(1, 3, rows)})


def found(frame: pd.DataFrame, more: dict[str, Any] | None = None, **options: Any) -> list[es.Finding]:
    names = [name for name in frame.columns if name.startswith("x")]
    design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": names} | (more or {})
    record = es.run({"data": frame, "design": design, "methods": [{"method": "regression"} | options]})
    return [finding for finding in record.findings if finding.check == "inference.leverage"]


def test_few_coefficients_pass_with_their_share_of_the_rows() -> None:
    (finding,) = found(table(4))
    assert finding.grade is es.Grade.PASS
    assert finding.statistic == pytest.approx(5 / 100, abs=1e-10)
    assert finding.remedy is None


@pytest.mark.parametrize(
    ("covariance", "grade", "says"), [("HC3", "warn", "too wide"), ("HC2", "note", "itself noisy")]
)
def test_many_coefficients_are_warned_of_under_hc3_and_noted_under_hc2(covariance: str, grade: str, says: str) -> None:
    (finding,) = found(table(29), covariance=covariance)
    assert finding.grade == grade
    assert finding.statistic == pytest.approx(30 / 100, abs=1e-10)
    assert says in finding.message
    assert "30 coefficients to 100 rows" in finding.message
    assert "interactions: false" in str(finding.remedy)


@pytest.mark.parametrize("covariance", ["classical", "HC0", "HC1"])
def test_other_covariances_are_not_judged(covariance: str) -> None:
    assert not found(table(29), covariance=covariance)


def test_one_slope_shares_its_coefficients_over_all_rows() -> None:
    (finding,) = found(table(29), interactions=False)
    assert finding.grade is es.Grade.PASS
    assert finding.statistic == pytest.approx(31 / 200, abs=1e-10)


def test_the_largest_leverage_is_that_of_the_hat_matrix_and_one_such_row_is_a_note() -> None:
    frame = table(3)
    frame.loc[7, "x1"] = 60.0
    (finding,) = found(frame, {"weights": {"column": "w", "kind": "sampling"}}, covariance="HC3")
    own = frame[frame["d"] == 1]
    root = np.sqrt(own["w"].to_numpy())[:, None]
    q, _ = np.linalg.qr(root * np.column_stack([np.ones(len(own)), own[["x0", "x1", "x2"]]]))
    assert dict(zip(finding.evidence["fit"], finding.evidence["largest"], strict=True))["arm '1'"] == pytest.approx(
        np.square(q).sum(axis=1).max(), abs=1e-8
    )
    assert finding.grade is es.Grade.NOTE
    assert "1 row has a leverage above 0.9" in finding.message
    assert "single out a row" in str(finding.remedy)


def test_columns_that_others_span_cost_no_coefficient() -> None:
    frame = table(4).assign(x4=lambda t: t["x0"] + t["x1"])
    (finding,) = found(frame)
    assert finding.statistic == pytest.approx(5 / 100, abs=1e-10)


@pytest.mark.parametrize(
    ("options", "share", "fit"),
    [
        ({"method": "gcomputation"}, 28 / 100, "arm '"),
        ({"method": "balancing"}, 28 / 100, "arm '"),
        ({"method": "ipw", "target": "ATO"}, 28 / 200, "the propensity model"),
        ({"method": "balancing", "target": "ATO"}, 28 / 200, "the propensity model"),
    ],
)
def test_a_sandwich_is_too_narrow_with_many_coefficients(options: dict[str, Any], share: float, fit: str) -> None:
    (finding,) = found(table(27), **options)
    assert finding.statistic == pytest.approx(share, abs=1e-10)
    assert finding.threshold == 0.15
    assert finding.grade == ("warn" if share > 0.15 else "pass")
    assert str(finding.evidence["fit"][0]).startswith(fit)
    (more,) = found(table(39), **options)
    assert more.grade is es.Grade.WARN
    assert "too narrow" in more.message
    assert [f.grade for f in found(table(4), **options)] == [es.Grade.PASS]


@pytest.mark.parametrize("options", [{"method": "ipw"}, {"method": "balancing", "target": "ATT"}, {"method": "aipw"}])
def test_weights_for_other_targets_are_not_judged(options: dict[str, Any]) -> None:
    assert not found(table(29), **options)


@by_day_and_night(330, 1_000)
def test_an_interval_of_overlap_weights_is_as_narrow_as_the_residuals_say(repetitions: int) -> None:
    """Errors of draws with 50 covariates of 200 rows against their spread: √(1 - 51/200) of it, not all of it."""

    def one(seed: int) -> tuple[float, float]:
        frame = table(50, seed=seed)
        names = [name for name in frame.columns if name.startswith("x")]
        design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": names}
        made = es.estimate(frame, design, "ipw", target="ATO")
        return float(made.value[0]), float(made.std_error[0])

    values, errors = np.array([one(seed) for seed in range(repetitions)]).T
    ratio = np.sqrt(np.mean(errors**2)) / values.std(ddof=1)
    assert ratio == pytest.approx(np.sqrt(1 - 51 / 200), abs=4 * ratio / np.sqrt(2 * repetitions))
