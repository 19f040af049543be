"""The nuisance bank: each fit once, out of fold, weighted, and the same bytes however it is asked."""

import numpy as np
import pytest
import statsmodels.api as sm
from drawn import bank_of, frame_of, sample_of
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor

import estimand as es
from estimand.core.frozen import FrozenMap
from estimand.core.learner import as_learner
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.run import Run
from estimand.models.bank import Cache, NuisanceBank
from estimand.models.boosting import Binned, Boosting
from estimand.models.trained import Lesson

LINEAR = es.Learner("linear")
SPLIT = FoldPlan(3)


class Counting(LinearRegression):
    """A regressor that counts its fits."""

    fits = 0

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


def test_each_nuisance_is_fitted_once_and_shared_by_the_banks_of_a_study() -> None:
    Counting.fits = 0
    learner, cache, frame = as_learner(Counting()), Cache(), frame_of()
    sample = sample_of(frame)
    bank = NuisanceBank(sample, "y", Run(0), cache)
    asked = Nuisance("outcome", learner, SPLIT, 1, False)
    first, again = bank.fit(asked, asked)
    assert first is again
    assert Counting.fits == 3
    assert NuisanceBank(sample, "y", Run(0), cache).outcome(1, learner, SPLIT, False) is first
    assert Counting.fits == 3
    assert NuisanceBank(sample, "y", Run(1), cache).outcome(1, learner, SPLIT, False) is not first
    assert Counting.fits == 6


def test_out_of_fold_predictions_are_those_of_models_that_never_saw_the_row() -> None:
    frame = frame_of(1)
    bank = bank_of(frame)
    fold = bank.fold_ids(SPLIT)
    x, y, d = frame[[f"x{j}" for j in range(4)]].to_numpy(), frame["y"].to_numpy(), frame["d"].to_numpy()
    z = sm.add_constant(x)
    for arm in (0, 1):
        expected = np.empty(len(y))
        for held in range(3):
            train = (fold != held) & (d == arm)
            expected[fold == held] = z[fold == held] @ sm.OLS(y[train], z[train]).fit().params
        np.testing.assert_allclose(bank.outcome(arm, LINEAR, SPLIT, False).prediction, expected, rtol=1e-8, atol=1e-10)
    mean = bank.fit(Nuisance("mean", LINEAR, SPLIT))[0]
    held = fold == 0
    np.testing.assert_allclose(mean.prediction[held], z[held] @ sm.OLS(y[~held], z[~held]).fit().params, rtol=1e-8)
    own = d == 1
    fit = bank.outcome(1, LINEAR, SPLIT, False)
    assert fit.loss["outcome[1]"] == pytest.approx(np.square(y - fit.prediction)[own].mean(), rel=1e-12)


