"""A grown causal forest: effects on the rows it grew on, effects on new rows, and a file of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.run import Run
from estimand.errors import DesignError
from estimand.models.forest.binning import Cuts
from estimand.models.forest.centring import Centring
from estimand.models.forest.columns import read_features
from estimand.models.forest.settings import ForestSettings
from estimand.models.forest.solving import solved
from estimand.models.forest.trees import Trees
from estimand.models.stored import Form, store, stored
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import flat
from estimand.stats.intervals import critical_value

if TYPE_CHECKING:
    from typing import Literal

FORM = Form("causal forest", "forest", 1, "GrownForest.save")
ARRAYS = ("effects", "effect_std_error", "importance")


class EffectIntervals(NamedTuple):
    """Effects with pointwise intervals, each of shape (m,), or (m, K) with several treatments."""

    effect: Floats
    std_error: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, eq=False)
class GrownForest(Frozen):
    """A causal forest that has been grown.

    Attributes
    ----------
    settings : ForestSettings
    columns : tuple of str or None
        Names of the features, where they had any.
    treatments : tuple of str, of length K
    cuts : Cuts
    trees : Trees
    effects : ndarray of shape (n,) or (n, K)
        Out of bag: of trees whose whole bag missed the row.
    effect_std_error : ndarray of shape (n,) or (n, K)
    importance : ndarray of shape (p,)
        Share of early splits on each feature.
    centring : Centring
        Out-of-fold predictions that were taken off.
    """

    settings: ForestSettings
    columns: tuple[str, ...] | None
    treatments: tuple[str, ...]
    cuts: Cuts
    trees: Trees
    effects: Floats
    effect_std_error: Floats
    importance: Floats
    centring: Centring

    @overload
    def effect(self, X: Any, interval: "Literal[False]" = False, level: float = 0.95, threads: int = 1) -> Floats: ...

    @overload
    def effect(self, X: Any, interval: "Literal[True]", level: float = 0.95, threads: int = 1) -> EffectIntervals: ...

    def effect(self, X: Any, interval: bool = False, level: float = 0.95, threads: int = 1) -> Floats | EffectIntervals:
        """Effect of one unit more of each treatment on new rows.

        Parameters
        ----------
        X : table or ndarray of shape (m, p)
            The columns the forest grew on, in their order.
        interval : bool
            Whether to give standard errors and pointwise intervals too.
        level : float
        threads : int

        Raises
        ------
        DesignError
            If the columns are others.
        """
        features, names = read_features(X)
        self._refuse_others(names)
        codes = self.cuts.codes(features)
        gathered = self.trees.gathered(codes, self.cuts.bins - 1, Run(0, threads), products=interval)
        value, variance = solved(gathered, len(self.treatments), products=interval)
        if not interval:
            return flat(value)
        error = np.sqrt(variance)
        reach = critical_value(level, None, 1) * error
        return EffectIntervals(flat(value), flat(error), flat(value - reach), flat(value + reach))

    def save(self, path: str | Path) -> None:
        """Write the forest to a file that :meth:`load` reads."""
        head = {
            "settings": self.settings.model_dump(mode="json", include=set(ForestSettings.model_fields)),
            "columns": self.columns,
            "treatments": self.treatments,
            "bins": self.cuts.bins,
        }
        arrays = {
            "cuts": self.cuts.values,
            "cut_ends": self.cuts.ends,
            "nodes": self.trees.nodes,
            "means": self.trees.means,
            "ends": self.trees.ends,
            "outcome": self.centring.outcome,
            "dose": self.centring.treatments,
            **{name: getattr(self, name) for name in ARRAYS},
        }
        store(path, FORM, head, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "GrownForest":
        """Read a forest from its file.

        Raises
        ------
        DataError
            If it is not one, or of a later version.
        """
        head, arrays = stored(path, FORM)
        return cls(
            settings=ForestSettings(**head["settings"]),
            columns=None if head["columns"] is None else tuple(head["columns"]),
            treatments=tuple(head["treatments"]),
            cuts=Cuts(arrays["cuts"], arrays["cut_ends"], head["bins"]),
            trees=Trees(arrays["nodes"], arrays["means"], arrays["ends"]),
            centring=Centring(arrays["outcome"], arrays["dose"]),
            **{name: arrays[name] for name in ARRAYS},
        )

    def _refuse_others(self, names: tuple[str, ...] | None) -> None:
        if names is not None and self.columns is not None and names != self.columns:
            raise DesignError(
                "These are not the columns the forest grew on, or not in their order.",
                remedy="Give the columns it grew on, in their order.",
                found=names,
                expected=self.columns,
            )
