"""Each learner on data it suits and on data it cannot have."""

import numpy as np
import pytest
from drawn import bank_of, frame_of
from sklearn.linear_model import LassoCV

import estimand as es
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.models.boosting import Boosting
from estimand.models.lasso import Lasso
from estimand.models.parametric import Linear
from estimand.models.quality import calibration_slope, log_loss, squared_loss
from estimand.models.stacking import stacked_share
from estimand.models.trained import Lesson

AUTO, LINEAR, TREES = (es.Learner(name) for name in ("auto", "linear", "boosting"))


def fitted(frame, outcome: str, learner: es.Learner) -> np.ndarray:
    return bank_of(frame, outcome).fit(Nuisance("mean", learner, FoldPlan(3)))[0].prediction


def share_of_trees(frame, outcome: str) -> float:
    """Share of the boosted prediction in the stack, read from the predictions themselves."""
    mixed, line, trees = (fitted(frame, outcome, learner) for learner in (AUTO, LINEAR, TREES))
    gap = trees - line
    share = float(gap @ (mixed - line) / (gap @ gap))
    np.testing.assert_allclose(mixed, (1 - share) * line + share * trees, atol=1e-10)
    return share


@pytest.mark.parametrize("outcome", ["y", "b"])
def test_auto_takes_the_line_for_lines_and_trees_for_steps(outcome: str) -> None:
    straight = share_of_trees(frame_of(11, n=1500), outcome)
    stepped = share_of_trees(frame_of(11, n=1500, shape="steps"), outcome)
    assert 0.0 <= straight < 0.25
    assert 0.75 < stepped <= 1.0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_share_minimises_the_loss_of_the_mixture(task: str, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0.1, 0.9, 400), rng.uniform(0.1, 0.9, 400)
    truth = 0.6 * first + 0.4 * second
    y = (rng.random(400) < truth).astype(float) if task == "classification" else truth + 0.1 * rng.normal(size=400)
    w = rng.uniform(0.2, 4.0, 400) if weighted else None
    loss = log_loss if task == "classification" else squared_loss
    found = stacked_share(y, first, second, task, w)
    grid = np.linspace(0.0, 1.0, 1001)
    best = grid[np.argmin([loss(y, (1 - s) * first + s * second, w) for s in grid])]
    assert found == pytest.approx(best, abs=2e-3)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_share_stays_within_zero_and_one(task: str) -> None:
    y = np.array([0.0, 1.0] * 20)
    good, bad = 0.8 * y + 0.1, 0.9 - 0.8 * y
    assert stacked_share(y, good, bad, task, None) == pytest.approx(0.0, abs=1e-3)
    assert stacked_share(y, bad, good, task, None) == pytest.approx(1.0, abs=1e-3)
    assert 0.0 <= stacked_share(y, good, good, task, None) <= 1.0


def test_an_outcome_model_that_fails_is_left_out_and_a_finding_says_so() -> None:
    frame = frame_of(12)
    frame.loc[frame["d"] == 0, "b"] = 0
    design = {"treatment": "d", "outcome": "b", "covariates": ["x1", "x2"]}
    made = es.estimate(frame, design, "aipw", folds=2, learner="auto")
    (finding,) = [item for item in made.findings if item.check == "aipw.learner"]
    assert finding.grade is es.Grade.NOTE
    assert "Learner 'linear' took no part in outcome 0" in finding.message
    assert np.isfinite(made.value[0])


def test_a_linear_propensity_that_separates_leaves_the_stack_with_a_note() -> None:
    frame = frame_of(12)
    frame["x3"] = (frame["d"] == 1) & (frame["x0"] > 1.0)
    design = {"treatment": "d", "outcome": "y", "covariates": ["x0", "x1", "x3"]}
    made = es.estimate(frame.astype({"x3": float}), design, "aipw", folds=2, learner="auto")
    notes = [finding.message for finding in made.findings if finding.check == "aipw.learner"]
    assert any("'linear' took no part in propensity" in note for note in notes)


