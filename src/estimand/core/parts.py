"""What an estimate is made of: its terms, whom it is about, and the untreated level behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode, number
from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Term(Frozen):
    """One number of an estimate.

    Attributes
    ----------
    label : str
        For people.
    at : mapping
        Where it sits: ``{"arm": "B"}``, ``{"cohort": 2004, "period": 2006}``.
    unit : str or None
        Unit of the value.
    """

    label: str
    at: Mapping[str, Any] = FrozenMap({})
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Population:
    """Whom the number is about.

    Attributes
    ----------
    label : str
        "everyone", "the treated", "complete cases", …
    n : int
        Rows.
    share : float
        Of the rows read.
    rule : str or None
        What left the others out.
    """

    label: str
    n: int
    share: float
    rule: str | None = None

    def to_dict(self) -> dict[str, Json]:
        """Return the population as JSON."""
        return {"label": self.label, "n": self.n, "share": number(self.share), "rule": self.rule}


@dataclass(frozen=True, slots=True, eq=False)
class Baseline(Frozen):
    """The untreated level behind each term, with what a relative effect needs.

    Attributes
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
        Covariance of the levels.
    cross : ndarray of shape (k, k)
        ``cross[i, j]`` is the covariance of term i's value and term j's level.
    """

    value: Floats
    vcov: Floats
    cross: Floats

    def to_dict(self) -> dict[str, Json]:
        """Return the levels as JSON."""
        return {"value": encode(self.value), "vcov": encode(self.vcov), "cross": encode(self.cross)}
