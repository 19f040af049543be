"""The causal forest as an estimator: settings that fit, and a grown forest that answers."""

from typing import Any

import numpy as np
from pydantic import Field, PrivateAttr

from estimand.core.learner import Learner, LearnerOption
from estimand.core.run import Run
from estimand.errors import DesignError
from estimand.models.forest.binning import find_cuts
from estimand.models.forest.centring import Centring, Rows, centred
from estimand.models.forest.columns import (
    Treatments,
    read_clusters,
    read_column,
    read_features,
    read_treatments,
    read_weights,
)
from estimand.models.forest.grown import GrownForest
from estimand.models.forest.growth import Ground, grow
from estimand.models.forest.settings import ForestSettings
from estimand.models.forest.solving import solved
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import flat


class CausalForest(ForestSettings):
    r"""How the effect of treatments varies with covariates: E[Y(w + 1) - Y(w) | X = x].

    Outcome and treatments less what the covariates predict of them out of fold; trees that split where effects differ,
    each split on part of a half-sample and filled from the rest; effects from a regression weighted by how often
    rows share a leaf. Assumes no unmeasured confounding given the covariates, and overlap. With a dose, effects are
    those of one unit more, averaged over the doses by their variance.

    Variance: between bags of two trees, each bag on a half-sample of its own, less the noise within bags. It is
    pointwise, and leaves out the bias that any smoothing has: see the coverage published with the benchmarks.

    Parameters
    ----------
    trees, sample_fraction, mtry, guided, min_leaf, alpha, imbalance_penalty, honesty, split_share, bins
        See :class:`~estimand.models.forest.settings.ForestSettings`.
    learner : Learner
        Predicts outcome and treatments.
    treatment_learner : Learner, optional
        Replaces ``learner`` for the treatments.
    folds : int
        For those predictions.
    seed : int

    References
    ----------
    Athey, Tibshirani & Wager 2019, doi:10.1214/18-AOS1709; Wager & Athey 2018, doi:10.1080/01621459.2017.1319839;
    Nie & Wager 2021, doi:10.1093/biomet/asaa076.

    Examples
    --------
    >>> import numpy as np
    >>> from estimand.models.forest.causal import CausalForest
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.normal(size=(500, 3)), rng.integers(0, 2, 500)
    >>> forest = CausalForest(trees=100).fit(x, w, x[:, 1] + w * (x[:, 0] > 0) + rng.normal(size=500))
    >>> forest.effect(x[:2]).shape
    (2,)
    """

    learner: LearnerOption = Learner("boosting")
    treatment_learner: LearnerOption | None = None
    folds: int = Field(default=5, ge=2)
    seed: int = Field(default=0, ge=0)
    _grown: GrownForest | None = PrivateAttr(default=None)

    def fit(
        self, X: Any, treatment: Any, outcome: Any, *, weights: Any = None, cluster: Any = None, threads: int = 1
    ) -> GrownForest:
        """Grow a forest.

        Parameters
        ----------
        X : table or ndarray of shape (n, p)
            Numbers; missing values are let through, and sent to the better side of each split.
        treatment : column or ndarray of shape (n,) or (n, K)
            Zeros and ones, doses, or labels of arms of which the first in order is control.
        outcome : column or ndarray of shape (n,)
        weights : ndarray of shape (n,), optional
            Sampling weights.
        cluster : ndarray of shape (n,), optional
            Clusters are drawn whole.
        threads : int
            Batches side by side; the answer does not depend on it.

        Raises
        ------
        EstimandError
            If the data cannot be used; the message says what to do.
        """
        features, names = read_features(X)
        n = features.shape[0]
        treatments = read_treatments(treatment, n)
        rows = Rows(
            features,
            read_column(outcome, "outcome", n),
            treatments.values,
            read_weights(weights, n),
            read_clusters(cluster, n),
        )
        run = Run(self.seed, threads)
        level = centred(rows, (self.learner, self.treatment_learner or self.learner), self.folds, run)
        self._grown = self.grown(rows, level, (treatments, names), run)
        return self._grown

    def predict(self, X: Any) -> Floats:
        """Effect on new rows, by the forest last fitted, under the name that pipelines call.

        Raises
        ------
        DesignError
            If it was not fitted, or the columns are others.
        """
        if self._grown is None:
            raise DesignError("This CausalForest was not fitted.", remedy="Call fit first.")
        return self._grown.effect(X)

    def __sklearn_is_fitted__(self) -> bool:
        return self._grown is not None

    def grown(
        self, rows: Rows, level: Centring, named: tuple[Treatments, tuple[str, ...] | None], run: Run
    ) -> GrownForest:
        """Grow on rows whose predictions are known."""
        cuts = find_cuts(rows.features, self.bins)
        ground = Ground.centred(cuts.codes(rows.features), rows, level)
        made = grow(ground, self, run, keep=True)
        effects, variance = solved(made.gathered, rows.treatments.shape[1])
        return GrownForest(
            settings=type(self)(**self.get_params()),
            columns=named[1],
            treatments=named[0].names,
            cuts=cuts,
            trees=made.kept(),
            effects=flat(effects),
            effect_std_error=flat(np.sqrt(variance)),
            importance=made.importance,
            centring=level,
        )
