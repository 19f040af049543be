"""Influence of several estimates side by side: sums within clusters, and alignment over the union of units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_by_hand import ROOT, estimate, mean_difference, pickled

from estimand.core.compare import difference_between, error_of_difference
from estimand.core.finding import Grade
from estimand.core.influence import Influence, joint_psi
from estimand.core.question import Target
from estimand.core.uncertainty import Normal
from estimand.errors import DesignError, UnsupportedError


def rows_of(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    return rng.normal(size=n) + arm, arm, np.sort(rng.permutation(n)[: n - 13])


def dense_difference(y: np.ndarray, arm: np.ndarray, rows: np.ndarray, units: np.ndarray) -> float:
    """Variance of full-sample minus subset difference in means: every row's weight, summed by unit."""
    weight = np.zeros(y.shape[0])
    for code, sign in ((1, 1.0), (0, -1.0)):
        everyone, some = np.flatnonzero(arm == code), rows[arm[rows] == code]
        weight[everyone] += sign * (y[everyone] - y[everyone].mean()) / everyone.size
        weight[some] -= sign * (y[some] - y[some].mean()) / some.size
    return float(sum(weight[units == u].sum() ** 2 for u in np.unique(units)))


@given(seed=st.integers(0, 10_000))
def test_two_estimates_of_which_one_drops_rows_are_compared_through_joint_influence(seed: int) -> None:
    y, arm, rows = rows_of(seed)
    everyone = mean_difference("everyone", y, arm, np.arange(60))
    some = mean_difference("some", y, arm, rows)
    gap = difference_between(everyone, some)
    assert gap.value[0] == pytest.approx(everyone.value[0] - some.value[0], abs=1e-14)
    expected = dense_difference(y, arm, rows, np.arange(60))
    assert gap.std_error[0] ** 2 == pytest.approx(expected, rel=1e-10)
    apart = everyone.std_error[0] ** 2 + some.std_error[0] ** 2
    assert gap.std_error[0] ** 2 < 0.5 * apart


@given(seed=st.integers(0, 10_000))
def test_with_clusters_the_joint_influence_is_summed_within_them(seed: int) -> None:
    y, arm, rows = rows_of(seed)
    units = np.random.default_rng(seed).integers(0, 9, 60) * 11 + 5
    everyone = mean_difference("everyone", y, arm, np.arange(60), units)
    some = mean_difference("some", y, arm, rows[units[rows] != units[0]], units)
    gap = difference_between(everyone, some)
    expected = dense_difference(y, arm, rows[units[rows] != units[0]], units)
    assert gap.std_error[0] ** 2 == pytest.approx(expected, rel=1e-10)


def test_an_estimate_does_not_differ_from_itself() -> None:
    y, arm, _ = rows_of(1)
    made = mean_difference("one", y, arm, np.arange(60))
    gap = difference_between(made, made)
    assert gap.value.tolist() == [0.0]
    assert gap.std_error.tolist() == [0.0]


def test_estimates_of_disjoint_rows_are_independent() -> None:
    y, arm, _ = rows_of(2)
    early, late = (mean_difference(str(a), y, arm, np.arange(a, a + 30)) for a in (0, 30))
    gap = difference_between(early, late)
    assert gap.std_error[0] ** 2 == pytest.approx(early.std_error[0] ** 2 + late.std_error[0] ** 2, rel=1e-12)


def test_a_difference_can_itself_be_compared_and_stays_aligned_with_its_units() -> None:
    y, arm, rows = rows_of(3)
    third = mean_difference("third", y, arm, np.arange(20, 60))
    first = mean_difference("first", y, arm, np.arange(20, 60))
    second = mean_difference("second", y, arm, rows[rows >= 10])
    nested = difference_between(difference_between(first, second), third)
    flat = joint_psi(tuple(e.influence for e in (first, second, third))) @ np.array([1.0, -1.0, -1.0])
    assert nested.std_error[0] ** 2 == pytest.approx(float(flat @ flat), rel=1e-10)


def test_different_populations_are_noted_and_equal_ones_are_not() -> None:
    y, arm, rows = rows_of(4)
    everyone, some = (mean_difference(str(r.size), y, arm, r) for r in (np.arange(60), rows))
    (note,) = difference_between(everyone, some).findings
    assert note.grade is Grade.NOTE
    assert "n = 60" in note.message
    assert "n = 47" in note.message
    assert difference_between(everyone, everyone).findings == ()


