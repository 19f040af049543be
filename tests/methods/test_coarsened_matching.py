"""Coarsened exact matching: weights and variance by hand, who is left, imbalance, coverage."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import confounded, design

import estimand as es
from tests.reference_data import matches, table
from tests.repeated import by_day_and_night

PLAN = design()


def coarse(frame: pd.DataFrame, bins: int) -> pd.Series:
    """Stratum of each row: x in bins of equal width closed above, z as it is."""
    edges = np.linspace(frame["x"].min(), frame["x"].max(), bins + 1)
    code = pd.cut(frame["x"], edges, labels=False, include_lowest=True)
    return pd.Series(code * 10 + frame["z"].astype(int), index=frame.index)


@pytest.mark.parametrize("target", ["ATT", "ATC", "ATE"])
def test_it_is_the_difference_of_means_under_the_published_weights(target: str) -> None:
    frame = confounded(31, n=300)
    made = es.estimate(frame, PLAN, "coarsened_matching", target=target, bins=12)
    frame["s"] = coarse(frame, 12)
    cells = frame.groupby("s")["d"].agg(treated="sum", rows="size")
    cells["control"] = cells["rows"] - cells["treated"]
    cells = cells[(cells.treated > 0) & (cells.control > 0)]
    kept = frame[frame.s.isin(cells.index)]
    of = {"ATT": cells.treated, "ATC": cells.control, "ATE": cells.rows}[target]
    weight = kept["s"].map(of) / np.where(kept.d == 1, kept["s"].map(cells.treated), kept["s"].map(cells.control))
    means = [np.average(kept.y[kept.d == a], weights=weight[kept.d == a]) for a in (0, 1)]
    assert made.value[0] == pytest.approx(means[1] - means[0], rel=1e-10)
    lost = len(frame) - len(kept)
    assert lost > 0
    assert sum(made.details["dropped"].values()) == lost
    assert dict(made.details["strata"])["matched"] == len(cells)
    full = made.details["weights"]
    assert (np.flatnonzero(full) == kept.index).all()
    for a in (0, 1):
        own = weight[kept.d == a]
        np.testing.assert_allclose(full[own.index] / full[own.index].sum(), own / own.sum(), rtol=1e-10)


@pytest.mark.parametrize("target", ["ATT", "ATE"])
def test_its_variance_is_the_one_by_hand(target: str) -> None:
    frame = confounded(32, n=400)
    made = es.estimate(frame, PLAN, "coarsened_matching", target=target, bins=2)
    frame["s"] = coarse(frame, 2)
    rows = []
    for _, part in frame.groupby("s"):
        y1, y0 = part.y[part.d == 1], part.y[part.d == 0]
        about = len(y1) if target == "ATT" else len(part)
        rows.append((about, y1.mean() - y0.mean(), y1.var() / len(y1) + y0.var() / len(y0)))
    about, gap, noise = np.array(rows).T
    n, share = about.sum(), about / about.sum()
    value = share @ gap
    expected = (share**2 - share / n) @ noise + share @ (gap - value) ** 2 / n
    assert made.value[0] == pytest.approx(value, rel=1e-10)
    assert made.std_error[0] == pytest.approx(np.sqrt(expected), rel=1e-10)


def test_whom_it_leaves_out_renames_the_target_and_is_told() -> None:
    frame = confounded(33, n=300)
    made = es.estimate(frame, PLAN, "coarsened_matching", bins=25)
    assert made.target is es.Target.ATM
    assert "matched within coarsened strata" in made.population.label
    (found,) = made.findings
    assert found.check == "coarsened_matching.matched_share"
    assert made.population.n == made.details["matched"]["1"]
    whole = es.estimate(frame, PLAN, "coarsened_matching", bins=1)
    assert whole.target is es.Target.ATT
    assert whole.findings == ()


def test_matching_lessens_the_imbalance() -> None:
    frame = confounded(34, n=2000)
    l1 = es.estimate(frame, PLAN, "coarsened_matching").details["l1"]
    assert 0.0 < l1["after"] < 0.6 * l1["before"] < 1.0


def test_bins_are_given_by_covariate_as_a_number_or_as_cuts() -> None:
    frame = confounded(35, n=400)
    even = es.estimate(frame, PLAN, "coarsened_matching", bins={"x": 4})
    edges = np.linspace(frame["x"].min(), frame["x"].max(), 5)[1:-1]
    cut = es.estimate(frame, PLAN, "coarsened_matching", bins={"x": tuple(edges)})
    assert even.value[0] == pytest.approx(cut.value[0], rel=1e-12)
    assert dict(even.details["bins"]) == {"x": 4, "z": 10}
    with pytest.raises(es.DesignError, match="no numeric covariate 'xx'"):
        es.estimate(frame, PLAN, "coarsened_matching", bins={"xx": 4})


def test_categories_agree_exactly_and_named_numbers_too() -> None:
    frame = table("lalonde_matchit")
    names = ["race", "married", "nodegree"]
    plan = design(tuple(names), "re78", treatment="treat")
    made = es.estimate(frame, plan, "coarsened_matching")
    matches("lalonde.matchit.exact", value=made.value[0])
    people = design(("race", "educ"), "re78", treatment="treat")
    exact = es.estimate(frame, people, "coarsened_matching", exact=("educ",), bins=1)
    codes = exact.details["stratum"]
    assert frame.groupby(codes)["educ"].nunique().max() == 1
    assert frame.groupby(codes)["race"].nunique().max() == 1


def test_several_arms_are_each_compared_with_control() -> None:
    frame = confounded(36, n=900, arms=3)
    made = es.estimate(frame, PLAN, "coarsened_matching", bins={"x": (-0.5, 0.5)})
    for j, a in enumerate((1, 2)):
        alone = es.estimate(frame[frame.d.isin([0, a])], PLAN, "coarsened_matching", bins={"x": (-0.5, 0.5)})
        assert made.value[j] == pytest.approx(alone.value[0], rel=1e-12)
        assert made.std_error[j] == pytest.approx(alone.std_error[0], rel=1e-12)
    assert made.uncertainty.vcov[0, 1] > 0.0


def test_frequencies_are_rows_exactly_and_weights_have_no_scale() -> None:
    frame = confounded(37, n=300)
    spelled = frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)
    counted = es.estimate(frame, design(weights={"column": "f", "kind": "frequency"}), "coarsened_matching")
    told = es.estimate(spelled, PLAN, "coarsened_matching")
    assert (counted.value[0], counted.std_error[0]) == pytest.approx((told.value[0], told.std_error[0]), rel=1e-9)
    small, large, even, plain = (
        es.estimate(frame.assign(v=v), design(**more), "coarsened_matching", bins=5)
        for v, more in (
            (frame["w"], {"weights": "v"}), (1e3 * frame["w"], {"weights": "v"}), (2.5, {"weights": "v"}), (1.0, {}),
        )
    )  # fmt: skip
    assert (small.value[0], small.std_error[0]) == pytest.approx((large.value[0], large.std_error[0]), rel=1e-9)
    assert (even.value[0], even.std_error[0]) == pytest.approx((plain.value[0], plain.std_error[0]), rel=1e-9)
    assert small.value[0] != pytest.approx(plain.value[0], rel=1e-4)


def test_where_no_stratum_holds_both_arms_it_says_so() -> None:
    frame = confounded(38, n=40)
    with pytest.raises(es.IdentificationError, match="No coarsened stratum holds both arms"):
        es.estimate(frame, PLAN, "coarsened_matching", exact=("x",))


def pairs(seed: int) -> pd.DataFrame:
    """Eighty strata of about four rows, whose effects differ: noise that the naive formula would count twice."""
    rng = np.random.default_rng([12, seed])
    s = rng.integers(0, 80, 320)
    d = (rng.random(320) < 0.4).astype(int)
    y = d * (1.0 + np.where(s % 2 == 0, 0.8, -0.8)) + 0.1 * s + rng.normal(size=320)
    return pd.DataFrame({"s": [f"k{code}" for code in s], "d": d, "y": y})


def clustered(seed: int) -> pd.DataFrame:
    """Sixty clusters of five with levels of their own, treated together."""
    rng = np.random.default_rng([13, seed])
    team = np.repeat(np.arange(60), 5)
    x = rng.integers(0, 3, 60)[team].astype(float)
    d = (rng.random(60) < 0.3 + 0.15 * x[::5]).astype(int)[team]
    return pd.DataFrame({"x": x, "d": d, "y": x + d + rng.normal(size=60)[team] + rng.normal(size=300), "team": team})


CELLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "small strata": (pairs, design(("s",))),
    "clusters": (clustered, design(("x",), cluster="team")),
}


def covered(cell: str, repetitions: int) -> tuple[float, float]:
    draw, plan = CELLS[cell]
    made = [es.estimate(draw(seed), plan, "coarsened_matching") for seed in range(repetitions)]
    bounds = np.array([item.interval()[0] for item in made])
    values, errors = np.array([item.value[0] for item in made]), np.array([item.std_error[0] for item in made])
    held = float(((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)).mean())
    return held, float(np.sqrt(np.mean(errors**2)) / values.std(ddof=1))


@by_day_and_night(80, 150)
def test_intervals_over_small_strata_cover(repetitions: int) -> None:
    held, ratio = covered("small strata", repetitions)
    assert abs(held - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert abs(ratio - 1) <= 4 / np.sqrt(2 * repetitions)


@pytest.mark.nightly
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_cover_within_the_band_of_acceptance(cell: str) -> None:
    assert 0.925 <= covered(cell, 1000)[0] <= 0.971
