"""Matching: references of the R package Matching and MatchIt, a second implementation, properties, coverage."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

import estimand as es
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night

RACE = ["hispan", "white"]
PEOPLE = ["age", "educ", *RACE, "married", "nodegree", "re74", "re75"]
AS_R = {"tie_tolerance": 1e-5}


def design(covariates: list[str], treatment: str = "treat", outcome: str = "re78", **more: Any) -> dict[str, Any]:
    return {
        "kind": "observational", "treatment": treatment, "outcome": outcome, "covariates": covariates, **more,
    }  # fmt: skip


def people() -> pd.DataFrame:
    frame = table("lalonde_matchit")
    return frame.assign(hispan=(frame.race == "hispan").astype(int), white=(frame.race == "white").astype(int))


def known_distance_se(made: es.Estimate, values: np.ndarray, sign: float = 1.0) -> float:
    """Standard error of R's Matching with Var.calc=0: one variance, and the propensity taken as known."""
    pairs, n = made.details["pairs"], values.shape[0]
    share = 1.0 / np.bincount(pairs[:, 0], minlength=n)[pairs[:, 0]]
    gap = sign * (values[pairs[:, 0]] - values[pairs[:, 1]]) - made.value[0]
    target = np.unique(pairs[:, 0])
    own = np.bincount(pairs[:, 0], weights=share * gap, minlength=n)[target]
    once = np.bincount(pairs[:, 1], weights=share, minlength=n)
    square = np.bincount(pairs[:, 1], weights=share**2, minlength=n)
    noise = 0.5 * (share @ np.square(gap)) / target.size
    return float(np.sqrt((noise * (once**2 - square).sum() + own @ own) / target.size**2))


@pytest.mark.parametrize(("target", "sign"), [("ATT", 1.0), ("ATC", -1.0)])
def test_matching_on_the_propensity_is_that_of_r(target: str, sign: float) -> None:
    frame = people()
    made = es.estimate(frame, design(PEOPLE), "matching", distance="probability", target=target, **AS_R)
    key = f"lalonde.matching.ps_{target.lower()}"
    matches(key, value=made.value[0], se=known_distance_se(made, frame["re78"].to_numpy(), sign))
    assert made.details["pairs"].shape[0] == reference(key)["extra"]["nmatches"]


def test_matching_reproduces_the_example_of_its_r_package() -> None:
    frame = table("lalonde_matching")
    for name in ("age", "educ", "re74", "re75"):
        frame[f"{name}2"] = frame[name] ** 2
    names = "age age2 educ educ2 black hisp married nodegr re74 re742 re75 re752 u74 u75".split()
    made = es.estimate(frame, design(names), "matching", distance="probability", **AS_R)
    matches("lalonde.matching.example", value=made.value[0], se=known_distance_se(made, frame["re78"].to_numpy()))


@pytest.mark.parametrize(("distance", "key"), [("mahalanobis", "mahal_att"), ("euclidean", "invvar_att")])
def test_matching_on_covariates_is_that_of_r(distance: str, key: str) -> None:
    options = {"distance": distance, "bias_correct": False, "covariance": "homoskedastic", **AS_R}
    made = es.estimate(people(), design(PEOPLE), "matching", **options)
    matches(f"lalonde.matching.{key}", value=made.value[0], se=made.std_error[0])


def test_greedy_matching_in_file_order_of_ties_is_the_reference() -> None:
    options = {"distance": "probability", "replace": False, "tie_order": "row", "bias_correct": False}
    made = es.estimate(people(), design(PEOPLE), "matching", **options)
    matches("lalonde.nn_noreplace_greedy", value=made.value[0])
    assert made.details["pairs"].shape == (reference("lalonde.nn_noreplace_greedy")["extra"]["n_pairs"], 2)


def test_exact_matching_is_matching_in_strata_with_every_tie() -> None:
    names = ["race", "married", "nodegree"]
    made = es.estimate(people(), design(names), "matching", distance="mahalanobis", exact=names)
    matches("lalonde.matchit.exact", value=made.value[0])
    assert dict(made.details["matched"]) == {"0": 429, "1": 185}
    by_role = es.estimate(people(), design(names, roles={"exact": names}), "matching", distance="mahalanobis")
    assert by_role.value[0] == made.value[0]


def test_the_opt_in_study_lies_near_the_published_answer_whatever_settles_its_ties() -> None:
    frame = table("tutorial_llm_logs")
    names = ["engagement_tier", "query_confidence"]
    made = es.estimate(frame, design(names, "opt_in_agent_mode", "task_completed"), "matching")
    matches("tutorial.nn_att", value=made.value[0])


