"""Quantile effects: a second variance, the bootstrap, known distributions, bands, and mass points refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from simulated import confounded, coverage, design
from stacked import jacobian
from test_reference_values import observational

import estimand as es
from tests.reference_data import table

LEVELS = (0.25, 0.5, 0.75)


def propensity(x: np.ndarray, d: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    beta = np.zeros(x.shape[1])
    for _ in range(40):
        p = expit(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (x * (w * p * (1 - p))[:, None]), x.T @ (w * (d - p)))
    return beta, expit(x @ beta)


def weights_of(target: str, d: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (d / e, (1 - d) / (1 - e)) if target == "QTE" else (d, (1 - d) * e / (1 - e))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", ["QTE", "QTT"])
def test_its_variance_is_that_of_the_stacked_equations(target: str, weighted: bool) -> None:
    """The stack's derivative in the propensity is taken numerically, that in the quantile from the density used."""
    frame = confounded(8, 600)
    d, y = frame["d"].to_numpy(float), frame["y"].to_numpy(float)
    x = np.column_stack([np.ones(600), frame["x"], frame["z"]])
    w = frame["w"].to_numpy(float) if weighted else np.ones(600)
    plan = design(**({"weights": "w"} if weighted else {}))
    made = es.estimate(frame, plan, "quantile_effects", target=target, quantiles=LEVELS)
    quantile, density = made.details["quantile"], made.details["density"]
    beta, e = propensity(x, d, w)
    sides = weights_of(target, d, e)
    shares = [[float((w * s) @ (y <= q) / (w * s).sum()) for q, s in zip(row, sides, strict=True)] for row in quantile]
    assert np.abs(np.array(shares) - np.array(LEVELS)[:, None]).max() < 0.01

    def equations(theta: np.ndarray) -> np.ndarray:
        p = expit(x @ theta[:3])
        parts = [x * (w * (d - p))[:, None]]
        for row, share in zip(quantile, shares, strict=True):
            for q, f, s in zip(row, share, weights_of(target, d, p), strict=True):
                parts.append((w * s * ((y <= q) - f))[:, None])
        return np.hstack(parts)

    start = np.concatenate([beta, np.zeros(6)])
    slope = jacobian(equations, start)[:, :3]
    whole = np.zeros((9, 9))
    whole[:, :3] = slope
    flat = [(f, float((w * s).mean())) for row in density for f, s in zip(row, sides, strict=True)]
    for j, (f, total) in enumerate(flat):
        whole[3 + j, 3 + j] = f * total
    psi = -np.linalg.solve(whole, equations(start).T).T
    pick = np.kron(np.eye(3), np.array([1.0, -1.0]))
    effect = psi[:, 3:] @ pick.T
    np.testing.assert_allclose(made.uncertainty.vcov, effect.T @ effect / 600**2, rtol=1e-6)
    np.testing.assert_allclose(made.value, quantile[:, 0] - quantile[:, 1])


def test_its_standard_error_is_that_of_the_bootstrap() -> None:
    frame = confounded(9, 4000)
    made = es.estimate(frame, design(), "quantile_effects")
    rng = np.random.default_rng(0)
    d, y = frame["d"].to_numpy(float), frame["y"].to_numpy(float)
    x = np.column_stack([np.ones(4000), frame["x"], frame["z"]])
    order = np.argsort(y)
    drawn = []
    for _ in range(250):
        count = np.bincount(rng.integers(0, 4000, 4000), minlength=4000).astype(float)
        _, e = propensity(x, d, count)
        found = []
        for side in weights_of("QTE", d, e):
            total = np.cumsum((count * side)[order])
            found.append([y[order][np.searchsorted(total, level * total[-1])] for level in LEVELS])
        drawn.append(np.subtract(*found))
    spread = np.array(drawn).std(axis=0, ddof=1)
    np.testing.assert_allclose(made.std_error, spread, rtol=4 / np.sqrt(2 * 250))
    assert np.corrcoef(np.array(drawn).T)[0, 1] == pytest.approx(
        made.uncertainty.vcov[0, 1] / np.prod(made.std_error[:2]), abs=0.2
    )


