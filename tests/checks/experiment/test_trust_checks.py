"""Arms that differ before, metrics that go missing, units that make a difference, early rows, odd metrics."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind
from trust_cases import DESIGN, METRICS, found, record, table

import estimand as es
from estimand.core.finding import Grade


def test_history_that_differs_is_told_by_welch_and_by_holm_over_all_metrics() -> None:
    frame = table()
    frame["before"] += 0.12 * (frame["v"] == "B")
    finding = found(record(frame), "pre_exposure")
    b, a = (frame.loc[frame["v"] == arm, "before"] for arm in "BA")
    assert finding.statistic == pytest.approx(ttest_ind(b, a, equal_var=False).pvalue, rel=1e-8)
    assert finding.grade is Grade.WARN
    twice = [METRICS[0], METRICS[1] | {"covariate": "before"}]
    again = found(record(frame, metrics=twice), "pre_exposure")
    assert again.statistic == pytest.approx(2.0 * finding.statistic, rel=1e-8)


def test_history_of_some_and_in_strata_is_compared_over_all_who_have_it() -> None:
    frame = table()
    frame.loc[::3, "before"] = np.nan
    finding = found(record(frame, strata=["country"]), "pre_exposure")
    held = frame.dropna(subset=["before"])
    b, a = (held.loc[held["v"] == arm, "before"] for arm in "BA")
    assert finding.statistic == pytest.approx(ttest_ind(b, a, equal_var=False).pvalue, rel=1e-8)


def test_a_metric_missing_in_one_arm_warns() -> None:
    frame = table()
    frame.loc[(frame["v"] == "B") & (np.arange(len(frame)) % 40 == 0), "spend"] = np.nan
    made = record(frame)
    finding = found(made, "metric_missing")
    assert finding.grade is Grade.WARN
    assert finding.evidence["missing"][0] == 0.0
    assert found(made, "srm").evidence["units"] == (3_000.0, 3_000.0)


def test_one_unit_that_makes_the_difference_is_told() -> None:
    frame = table()
    frame.loc[frame.index[frame["v"] == "B"][0], "spend"] = 40_000.0
    finding = found(record(frame), "outlier_influence")
    assert finding.grade is Grade.WARN
    row = next(finding.evidence.rows())
    rest = frame.drop(index=frame.index[frame["v"] == "B"][0])
    means = rest.groupby("v")["spend"].mean()
    assert row["without_unit"] == pytest.approx(means["B"] - means["A"], rel=1e-10)
    assert row["capped_error"] < 0.1 * row["std_error"]


def test_of_a_ratio_it_is_the_ratio_without_the_unit() -> None:
    frame = table(400)
    made = record(frame, metrics=[METRICS[1]])
    row = next(found(made, "outlier_influence").evidence.rows())

    def difference(rows: pd.DataFrame) -> float:
        sums = rows.groupby("v")[["spend", "orders"]].sum()
        return float(
            sums.loc["B", "spend"] / sums.loc["B", "orders"] - sums.loc["A", "spend"] / sums.loc["A", "orders"]
        )

    moved = np.array([difference(frame.drop(index=j)) for j in frame.index]) - difference(frame)
    assert row["without_unit"] - row["difference"] == pytest.approx(moved[np.argmax(np.abs(moved))], rel=1e-8)


def test_rows_before_exposure_warn() -> None:
    frame = table()
    frame["at"] = frame["seen"] + pd.Timedelta(hours=1)
    roles = DESIGN["roles"] | {"timestamp": "at"}
    assert found(record(frame, roles=roles), "exposure_time").grade is Grade.PASS
    frame.loc[frame.index[:7], "at"] -= pd.Timedelta(hours=2)
    frame.loc[frame.index[10:12], "seen"] = pd.NaT
    finding = found(record(frame, roles=roles), "exposure_time")
    assert finding.grade is Grade.WARN
    assert sum(finding.evidence["before_exposure"]) == 7
    assert sum(finding.evidence["no_exposure"]) == 2


def test_odd_metrics_are_findings_or_clear_errors() -> None:
    frame = table(600)
    with pytest.raises(es.EstimandError, match="spend"):
        record(frame.assign(spend=1.0), metrics=[METRICS[0]])
    with pytest.raises(es.EstimandError, match="per order"):
        record(frame.assign(orders=0), metrics=[METRICS[1]])
    with pytest.raises(es.DataError, match="arm 'C'"):
        record(frame, planned={"allocation": {"A": 1, "B": 1, "C": 1}})
    some = frame.assign(orders=np.where(np.arange(600) % 3 == 0, 0, 2), spend=frame["spend"] - 10.0)
    odd = [finding for finding in record(some).findings if finding.check == "metric.unexpected"]
    assert {finding.subject for finding in odd} == {"spend", "per order"}