def draw(seed: int, n: int, shift: float = 0.0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Data, propensity and effect of each row: linear outcome, effects that vary with two covariates."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    x[:, 2] = x[:, 2] > 0
    e = 1 / (1 + np.exp(-(shift + 0.6 * x[:, 0] - 0.5 * x[:, 1] + 0.4 * x[:, 2])))
    d = (rng.random(n) < e).astype(int)
    effect = 1 + 0.5 * x[:, 0] - 0.4 * x[:, 1]
    y = x[:, 0] + 0.7 * x[:, 1] + 0.5 * x[:, 2] + d * effect + rng.standard_normal(n) * (0.7 + 0.3 * x[:, 2])
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "d": d, "y": y})
    return frame, e, effect


DRAWN = design(["a", "b", "c"], "d", "y")


def by_brute_force(frame: pd.DataFrame, target: str, ratio: int, near: int) -> tuple[float, float]:
    """Bias-corrected Mahalanobis matching and its 2006 variance, from a full table of distances."""
    x, d, y = frame[["a", "b", "c"]].to_numpy(), frame["d"].to_numpy(), frame["y"].to_numpy()
    n = len(y)
    table_ = cdist(x, x, "mahalanobis", VI=np.linalg.inv(np.cov(x.T)))
    asked = {"ATT": d == 1, "ATC": d == 0, "ATE": np.ones(n, bool)}[target]
    share = np.zeros((n, n))
    for i in np.flatnonzero(asked):
        other = np.flatnonzero(d != d[i])
        share[i, other[np.argsort(table_[i, other])[:ratio]]] = 1 / ratio
    once, square = share.sum(axis=0), (share**2).sum(axis=0)
    design_ = np.column_stack([np.ones(n), x])
    fitted = []
    for a in (0, 1):
        root = np.sqrt(once * (d == a))
        fitted.append(design_ @ np.linalg.lstsq(design_ * root[:, None], y * root, rcond=None)[0])
    guess = np.where(d == 1, fitted[0], fitted[1])
    held = np.where(d == 1, y - fitted[1], y - fitted[0])
    imputed = guess + share @ held
    effect = np.where(d == 1, 1, -1) * (y - imputed)
    value = effect[asked].mean()
    noise = np.empty(n)
    for i in range(n):
        own = np.flatnonzero((d == d[i]) & (np.arange(n) != i))
        own = own[np.argsort(table_[i, own])[:near]]
        noise[i] = near / (near + 1) * (y[i] - y[own].mean()) ** 2
    factor = once**2 + 2 * asked * once - square
    total = asked.sum()
    return value, np.sqrt((np.square(effect[asked] - value).sum() + factor @ noise) / total**2)


@pytest.mark.parametrize("target", ["ATT", "ATC", "ATE"])
@pytest.mark.parametrize("ratio", [1, 3])
def test_a_second_implementation_agrees(target: str, ratio: int) -> None:
    frame = draw(4, 300)[0]
    options = {"distance": "mahalanobis", "target": target, "ratio": ratio, "neighbours": 3}
    made = es.estimate(frame, DRAWN, "matching", **options)
    value, se = by_brute_force(frame, target, ratio, 3)
    assert made.value[0] == pytest.approx(value, rel=1e-10)
    assert made.std_error[0] == pytest.approx(se, rel=1e-10)


def test_the_sample_at_hand_has_the_smaller_variance() -> None:
    frame = draw(4, 300)[0]
    options = {"distance": "mahalanobis", "target": "ATE"}
    whole = es.estimate(frame, DRAWN, "matching", **options)
    held = es.estimate(frame, DRAWN, "matching", population="sample", **options)
    assert held.value[0] == whole.value[0]
    assert held.std_error[0] < whole.std_error[0]


