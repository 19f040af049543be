"""A regression forest, on the same trees: the mean outcome given covariates, with pointwise intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, PrivateAttr

from estimand.core.frozen import Frozen
from estimand.core.run import Run
from estimand.errors import DesignError
from estimand.models.forest.binning import Cuts, find_cuts
from estimand.models.forest.columns import read_clusters, read_column, read_features, read_weights
from estimand.models.forest.growth import Ground, grow
from estimand.models.forest.settings import ForestSettings
from estimand.models.forest.solving import solved
from estimand.models.forest.trees import Trees
from estimand.models.tags import InputTags, RegressorTags, Tags
from estimand.stats.arrays import Floats


class RegressionForest(ForestSettings):
    """Mean outcome given covariates, by honest trees; its variance is that between bags of two trees.

    Parameters
    ----------
    trees, sample_fraction, mtry, guided, min_leaf, alpha, imbalance_penalty, honesty, split_share, bins
        See :class:`~estimand.models.forest.settings.ForestSettings`.
    seed : int

    References
    ----------
    Athey, Tibshirani & Wager 2019, doi:10.1214/18-AOS1709.
    """

    seed: int = Field(default=0, ge=0)
    _grown: "GrownMeans | None" = PrivateAttr(default=None)

    def fit(self, X: Any, outcome: Any, *, weights: Any = None, cluster: Any = None, threads: int = 1) -> "GrownMeans":
        """Grow a forest on features (n, p) and an outcome (n,).

        Raises
        ------
        EstimandError
            If the data cannot be used; the message says what to do.
        """
        features, _ = read_features(X)
        n = features.shape[0]
        values, given, own = read_column(outcome, "outcome", n), read_weights(weights, n), read_clusters(cluster, n)
        weight = np.ones(n) if given is None else given
        center = float(np.average(values, weights=weight))
        cuts = find_cuts(features, self.bins)
        ground = Ground(
            cuts.codes(features), np.column_stack([weight, values - center]), np.arange(n) if own is None else own
        )
        made = grow(ground, self, Run(self.seed, threads), keep=True)
        means, variance = solved(made.gathered, 0)
        self._grown = GrownMeans(
            cuts, made.kept(), center, means[:, 0] + center, np.sqrt(variance[:, 0]), made.importance
        )
        return self._grown

    def predict(self, X: Any) -> Floats:
        """Mean outcome of new rows, by the forest last fitted, under the name that pipelines call.

        Raises
        ------
        DesignError
            If it was not fitted, or there are not as many columns.
        """
        if self._grown is None:
            raise DesignError("This RegressionForest was not fitted.", remedy="Call fit first.")
        return self._grown.predict(X)

    def __sklearn_is_fitted__(self) -> bool:
        return self._grown is not None

    def __sklearn_tags__(self) -> Tags:
        return Tags(estimator_type="regressor", regressor_tags=RegressorTags(), input_tags=InputTags(allow_nan=True))


@dataclass(frozen=True, slots=True, eq=False)
class GrownMeans(Frozen):
    """A regression forest that has been grown.

    Attributes
    ----------
    cuts : Cuts
    trees : Trees
    center : float
        Mean outcome, taken off before growing.
    means, std_error : ndarray of shape (n,)
        Out of bag.
    importance : ndarray of shape (p,)
    """

    cuts: Cuts
    trees: Trees
    center: float
    means: Floats
    std_error: Floats
    importance: Floats

    def predict(self, X: Any, threads: int = 1) -> Floats:
        """Mean outcome of new rows, shape (m,)."""
        features, _ = read_features(X)
        codes = self.cuts.codes(features)
        gathered = self.trees.gathered(codes, self.cuts.bins - 1, Run(0, threads), products=False)
        return np.asarray(solved(gathered, 0, products=False)[0][:, 0] + self.center)
