"""CUPED: what it saves, who has no history, clusters, and refusals."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.experiment_moments import experiment_moments
from tests.repeated import by_day_and_night

DESIGN = {"kind": "experiment", "variant": "v", "control": "A", "metrics": [{"column": "y", "covariate": "x"}]}


def table(n: int = 20_000, rho: float = 0.7, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    v = rng.choice(["A", "B", "C"], n, p=[0.5, 0.25, 0.25])
    y = rho * x + np.sqrt(1.0 - rho**2) * rng.normal(size=n) + 0.1 * (v == "B")
    return pd.DataFrame({"v": v, "x": x, "y": y})


@pytest.mark.parametrize("rho", [0.3, 0.7, 0.9])
def test_it_leaves_one_minus_the_squared_correlation(rho: float) -> None:
    frame = table(200_000, rho)
    found = es.estimate(frame, DESIGN, "cuped")
    np.testing.assert_allclose(found.details["variance_reduction"], rho**2, atol=0.02 * (1.0 - rho**2))
    plain = es.estimate(frame, DESIGN, "difference")
    np.testing.assert_allclose(np.square(found.std_error / plain.std_error), 1.0 - rho**2, rtol=0.02)


@by_day_and_night(500, 2_000)
def test_its_intervals_hold_the_truth_as_often_as_they_say(repetitions: int) -> None:
    """Small arms of unequal size, slopes that differ, a third without history."""
    rng, held, n = np.random.default_rng(7), 0, 90
    for _ in range(repetitions):
        x, b = rng.normal(size=n), rng.random(n) < 0.4
        frame = pd.DataFrame({"v": np.where(b, "B", "A"), "x": np.where(rng.random(n) < 0.33, np.nan, x)})
        frame["y"] = x * np.where(b, 1.5, 0.5) + rng.normal(size=n)
        low, high = es.estimate(frame, DESIGN, "cuped").interval()[0]
        held += low <= 0.0 <= high
    assert abs(held / repetitions - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / repetitions)


def test_users_without_history_are_compared_among_themselves() -> None:
    frame = table(4_000)
    gone = np.random.default_rng(1).random(len(frame)) < 0.2
    frame.loc[gone, "x"] = np.nan
    found = es.estimate(frame, DESIGN, "cuped")
    expected = np.zeros(2)
    for part in (frame[~gone], frame[gone]):
        means = {}
        for arm, rows in part.groupby("v"):
            slope = 0.0 if rows["x"].isna().all() else np.polyfit(rows["x"], rows["y"], 1)[0]
            means[arm] = rows["y"].mean() - (slope * (rows["x"].mean() - part["x"].mean()) if slope else 0.0)
        expected += len(part) / len(frame) * np.array([means["B"] - means["A"], means["C"] - means["A"]])
    np.testing.assert_allclose(found.value, expected, rtol=1e-9)
    assert found.details["without_history"] == pytest.approx(gone.mean())


def test_a_few_without_history_are_left_out_and_told() -> None:
    frame = table(4_000)
    frame.loc[frame.index[frame["v"] == "A"][:3], "x"] = np.nan
    found = es.estimate(frame, DESIGN, "cuped")
    assert found.n_obs == 3_997
    assert found.population.label == "units comparable in history"
    assert [finding.check for finding in found.findings] == ["cuped.without_history"]


def test_clusters_are_summed_and_linearised() -> None:
    """Second implementation: residuals of cluster sums of both parts of the mean, by least squares in each arm."""
    rng = np.random.default_rng(3)
    home = rng.integers(0, 300, 6_000)
    level, arm = rng.normal(size=300), rng.integers(0, 2, 300)
    frame = pd.DataFrame(
        {"v": np.where(arm[home] == 1, "B", "A"), "team": home, "x": level[home] + rng.normal(size=6_000)}
    )
    frame["y"] = 2.0 + level[home] + rng.normal(size=6_000)
    design = {**DESIGN, "cluster": "team"}
    plain = es.estimate(frame, design, "difference")
    sums = frame.groupby("team").agg(y=("y", "sum"), n=("y", "size"), v=("v", "first"))
    errors = []
    for _, rows in sums.groupby("v"):
        ratio = rows["y"].sum() / rows["n"].sum()
        errors.append(((rows["y"] - ratio * rows["n"]) / rows["n"].mean()).var(ddof=1) / len(rows))
    assert plain.std_error[0] == pytest.approx(np.sqrt(sum(errors)), rel=1e-9)
    means = frame.groupby("v")["y"].mean()
    assert plain.value[0] == pytest.approx(means["B"] - means["A"], rel=1e-9)
    assert es.estimate(frame, design, "cuped").std_error[0] < 0.6 * plain.std_error[0]


def test_a_share_of_control_is_refused_near_zero() -> None:
    with pytest.raises(es.IdentificationError, match="cannot be told from zero"):
        es.estimate(table(), DESIGN, "cuped").relative()
    lifted = es.estimate(table().assign(y=lambda frame: frame["y"] + 5.0), DESIGN, "cuped")
    by_delta, by_fieller = lifted.relative(), lifted.relative("fieller")
    np.testing.assert_allclose(by_delta.value, by_fieller.value)
    np.testing.assert_allclose(by_delta.interval(), by_fieller.interval(), atol=2e-4)


def test_moments_are_enough() -> None:
    frame, design = table(), as_design(DESIGN)
    moments = experiment_moments(frame, design, Run()).metrics["y"]
    assert es.estimate(moments, DESIGN, "cuped").to_dict() == es.estimate(frame, DESIGN, "cuped").to_dict()


@pytest.mark.parametrize(
    ("metric", "method", "said"),
    [
        ({"column": "y"}, "cuped", "no covariate to adjust for"),
        ({"column": "y"}, "poststratification", "names no strata"),
        ({"column": "one"}, "difference", "is 1 in every unit"),
        ({"column": "late"}, "difference", "has 0 units with metric"),
        ({"column": "y", "denominator": "none"}, "difference", "adds to 0 in arm 'B'"),
        ({"column": "y", "quantile": 0.5}, "difference", "does not serve metrics of kind quantile"),
    ],
)
def test_what_cannot_be_compared_is_refused(metric: dict[str, object], method: str, said: str) -> None:
    frame = table(600).assign(one=1.0)
    frame["late"] = frame["y"].where(frame["v"] != "C")
    frame["none"] = (frame["v"] != "B").astype(float)
    with pytest.raises(es.EstimandError, match=said) as refused:
        es.estimate(frame, {**DESIGN, "metrics": [metric]}, method)
    assert refused.value.remedy


def test_a_stratum_with_one_arm_is_refused() -> None:
    frame = table(600)
    frame["s"] = np.where((frame["v"] == "A") & (frame["x"] > 1.0), "alone", "shared")
    with pytest.raises(es.IdentificationError, match="'s = alone' has 0 units of arm 'B'"):
        es.estimate(frame, {**DESIGN, "strata": "s"}, "poststratification")


STRATIFIED = {**DESIGN, "strata": "s"}


def by_strata(n: int = 4_000, seed: int = 5) -> pd.DataFrame:
    """Arms assigned within strata in unequal shares; level, noise and history differ by stratum."""
    rng = np.random.default_rng(seed)
    s = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    v = np.where(rng.random(n) < np.array([0.5, 0.2, 0.7])[s], "B", "A")
    x = rng.normal(size=n) * (1.0 + s) + 2.0 * s
    y = 3.0 * s + (0.8 + 0.4 * (v == "B")) * x + rng.normal(size=n) * (1.0 + s) + 0.3 * (v == "B")
    return pd.DataFrame({"v": v, "s": np.array(["a", "b", "c"])[s], "x": x, "y": y})


def interacted(frame: pd.DataFrame) -> dict[str, tuple[float, np.ndarray]]:
    """Of each arm: least squares on history and dummies of the strata, at everyone's average; and its coefficients."""
    dummies = pd.get_dummies(frame["s"]).to_numpy(dtype=float)
    columns = np.column_stack([frame["x"], dummies])
    found = {}
    for arm in ("A", "B"):
        mine = (frame["v"] == arm).to_numpy()
        slopes = np.linalg.lstsq(columns[mine], frame["y"][mine], rcond=None)[0]
        found[arm] = (float(columns.mean(axis=0) @ slopes), slopes)
    return found


