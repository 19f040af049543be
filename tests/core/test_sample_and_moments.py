"""Samples derived from one root, and moments that merge over any split of its rows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_by_hand import ROOT, sample

from estimand.core.moments import Moments
from estimand.core.sample import Sample, content_fingerprint
from estimand.errors import DataError, DesignError


def many(n: int = 12) -> Sample:
    rng = np.random.default_rng(0)
    return sample(rng.normal(size=(n, 2)), np.arange(n) % 2, cluster=np.arange(n) // 3)


def test_taking_rows_takes_them_everywhere_and_remembers_where_they_were() -> None:
    made = many()
    some = made.take(np.array([4, 4, 1]))
    assert some.n == 3
    assert some.index.tolist() == [4, 4, 1]
    assert some.outcomes["y1"].tolist() == made.outcomes["y1"][[4, 4, 1]].tolist()
    assert some.features.values.tolist() == made.features.values[[4, 4, 1]].tolist()
    assert some.arm_counts() == {"0": 2, "1": 1}
    assert some.units.tolist() == [1, 1, 0]
    again = some.take(np.array([False, True, True]))
    assert again.index.tolist() == [4, 1]
    assert again.root == some.root == ROOT


def test_every_change_of_a_sample_changes_its_fingerprint() -> None:
    made = many()
    changed = [
        made,
        made.take(np.arange(11)),
        made.take(np.arange(12)[::-1]),
        made.without("x0"),
        made.without("x1"),
        made.with_treatment(1 - made.arm),
    ]
    assert len({one.fingerprint for one in changed}) == len(changed)
    assert made.take(np.arange(3)).fingerprint == made.take(np.arange(12) < 3).fingerprint


def test_units_are_rows_without_clusters() -> None:
    made = sample(np.ones((4, 1)), np.arange(4) % 2)
    assert made.take(np.array([2, 3])).units.tolist() == [2, 3]


def test_leaving_out_a_source_leaves_out_all_its_columns_and_no_others() -> None:
    made = many().without("x0")
    assert made.features.names == ("x1",)
    assert made.features.values.shape == (12, 1)


def test_other_arms_make_a_sample_of_another_root() -> None:
    made = many()
    placebo = made.with_treatment(1 - made.arm)
    assert placebo.root != made.root
    assert placebo.arm.tolist() == (1 - made.arm).tolist()
    assert placebo.index.tolist() == list(range(12))


def test_a_fingerprint_of_content_sees_names_types_shapes_and_values() -> None:
    base = [("a", np.arange(6.0)), ("b", np.arange(3))]
    others = [
        [("a", np.arange(6.0).reshape(2, 3)), base[1]],
        [("c", np.arange(6.0)), base[1]],
        [("a", np.arange(6)), base[1]],
        [("a", np.append(np.arange(5.0), 5.1)), base[1]],
        base[::-1],
    ]
    prints = {content_fingerprint(iter(columns)) for columns in [base, *others]}
    assert len(prints) == 6
    assert content_fingerprint(iter(base)) == content_fingerprint(iter(base))


@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 79), max_size=5, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_moments_of_mean_1e9_are_the_same_over_any_split_of_the_rows(seed: int, cuts: list[int], order) -> None:
    rng = np.random.default_rng(seed)
    arm = np.arange(80) % 2
    values = np.column_stack([rng.normal(1e9, 1.0, 80), rng.normal(0.0, 1.0, 80)])
    exact = values - [1e9, 0.0]
    edges = [0, *sorted(cuts), 80]
    parts = [Moments.from_sample(sample(values[a:b], arm[a:b])) for a, b in pairwise(edges)]
    order.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.units.tolist() == [40.0, 40.0]
    for a in (0, 1):
        rows = exact[arm == a]
        covariance = np.cov(rows.T)
        np.testing.assert_allclose(merged.cross[a] / 39, covariance, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(merged.means[a] + (merged.shift - [1e9, 0.0]), rows.mean(axis=0), rtol=0, atol=1e-10)
    assert merged.variance("y0") == pytest.approx([exact[arm == a, 0].var(ddof=1) for a in (0, 1)], rel=1e-10)
    assert merged.mean("y0") == pytest.approx([values[arm == a, 0].mean() for a in (0, 1)], rel=1e-15)


def test_an_arm_seen_in_one_part_only_has_that_parts_moments() -> None:
    left = Moments.from_sample(sample(np.array([[1.0], [3.0]]), np.array([0, 0])))
    right = Moments.from_sample(sample(np.array([[10.0], [14.0]]), np.array([1, 1])))
    for merged in (left.merge(right), right.merge(left)):
        assert merged.units.tolist() == [2.0, 2.0]
        assert merged.mean("y0").tolist() == [2.0, 12.0]
        assert merged.variance("y0").tolist() == [2.0, 8.0]


def test_an_empty_arm_has_no_mean_and_an_arm_of_one_no_variance() -> None:
    made = Moments.from_sample(sample(np.array([[1.0], [3.0]]), np.array([0, 0])))
    assert made.mean("y0")[0] == 2.0
    assert np.isnan(made.mean("y0")[1])
    single = Moments.from_sample(sample(np.array([[1.0], [3.0], [4.0]]), np.array([0, 0, 1])))
    assert np.isnan(single.variance("y0")).tolist() == [False, True]
    assert np.isnan(made.variance("y0")).tolist() == [False, True]


def test_moments_of_other_columns_or_arms_are_not_added() -> None:
    made = Moments.from_sample(many())
    with pytest.raises(DesignError, match="different columns or arms"):
        made.merge(Moments.from_sample(many(), ("y0",)))
    with pytest.raises(DesignError, match=r"no column 'y00'\. Did you mean 'y0'"):
        made.mean("y00")


def test_an_outcome_that_is_missing_somewhere_is_refused_with_the_way_out() -> None:
    values = np.array([[1.0], [np.nan], [3.0]])
    made = sample(values, np.array([0, 1, 0]), present={"y0": np.array([True, False, True])})
    with pytest.raises(DataError, match=r"'y0' is missing in some rows.*sample\.take"):
        Moments.from_sample(made)
    assert Moments.from_sample(made.take(made.present["y0"])).units.tolist() == [2.0, 0.0]
