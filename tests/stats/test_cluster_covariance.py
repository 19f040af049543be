"""Cluster-robust covariance against statsmodels, and CR2 against its formula written out in n x n matrices."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag

from estimand.errors import UnsupportedError
from estimand.stats.cluster import Block, block_scores, cluster_scores
from estimand.stats.covariance import robust_covariance
from estimand.stats.linear import LeastSquares, least_squares


def all_raw(fit: LeastSquares) -> np.ndarray:
    p = fit.basis.kept.shape[0]
    return np.array([fit.basis.point(np.zeros(p)), *(fit.basis.slope(j) for j in range(p))])


def inverse_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric Moore-Penrose inverse square root."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.where(values > 1e-9, 1.0 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    return vectors * roots @ vectors.T


def dense_cr2(
    design: np.ndarray, y: np.ndarray, functionals: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CR2 covariance and Satterthwaite df, as Pustejovsky & Tipton (2018) write them (identity working model)."""
    inverse = np.linalg.inv(design.T @ design)
    annihilator = np.eye(len(y)) - design @ inverse @ design.T
    residual = annihilator @ y
    scores, paths = [], []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        adjust = inverse_root(annihilator[np.ix_(rows, rows)])
        loads = adjust @ design[rows] @ inverse @ functionals.T
        scores.append(loads.T @ residual[rows])
        paths.append(annihilator[:, rows] @ loads)
    score, path = np.array(scores), np.array(paths)
    df = []
    for j in range(functionals.shape[0]):
        inner = path[:, :, j] @ path[:, :, j].T
        df.append(np.trace(inner) ** 2 / np.sum(inner**2))
    return score.T @ score, np.array(df)


def clustered(seed: int, sizes: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Treatment constant within clusters, one covariate that varies, one that does not."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    treated = (codes % 2).astype(float)
    x = np.column_stack([treated, rng.normal(size=codes.size), rng.normal(size=len(sizes))[codes]])
    y = treated + x[:, 1] + rng.normal(size=len(sizes))[codes] + rng.normal(size=codes.size)
    mixed = rng.permutation(codes.size)
    return x[mixed], y[mixed], rng.permutation(1000)[: len(sizes)][codes[mixed]]


SIZES = st.lists(st.integers(1, 9), min_size=7, max_size=14)


@pytest.mark.parametrize(("kind", "correction"), [("CR0", False), ("CR1", True)])
@given(seed=st.integers(0, 5_000), sizes=SIZES)
def test_cr0_and_cr1_are_those_of_statsmodels(kind: str, correction: bool, seed: int, sizes: list[int]) -> None:
    x, y, codes = clustered(seed, sizes)
    groups = np.unique(codes, return_inverse=True)[1]
    expected = (
        sm.OLS(y, sm.add_constant(x, has_constant="add"))
        .fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": correction})
        .cov_params()
    )
    fit = least_squares(x, y)
    found = cluster_scores(fit, all_raw(fit), codes, kind)
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(expected), rtol=1e-8)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert found.df.tolist() == [float(len(sizes) - 1)] * 4


@given(seed=st.integers(0, 5_000), sizes=SIZES)
def test_cr2_and_its_degrees_of_freedom_are_those_of_the_dense_formula(seed: int, sizes: list[int]) -> None:
    x, y, codes = clustered(seed, sizes)
    fit = least_squares(x, y)
    covariance, df = dense_cr2(np.column_stack([np.ones(len(y)), x]), y, np.eye(4), codes)
    found = cluster_scores(fit, all_raw(fit), codes, "CR2")
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(covariance), rtol=1e-8)
    np.testing.assert_allclose(found.df, df, rtol=1e-8)


def test_cr2_with_cluster_indicators_agrees_with_the_dense_formula() -> None:
    rng = np.random.default_rng(11)
    codes = np.repeat(np.arange(6), [2, 3, 3, 4, 6, 9])
    x = np.column_stack([rng.normal(size=27), np.eye(6)[codes][:, 1:]])
    y = x[:, 0] + codes + rng.normal(size=27)
    fit = least_squares(x, y)
    covariance, df = dense_cr2(np.column_stack([np.ones(27), x]), y, np.eye(7)[[1]], codes)
    found = cluster_scores(fit, fit.basis.slope(0)[None], codes, "CR2")
    assert found.covariance[0, 0] == pytest.approx(covariance[0, 0], rel=1e-8)
    assert found.df[0] == pytest.approx(df[0], rel=1e-8)