def test_auto_needs_folds() -> None:
    design = {"treatment": "d", "outcome": "y", "covariates": ["x0"]}
    with pytest.raises(es.UnsupportedError, match="chooses by out-of-fold loss, and there are no folds"):
        es.estimate(frame_of(), design, "aipw", learner="auto", folds=1)
    with pytest.raises(es.DesignError, match="folds"):
        es.estimate(frame_of(), design, "dml", learner="auto", folds=1)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_lasso_finds_a_sparse_truth(task: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 40))
    mean = 1.5 * x[:, 0] - x[:, 1]
    y = mean + rng.normal(size=500) if task == "regression" else (mean + rng.logistic(size=500) > 0).astype(float)
    model = Lasso().fit(x, Lesson(y, task, 0))
    base = np.zeros((1, 40))

    def moved(column: int) -> float:
        step = base.copy()
        step[0, column] = 1.0
        return float(model.predict(step)[0] - model.predict(base)[0])

    assert moved(0) > 3.0 * max(abs(moved(j)) for j in range(2, 40))
    assert moved(1) < -2.0 * max(abs(moved(j)) for j in range(2, 40))
    assert sum(moved(j) == 0.0 for j in range(2, 40)) >= 15


@pytest.mark.parametrize("ratio", [10.0, 100.0, 1000.0])
def test_uneven_weights_do_not_lead_the_lasso_astray(ratio: float) -> None:
    frame = frame_of(13, n=400)
    w = np.where(np.arange(400) % 10 == 0, ratio, 1.0)
    x, y = frame[["x0", "x1"]].to_numpy(), frame["b"].to_numpy(float)
    found = Lasso().fit(x, Lesson(y, "classification", 0, w / w.mean())).predict(x)
    line = Linear().fit(x, Lesson(y, "classification", 0, w / w.mean())).predict(x)
    assert log_loss(y, found, w) == pytest.approx(log_loss(y, line, w), rel=0.1)


def test_the_lasso_of_a_number_is_scikit_learns_on_standardised_columns() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 10)) * rng.uniform(0.1, 50.0, 10)
    y = x[:, 0] / x[:, 0].std() + rng.normal(size=300)
    order = np.random.Generator(np.random.Philox(9)).permutation(300)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = LassoCV(alphas=30, cv=5, max_iter=20_000).fit(scaled[order], y[order], np.ones(300)).predict(scaled)
    np.testing.assert_allclose(Lasso().fit(x, Lesson(y, "regression", 9)).predict(x), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("learner", [Lasso(), Boosting()])
def test_a_constant_outcome_is_predicted_as_it_is(learner) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    for level, task in ((4.5, "regression"), (1.0, "classification")):
        assert learner.fit(x, Lesson(np.full(50, level), task, 0)).predict(x[:3]).tolist() == [level] * 3


def test_without_covariates_boosting_predicts_the_weighted_mean() -> None:
    y, w = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    made = Boosting().fit(np.empty((3, 0)), Lesson(y, "regression", 0, w))
    assert made.predict(np.empty((2, 0))).tolist() == [3.75, 3.75]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [({"leafs": 4}, "leaves"), ({"bins": 1}, "bins"), ({"learning_rate": 0.0}, "learning_rate")],
)
def test_a_wrong_parameter_is_refused_by_name(parameters: dict, says: str) -> None:
    with pytest.raises(es.DesignError, match=says):
        Boosting(**parameters)


def test_losses_and_calibration_by_hand() -> None:
    y, p, w = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.8]), np.array([1.0, 1.0, 2.0])
    assert log_loss(y, p) == pytest.approx(-(2 * np.log(0.5) + np.log(0.8)) / 3, rel=1e-12)
    assert squared_loss(y, p, w) == pytest.approx((0.25 + 0.25 + 2 * 0.04) / 4, rel=1e-12)
    assert calibration_slope(y, p) == pytest.approx((0.5) / 0.3, rel=1e-12)
    assert calibration_slope(y, np.full(3, 0.4)) == 0.0
    assert np.isfinite(log_loss(y, np.array([1.0, 0.0, 1.0])))


@pytest.mark.parametrize("power", [-98, 98])
def test_boosting_says_the_same_of_an_outcome_in_any_unit(power: int) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(400, 3))
    y = x[:, 0] + rng.normal(size=400)
    plain, scaled = (Boosting().fit(x, Lesson(y * unit, "regression", 0)).predict(x) for unit in (1.0, 2.0**power))
    assert (scaled / 2.0**power == plain).all()
