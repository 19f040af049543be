"""A fitted learner of effects: effects on its own rows, effects on new rows, and a file of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimand.core.frozen import Frozen
from estimand.errors import DesignError
from estimand.models.effects.answers import EffectModel
from estimand.models.effects.columns import finite_features
from estimand.models.effects.written import read, written
from estimand.models.stored import Form, store, stored
from estimand.stats.arrays import AnyArray, Floats
from estimand.stats.effect_scores import flat

FORM = Form("learner of effects", "learner of effects", 1, "save")


@dataclass(frozen=True, slots=True, eq=False)
class FittedEffects(Frozen):
    """Effects given covariates, fitted.

    Attributes
    ----------
    kind : str
        Key of the learner, such as "t_learner".
    columns : tuple of str or None
        Names of the features, where they had any.
    width : int
        Number of features.
    treatments : tuple of str, of length K
    model : EffectModel
        Fitted on every row, for new ones.
    effects : ndarray of shape (n,) or (n, K)
        On the rows it was fitted on, each by a model that the row had no part in.
    importance : ndarray of shape (p,)
        Mean squared change of the effects when a feature is shuffled, as shares.
    notes : tuple of str
        What is to be said of the fits, such as a learner that could not take part.
    """

    kind: str
    columns: tuple[str, ...] | None
    width: int
    treatments: tuple[str, ...]
    model: EffectModel
    effects: Floats
    importance: Floats
    notes: tuple[str, ...] = ()

    def effect(self, X: Any) -> Floats:
        """Effect on new rows, shape (m,), or (m, K) with several arms.

        Parameters
        ----------
        X : table or ndarray of shape (m, p)
            The columns it was fitted on, in their order.

        Raises
        ------
        DesignError
            If the columns are others.
        DataError
            If some values are missing.
        """
        features, names = finite_features(X)
        others = names is not None and self.columns is not None and names != self.columns
        if others or features.shape[1] != self.width:
            raise DesignError(
                "These are not the columns the effects were fitted on, or not in their order.",
                remedy="Give the columns they were fitted on, in their order.",
                found=names or features.shape[1],
                expected=self.columns or self.width,
            )
        return flat(self.model(features))

    def save(self, path: str | Path) -> None:
        """Write to a file that :meth:`load` reads.

        Raises
        ------
        UnsupportedError
            If a learner is an object of another package.
        """
        arrays: dict[str, AnyArray] = {}
        head = {
            "kind": self.kind,
            "columns": self.columns,
            "width": self.width,
            "treatments": self.treatments,
            "notes": self.notes,
            "model": written(self.model, arrays),
        }
        store(path, FORM, head, {"effects": self.effects, "importance": self.importance, **arrays})

    @classmethod
    def load(cls, path: str | Path) -> "FittedEffects":
        """Read from a file.

        Raises
        ------
        DataError
            If it is not one, or of another version.
        """
        head, arrays = stored(path, FORM)
        return cls(
            kind=head["kind"],
            columns=None if head["columns"] is None else tuple(head["columns"]),
            width=head["width"],
            treatments=tuple(head["treatments"]),
            model=read(head["model"], arrays),
            effects=arrays["effects"],
            importance=arrays["importance"],
            notes=tuple(head["notes"]),
        )
