"""The kernel of moments against its plain twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from estimand.kernels.moments import moments_kernel, moments_reference, pair_kernel


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 60),
    p=st.sampled_from([1, 2, 2, 3, 4]),
    groups=st.integers(1, 5),
    level=st.sampled_from([0.0, 1e9, -3e4]),
)
def test_it_agrees_with_its_plain_twin(seed: int, n: int, p: int, groups: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    block = level + rng.normal(size=(p, n))
    block[rng.random((p, n)) < 0.15] = np.nan
    group = rng.integers(-1, groups, n)
    outcomes = int(rng.integers(1, min(p, 2) + 1))
    plain = moments_reference(block, outcomes, group, groups)
    found = [moments_kernel(block, outcomes, group, groups)]
    if p == 2:
        found.append(pair_kernel(block[0], block[1], outcomes == 2, group, groups))
    for sums in found:
        for ours, theirs in zip(sums, plain, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-9)
