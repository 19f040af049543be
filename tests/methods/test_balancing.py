"""Balancing weights: exact balance, a second solver, a second variance, coverage and refusals."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from simulated import confounded, coverage, design, holds
from stacked import sandwich

import estimand as es
from estimand.errors import Code
from tests.repeated import by_day_and_night

KINDS = [("entropy", "ATE"), ("entropy", "ATT"), ("cbps", "ATE"), ("cbps", "ATT"), ("overlap", "ATO")]


def logistic_equations(kind: str, target: str, z: np.ndarray, t: np.ndarray, y: np.ndarray, w: np.ndarray):
    """Balance (or likelihood) equations of a logistic propensity, and the two weighted means."""
    q = z.shape[1]

    def equations(theta: np.ndarray) -> np.ndarray:
        p = expit(z @ theta[:q])
        if kind == "overlap":
            one, zero, left = t * (1 - p), (1 - t) * p, t - p
        elif target == "ATT":
            one, zero = t, (1 - t) * p / (1 - p)
            left = one - zero
        else:
            one, zero = t / p, (1 - t) / (1 - p)
            left = one - zero
        means = [w * one * (y - theta[q]), w * zero * (y - theta[q + 1])]
        return np.column_stack([z * (w * left)[:, None], *means])

    return equations


def entropy_equations(target: str, x: np.ndarray, t: np.ndarray, y: np.ndarray, w: np.ndarray):
    """The target's moments, each arm's tilt to them, and its weighted mean."""
    goal, q = w * t if target == "ATT" else w, x.shape[1]

    def equations(theta: np.ndarray) -> np.ndarray:
        away = x - theta[:q]
        parts = [goal[:, None] * away]
        for j, arm in enumerate((t, 1 - t)):
            at = q + j * (q + 1)
            tilted = w * arm * np.exp(away @ theta[at : at + q])
            parts += [tilted[:, None] * away, (tilted * (y - theta[at + q]))[:, None]]
        return np.hstack(parts)

    return equations


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_its_value_and_variance_are_those_of_the_stacked_equations(kind: str, target: str, weighted: bool) -> None:
    frame = confounded(11)
    x, t, y = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy(float), frame["y"].to_numpy()
    w = frame["w"].to_numpy() if weighted else np.ones(len(y))
    if kind == "entropy":
        theta, vcov = sandwich(entropy_equations(target, x, t, y, w), np.zeros(8))
        first, second = 4, 7
    else:
        z = np.column_stack([np.ones(len(y)), x])
        theta, vcov = sandwich(logistic_equations(kind, target, z, t, y, w), np.zeros(5))
        first, second = 3, 4
    plan = design(**({"weights": "w"} if weighted else {}))
    made = es.estimate(frame, plan, "balancing", kind=kind, target=target)
    assert made.value[0] == pytest.approx(theta[first] - theta[second], rel=1e-7)
    assert made.baseline.value[0] == pytest.approx(theta[second], rel=1e-7)
    variance = vcov[first, first] + vcov[second, second] - 2 * vcov[first, second]
    assert made.uncertainty.vcov[0, 0] == pytest.approx(variance, rel=1e-5)


def primal_entropy(x: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Weights closest to equal ones in relative entropy, by a general solver of the problem as it is stated."""
    n = x.shape[0]
    rows = np.vstack([np.ones(n), x.T])
    found = minimize(
        lambda w: float(w @ np.log(w * n)),
        np.full(n, 1.0 / n),
        jac=lambda w: np.log(w * n) + 1.0,
        bounds=[(1e-10, None)] * n,
        constraints={"type": "eq", "fun": lambda w: rows @ w - np.append(1.0, goal), "jac": lambda w: rows},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert found.success
    return found.x


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_entropy_weights_solve_the_primal_problem(target: str) -> None:
    frame = confounded(12, n=90)
    x, d = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy()
    goal = x[d == 1].mean(axis=0) if target == "ATT" else x.mean(axis=0)
    made = es.estimate(frame, design(), "balancing", target=target)
    control = primal_entropy(x[d == 0], goal)
    np.testing.assert_allclose(made.details["weights"][d == 0] / (d == 0).sum(), control, atol=1e-6)
    assert made.details["effective_n"]["0"] == pytest.approx(1.0 / np.square(control).sum(), rel=1e-4)


@pytest.mark.parametrize("moments", [1, 2])
@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_the_moments_it_promises_are_equal(kind: str, target: str, moments: int) -> None:
    frame = confounded(13)
    frame["v"] = np.random.default_rng(13).gamma(2.0, size=len(frame))
    made = es.estimate(frame, design(("x", "z", "v")), "balancing", kind=kind, target=target, moments=moments)
    weights, d = made.details["weights"], frame["d"].to_numpy()
    balanced = frame[["x", "z", "v"]].to_numpy()
    if moments == 2:
        balanced = np.column_stack([balanced, frame["x"] ** 2, frame["v"] ** 2])
    means = [np.average(balanced[d == a], axis=0, weights=weights[d == a]) for a in (1, 0)]
    np.testing.assert_allclose(means[0], means[1], atol=1e-7)
    assert made.details["imbalance"] < 1e-7
    if target == "ATT" or kind == "entropy":
        np.testing.assert_allclose(
            means[1], (balanced[d == 1] if target == "ATT" else balanced).mean(axis=0), atol=1e-7
        )


def test_three_arms_are_each_balanced_to_everyone() -> None:
    frame = confounded(14, n=120, arms=3)
    made = es.estimate(frame, design(), "balancing")
    x, d, y = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy(), frame["y"].to_numpy()
    means = [primal_entropy(x[d == a], x.mean(axis=0)) @ y[d == a] for a in range(3)]
    assert made.value == pytest.approx([means[1] - means[0], means[2] - means[0]], abs=1e-5)
    with pytest.raises(es.DesignError, match="takes two arms, and there are 3"):
        es.estimate(frame, design(), "balancing", kind="cbps")


def test_overlap_balancing_is_overlap_weighting() -> None:
    frame = confounded(15)
    balanced = es.estimate(frame, design(), "balancing", target="ATO")
    weighted = es.estimate(frame, design(), "ipw", target="ATO")
    assert balanced.value[0] == pytest.approx(weighted.value[0], rel=1e-8)
    assert balanced.std_error[0] == pytest.approx(weighted.std_error[0], rel=1e-8)


def averaged_effect(weight) -> float:
    """Average of 1 + x/2 over the population that a function of the propensity singles out."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=400_000), rng.random(400_000) < 0.4
    mass = weight(expit(0.5 * x - 0.4 * z + 0.1))
    return float(mass @ (1.0 + 0.5 * x) / mass.sum())


@by_day_and_night(80, 200)
@pytest.mark.parametrize(
    ("kind", "target", "mass"),
    [
        ("entropy", "ATE", np.ones_like),
        ("entropy", "ATT", lambda p: p),
        ("cbps", "ATE", np.ones_like),
        ("overlap", "ATO", lambda p: p * (1 - p)),
    ],
)
def test_its_intervals_cover(kind: str, target: str, mass, repetitions: int) -> None:
    truth = averaged_effect(mass)
    holds(coverage(confounded, design(), "balancing", truth, repetitions, kind=kind, target=target), repetitions)


def apart(seed: int = 16):
    """Arms that overlap, and yet no control reaches the mean of those treated, or of everyone."""
    frame = confounded(seed)
    frame["x"] = np.where(frame["d"] == 1, 4.0 * frame["x"].abs() - 0.3, -frame["x"].abs() / 4.0)
    return frame


@pytest.mark.parametrize(("kind", "target"), [pair for pair in KINDS if pair[0] != "overlap"])
def test_a_target_out_of_an_arms_reach_is_refused(kind: str, target: str) -> None:
    with pytest.raises(es.IdentificationError, match="outside what one arm can reach") as caught:
        es.estimate(apart(), design(("x",)), "balancing", kind=kind, target=target)
    assert caught.value.code == Code.INSUFFICIENT_OVERLAP


@pytest.mark.parametrize(("kind", "target"), [("overlap", "ATE"), ("entropy", "ATO"), ("cbps", "ATO")])
def test_overlap_weights_and_their_target_go_together(kind: str, target: str) -> None:
    with pytest.raises(es.DesignError, match="does not estimate"):
        es.estimate(confounded(17), design(), "balancing", kind=kind, target=target)