@pytest.mark.parametrize("learner", ["linear", "boosting", "lasso", "auto"])
@pytest.mark.parametrize("outcome", ["y", "b"])
def test_threads_do_not_move_a_byte(learner: str, outcome: str) -> None:
    frame = frame_of(2, n=300)
    requests = [
        Nuisance(part, es.Learner(learner), FoldPlan(2), arm, False)
        for part, arm in (("propensity", None), ("outcome", 0), ("outcome", 1))
    ]
    one, two = (bank_of(frame, outcome, threads).fit(*requests) for threads in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert first.prediction.tobytes() == second.prediction.tobytes()
    alone = [bank_of(frame, outcome).fit(request)[0] for request in reversed(requests)]
    for first, second in zip(one, reversed(alone), strict=True):
        assert first.prediction.tobytes() == second.prediction.tobytes()


def test_shared_bins_predict_as_bins_of_ones_own() -> None:
    x = np.random.default_rng(3).integers(0, 6, size=(600, 4)).astype(float)
    y = x[:, 0] - x[:, 1] + np.random.default_rng(4).normal(size=600)
    learner, rows = Boosting(rounds=30), np.arange(0, 600, 2)
    shared = Binned(learner, x).fit(rows, Lesson(y[rows], "regression", 5))
    own = learner.fit(x[rows], Lesson(y[rows], "regression", 5))
    np.testing.assert_allclose(shared.predict(x[rows]), own.predict(x[rows]), rtol=1e-9, atol=1e-9)
    smooth = np.random.default_rng(0).normal(size=(2000, 3))
    target = smooth[:, 0] + 0.1 * smooth[:, 1] ** 2
    half = np.arange(0, 2000, 2)
    shared = Binned(learner, smooth).fit(half, Lesson(target[half], "regression", 5)).predict(smooth)
    own = learner.fit(smooth[half], Lesson(target[half], "regression", 5)).predict(smooth)
    assert np.square(shared - own).mean() < 0.02 * target.var()


@pytest.mark.parametrize("outcome", ["y", "b"])
@pytest.mark.parametrize("learner", ["linear", "boosting", "lasso", "auto"])
def test_weights_reach_every_learner(learner: str, outcome: str) -> None:
    """Where a tenth of the rows, of another kind, carry nearly all weight, the fit is theirs."""
    frame = frame_of(4, n=800)
    flipped = np.arange(800) % 10 == 0
    frame["y"] = np.where(flipped, -frame["y"], frame["y"])
    frame["b"] = np.where(flipped, 1 - frame["b"], frame["b"])
    frame["w"] = np.where(flipped, 300.0, 1.0)
    requests = (Nuisance("mean", es.Learner(learner), FoldPlan(2)),)
    plain = bank_of(frame, outcome).fit(*requests)[0].prediction
    weighted = bank_of(frame, outcome, weights="w").fit(*requests)[0].prediction
    assert np.corrcoef(plain, frame["x0"])[0, 1] > 0.5
    assert np.corrcoef(weighted, frame["x0"])[0, 1] < -0.5


def test_an_estimator_object_is_copied_weighted_and_refused_where_it_cannot_be() -> None:
    frame = frame_of(5)
    original = LinearRegression()
    learner = as_learner(original)
    weighted = bank_of(frame, weights="w").outcome(0, learner, SPLIT, False)
    own = bank_of(frame, weights="w").outcome(0, LINEAR, SPLIT, False)
    np.testing.assert_allclose(weighted.prediction, own.prediction, rtol=1e-8, atol=1e-10)
    assert not hasattr(original, "coef_")
    stubborn = as_learner(KNeighborsRegressor())
    assert bank_of(frame).outcome(0, stubborn, SPLIT, False).prediction.shape == (600,)
    with pytest.raises(es.UnsupportedError, match="takes no sample_weight"):
        bank_of(frame, weights="w").outcome(0, stubborn, SPLIT, False)
    with pytest.raises(es.UnsupportedError, match="is a classifier, and the outcome is a number"):
        bank_of(frame).outcome(0, as_learner(LogisticRegression()), SPLIT, False)
    chance = bank_of(frame, "b").outcome(0, as_learner(clone(LogisticRegression())), SPLIT, False).prediction
    assert ((chance > 0.0) & (chance < 1.0)).all()


def test_an_estimator_object_predicts_the_level_of_an_outcome_that_does_not_vary() -> None:
    frame = frame_of(6)
    frame.loc[frame["d"] == 0, "b"] = 0
    made = bank_of(frame, "b").outcome(0, as_learner(LogisticRegression()), SPLIT, False)
    assert made.prediction == pytest.approx(0.0)


def test_a_learner_given_no_such_parameter_names_the_nearest() -> None:
    wrong = es.Learner("boosting", FrozenMap({"round": 10}))
    with pytest.raises(es.DesignError, match=r"no field 'round'.*rounds"):
        bank_of(frame_of()).outcome(0, wrong, SPLIT, False)
    with pytest.raises(es.EstimandError, match="boosting"):
        bank_of(frame_of()).outcome(0, es.Learner("bosting"), SPLIT, False)


def test_several_arms_get_a_joint_model_in_sample_and_one_each_out_of_fold() -> None:
    frame = frame_of(7)
    frame["d"] = np.random.default_rng(7).integers(0, 3, len(frame))
    inside = bank_of(frame).propensity(LINEAR, FoldPlan(1))
    assert inside.prediction.sum(axis=1) == pytest.approx(1.0)
    assert inside.score is not None
    outside = bank_of(frame).propensity(LINEAR, SPLIT)
    assert outside.prediction.shape == (600, 3)
    assert outside.score is None
    assert set(outside.loss) == {"propensity[1]", "propensity[2]"}


@pytest.mark.parametrize("arms", [2, 3])
def test_a_fit_without_an_optimum_is_made_once_and_its_facts_are_kept(arms: int) -> None:
    frame = frame_of(2)
    frame["d"] = np.digitize(frame["x0"], [0.0, 1.0][: arms - 1])
    bank = bank_of(frame)
    learner, whole = es.Learner("logistic"), FoldPlan(1)
    facts = bank.attempt(learner, whole)
    assert facts is bank.attempt(learner, whole)
    assert facts.failure.separated
    np.testing.assert_allclose(facts.prediction, np.eye(arms)[frame["d"]], atol=1e-6)
    for _ in range(2):
        with pytest.raises(es.ConvergenceError, match="predict some rows perfectly"):
            bank.propensity(learner, whole)
    with pytest.raises(es.ConvergenceError, match="predict some rows perfectly"):
        bank.propensity(learner, FoldPlan(2))
