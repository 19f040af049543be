"""Design weights: frequencies are rows, sampling weights are people, precision weights are for regression alone."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated import confounded, coverage, design, holds

import estimand as es
from tests.repeated import by_day_and_night

LINEAR = {"learner": "linear", "folds": 2}
TAKEN = {
    "difference": {},
    "regression": {"covariance": "HC2"},
    "ipw": {},
    "aipw": LINEAR,
    "dml": LINEAR,
    "balancing": {},
    "gcomputation": {},
}
CASES = [
    *TAKEN.items(),
    ("ipw", {"target": "ATT"}),
    ("ipw", {"target": "ATO"}),
    ("dml", {"score": "plr", **LINEAR}),
    ("balancing", {"kind": "cbps"}),
    ("balancing", {"target": "ATO"}),
    ("gcomputation", {"target": "ATT"}),
    ("regression", {"interactions": False, "covariance": "classical"}),
]


def rows_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Each row as often as its frequency says."""
    return frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)


def same(first: es.Estimate, second: es.Estimate, rel: float) -> None:
    np.testing.assert_allclose(first.value, second.value, rtol=rel)
    np.testing.assert_allclose(first.uncertainty.vcov, second.uncertainty.vcov, rtol=rel)


@pytest.mark.parametrize(("method", "options"), CASES)
def test_frequencies_are_rows(method: str, options: dict) -> None:
    frame = confounded(51)
    plan = design(weights={"column": "f", "kind": "frequency"})
    if "folds" in options:
        fold = np.arange(len(frame)) % 3
        options = {**options, "folds": tuple(int(v) for v in np.repeat(fold, frame["f"]))}
    counted = es.estimate(frame, plan, method, **options)
    spelled = es.estimate(rows_of(frame), design(), method, **options)
    same(counted, spelled, 1e-8)
    assert counted.n_obs == frame["f"].sum()
    assert counted.influence.covariance() == pytest.approx(spelled.influence.covariance(), rel=1e-8)


def test_the_copies_of_a_row_share_a_fold() -> None:
    frame = confounded(52)
    made = es.estimate(frame, design(weights={"column": "f", "kind": "frequency"}), "aipw", **LINEAR)
    repeated = made.details["propensity"].reshape(-1)
    first = np.cumsum(frame["f"]) - frame["f"]
    np.testing.assert_array_equal(repeated, np.repeat(repeated[first], frame["f"]))


@pytest.mark.parametrize("contrast", ["difference", "ratio"])
def test_frequencies_are_rows_also_where_outcomes_are_missing(contrast: str) -> None:
    frame = confounded(53)
    frame["c"] = frame["c"].where(np.random.default_rng(0).random(len(frame)) < 0.7)
    options = {"standardise": "everyone", "family": "poisson", "contrast": contrast}
    plan = design(outcome="c", weights={"column": "f", "kind": "frequency"})
    counted = es.estimate(frame, plan, "gcomputation", **options)
    spelled = es.estimate(rows_of(frame), design(outcome="c"), "gcomputation", **options)
    same(counted, spelled, 1e-8)
    assert counted.influence.covariance() == pytest.approx(spelled.influence.covariance(), rel=1e-8)
    assert counted.influence.psi.shape == (frame["f"].sum(), 1)


@pytest.mark.parametrize(("method", "options"), [case for case in CASES if "classical" not in case[1].values()])
def test_equal_sampling_weights_change_nothing(method: str, options: dict) -> None:
    frame = confounded(54).assign(w=2.5)
    same(
        es.estimate(frame, design(weights="w"), method, **options),
        es.estimate(frame, design(), method, **options),
        1e-8,
    )


@pytest.mark.parametrize(("method", "options"), [case for case in CASES if "classical" not in case[1].values()])
def test_the_scale_of_sampling_weights_does_not_matter(method: str, options: dict) -> None:
    frame = confounded(55)
    small = es.estimate(frame, design(weights="w"), method, **options)
    large = es.estimate(frame.assign(w=1000.0 * frame["w"]), design(weights="w"), method, **options)
    same(small, large, 1e-8)
    assert abs(small.value[0] - es.estimate(frame, design(), method, **options).value[0]) > 1e-4


