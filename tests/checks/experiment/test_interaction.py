"""Other experiments on the same units: interaction against regression, joint assignment, one family of p-values."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import chi2_contingency, ttest_ind

import estimand as es
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.stats.interaction import interaction
from estimand.stats.multiplicity import holm

DESIGN: dict[str, Any] = {
    "kind": "experiment", "variant": "v", "control": "A", "other_experiments": ["banner"],
    "metrics": [
        {"name": "y", "column": "y", "covariate": "x"},
        {"name": "rate", "column": "y", "denominator": "d", "covariate": "x"},
    ],
}  # fmt: skip


def table(n: int = 4_000, extra: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"v": rng.choice(["A", "B", "C"], n), "banner": rng.choice(["off", "blue", "red"], n)})
    frame["x"], frame["d"] = rng.normal(size=n), 1.0 + rng.poisson(1.0, n)
    both = (frame["v"] == "B") & (frame["banner"] == "red")
    frame["y"] = 5.0 + frame["x"] + 0.2 * (frame["v"] == "B") + 0.3 * (frame["banner"] == "red") + extra * both
    frame["y"] += rng.normal(size=n)
    frame["home"] = rng.integers(0, 400, n)
    return frame


def record(frame: pd.DataFrame, **changes: Any) -> StudyRecord:
    return es.run({"data": frame, "design": DESIGN | changes, "methods": ["difference"]})


def of(made: StudyRecord, check: str) -> list[Finding]:
    return [finding for finding in made.findings if finding.check == f"experiment.{check}"]


def coded(frame: pd.DataFrame) -> tuple[np.ndarray, tuple[int, int]]:
    arm, level = (np.unique(frame[name], return_inverse=True)[1] for name in ("v", "banner"))
    return arm * 3 + level, (3, 3)


def test_the_test_is_walds_of_the_interacted_regression() -> None:
    """HC2 of saturated least squares is the variance of cell means."""
    frame = table()
    cell, shape = coded(frame)
    found = interaction((frame["y"].to_numpy(), np.ones(len(frame))), cell, shape, np.arange(len(frame)))
    fit = smf.ols("y ~ C(v) * C(banner)", frame).fit(cov_type="HC2", use_t=True)
    names = [name for name in fit.params.index if ":" in name]
    assert found is not None
    np.testing.assert_allclose(np.sort(found.value.ravel()), np.sort(fit.params[names]), rtol=1e-8)
    np.testing.assert_allclose(np.sort(found.std_error.ravel()), np.sort(fit.bse[names]), rtol=1e-8)
    joint = fit.f_test(" , ".join(f"{name} = 0" for name in names))
    assert found.p_value == pytest.approx(float(joint.pvalue), rel=1e-6)


def test_clusters_that_hold_several_cells_are_summed() -> None:
    frame = table()
    cell, shape = coded(frame)
    home = frame["home"].to_numpy()
    found = interaction((frame["y"].to_numpy(), np.ones(len(frame))), cell, shape, home)
    fit = smf.ols("y ~ C(v) * C(banner)", frame).fit(
        cov_type="cluster", cov_kwds={"groups": home, "use_correction": False}
    )
    names = [name for name in fit.params.index if ":" in name]
    count = np.unique(home).size
    assert found is not None
    expected = np.sort(fit.bse[names]) * np.sqrt(count / (count - 1))
    np.testing.assert_allclose(np.sort(found.std_error.ravel()), expected, rtol=1e-8)


def test_a_cell_without_units_cannot_be_tested() -> None:
    frame = table().query("not (v == 'B' and banner == 'red')")
    cell, shape = coded(frame)
    assert interaction((frame["y"].to_numpy(), np.ones(len(frame))), cell, shape, np.arange(len(frame))) is None
    (finding, _) = of(record(frame), "interaction")
    assert finding.grade is Grade.NOT_RUN


def test_effects_that_add_pass_and_those_that_do_not_warn() -> None:
    calm = of(record(table()), "interaction")
    assert [finding.grade for finding in calm] == [Grade.PASS, Grade.PASS]
    told = {finding.about: finding for finding in of(record(table(extra=0.8)), "interaction")}
    assert told["y"].grade is Grade.WARN
    (row,) = told["y"].evidence.rows()
    assert (row["arm"], row["level"], row["against"]) == ("B", "red", "blue")
    assert row["difference"] == pytest.approx(0.8, abs=0.4)


def test_p_values_are_holms_over_metrics_and_experiments() -> None:
    frame = table().assign(other=np.random.default_rng(9).choice(["on", "off"], 4_000))
    told = of(record(frame, other_experiments=["banner", "other"]), "interaction")
    plain, adjusted = (np.concatenate([f.evidence[name] for f in told]) for name in ("p_value", "adjusted"))
    assert plain.shape == (4,)
    np.testing.assert_allclose(np.sort(adjusted), np.sort(holm(plain)))


def test_history_is_holms_over_metrics_and_arms() -> None:
    frame = table()
    frame["x2"] = frame["x"] + np.random.default_rng(4).normal(size=len(frame)) + 0.2 * (frame["v"] == "C")
    metrics = [DESIGN["metrics"][0], {"name": "z", "column": "y", "covariate": "x2"}]
    told = {finding.about: finding for finding in of(record(frame, metrics=metrics), "pre_exposure")}
    p_values = [
        ttest_ind(frame.loc[frame["v"] == arm, x], frame.loc[frame["v"] == "A", x], equal_var=False).pvalue
        for x in ("x", "x2") for arm in "BC"
    ]  # fmt: skip
    expected = holm(np.array(p_values))
    np.testing.assert_allclose([*told["y"].evidence["adjusted"], *told["z"].evidence["adjusted"]], expected, rtol=1e-8)
    assert told["z"].statistic == pytest.approx(expected[2:].min(), rel=1e-8)
    assert "adjusted for 4 tests" in told["z"].message


def test_joint_assignment_is_a_test_of_independence() -> None:
    frame = table()
    (calm,) = of(record(frame), "joint_assignment")
    expected = chi2_contingency(pd.crosstab(frame["banner"], frame["v"]), correction=False).pvalue
    assert calm.statistic == pytest.approx(expected, rel=1e-8)
    assert calm.grade is Grade.PASS
    frame.loc[(frame["v"] == "B") & (np.arange(len(frame)) % 3 == 0), "banner"] = "red"
    (off,) = of(record(frame), "joint_assignment")
    assert off.grade is Grade.WARN


def test_units_outside_the_other_experiment_are_left_out() -> None:
    frame = table()
    frame.loc[::4, "banner"] = None
    (one, _) = of(record(frame), "interaction")
    alone = of(record(frame.dropna(subset=["banner"])), "interaction")[0]
    assert one.evidence["p_value"] == pytest.approx(alone.evidence["p_value"])


def test_this_experiment_is_no_other() -> None:
    with pytest.raises(es.DesignError, match="cannot be both treatment and another experiment"):
        record(table(), other_experiments=["v"])