def test_cr2_of_two_arms_of_whole_clusters_is_welch_on_equal_cluster_means() -> None:
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(9), 4)
    arm = (codes >= 4).astype(float)
    y = rng.normal(size=36) + rng.normal(size=9)[codes]
    fit = least_squares(arm[:, None], y)
    found = cluster_scores(fit, fit.basis.slope(0)[None], codes, "CR2")
    means = y.reshape(9, 4).mean(axis=1)
    v0, v1 = means[:4].var(ddof=1) / 4, means[4:].var(ddof=1) / 5
    assert found.covariance[0, 0] == pytest.approx(v0 + v1, rel=1e-10)
    shares = (1 / 4, 1 / 5)
    welch = (shares[0] + shares[1]) ** 2 / (shares[0] ** 2 / 3 + shares[1] ** 2 / 4)
    assert found.df[0] == pytest.approx(welch, rel=1e-10)


@pytest.mark.parametrize(("cluster", "row"), [("CR0", "HC0"), ("CR2", "HC2")])
def test_clusters_of_one_row_give_the_row_robust_covariance(cluster: str, row: str) -> None:
    x, y, _ = clustered(3, [4] * 8)
    fit = least_squares(x, y)
    found = cluster_scores(fit, all_raw(fit), np.random.default_rng(0).permutation(32), cluster)
    expected = all_raw(fit) @ robust_covariance(fit, row) @ all_raw(fit).T
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-8)


def test_cr2_is_unbiased_where_errors_are_independent() -> None:
    x, _, codes = clustered(8, [1, 2, 3, 5, 8, 2, 4])
    design = np.column_stack([np.ones(25), x])
    n = len(codes)
    total = np.zeros((4, 4))
    for j in range(n):
        fit = least_squares(x, np.eye(n)[j])
        total += cluster_scores(fit, all_raw(fit), codes, "CR2").covariance
    np.testing.assert_allclose(total, np.linalg.inv(design.T @ design), atol=1e-10)


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
def test_neither_labels_nor_row_order_of_clusters_matter(kind: str) -> None:
    x, y, codes = clustered(2, [3, 1, 4, 1, 5, 9])
    order = np.random.default_rng(1).permutation(len(y))
    fit, other = least_squares(x, y), least_squares(x[order], y[order])
    one = cluster_scores(fit, all_raw(fit), codes, kind)
    two = cluster_scores(other, all_raw(other), (codes * 7919 - 50)[order], kind)
    np.testing.assert_allclose(two.covariance, one.covariance, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(two.df, one.df, rtol=1e-8)


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
def test_a_model_in_blocks_has_the_covariance_of_the_whole_model(kind: str) -> None:
    x, y, codes = clustered(6, [3, 4, 2, 6, 5, 1, 7, 3])
    half = (np.arange(len(y)) * 7 % 3 == 0).astype(int)
    blocks, designs, rows = [], [], []
    for arm, sign in ((0, -1.0), (1, 1.0)):
        members = np.flatnonzero(half == arm)
        fit = least_squares(x[members], y[members])
        blocks.append(Block(fit, members, sign * all_raw(fit)))
        designs.append(np.column_stack([np.ones(members.size), x[members]]))
        rows.append(members)
    order = np.concatenate(rows)
    contrast = np.hstack([-np.eye(4), np.eye(4)])
    design, whole, cluster = block_diag(*designs), y[order], codes[order]
    found = block_scores(blocks, codes, kind)
    if kind == "CR2":
        covariance, df = dense_cr2(design, whole, contrast, cluster)
        np.testing.assert_allclose(found.df, df, rtol=1e-8)
    else:
        groups = np.unique(cluster, return_inverse=True)[1]
        options = {"groups": groups, "use_correction": kind == "CR1"}
        model = sm.OLS(whole, design).fit(cov_type="cluster", cov_kwds=options)
        covariance = contrast @ model.cov_params() @ contrast.T
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(covariance), rtol=1e-8)


def test_a_weighted_fit_is_refused_the_bias_reduced_covariance() -> None:
    x, y, codes = clustered(4, [3, 4, 5, 6])
    fit = least_squares(x, y, np.linspace(0.5, 2.0, len(y)))
    with pytest.raises(UnsupportedError, match="weighted"):
        cluster_scores(fit, all_raw(fit), codes, "CR2")


@pytest.mark.parametrize("kind", ["CR0", "CR1"])
def test_a_weighted_fit_has_the_cluster_covariance_of_weighted_least_squares(kind: str) -> None:
    x, y, codes = clustered(4, [3, 4, 5, 6, 7, 8])
    weights = np.linspace(0.5, 2.0, len(y))
    fit = least_squares(x, y, weights)
    ours = cluster_scores(fit, all_raw(fit), codes, kind).covariance
    options = {"groups": codes, "use_correction": kind == "CR1"}
    theirs = sm.WLS(y, sm.add_constant(x), weights=weights).fit(cov_type="cluster", cov_kwds=options).cov_params()
    np.testing.assert_allclose(np.diag(ours), np.diag(theirs)[-ours.shape[0] :], rtol=1e-8)