WAYS: dict[str, dict[str, Any]] = {
    "propensity": {},
    "probability, two each": {"distance": "probability", "ratio": 2, "target": "ATE"},
    "mahalanobis": {"distance": "mahalanobis", "target": "ATE", "exact": ["c"]},
    "inverse variance": {"distance": "euclidean", "target": "ATC"},
    "greedy": {"replace": False},
    "greedy in strata, two each": {"replace": False, "ratio": 2, "exact": ["c"]},
    "greedy by id": {"replace": False, "order": "id"},
    "greedy mahalanobis": {"replace": False, "distance": "mahalanobis"},
    "optimal": {"replace": False, "algorithm": "optimal"},
    "optimal mahalanobis in strata": {
        "replace": False, "algorithm": "optimal", "distance": "mahalanobis", "exact": ["c"],
    },
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("caliper", [None, 0.05])
def test_weights_pairs_and_population_agree(way: str, caliper: float | None) -> None:
    options = WAYS[way] | ({} if caliper is None else {"caliper": caliper})
    frame = draw(7, 240, -0.5)[0]
    made = es.estimate(frame, DRAWN, "matching", **options)
    d, pairs, weights = frame["d"].to_numpy(), made.details["pairs"], made.details["weights"]
    assert (d[pairs[:, 0]] != d[pairs[:, 1]]).all()
    for a in (0, 1):
        assert weights[d == a].mean() == pytest.approx(1.0)
    assert (np.flatnonzero(weights) == np.unique(pairs)).all()
    assert made.details["matched"]["1"] == np.count_nonzero(weights[d == 1])
    if "exact" in options:
        c = frame["c"].to_numpy()
        assert (c[pairs[:, 0]] == c[pairs[:, 1]]).all()
    if not options.get("replace", True):
        assert np.unique(pairs[:, 1]).size == pairs.shape[0]
    lost = sum(made.details["dropped"].values())
    if lost:
        assert made.target is es.Target.ATM
        assert made.population.n == np.unique(pairs[:, 0]).size
        assert any(finding.check == "matching.matched_share" for finding in made.findings)
    else:
        assert made.target == options.get("target", "ATT")
    assert made.std_error[0] > 0


def gaps(made: es.Estimate) -> np.ndarray:
    """Distance of every pair, in standard deviations of the logit."""
    e, pairs = made.details["propensity"], made.details["pairs"]
    logit = np.log(e / (1 - e))
    return np.abs(logit[pairs[:, 0]] - logit[pairs[:, 1]]) / logit.std(ddof=1)


@pytest.mark.parametrize("options", [{}, {"replace": False}, {"replace": False, "algorithm": "optimal"}])
def test_the_caliper_is_kept_and_few_matched_are_warned_of(options: dict[str, Any]) -> None:
    frame = draw(3, 200)[0]
    made = es.estimate(frame, DRAWN, "matching", caliper=0.01, **options)
    assert gaps(made).max() <= 0.01
    (found,) = [finding for finding in made.findings if finding.check == "matching.matched_share"]
    assert found.grade == ("warn" if found.statistic < 0.8 else "note")
    assert found.statistic == pytest.approx(made.details["matched"]["1"] / (frame["d"] == 1).sum())


def test_within_a_caliper_the_default_order_does_not_drift_to_its_edge() -> None:
    """Where controls are scarce, going down the propensity pairs each treated row with a lower control."""
    frame = draw(11, 3000)[0]
    drift = {}
    for order in (None, "hardest"):
        made = es.estimate(frame, DRAWN, "matching", replace=False, caliper=0.2, order=order)
        drift[order] = abs(made.details["balance"]["a"]["after"])
    assert drift[None] < 0.5 * drift["hardest"]


@pytest.mark.parametrize("caliper", [None, 0.2])
def test_optimal_matching_is_no_farther_and_matches_no_fewer_than_greedy(caliper: float | None) -> None:
    for seed in range(5):
        frame = draw(seed, 200, -0.8)[0]
        options = {"replace": False} | ({} if caliper is None else {"caliper": caliper})
        greedy = es.estimate(frame, DRAWN, "matching", **options)
        best = es.estimate(frame, DRAWN, "matching", algorithm="optimal", **options)
        assert len(best.details["pairs"]) >= len(greedy.details["pairs"])
        if len(best.details["pairs"]) == len(greedy.details["pairs"]):
            assert gaps(best).sum() <= gaps(greedy).sum() + 1e-9


@pytest.mark.parametrize("way", WAYS)
def test_neither_the_order_of_rows_nor_of_ties_moves_the_answer(way: str) -> None:
    frame = draw(5, 240, -0.8)[0].round({"a": 0, "b": 0}).assign(id=np.arange(240))
    with_id = {**DRAWN, "unit": "id"}
    first = es.estimate(frame, with_id, "matching", **WAYS[way])
    other = es.estimate(frame.sample(frac=1, random_state=1), with_id, "matching", **WAYS[way])
    assert other.value[0] == pytest.approx(first.value[0], rel=1e-9)
    assert other.std_error[0] == pytest.approx(first.std_error[0], rel=1e-9)


def test_neither_threads_nor_the_size_of_blocks_move_a_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = draw(6, 300)[0]
    options = {"distance": "mahalanobis", "target": "ATE"}
    whole = es.estimate(frame, DRAWN, "matching", **options)
    monkeypatch.setattr("estimand.stats.neighbours_cloud.BLOCK_CELLS", 1000)
    cut = es.estimate(frame, DRAWN, "matching", threads=2, **options)
    assert cut.to_dict() == whole.to_dict()


def test_balance_is_that_of_the_weights_over_the_spread_before() -> None:
    frame = draw(2, 300)[0]
    made = es.estimate(frame, DRAWN, "matching")
    d, weights = frame["d"].to_numpy(), made.details["weights"]
    for name in ("a", "b", "c"):
        x = frame[name].to_numpy()
        spread = x[d == 1].std(ddof=1)
        before = (x[d == 1].mean() - x[d == 0].mean()) / spread
        after = (
            np.average(x[d == 1], weights=weights[d == 1]) - np.average(x[d == 0], weights=weights[d == 0])
        ) / spread
        assert made.details["balance"][name]["before"] == pytest.approx(before)
        assert made.details["balance"][name]["after"] == pytest.approx(after)


def test_many_ties_cost_no_list_of_neighbours() -> None:
    """Four cells of 1,500 rows each: matching is stratification, with replacement."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 6000), rng.integers(0, 2, 6000)
    d = (rng.random(6000) < 0.3 + 0.2 * a + 0.1 * b * a).astype(int)
    frame = pd.DataFrame({"a": a, "b": b, "d": d, "y": a + b + d + rng.standard_normal(6000)})
    made = es.estimate(frame, design(["a", "b"], "d", "y"), "matching", distance="mahalanobis")
    cells = frame.groupby(["a", "b", "d"])["y"].mean().unstack()
    share = frame[frame.d == 1].groupby(["a", "b"]).size() / (d == 1).sum()
    assert made.value[0] == pytest.approx(((cells[1] - cells[0]) * share).sum(), rel=1e-9)


REFUSED = {
    "replace": ({"replace": False, "target": "ATE"}, "Matching without replacement estimates ATT"),
    "optimal": ({"algorithm": "optimal"}, "nearest match is the optimal one"),
    "corrected": ({"bias_correct": True}, "no place for a bias correction"),
    "sample": ({"population": "sample"}, "for covariate distances with replacement only"),
    "exact": ({"exact": ["aa"]}, "no covariate 'aa' to match on exactly"),
    "learner": ({"learner": "boosting"}, "has no estimating equation"),
    "nobody": ({"caliper": 1e-13}, "No row has a match"),
    "bootstrap": ({"covariance": "bootstrap"}, "does not take 'bootstrap'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_is_refused(case: str) -> None:
    options, message = REFUSED[case]
    with pytest.raises(es.EstimandError, match=message):
        es.estimate(draw(1, 120)[0], DRAWN, "matching", **options)


def test_large_tables_are_refused() -> None:
    large = draw(1, 12_000)[0]
    with pytest.raises(es.UnsupportedError, match="optimal matching"):
        es.estimate(large, DRAWN, "matching", distance="mahalanobis", replace=False, algorithm="optimal")


@cache
def truth(target: str, shift: float) -> float:
    _, e, effect = draw(10**6 + 1, 1_000_000, shift)
    return float(np.average(effect, weights={"ATE": np.ones_like(e), "ATT": e}[target]))


COVERAGE = {
    "propensity ATT": ({}, 0.0, 500),
    "propensity ATE": ({"target": "ATE"}, 0.0, 500),
    "mahalanobis ATT": ({"distance": "mahalanobis"}, 0.0, 500),
    "mahalanobis ATE": ({"distance": "mahalanobis", "target": "ATE"}, 0.0, 500),
    "mahalanobis without replacement": ({"distance": "mahalanobis", "replace": False}, -1.5, 600),
    "propensity without replacement": ({"replace": False}, -1.5, 600),
    "propensity without replacement, arms of a size": ({"replace": False}, -0.3, 500),
}
CONSERVATIVE = {"propensity without replacement": ({"replace": False, "bias_correct": False}, -1.5, 600)}


def covered(options: dict[str, Any], shift: float, rows: int, repetitions: int) -> tuple[float, float]:
    """Share of intervals with the truth inside, and mean standard error over the spread of the estimates."""
    right = truth(options.get("target", "ATT"), shift)
    inside, values, errors = 0, [], []
    for seed in range(repetitions):
        made = es.estimate(draw(seed, rows, shift)[0], DRAWN, "matching", **options)
        low, high = made.interval()[0]
        inside += low <= right <= high
        values.append(made.value[0])
        errors.append(made.std_error[0])
    return inside / repetitions, float(np.mean(errors) / np.std(values, ddof=1))


@by_day_and_night(80, 200)
@pytest.mark.parametrize("cell", COVERAGE)
def test_intervals_cover(cell: str, repetitions: int) -> None:
    share, ratio = covered(*COVERAGE[cell], repetitions)
    assert abs(share - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert abs(ratio - 1) <= 4 / np.sqrt(2 * repetitions)


@pytest.mark.parametrize("cell", CONSERVATIVE)
def test_intervals_of_pairs_matched_on_a_propensity_cover_too_often(cell: str) -> None:
    share, ratio = covered(*CONSERVATIVE[cell], repetitions=100)
    assert share >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)
    assert 1.0 < ratio < 1.6


@pytest.mark.nightly
@pytest.mark.parametrize("cell", COVERAGE)
def test_intervals_cover_within_the_band_of_acceptance(cell: str) -> None:
    share, _ = covered(*COVERAGE[cell], repetitions=1000)
    assert 0.929 <= share <= 0.971
