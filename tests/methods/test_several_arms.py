"""Two and more arms: weighting by stacked equations, doubly robust scores by hand, coverage."""

import numpy as np
import pytest
from simulated import confounded, coverage, design, holds
from stacked import contrasted

import estimand as es
from estimand.core.design import as_design
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.models.bank import NuisanceBank
from tests.repeated import by_day_and_night


def chances(z: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    odds = np.exp(np.column_stack([np.zeros(len(z)), z @ gamma.reshape(-1, z.shape[1]).T]))
    return odds / odds.sum(axis=1, keepdims=True)


def weighting(frame, target: str, weighted: bool, arms: int):
    """Score of the (multinomial) logit, then for every arm its mean and control's under the target's weights."""
    z = np.column_stack([np.ones(len(frame)), frame[["x", "z"]]])
    d, y = frame["d"].to_numpy(), frame["y"].to_numpy()
    w = frame["w"].to_numpy() if weighted else np.ones(len(frame))
    size = 3 * (arms - 1)

    def equations(theta: np.ndarray) -> np.ndarray:
        p = chances(z, theta[:size])
        own = p[np.arange(len(d)), d]
        parts = [z * (w * ((d == k) - p[:, k]))[:, None] for k in range(1, arms)]
        for j in range(arms - 1):
            mass = {"ATE": 1.0, "ATT": p[:, j + 1], "ATC": p[:, 0], "ATO": 1.0 / (1.0 / p).sum(axis=1)}[target]
            for k, code in enumerate((j + 1, 0)):
                moment = w * mass / own * (d == code) * (y - theta[size + 2 * j + k])
                parts.append(moment[:, None])
        return np.hstack(parts)

    pairs = [(size + 2 * j, size + 2 * j + 1) for j in range(arms - 1)]
    return contrasted(equations, np.zeros(size + 2 * (arms - 1)), pairs)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize("arms", [2, 3])
def test_weighting_has_the_variance_of_its_stacked_equations(arms: int, target: str, weighted: bool) -> None:
    frame = confounded(21, arms=arms)
    value, vcov = weighting(frame, target, weighted, arms)
    plan = design(**({"weights": "w"} if weighted else {}))
    made = es.estimate(frame, plan, "ipw", target=target)
    np.testing.assert_allclose(made.value, value, rtol=1e-8)
    np.testing.assert_allclose(made.uncertainty.vcov, vcov, rtol=1e-6)


def nuisances(frame, plan: dict, folds: int, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Out-of-fold propensities (n, arms) and outcomes (n, arms), asked of the bank one by one."""
    built = as_design(plan)
    sample = build_sample(read_table(frame, built.columns()), built)
    bank = NuisanceBank(sample, "y", Run(0))
    learner, split = es.Learner("linear"), FoldPlan(folds)
    arms = range(len(sample.arms)) if target == "ATE" else (0,)
    fits = bank.fit(
        Nuisance("propensity", learner, split), *(Nuisance("outcome", learner, split, a, False) for a in arms)
    )
    return fits[0].prediction, np.stack([fit.prediction for fit in fits[1:]], axis=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("method", ["aipw", "dml"])
def test_doubly_robust_scores_of_three_arms_by_hand(method: str, target: str, weighted: bool) -> None:
    frame = confounded(22, arms=3)
    plan = design(**({"weights": "w"} if weighted else {}))
    p, g = nuisances(frame, plan, 4, target)
    d, y = frame["d"].to_numpy(), frame["y"].to_numpy()
    w = frame["w"].to_numpy() / frame["w"].mean() if weighted else np.ones(len(y))
    value, psi = [], []
    for a in (1, 2):
        if target == "ATE":
            score = g[:, a] - g[:, 0] + (d == a) * (y - g[:, a]) / p[:, a] - (d == 0) * (y - g[:, 0]) / p[:, 0]
            share = np.ones(len(y))
        else:
            share = (d == a).astype(float)
            score = (share - (d == 0) * p[:, a] / p[:, 0]) * (y - g[:, 0])
        value.append((w * score).sum() / (w * share).sum())
        psi.append(w * (score - share * value[-1]) / (w * share).mean())
    made = es.estimate(frame, plan, method, learner="linear", folds=4, target=target)
    np.testing.assert_allclose(made.value, value, rtol=1e-10)
    np.testing.assert_allclose(made.uncertainty.vcov, np.array(psi) @ np.array(psi).T / len(y) ** 2, rtol=1e-8)
    assert [term.at["arm"] for term in made.terms] == ["1", "2"]


@pytest.mark.parametrize("target", ["ATE", "ATT", "ATC", "ATO"])
def test_with_two_arms_renamed_labels_change_nothing(target: str) -> None:
    frame = confounded(23)
    named = frame.assign(d=np.where(frame["d"] == 1, "new", "old"))
    plain = es.estimate(frame, design(), "ipw", target=target)
    again = es.estimate(named, design(control="old"), "ipw", target=target)
    assert again.value[0] == pytest.approx(plain.value[0], rel=1e-12)
    assert again.std_error[0] == pytest.approx(plain.std_error[0], rel=1e-12)


def test_each_arm_of_three_is_compared_with_control_as_if_alone_in_its_att_by_entropy() -> None:
    frame = confounded(24, arms=3)
    together = es.estimate(frame, design(), "balancing", target="ATT")
    for j, arm in enumerate((1, 2)):
        pair = frame[frame["d"].isin([0, arm])]
        alone = es.estimate(pair, design(control="0"), "balancing", target="ATT")
        assert together.value[j] == pytest.approx(alone.value[0], rel=1e-7)
        assert together.std_error[j] == pytest.approx(alone.std_error[0], rel=1e-6)


def three(seed: int):
    return confounded(seed, n=700, arms=3)


@by_day_and_night(80, 200)
def test_weighted_intervals_of_three_arms_cover(repetitions: int) -> None:
    holds(coverage(three, design(), "ipw", 1.0, repetitions), repetitions)


def effect_on(arm: int) -> float:
    """Average effect of an arm on those in it: a (1 + E[x | arm] / 2), by its density."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=400_000), rng.random(400_000) < 0.4
    p = chances(np.column_stack([np.ones(len(x)), x, z]), np.array([0.1, 0.5, -0.4, 0.1, -0.5, -0.4]))
    return float(arm * (1.0 + 0.5 * (p[:, arm] @ x) / p[:, arm].sum()))


@by_day_and_night(80, 200)
def test_intervals_of_the_effect_on_one_of_three_arms_cover(repetitions: int) -> None:
    for method, options in (("ipw", {}), ("aipw", {"learner": "linear", "folds": 2})):
        held = coverage(three, design(), method, effect_on(1), repetitions, target="ATT", **options)
        holds(held, repetitions)
