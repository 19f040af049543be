"""The kernels in several dimensions give what their plain twins give."""

import time
from typing import Any

import numpy as np
import pytest

from estimand.kernels.cloud import (
    greedy_cloud_kernel,
    greedy_cloud_reference,
    nearest_block_kernel,
    nearest_block_reference,
)


def draw(seed: int, coarse: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets, pool = rng.standard_normal((17, 3)), rng.standard_normal((40, 3))
    return (np.round(targets), np.round(pool)) if coarse else (targets, pool)


@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("ratio", [1, 3, 50])
@pytest.mark.parametrize("reach", [0.7, np.inf])
def test_nearest_points(coarse: bool, ratio: int, reach: float) -> None:
    for seed in range(10):
        targets, pool = draw(seed, coarse)
        sizes = np.random.default_rng(seed).integers(1, 4, pool.shape[0])
        given = (targets @ pool.T, targets, pool, sizes, ratio, (1e-9, reach))
        for mine, theirs in zip(nearest_block_kernel(*given), nearest_block_reference(*given), strict=True):
            assert (mine == theirs).all()


def test_nearest_points_do_not_depend_on_rough_products() -> None:
    targets, pool = draw(3, coarse=False)
    sizes = np.ones(40, dtype=np.int64)
    rough = targets @ pool.T + np.random.default_rng(0).uniform(-1e-13, 1e-13, (17, 40))
    for one, other in zip(
        nearest_block_kernel(rough, targets, pool, sizes, 2, (0.0, np.inf)),
        nearest_block_kernel(targets @ pool.T, targets, pool, sizes, 2, (0.0, np.inf)),
        strict=True,
    ):
        assert (one == other).all()


@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("ratio", [1, 3])
@pytest.mark.parametrize("reach", [0.7, np.inf])
def test_greedy_choices(coarse: bool, ratio: int, reach: float) -> None:
    for seed in range(10):
        targets, pool = draw(seed, coarse)
        spans = np.where(np.arange(17)[:, None] % 2 == 0, [0, 25], [25, 40])
        given = (targets, spans, np.ascontiguousarray(pool.T), ratio, reach)
        found = greedy_cloud_kernel(*given)
        assert (found == greedy_cloud_reference(*given)).all()
        assert np.unique(found[found >= 0]).size == (found >= 0).sum()


POINTS, SPANS = np.eye(3), np.tile([0, 3], (3, 1))


@pytest.mark.parametrize(
    ("kernel", "given"),
    [
        (nearest_block_kernel, (POINTS, POINTS, POINTS, np.ones(3, dtype=np.int64), 1, (0.0, np.inf))),
        (greedy_cloud_kernel, (POINTS, SPANS, POINTS, 1, np.inf)),
    ],
)
def test_it_compiles_within_eight_seconds(kernel: Any, given: tuple[Any, ...]) -> None:
    kernel(*given)
    signature = kernel.signatures[0]
    started = time.process_time()
    type(kernel)(kernel.py_func, targetoptions={"nopython": True, "nogil": True}).compile(signature)
    assert time.process_time() - started < 8.0
