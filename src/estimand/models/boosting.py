"""Gradient-boosted trees by LightGBM: small trees, few bins, binned once, one thread a fit.

Ke et al. (2017). Small models with half the features per tree predict nuisances better, and faster, than
the library's defaults.
"""

from dataclasses import dataclass, field, replace
from threading import Lock

import lightgbm
import numpy as np
from pydantic import Field

from estimand.core.declared import Declared
from estimand.models.quality import log_loss, squared_loss
from estimand.models.trained import Lesson, Task, Trained, constant
from estimand.stats.arrays import Floats, Ints

ROUNDS: dict[Task, int] = {"regression": 100, "classification": 50}
LEAVES: dict[Task, int] = {"regression": 5, "classification": 3}
ROWS_BEFORE_GROWTH = 10_000
ROWS_FOR_ALL = 2_000
PATIENCE = 20


class Boosting(Declared):
    """Boosted trees.

    Parameters
    ----------
    rounds : int, optional
        Number of trees; 100 for a number, 50 for a probability, times the fourth root of n / 10,000 above that, and
        the square root of n / 2,000 below that: few rows are overfitted by many trees.
    leaves : int, optional
        Leaves per tree; 5 for a number, 3 for a probability.
    learning_rate : float
    min_leaf : int
        Rows in the smallest leaf; for a probability, rows of a balanced outcome's worth of information,
        Σ p(1 - p) ≥ min_leaf / 4, so that rare outcomes do not make leaves of pure noise.
    bins : int
        Histogram bins per feature.
    feature_fraction : float
        Share of the features each tree may use.
    left_out : float
        Share of the rows, drawn by the seed, on which the number of trees is chosen, from none to all of them, where
        the loss has not fallen for twenty; that number is then fitted to every row. With 0 every tree is kept.
    """

    rounds: int | None = Field(default=None, ge=1)
    leaves: int | None = Field(default=None, ge=2)
    learning_rate: float = Field(default=0.2, gt=0)
    min_leaf: int = Field(default=20, ge=1)
    bins: int = Field(default=63, ge=2, le=255)
    feature_fraction: float = Field(default=0.5, gt=0, le=1)
    left_out: float = Field(default=0.0, ge=0, lt=1)

    def prepare(self, features: Floats) -> "Binned":
        """Bin the features once, without looking at any outcome."""
        return Binned(self, features)

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit on one thread, deterministically for a seed."""
        return self.prepare(features).fit(np.arange(features.shape[0]), lesson)

    def binning(self) -> dict[str, object]:
        """Settings that decide the bins."""
        return {"max_bin": self.bins, "num_threads": 1, "verbosity": -1, "feature_pre_filter": False}

    def settings(self, lesson: Lesson) -> dict[str, object]:
        """Settings of one fit."""
        return self.binning() | {
            "objective": "binary" if lesson.task == "classification" else "regression",
            "num_leaves": self.leaves or LEAVES[lesson.task],
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_leaf,
            "min_sum_hessian_in_leaf": self.min_leaf / 4.0,
            "feature_fraction": self.feature_fraction,
            "seed": lesson.seed,
            "deterministic": True,
            "force_col_wise": True,
        }

    def trees(self, lesson: Lesson) -> int:
        """Number of trees of one fit."""
        if self.rounds is not None:
            return self.rounds
        rows = lesson.outcome.shape[0]
        growth = float(max(1.0, rows / ROWS_BEFORE_GROWTH) ** 0.25 * min(1.0, rows / ROWS_FOR_ALL) ** 0.5)
        return max(1, round(ROUNDS[lesson.task] * growth))


class StoppedBoosting(Boosting):
    """Boosted trees for noisy outcomes: small, and as many as rows left out ask for.

    What learners of effects regress is mostly noise, an outcome divided by a propensity, which a fixed number of trees
    would learn by heart. Options are those of ``boosting``.
    """

    rounds: int | None = Field(default=200, ge=1)
    leaves: int | None = Field(default=3, ge=2)
    left_out: float = Field(default=0.25, ge=0, lt=1)


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """Trees of LightGBM, in units of which the outcome had ``unit``."""

    booster: lightgbm.Booster
    unit: float

    def __call__(self, features: Floats) -> Floats:
        """Predict for features of shape (m, p)."""
        return np.asarray(self.booster.predict(features, num_threads=1), dtype=float) * self.unit


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """Features in bins, shared by the fits on subsets of their rows."""

    learner: Boosting
    features: Floats
    _guard: Lock = field(default_factory=Lock)
    _shared: list[lightgbm.Dataset] = field(default_factory=list)

    def beside(self, other: Boosting) -> "Binned":
        """The same features for another learner; one that bins alike takes these bins."""
        if other.binning() != self.learner.binning():
            return Binned(other, self.features)
        return replace(self, learner=other)

    def fit(self, rows: Ints, lesson: Lesson) -> Trained:
        """Fit to the features of the given rows."""
        if lesson.outcome.min() == lesson.outcome.max() or self.features.shape[1] == 0:
            return constant(lesson)
        settings = self.learner.settings(lesson)
        unit = _binary_unit(lesson)
        trees = self._chosen(rows, lesson, unit) if self.learner.left_out > 0.0 else self.learner.trees(lesson)
        if trees == 0:
            return constant(lesson)
        booster = lightgbm.train(settings, self._told(rows, lesson, unit), num_boost_round=trees)
        return Trained(BoostedTrees(booster, unit))

    def _chosen(self, rows: Ints, lesson: Lesson, unit: float) -> int:
        """Number of trees with the least loss on rows left out; none where their mean does better."""
        order = np.random.Generator(np.random.Philox(lesson.seed)).permutation(rows.shape[0])
        cut = round(self.learner.left_out * rows.shape[0])
        out, kept = np.sort(order[:cut]), np.sort(order[cut:])
        told = lesson.only(kept)
        if cut == 0 or told.outcome.min() == told.outcome.max():
            return self.learner.trees(lesson)
        losses: dict[str, dict[str, list[float]]] = {}
        asked = self._told(rows[out], lesson.only(out), unit)
        lightgbm.train(
            self.learner.settings(told),
            self._told(rows[kept], told, unit),
            num_boost_round=self.learner.trees(lesson),
            valid_sets=[asked],
            keep_training_booster=True,
            callbacks=[lightgbm.record_evaluation(losses), lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        (curve,) = losses["valid_0"].values()
        left, level = lesson.only(out), constant(told).predict(self.features[:cut]) / unit
        loss = log_loss if lesson.task == "classification" else squared_loss
        plain = loss(left.outcome / unit, level, left.weights)
        return int(np.argmin([plain, *curve]))

    def _told(self, rows: Ints, lesson: Lesson, unit: float) -> lightgbm.Dataset:
        """Rows in bins with their outcome and weights."""
        with self._guard:
            data = self._dataset().subset(rows.tolist(), params=self.learner.settings(lesson)).construct()
        data.set_label(lesson.outcome / unit)
        if lesson.weights is not None:
            data.set_weight(lesson.weights)
        return data

    def _dataset(self) -> lightgbm.Dataset:
        """Bin on first use; later fits find it done."""
        if not self._shared:
            settings = self.learner.binning()
            data = lightgbm.Dataset(self.features, params=settings)
            self._shared.append(data.construct())
        return self._shared[0]


def _binary_unit(lesson: Lesson) -> float:
    """Power of two of the outcome's size: trees work in single precision, and such a unit rounds nothing."""
    if lesson.task == "classification":
        return 1.0
    return float(np.ldexp(1.0, int(np.frexp(np.abs(lesson.outcome).max())[1])))
