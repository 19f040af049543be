"""Doubly robust scores of varying effects, against sums written out and the estimating equations they solve."""

import numpy as np
import pytest

from estimand.stats.effect_scores import Known, arm_scores, average_everyone, average_overlap, average_treated, flat


def drawn(arms: int = 3, n: int = 4000, seed: int = 0) -> tuple[Known, np.ndarray]:
    """Nuisances as they truly are, and the effects of every arm."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    raw = np.exp(np.outer(x, np.linspace(-0.5, 0.5, arms)))
    propensity = raw / raw.sum(axis=1, keepdims=True)
    arm = (rng.random(n)[:, None] > propensity.cumsum(axis=1)[:, :-1]).sum(axis=1)
    effects = np.column_stack([a * (1.0 + x) for a in range(1, arms)])
    base = np.sin(x)
    mean = base + (propensity[:, 1:] * effects).sum(axis=1)
    shift = np.column_stack([np.zeros(n), effects])[np.arange(n), arm]
    values = base + shift + rng.normal(size=n)
    return Known(values, arm, propensity, mean, effects, np.ones(n)), effects


def test_scores_of_two_arms_are_those_of_the_textbook() -> None:
    known, _ = drawn(arms=2)
    e, tau = known.propensity[:, 1], known.effects[:, 0]
    textbook = tau + (known.arm - e) / (e * (1 - e)) * (known.values - known.mean - (known.arm - e) * tau)
    scores = arm_scores(known)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], textbook, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_averages_solve_their_equations_and_find_the_truth(weighted: bool) -> None:
    known, effects = drawn()
    if weighted:
        weight = np.exp(0.3 * np.cos(np.arange(4000)))
        known = Known(known.values, known.arm, known.propensity, known.mean, known.effects, weight / weight.mean())
    for found, target in (
        (average_everyone(known), [known.weights, known.weights]),
        (average_treated(known), [known.weights * (known.arm == a) for a in (1, 2)]),
    ):
        np.testing.assert_allclose(found.psi.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(found.control_psi.mean(axis=0), 0.0, atol=1e-12)
        truth = [np.average(effects[:, k], weights=member) for k, member in enumerate(target)]
        error = np.sqrt((found.psi**2).sum(axis=0)) / 4000
        assert (np.abs(found.value - truth) < 4.0 * error).all()


def test_a_wrong_mean_or_a_wrong_propensity_alone_does_no_harm() -> None:
    known, effects = drawn(arms=2, n=40_000, seed=1)
    truth = effects.mean()
    flat = np.zeros_like(known.mean)
    wrong_mean = Known(known.values, known.arm, known.propensity, flat, np.zeros_like(effects), known.weights)
    even = np.full_like(known.propensity, 0.5)
    base = known.control()
    wrong_propensity = Known(known.values, known.arm, even, base + 0.5 * effects[:, 0], effects, known.weights)
    for case in (wrong_mean, wrong_propensity):
        found = average_everyone(case)
        assert abs(found.value[0] - truth) < 4.0 * np.sqrt((found.psi**2).sum()) / 40_000


def test_the_overlap_average_is_the_orthogonal_score_written_out() -> None:
    known, effects = drawn(arms=2)
    value, psi = average_overlap(known)
    e, a, tau = known.propensity[:, 1], known.arm, known.effects[:, 0]
    scores = arm_scores(known)
    tilted = e * (1 - e) * (scores[:, 1] - scores[:, 0] - value[0]) + (1 - 2 * e) * (a - e) * (tau - value[0])
    np.testing.assert_allclose(tilted.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(psi[:, 0] * np.mean((a - e) ** 2), tilted, atol=1e-10)
    truth = np.average(effects[:, 0], weights=e * (1 - e))
    assert abs(value[0] - truth) < 4.0 * np.sqrt((psi**2).sum()) / 4000


def test_effects_of_one_arm_lie_flat_and_of_several_do_not() -> None:
    _, effects = drawn(arms=3, n=5)
    assert flat(effects).shape == (5, 2)
    assert flat(effects[:, :1]).tolist() == effects[:, 0].tolist()