def test_unlike_estimates_are_not_compared() -> None:
    y, arm, _ = rows_of(5)
    one = mean_difference("one", y, arm, np.arange(60))
    outcome = estimate("two", outcome="y1", influence=one.influence)
    target = estimate("two", target=Target.ATT, influence=one.influence)
    terms = estimate("two", [1.0, 2.0], influence=one.influence)
    for other, aspect in ((outcome, "outcomes"), (target, "targets"), (terms, "terms")):
        with pytest.raises(DesignError, match=aspect):
            difference_between(one, other)
    with pytest.raises(UnsupportedError, match="'bare' has no influence"):
        difference_between(one, estimate("bare"))
    elsewhere = Influence(np.ones((3, 1)), np.arange(3), 3, "b" * 64)
    with pytest.raises(DesignError, match="different data"):
        difference_between(one, estimate("other data", influence=elsewhere))


def test_the_error_of_a_difference_is_asked_of_estimates_however_unlike() -> None:
    psi = np.array([[2.0, 4.0], [6.0, 8.0]])
    one = estimate("one", [1.0, 2.0], influence=Influence(psi, np.array([0, 1]), 2, ROOT))
    other = Influence(np.array([[5.0, 10.0], [5.0, 15.0]]), np.array([1, 2]), 5, ROOT)
    two = estimate("two", [1.0, 2.0], outcome="y1", target=Target.ATT, influence=other)
    assert error_of_difference(one, two, 0) == pytest.approx(np.sqrt(1.0**2 + (3.0 - 1.0) ** 2 + 1.0**2), rel=1e-15)
    halves = np.sqrt(2.0**2 + (4.0 - 1.0) ** 2 + 1.5**2)
    assert error_of_difference(one, two, 1, times=0.5) == pytest.approx(halves, rel=1e-15)
    assert error_of_difference(one, estimate("bare", [1.0, 2.0]), 0) is None
    elsewhere = Influence(np.ones((3, 2)), np.arange(3), 3, "b" * 64)
    assert error_of_difference(one, estimate("other data", [1.0, 2.0], influence=elsewhere), 0) is None


def test_joint_columns_follow_the_estimates_and_rows_the_union_of_units() -> None:
    one = Influence(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([7, 3]), 2, ROOT)
    two = Influence(np.array([[10.0], [20.0], [30.0]]), np.array([9, 7, 7]), 5, ROOT)
    joint = joint_psi((one, two))
    assert joint.tolist() == [[1.5, 2.0, 0.0], [0.5, 1.0, 10.0], [0.0, 0.0, 2.0]]


def test_repeated_units_are_summed_and_units_ascend() -> None:
    made = Influence(np.array([[1.0], [2.0], [4.0]]), np.array([5, 2, 5]), 3, ROOT)
    assert made.units.tolist() == [2, 5]
    assert made.psi.tolist() == [[2.0], [5.0]]
    assert made.covariance() == pytest.approx(np.array([[29.0 / 9.0]]), rel=1e-15)


def test_influence_is_computed_when_first_asked_for_and_once() -> None:
    calls = []

    def rows() -> np.ndarray:
        calls.append(1)
        return np.ones((4, 1))

    made = Influence(rows, np.arange(4), 4, ROOT)
    assert calls == []
    assert made.psi.shape == (4, 1)
    assert made.covariance().shape == (1, 1)
    assert calls == [1]


def test_influence_copies_what_it_is_given_and_stays_locked_after_pickling() -> None:
    rows, units = np.ones((3, 1)), np.arange(3)
    made = Influence(rows, units, 3, ROOT)
    rows[0], units[0] = 99.0, 99
    assert made.psi[0, 0] == 1.0
    assert made.units.tolist() == [0, 1, 2]
    read = pickled(made)
    for array in (made.psi, made.units, read.psi, read.units):
        assert not array.flags.writeable
    assert read.covariance().tolist() == made.covariance().tolist()


def test_linear_combinations_of_terms_map_their_influence() -> None:
    rng = np.random.default_rng(0)
    made = Influence(rng.normal(size=(20, 3)), rng.integers(0, 6, 20), 20, ROOT)
    matrix = np.array([[1.0, -1.0, 0.0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(made.mapped(matrix).covariance(), matrix @ made.covariance() @ matrix.T, rtol=1e-12)
    assert isinstance(Normal(made.covariance()).mapped(matrix), Normal)