def test_strata_are_dummies_of_the_interacted_regression() -> None:
    frame = by_strata()
    found = es.estimate(frame, STRATIFIED, "cuped")
    lines = interacted(frame)
    assert found.value[0] == pytest.approx(lines["B"][0] - lines["A"][0], rel=1e-9)
    assert found.uncertainty.correction == "Lin, within strata"
    loose = es.estimate(frame, STRATIFIED, "cuped", stratified=False)
    assert loose.value[0] == pytest.approx(es.estimate(frame, DESIGN, "cuped").value[0], rel=1e-9)
    assert abs(loose.value[0] - found.value[0]) > 0.02


def test_the_error_of_strata_adds_up_by_hand() -> None:
    """Residuals of the interacted fit, spread by stratum and arm; the slopes' own error; and the spread of the fit."""
    frame = by_strata()
    n, lines = len(frame), interacted(frame)
    sums, shares = {"A": 0.0, "B": 0.0}, frame["s"].value_counts(normalize=True)
    middle = frame.groupby("s")["x"].mean()
    for arm, (_, slopes) in lines.items():
        mine = frame[frame["v"] == arm]
        level = dict(zip(["a", "b", "c"], slopes[1:], strict=True))
        off = mine["x"] - mine.groupby("s")["x"].transform("mean")
        gap = sum(shares[s] * (mine["x"][mine["s"] == s].mean() - middle[s]) for s in shares.index)
        for s in shares.index:
            rows = mine[mine["s"] == s]
            left = rows["y"] - level[s] - slopes[0] * rows["x"]
            noise = (left**2).sum() / ((len(rows) - 1) * (1.0 - 1.0 / (len(mine) - 3)))
            lever = gap**2 * (off[rows.index] ** 2).sum() / (off**2).sum() ** 2
            sums[arm] += noise * (shares[s] ** 2 / len(rows) + lever)
    slope = lines["B"][1][0] - lines["A"][1][0]
    within = sum(
        (shares[s] ** 2) * slope**2 * frame["x"][frame["s"] == s].var() / (shares[s] * n) for s in middle.index
    )
    steps = {s: lines["B"][1][1 + j] - lines["A"][1][1 + j] + slope * middle[s] for j, s in enumerate("abc")}
    effect = sum(shares[s] * steps[s] for s in steps)
    between = sum(shares[s] * (steps[s] - effect) ** 2 for s in steps) / n
    expected = sums["A"] + sums["B"] + within + between
    assert es.estimate(frame, STRATIFIED, "cuped").std_error[0] ** 2 == pytest.approx(expected, rel=1e-9)