def drawn(seed: int, n: int = 500) -> pd.DataFrame:
    """Arms by a logit of x; Y(0) = x + e and Y(1) = 1 + 2 (x + e), both normal."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    d = (rng.random(n) < expit(0.6 * x)).astype(int)
    return pd.DataFrame({"x": x, "d": d, "y": (1 - d) * (x + noise) + d * (1.0 + 2.0 * (x + noise))})


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_large_samples_show_the_quantiles_of_known_distributions(level: float) -> None:
    made = es.estimate(drawn(3, 60_000), design(("x",)), "quantile_effects", quantiles=(level,))
    truth = 1.0 + np.sqrt(2.0) * norm.ppf(level)
    assert abs(made.value[0] - truth) <= 4.0 * made.std_error[0]
    assert made.std_error[0] < 0.05


@pytest.mark.parametrize(
    ("draws", "level"),
    [(80, 0.5), *(pytest.param(1000, level, marks=pytest.mark.nightly) for level in (0.25, 0.5, 0.75))],
)
def test_its_intervals_hold_the_truth(draws: int, level: float) -> None:
    truth = float(1.0 + np.sqrt(2.0) * norm.ppf(level))
    found = coverage(drawn, design(("x",)), "quantile_effects", truth, draws, quantiles=(level,))
    held, ratio = found
    assert held >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / draws)
    assert 0.9 <= ratio <= 1.2 or draws < 200


@pytest.mark.nightly
def test_its_band_holds_all_quantiles_at_once() -> None:
    levels = tuple(j / 10 for j in range(1, 10))
    truth = 1.0 + np.sqrt(2.0) * norm.ppf(levels)
    held = []
    for seed in range(1000):
        band = es.estimate(drawn(seed), design(("x",)), "quantile_effects", quantiles="deciles").interval(joint=True)
        held.append(bool(((band[:, 0] <= truth) & (truth <= band[:, 1])).all()))
    assert np.mean(held) >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 1000)


def test_a_band_is_wider_than_its_intervals_and_the_multiplier_draws_agree() -> None:
    frame = drawn(5, 1500)
    made = es.estimate(frame, design(("x",)), "quantile_effects", quantiles="deciles")
    alone, together = np.diff(made.interval(), axis=1), np.diff(made.interval(joint=True), axis=1)
    assert (together > 1.2 * alone).all()
    again = es.estimate(
        frame, design(("x",)), "quantile_effects", quantiles="deciles", resample={"kind": "multiplier", "draws": 4000}
    )
    np.testing.assert_allclose(np.diff(again.interval(joint=True), axis=1), together, rtol=0.1)


def test_terms_say_where_they_sit() -> None:
    two = es.estimate(drawn(1), design(("x",)), "quantile_effects")
    assert [dict(term.at) for term in two.terms] == [{"quantile": 0.25}, {"quantile": 0.5}, {"quantile": 0.75}]
    three = es.estimate(confounded(2, 700, arms=3), design(), "quantile_effects", quantiles=(0.5,))
    assert [dict(term.at) for term in three.terms] == [{"arm": "1", "quantile": 0.5}, {"arm": "2", "quantile": 0.5}]
    assert [term.label for term in three.terms] == ["1, median", "2, median"]
    assert two.target is es.Target.QTE
    treated = es.estimate(drawn(1), design(("x",)), "quantile_effects", target="QTT")
    assert treated.population.label == "the treated"
    np.testing.assert_allclose(treated.details["quantile"][1, 0], np.median(drawn(1).query("d == 1")["y"]), atol=0.1)


def test_it_never_answers_for_an_average() -> None:
    plan: dict[str, Any] = {"data": drawn(1), "design": design(("x",))}
    record = es.Study(**plan, methods=["quantile_effects", "ipw"]).run()
    assert record.headline == "ipw"
    record = es.Study(**plan, methods=["quantile_effects", "ipw"], question={"target": "QTE"}).run()
    assert record.headline == "quantile_effects"


@pytest.mark.parametrize(
    ("outcome", "says", "cure"),
    [
        ("b", "holds .* of its weight", "yes-or-no outcome has no quantiles"),
        ("c", "holds .* of its weight", "quantiles away from that value"),
    ],
)
def test_mass_points_are_refused(outcome: str, says: str, cure: str) -> None:
    with pytest.raises(es.IdentificationError, match=says) as caught:
        es.estimate(confounded(1), design(outcome=outcome), "quantile_effects")
    assert cure in caught.value.remedy


@pytest.mark.parametrize("arm", [0, 1])
def test_mass_in_either_arm_is_refused_only_where_it_is(arm: int) -> None:
    frame = drawn(2, 2000)
    low = frame.loc[frame["d"] == arm, "y"].quantile(0.4)
    frame.loc[(frame["d"] == arm) & (frame["y"] < low), "y"] = low
    with pytest.raises(es.IdentificationError, match=f"arm '{arm}'"):
        es.estimate(frame, design(("x",)), "quantile_effects", quantiles=(0.25,))
    assert es.estimate(frame, design(("x",)), "quantile_effects", quantiles=(0.75,)).findings == ()


def test_a_mass_that_sampling_could_reach_and_thin_tails_are_warned_of() -> None:
    frame = drawn(2, 400)
    low = frame.loc[frame["d"] == 1, "y"].quantile(0.24)
    frame.loc[(frame["d"] == 1) & (frame["y"] < low), "y"] = low
    made = es.estimate(frame, design(("x",)), "quantile_effects", quantiles=(0.36, 0.99))
    assert {f.check for f in made.findings} == {"quantile_effects.mass", "quantile_effects.tail"}


@pytest.mark.parametrize("quantiles", [(), (0.5, 0.25), (0.5, 0.5), (0.0, 0.5), (1.2,), "quartiles"])
def test_quantiles_that_are_none_are_refused(quantiles: Any) -> None:
    with pytest.raises(es.EstimandError):
        es.estimate(drawn(1), design(("x",)), "quantile_effects", quantiles=quantiles)


def test_clusters_are_summed_and_missing_outcomes_may_be_weighted_for() -> None:
    frame = drawn(4, 600).assign(team=np.arange(600) % 50)
    made = es.estimate(frame, design(("x",), cluster="team"), "quantile_effects")
    assert made.influence.psi.shape == (50, 3)
    assert made.uncertainty.df == pytest.approx([49.0] * 3)


def test_it_runs_on_the_training_experiment() -> None:
    """The upper half of the earnings has a density; a quarter of them are zero."""
    frame = table("lalonde_nsw_dw")
    plan = {**observational("treat", "re78", ["age", "educ", "re74", "re75"]), "kind": "experiment"}
    median = es.estimate(frame, plan, "quantile_effects", quantiles=(0.5, 0.75))
    assert (np.abs(median.value) < 6000).all()
    with pytest.raises(es.IdentificationError, match=", 0, holds"):
        es.estimate(frame, plan, "quantile_effects", quantiles=(0.1,))
