"""The wild cluster bootstrap against a loop over every row of every draw, and its size with few clusters."""

import numpy as np
import pytest
from scipy.stats import t as student

from estimand.stats.arrays import Floats, Ints
from estimand.stats.cluster import Block, cluster_scores
from estimand.stats.inversion import Pencil
from estimand.stats.linear import LeastSquares, least_squares
from estimand.stats.resampling import every_sign, multipliers
from estimand.stats.wild_cluster import cluster_sums, wild_pencil


def drawn(seed: int, groups: int, size: int = 12, treated: int | None = None) -> tuple[Floats, Floats, Ints]:
    """Columns (treatment by cluster where asked, and a covariate), an outcome with no effect, and clusters."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), rng.integers(size // 2, 2 * size, groups))
    n = codes.shape[0]
    x = rng.normal(size=n) + rng.normal(size=groups)[codes]
    d = (codes < treated).astype(float) if treated else (rng.random(n) < 0.4).astype(float)
    heavy = rng.exponential(size=groups)[codes] if treated else rng.normal(size=groups)[codes]
    return np.column_stack([d, x]), 0.5 * x + heavy + rng.normal(size=n), codes


def fitted(raw: Floats, outcome: Floats, codes: Ints) -> tuple[LeastSquares, Block]:
    fit = least_squares(raw, outcome)
    return fit, Block(fit, np.arange(codes.shape[0]), fit.basis.slope(0)[None, :])


def literal(
    raw: Floats, outcome: Floats, codes: Ints, weights: Floats, effect: float, restricted: bool
) -> tuple[float, Floats]:
    """|t| observed and of every draw, each regression fitted anew on all rows."""
    x = np.column_stack([np.ones(raw.shape[0]), raw])
    groups = int(codes.max()) + 1

    def ratio(y: Floats, at: float) -> float:
        bread = np.linalg.inv(x.T @ x)
        beta = bread @ x.T @ y
        residual = y - x @ beta
        scores = np.array([(x[codes == g] * residual[codes == g, None]).sum(axis=0) for g in range(groups)])
        covariance = bread @ scores.T @ scores @ bread
        return float(abs(beta[1] - at) / np.sqrt(covariance[1, 1]))

    free = np.linalg.lstsq(x, outcome, rcond=None)[0]
    if restricted:
        other = x[:, [0, 2]]
        rest = np.linalg.lstsq(other, outcome - effect * x[:, 1], rcond=None)[0]
        mean, center = other @ rest + effect * x[:, 1], effect
    else:
        mean, center = x @ free, free[1]
    residual = outcome - mean
    return ratio(outcome, effect), np.array([ratio(mean + w[codes] * residual, center) for w in weights])


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("effect", [0.0, 0.3, -1.2])
def test_draws_are_those_of_a_loop_that_refits_every_row(restricted: bool, effect: float) -> None:
    raw, outcome, codes = drawn(1, 9)
    weights = multipliers(np.random.default_rng(5), 99, 9, "webb")
    observed, stars = literal(raw, outcome, codes, weights, effect, restricted)
    pencil = wild_pencil(
        cluster_sums([fitted(raw, outcome, codes)[1]], codes), 0, weights, restricted=restricted, complete=False
    )
    assert abs(pencil.value - effect) / np.sqrt(pencil.variance) == pytest.approx(observed, rel=1e-9)
    assert pencil.p_value(effect) == (1 + (stars >= observed).sum()) / 100
    n0, n1 = pencil.numerator.T
    v0, v1, v2 = pencil.spread.T
    found = np.abs(n0 + n1 * effect) / np.sqrt(v0 + v1 * effect + v2 * effect**2)
    assert found == pytest.approx(stars, rel=1e-8)


def test_blocks_of_arms_give_what_one_interacted_regression_gives() -> None:
    raw, outcome, codes = drawn(2, 8)
    arm = raw[:, 0].astype(int)
    center = raw[:, 1].mean()
    blocks = []
    for a in (0, 1):
        rows = np.flatnonzero(arm == a)
        fit = least_squares(raw[rows, 1:], outcome[rows])
        point = fit.basis.point(np.array([center]))
        blocks.append(Block(fit, rows, (point if a else -point)[None, :]))
    apart = raw[:, 1] - center
    joined = np.column_stack([raw[:, 0], apart, raw[:, 0] * apart])
    weights = every_sign(8)
    whole = wild_pencil(
        cluster_sums([fitted(joined, outcome, codes)[1]], codes), 0, weights, restricted=True, complete=True
    )
    split = wild_pencil(cluster_sums(blocks, codes), 0, weights, restricted=True, complete=True)
    assert split.value == pytest.approx(whole.value, rel=1e-10)
    assert split.p_value(0.4) == whole.p_value(0.4)
    assert np.array(split.regions(0.95)) == pytest.approx(np.array(whole.regions(0.95)), rel=1e-7)


def inside(pencil: Pencil, level: float, effect: float) -> bool:
    return any(low <= effect <= high for low, high in pencil.regions(level))


@pytest.mark.parametrize("seed", range(6))
def test_the_set_is_exactly_what_the_test_does_not_reject(seed: int) -> None:
    raw, outcome, codes = drawn(seed, 5 + seed, treated=2 + seed // 2)
    weights = multipliers(np.random.default_rng(seed), 199, 5 + seed, "webb")
    pencil = wild_pencil(
        cluster_sums([fitted(raw, outcome, codes)[1]], codes), 0, weights, restricted=True, complete=False
    )
    spread = np.sqrt(pencil.variance)
    for effect in pencil.value + spread * np.linspace(-12.0, 12.0, 241):
        assert inside(pencil, 0.9, effect) == (pencil.p_value(effect) > 0.1 + 1e-9)


def test_five_clusters_have_sixteen_sign_patterns_so_that_nothing_is_rejected_at_5_percent() -> None:
    raw, outcome, codes = drawn(3, 5, treated=1)
    sums = cluster_sums([fitted(raw, outcome, codes)[1]], codes)
    pencil = wild_pencil(sums, 0, every_sign(5), restricted=True, complete=True)
    assert pencil.regions(0.95) == ((-np.inf, np.inf),)
    assert min(pencil.p_value(effect) for effect in np.linspace(-50, 50, 101)) >= 1 / 16


def sizes(repetitions: int, groups: int = 10, treated: int = 3) -> tuple[float, float]:
    """Share of true nulls rejected at 5 %: by the restricted wild bootstrap, and by CR1 with t(G - 1)."""
    wild, plain = 0, 0
    for seed in range(repetitions):
        raw, outcome, codes = drawn(seed, groups, treated=treated)
        fit, block = fitted(raw, outcome, codes)
        weights = multipliers(np.random.default_rng(seed), 199, groups, "webb")
        pencil = wild_pencil(cluster_sums([block], codes), 0, weights, restricted=True, complete=False)
        wild += pencil.p_value(0.0) <= 0.05
        error = np.sqrt(cluster_scores(fit, block.functionals, codes, "CR1").covariance[0, 0])
        plain += 2 * student.sf(abs(pencil.value) / error, groups - 1) <= 0.05
    return wild / repetitions, plain / repetitions


def test_ten_clusters_the_restricted_test_keeps_its_size_and_cr1_does_not() -> None:
    repetitions = 600
    wild, plain = sizes(repetitions)
    error = np.sqrt(0.05 * 0.95 / repetitions)
    assert abs(wild - 0.05) <= 4 * error
    assert plain > 0.05 + 4 * error


@pytest.mark.nightly
def test_ten_clusters_size_at_length() -> None:
    wild, plain = sizes(4000, treated=5)
    assert abs(wild - 0.05) <= 0.02
    assert plain > wild
