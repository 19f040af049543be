"""What an estimate says of itself: intervals, p-values, combinations, relative effects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_by_hand import ROOT, estimate
from scipy import stats

from estimand.core.estimate import Baseline, Estimate, Term
from estimand.core.influence import Influence
from estimand.core.uncertainty import Draws, Normal, Unknown
from estimand.errors import IdentificationError, UnsupportedError

Z = 1.959963984540054


def test_a_normal_interval_is_value_plus_or_minus_the_critical_value_times_the_error() -> None:
    made = estimate("n", [1.0, -2.0], uncertainty=Normal(np.diag([4.0, 0.25]), np.array([np.inf, 5.0])))
    t = stats.t.ppf(0.975, 5)
    expected = np.array([[1 - 2 * Z, 1 + 2 * Z], [-2 - 0.5 * t, -2 + 0.5 * t]])
    np.testing.assert_allclose(made.interval(), expected, rtol=1e-8)
    assert made.std_error.tolist() == [2.0, 0.5]
    assert made.p_value == pytest.approx([2 * stats.norm.sf(0.5), 2 * stats.t.sf(4.0, 5)], rel=1e-8)
    assert made.interval(level=0.9)[0, 1] == pytest.approx(1 + 2 * stats.norm.ppf(0.95), rel=1e-10)


def test_the_level_of_the_estimate_is_the_default_of_its_interval() -> None:
    made = estimate("n", [0.0], level=0.8)
    assert made.interval()[0, 1] == pytest.approx(stats.norm.ppf(0.9), rel=1e-10)
    assert made.summary()[0]["ci"][1] == made.interval(0.8)[0, 1]


@given(level=st.floats(0.6, 0.99), seed=st.integers(0, 500))
@settings(max_examples=15)
def test_a_joint_interval_is_never_narrower_than_the_pointwise_one(level: float, seed: int) -> None:
    root = np.random.default_rng(seed).normal(size=(3, 3))
    for df in (None, np.array([4.0, np.inf, 9.0])):
        made = estimate("n", np.zeros(3), uncertainty=Normal(root @ root.T, df))
        assert (made.interval(level, joint=True)[:, 1] >= made.interval(level)[:, 1]).all()


def test_a_joint_interval_of_one_term_is_the_pointwise_one() -> None:
    made = estimate("n", [3.0], uncertainty=Normal(np.array([[2.0]]), np.array([7.0])))
    assert made.interval(joint=True).tolist() == made.interval().tolist()


def test_on_the_log_scale_interval_error_and_p_value_are_those_of_the_logarithm() -> None:
    ratio, spread = 1.6, 0.2
    made = estimate("rr", [ratio], uncertainty=Normal(np.array([[spread**2]]), scale="log"))
    np.testing.assert_allclose(
        made.interval(), [[np.exp(np.log(ratio) - Z * spread), np.exp(np.log(ratio) + Z * spread)]], rtol=1e-12
    )
    assert made.std_error == pytest.approx([ratio * spread], rel=1e-12)
    assert made.p_value == pytest.approx([2 * stats.norm.sf(np.log(ratio) / spread)], rel=1e-10)
    assert estimate("rr", [1.0], uncertainty=made.uncertainty).p_value.tolist() == [1.0]


def test_on_the_logit_scale_the_interval_stays_a_probability() -> None:
    made = estimate("p", [0.98], uncertainty=Normal(np.array([[4.0]]), scale="logit"))
    low, high = made.interval()[0]
    assert 0 < low < 0.98 < high < 1
    assert made.std_error == pytest.approx([0.98 * 0.02 * 2], rel=1e-12)


def test_values_on_another_scale_do_not_combine() -> None:
    made = estimate("rr", [1.5, 2.0], uncertainty=Normal(np.eye(2), scale="log"))
    with pytest.raises(UnsupportedError, match="log scale"):
        made.combine(np.array([[1.0, -1.0]]), made.terms[:1])
    with pytest.raises(UnsupportedError, match="is a ratio already"):
        estimate("rr", [1.5], uncertainty=Normal(np.eye(1), scale="log"), baseline=solid()).relative()


def test_combinations_map_value_covariance_influence_and_the_least_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    influence = Influence(rng.normal(size=(30, 3)), np.arange(30), 30, ROOT)
    df = np.array([8.0, 20.0, np.inf])
    made = estimate("es", [1.0, 2.0, 4.0], uncertainty=Normal(influence.covariance(), df), influence=influence)
    matrix = np.array([[1.0, -1.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    terms = tuple(Term(name) for name in ("gap", "mean", "last"))
    found = made.combine(matrix, terms)
    assert found.value.tolist() == [-1.0, 3.0, 4.0]
    assert found.terms == terms
    np.testing.assert_allclose(found.uncertainty.vcov, found.influence.covariance(), rtol=1e-12)
    np.testing.assert_allclose(found.uncertainty.vcov, matrix @ influence.covariance() @ matrix.T, rtol=1e-12)
    assert found.uncertainty.df.tolist() == [8.0, 20.0, np.inf]
    one_row = made.combine([1.0, 1.0, 1.0], terms[:1])
    assert one_row.value.tolist() == [7.0]


def solid(level: float = 5.0, variance: float = 0.04, cross: float = 0.0) -> Baseline:
    return Baseline(np.array([level]), np.array([[variance]]), np.array([[cross]]))


def two_arms(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.gamma(4.0, 1.0, n), rng.gamma(5.0, 1.0, n)


def from_arms(control: np.ndarray, treated: np.ndarray) -> Estimate:
    v0, v1 = control.var(ddof=1) / control.size, treated.var(ddof=1) / treated.size
    return estimate(
        "diff",
        [treated.mean() - control.mean()],
        uncertainty=Normal(np.array([[v0 + v1]]), np.array([50.0])),
        baseline=solid(control.mean(), v0, -v0),
    )


def test_a_relative_effect_is_the_delta_method_of_the_ratio_of_means() -> None:
    control, treated = two_arms(0, 400)
    found = from_arms(control, treated).relative()
    v0, v1 = control.var(ddof=1) / 400, treated.var(ddof=1) / 400
    ratio = treated.mean() / control.mean()
    assert found.value[0] == pytest.approx(ratio - 1, rel=1e-12)
    expected = (v1 + ratio**2 * v0) / control.mean() ** 2
    assert found.std_error[0] ** 2 == pytest.approx(expected, rel=1e-10)
    assert found.uncertainty.df.tolist() == [50.0]
    assert found.terms[0].unit == "share of the untreated level"
    assert found.id == "diff:relative"


def test_a_relative_effect_of_several_terms_is_the_numerical_gradient_through_their_joint_covariance() -> None:
    rng = np.random.default_rng(1)
    root = rng.normal(size=(6, 6)) * 0.1
    joint = root @ root.T
    value, level = np.array([1.0, -0.5, 2.0]), np.array([4.0, 6.0, 5.0])
    made = estimate(
        "three",
        value,
        uncertainty=Normal(joint[:3, :3]),
        baseline=Baseline(level, joint[3:, 3:], joint[:3, 3:]),
    )
    at = np.concatenate([value, level])
    gradient = np.array(
        [((at + h)[:3] / (at + h)[3:] - (at - h)[:3] / (at - h)[3:]) / 2e-6 for h in np.eye(6) * 1e-6]
    ).T
    np.testing.assert_allclose(made.relative().uncertainty.vcov, gradient @ joint @ gradient.T, rtol=1e-6)


def test_a_relative_effect_has_the_spread_of_its_bootstrap() -> None:
    control, treated = two_arms(2, 500)
    found = from_arms(control, treated).relative()
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 500, (2, 4_000, 500))
    draws = treated[rows[1]].mean(axis=1) / control[rows[0]].mean(axis=1) - 1
    assert found.std_error[0] == pytest.approx(draws.std(ddof=1), rel=4 / np.sqrt(2 * 4_000))


def test_there_is_no_relative_effect_without_a_level_that_can_be_told_from_zero() -> None:
    with pytest.raises(IdentificationError, match="no untreated level"):
        estimate("bare").relative()
    with pytest.raises(IdentificationError, match="cannot be told from zero"):
        estimate("weak", baseline=solid(0.39, 0.04)).relative()
    assert estimate("strong", baseline=solid(0.4, 0.04)).relative().value[0] == pytest.approx(2.5)
    with pytest.raises(UnsupportedError, match="no covariance"):
        estimate("draws", uncertainty=Draws(np.ones((3, 1)), "bootstrap"), baseline=solid()).relative()


def test_draws_give_percentiles_their_spread_and_the_smaller_tail() -> None:
    values = np.arange(-10.0, 90.0)[:, None]
    made = estimate("boot", [39.5], uncertainty=Draws(values, "bootstrap"))
    np.testing.assert_allclose(made.interval(0.9), [[-5.05, 84.05]], rtol=1e-12)
    assert made.std_error == pytest.approx([values.std(ddof=1)])
    assert made.p_value == pytest.approx([2 * 12 / 101])
    mapped = made.combine(np.array([[2.0], [-1.0]]), (Term("twice"), Term("minus")))
    assert mapped.uncertainty.values[3].tolist() == [-14.0, 7.0]


def test_a_posterior_has_no_p_value_and_an_unknown_uncertainty_has_nothing() -> None:
    posterior = estimate("bayes", uncertainty=Draws(np.ones((4, 1)), "posterior"))
    with pytest.raises(UnsupportedError, match="no p-value"):
        _ = posterior.p_value
    unknown = estimate("u", uncertainty=Unknown("one cluster."))
    with pytest.raises(UnsupportedError, match="There is no interval: one cluster"):
        unknown.interval()
    (row,) = unknown.summary()
    assert (row["std_error"], row["ci"], row["p_value"]) == (None, None, None)
    assert unknown.combine(np.ones((1, 1)), unknown.terms).uncertainty.kind == "unknown"


def test_a_joint_interval_of_draws_covers_all_terms_in_the_stated_share_of_them() -> None:
    values = np.random.default_rng(0).normal(size=(2_000, 4)) * [1.0, 2.0, 3.0, 4.0]
    made = estimate("boot", np.zeros(4), uncertainty=Draws(values, "bootstrap"))
    low, high = made.interval(0.9, joint=True).T
    inside = ((values >= low) & (values <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=1 / 2_000)


def test_a_term_without_spread_has_an_interval_and_no_p_value() -> None:
    made = estimate("flat", [2.0], uncertainty=Normal(np.zeros((1, 1))))
    assert made.interval().tolist() == [[2.0, 2.0]]
    assert made.summary()[0]["p_value"] is None


def test_a_data_frame_has_a_row_per_term() -> None:
    frame = estimate("two", [1.0, 2.0]).to_frame()
    assert frame["value"].tolist() == [1.0, 2.0]
    assert frame["id"].tolist() == ["two", "two"]
    assert frame["at"].tolist() == ["{'term': 0}", "{'term': 1}"]
    assert frame["ci_low"][0] == pytest.approx(1 - Z)