@pytest.mark.parametrize("outcome", ["y", "b"])
@pytest.mark.parametrize("learner", ["boosting", "lasso", "auto"])
def test_no_learner_feels_the_scale_of_the_weights(learner: str, outcome: str) -> None:
    frame = confounded(56)
    plan = design(outcome=outcome, weights="w")
    found = [
        es.estimate(frame.assign(w=scale * frame["w"]), plan, "aipw", learner=learner, folds=2)
        for scale in (1.0, 1024.0)
    ]
    same(found[0], found[1], 1e-8)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_regression_under_sampling_weights_is_weighted_least_squares(kind: str) -> None:
    frame = confounded(57)
    made = es.estimate(frame, design(weights="w"), "regression", interactions=False, covariance=kind)
    fit = sm.WLS(frame["y"], sm.add_constant(frame[["d", "x", "z"]]), weights=frame["w"]).fit(cov_type=kind)
    assert made.value[0] == pytest.approx(fit.params["d"], rel=1e-8)
    assert made.std_error[0] == pytest.approx(fit.bse["d"], rel=1e-8)


@pytest.mark.parametrize("kind", ["classical", "HC0", "HC3"])
def test_regression_under_precision_weights_is_weighted_least_squares(kind: str) -> None:
    frame = confounded(58)
    plan = design(weights={"column": "w", "kind": "precision"})
    made = es.estimate(frame, plan, "regression", interactions=False, covariance=kind)
    model = sm.WLS(frame["y"], sm.add_constant(frame[["d", "x", "z"]]), weights=frame["w"])
    fit = model.fit() if kind == "classical" else model.fit(cov_type=kind)
    assert made.value[0] == pytest.approx(fit.params["d"], rel=1e-8)
    assert made.std_error[0] == pytest.approx(fit.bse["d"], rel=1e-8)


def test_interacted_regression_under_weights_is_the_centred_weighted_regression() -> None:
    frame = confounded(59)
    made = es.estimate(
        frame, design(weights="w"), "regression", population="sample", covariance="HC0"
    )  # fmt: skip
    centred = frame[["x", "z"]] - np.average(frame[["x", "z"]], axis=0, weights=frame["w"])
    columns = np.column_stack([np.ones(len(frame)), frame["d"], centred, centred.mul(frame["d"], axis=0)])
    fit = sm.WLS(frame["y"].to_numpy(), columns, weights=frame["w"].to_numpy()).fit(cov_type="HC0")
    assert made.value[0] == pytest.approx(fit.params[1], rel=1e-8)
    assert made.std_error[0] == pytest.approx(fit.bse[1], rel=1e-8)


def test_the_weighted_difference_is_two_weighted_means_with_their_linearised_errors() -> None:
    frame = confounded(60)
    made = es.estimate(frame, design((), weights="w"), "difference")
    means, variance = [], 0.0
    for arm in (1, 0):
        y, w = (frame.loc[frame["d"] == arm, name].to_numpy() for name in ("y", "w"))
        means.append(np.average(y, weights=w))
        variance += np.square(w * (y - means[-1])).sum() / w.sum() ** 2 * len(y) / (len(y) - 1)
    assert made.value[0] == pytest.approx(means[0] - means[1], rel=1e-10)
    assert made.std_error[0] == pytest.approx(np.sqrt(variance), rel=1e-10)


@pytest.mark.parametrize(
    ("method", "options"),
    [("ipw", {}), ("aipw", {}), ("dml", {}), ("dml", {"score": "plr"}), ("gcomputation", {}), ("balancing", {})],
)
def test_precision_weights_are_refused_where_weights_must_speak_of_people(method: str, options: dict) -> None:
    plan = design(weights={"column": "w", "kind": "precision"})
    with pytest.raises(es.UnsupportedError, match=f"Method '{method}' averages over people") as caught:
        es.estimate(confounded(61), plan, method, **options)
    assert "regression" in caught.value.remedy


def test_the_classical_covariance_is_refused_under_sampling_weights() -> None:
    with pytest.raises(es.DesignError, match="does not hold under sampling weights"):
        es.estimate(confounded(62), design(weights="w"), "regression", covariance="classical")


def biased(seed: int) -> pd.DataFrame:
    """People with a large x are drawn more often, and the weights say so; the population's effect is 1."""
    frame = confounded(seed, n=900)
    chance = np.where(frame["x"] > 0.0, 0.9, 0.3)
    kept = np.random.default_rng([3, seed]).random(len(frame)) < chance
    return frame[kept].assign(w=1.0 / chance[kept])


@by_day_and_night(60, 150)
@pytest.mark.parametrize(("method", "options"), [("aipw", LINEAR), ("ipw", {})])
def test_sampling_weights_undo_a_biased_draw(method: str, options: dict, repetitions: int) -> None:
    holds(coverage(biased, design(weights="w"), method, 1.0, repetitions, **options), repetitions)
    plain = [es.estimate(biased(seed), design(), method, **options).value[0] for seed in range(30)]
    assert np.mean(plain) > 1.1