@by_day_and_night(200, 1_000)
@pytest.mark.parametrize("slopes", ["arm", "stratum", "pooled"])
def test_within_strata_its_intervals_hold_the_truth_as_often_as_they_say(slopes: str, repetitions: int) -> None:
    """Blocks assign exactly half; strata differ in level, slope, noise and size; a quarter have no history."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(repetitions):
        s = rng.choice(3, 240, p=[0.5, 0.3, 0.2])
        x, b = rng.normal(size=240) + s, np.zeros(240, dtype=bool)
        for j in range(3):
            mine = rng.permutation(np.flatnonzero(s == j))
            b[mine[: mine.shape[0] // 2]] = True
        frame = pd.DataFrame({"v": np.where(b, "B", "A"), "s": s, "x": np.where(rng.random(240) < 0.25, np.nan, x)})
        frame["y"] = 4.0 * s + x * (0.5 + 0.3 * s + 0.5 * b) - 0.5 * 0.7 * b + rng.normal(size=240) * (1.0 + s)
        low, high = es.estimate(frame, STRATIFIED, "cuped", slopes=slopes).interval()[0]
        held += low <= 0.0 <= high
    assert abs(held / repetitions - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / repetitions)


def test_within_strata_a_part_too_small_is_left_out_or_refused() -> None:
    frame = by_strata()
    frame.loc[frame.index[(frame["s"] == "b") & (frame["v"] == "B")][:1], "x"] = np.nan
    found = es.estimate(frame, STRATIFIED, "cuped")
    assert found.n_obs == len(frame) - 1
    assert [finding.check for finding in found.findings] == ["cuped.without_history"]
    alone = frame[(frame["s"] != "c") | (frame["v"] == "A")]
    with pytest.raises(es.IdentificationError, match="'s = c' has 0 units of arm 'B'"):
        es.estimate(alone, STRATIFIED, "cuped")
    assert np.isfinite(es.estimate(alone, STRATIFIED, "cuped", stratified=False).value).all()


def test_what_reads_an_adjusted_difference_reads_the_strata_too() -> None:
    frame = by_strata()
    expected = es.estimate(frame, STRATIFIED, "cuped")
    assert es.estimate(frame, STRATIFIED, "bayesian").value[0] == pytest.approx(expected.value[0], rel=1e-12)
    assert es.estimate(frame, STRATIFIED, "sequential").value[0] == pytest.approx(expected.value[0], rel=1e-12)
    plain = {**STRATIFIED, "metrics": ["y"]}
    apart = es.estimate(frame, plain, "poststratification").value[0]
    assert es.estimate(frame, plain, "bayesian").value[0] == pytest.approx(apart, rel=1e-12)
    by_day = {**STRATIFIED, "day": "s"}
    across = es.estimate(frame, by_day, "cuped", stratified=False).value[0]
    assert es.estimate(frame, by_day, "sequential").value[0] == pytest.approx(across, rel=1e-12)
