"""What a bundled dataset says about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode


@dataclass(frozen=True, slots=True, eq=False)
class DatasetCard(Frozen):
    """Description of a bundled dataset.

    Attributes
    ----------
    name, title : str
    rows : int
        Of :func:`estimand.data.datasets.load`.
    source : str
        Where it comes from.
    licence : str
        Under which terms.
    needs : str or None
        What to install before it can be loaded.
    design, question : mapping
        As a study file takes them.
    truth : mapping or None
        True values, where the data are simulated.
    others : mapping
        What else can be asked of it: designs and questions by name.
    """

    name: str
    title: str
    rows: int
    source: str
    licence: str
    needs: str | None
    design: Mapping[str, Any]
    question: Mapping[str, Any]
    truth: Mapping[str, float] | None = None
    others: Mapping[str, Any] = FrozenMap({})

    def to_dict(self) -> dict[str, Json]:
        """Return the card as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "rows": self.rows,
            "source": self.source,
            "licence": self.licence,
            "needs": self.needs,
            **self.attributes(),
        }

    def attributes(self) -> dict[str, Any]:
        """Return what a loaded frame carries in ``attrs``: name, design, question, truth and others."""
        return {
            "name": self.name,
            "design": encode(self.design),
            "question": encode(self.question),
            "truth": encode(self.truth),
            "others": encode(self.others),
        }


@dataclass(frozen=True, slots=True)
class Simulation:
    """How a bundled dataset is simulated.

    Attributes
    ----------
    card : DatasetCard
        Its rows are those that are drawn where no number is given.
    seed : int
        Where none is given.
    fewest : int
        Rows below which the simulation is refused.
    draw : callable
        From rows and seed to a frame and the truth behind it.
    """

    card: DatasetCard
    seed: int
    fewest: int
    draw: Callable[[int, int], tuple[pd.DataFrame, dict[str, float]]]
