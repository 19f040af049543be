"""The only thing a method may return: values, what they estimate, and how uncertain they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from estimand.core.display import format_interval, format_number, html_table, markdown_table, markdown_text
from estimand.core.finding import Finding
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.influence import Influence
from estimand.core.jsonable import ArrayStore, Json, decode, encode, number
from estimand.core.question import Target
from estimand.core.table import Table
from estimand.core.uncertainty import Normal, Regions, Uncertainty, hull, uncertainty_from_dict
from estimand.errors import DesignError, IdentificationError, UnsupportedError
from estimand.stats.arrays import AnyArray, Floats
from estimand.stats.intervals import critical_value

if TYPE_CHECKING:
    import pandas as pd

FAR_FROM_ZERO = 0.95


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


@dataclass(frozen=True, slots=True, eq=False)
class Estimate(Frozen):
    """Values of one method for one outcome.

    Attributes
    ----------
    id, method, outcome : str
    options : mapping
        The method's options as run.
    target : Target
    population : Population
    terms : tuple of Term, of length k
        The first is the headline.
    value : ndarray of shape (k,)
    uncertainty : Normal | Draws | Regions | Unknown
    n_obs : int
        Rows used.
    inference : str
        Class of the inference: "influence", "small_sample", …
    level : float
        Confidence level shown by default.
    baseline : Baseline or None
    influence : Influence or None
    details : mapping
        Declared by the method: name, shape, unit.
    findings : tuple of Finding
        What the method did that a reader should know.
    """

    id: str
    method: str
    options: Mapping[str, Any]
    outcome: str
    target: Target
    population: Population
    terms: tuple[Term, ...]
    value: Floats
    uncertainty: Uncertainty
    n_obs: int
    inference: str
    level: float = 0.95
    baseline: Baseline | None = None
    influence: Influence | None = None
    details: Mapping[str, Any] = FrozenMap({})
    findings: tuple[Finding, ...] = ()

    @property
    def std_error(self) -> Floats:
        """Standard errors, shape (k,).

        Raises
        ------
        UnsupportedError
            If the uncertainty has none.
        """
        found = self.uncertainty.std_error(self.value)
        if found is None:
            raise UnsupportedError(
                f"'{self.id}' has no standard error: its uncertainty is {self.uncertainty.kind}.",
                remedy="Read interval() or uncertainty instead.",
            )
        return found

    @property
    def p_value(self) -> Floats:
        """P-values of no effect, shape (k,).

        Raises
        ------
        UnsupportedError
            If the uncertainty has none.
        """
        found = self.uncertainty.p_value(self.value)
        if found is None:
            raise UnsupportedError(
                f"'{self.id}' has no p-value: its uncertainty is {self.uncertainty.kind}.",
                remedy="Read interval() or uncertainty instead.",
            )
        return found

    def interval(self, level: float | None = None, joint: bool = False) -> Floats:
        """Confidence interval per term, shape (k, 2); ``joint`` covers all terms at once."""
        wanted = self.level if level is None else level
        if not 0.0 < wanted < 1.0:
            raise DesignError(
                f"A confidence level of {wanted:g} does not exist.", remedy="Give one between 0 and 1, such as 0.95."
            )
        return self.uncertainty.interval(self.value, wanted, joint)

    def combine(self, matrix: Floats, terms: tuple[Term, ...]) -> "Estimate":
        """Linear combinations of the terms.

        Parameters
        ----------
        matrix : ndarray of shape (j, k)
        terms : tuple of Term, of length j
        """
        weights = np.atleast_2d(np.asarray(matrix, dtype=float))
        return replace(
            self,
            terms=terms,
            value=weights @ self.value,
            uncertainty=self.uncertainty.mapped(weights),
            baseline=None,
            influence=None if self.influence is None else self.influence.mapped(weights),
            details=FrozenMap({}),
        )

    def relative(self) -> "Estimate":
        """Effect as a share of the untreated level, by the full-covariance delta method.

        Raises
        ------
        IdentificationError
            If no untreated level is known, or its interval reaches zero.
        UnsupportedError
            If the uncertainty is not a covariance on the identity scale.
        """
        base = self._solid_baseline()
        if not isinstance(self.uncertainty, Normal) or self.uncertainty.scale != "identity":
            raise UnsupportedError(
                f"'{self.id}' has no covariance from which to form a relative effect.",
                remedy="Use a method that reports a covariance.",
            )
        ratio = self.value / base.value
        by_value, by_level = np.diag(1.0 / base.value), np.diag(-ratio / base.value)
        mixed = by_value @ base.cross @ by_level
        vcov = by_value @ self.uncertainty.vcov @ by_value + by_level @ base.vcov @ by_level + mixed + mixed.T
        return replace(
            self,
            id=f"{self.id}:relative",
            terms=tuple(replace(term, unit="share of the untreated level") for term in self.terms),
            value=ratio,
            uncertainty=replace(self.uncertainty, vcov=vcov),
            baseline=None,
            influence=None,
            details=FrozenMap({}),
        )

    def _solid_baseline(self) -> Baseline:
        if self.baseline is None:
            raise IdentificationError(
                f"'{self.id}' has no untreated level, so no relative effect.",
                remedy="Report the absolute effect.",
            )
        reach = critical_value(FAR_FROM_ZERO, None, self.baseline.value.shape[0])
        if (np.abs(self.baseline.value) <= reach * np.sqrt(np.diag(self.baseline.vcov))).any():
            raise IdentificationError(
                f"The untreated level of '{self.id}' cannot be told from zero: no relative effect.",
                remedy="Report the absolute effect.",
                found=self.baseline.value.tolist(),
            )
        return self.baseline

    def summary(self) -> tuple[dict[str, Json], ...]:
        """One plain row per term: label, place, value, std_error, ci, p_value; None where undefined."""
        std = self.uncertainty.std_error(self.value)
        p = self.uncertainty.p_value(self.value)
        bounds = self._bounds()
        return tuple(
            {
                "label": term.label,
                "at": encode(term.at),
                "unit": term.unit,
                "value": number(float(self.value[j])),
                "std_error": None if std is None else number(float(std[j])),
                "ci": bounds[j],
                "p_value": None if p is None else number(float(p[j])),
            }
            for j, term in enumerate(self.terms)
        )

    def _bounds(self) -> list[list[float | None] | None]:
        """Interval per term as JSON: an infinite end is null, an undefined interval is null."""
        if isinstance(self.uncertainty, Regions):
            hulls = [hull(pieces) for pieces in self.uncertainty.at(self.level)]
            return [None if ends is None else [number(ends[0]), number(ends[1])] for ends in hulls]
        if self.uncertainty.kind == "unknown":
            return [None] * len(self.terms)
        return [[number(float(low)), number(float(high))] for low, high in self.interval()]

    def _repr_html_(self) -> str:
        return html_table(self._caption(), *self._shown())

    def _repr_markdown_(self) -> str:
        return f"{markdown_text(self._caption())}\n\n{markdown_table(*self._shown())}"

    def _caption(self) -> str:
        naive = "; naive: not adjusted" if self.target is Target.ASSOCIATION else ""
        return f"{self.id}: {self.target.words} ({self.target}), on {self.outcome}; n = {self.n_obs:,}{naive}"

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the table a notebook shows."""
        header = ["term", "estimate", "std. error", f"{100 * self.level:g}% interval"]
        rows = [
            [row["label"], format_number(row["value"]), format_number(row["std_error"]), format_interval(row["ci"])]
            for row in self.summary()
        ]
        return header, rows

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per term as a pandas data frame."""
        rows = self.summary()
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
        columns["ci_low"] = [None if ends is None else ends[0] for ends in columns["ci"]]
        columns["ci_high"] = [None if ends is None else ends[1] for ends in columns.pop("ci")]
        columns["at"] = [str(place) if place else "" for place in columns["at"]]
        fixed = {"id": self.id, "method": self.method, "outcome": self.outcome, "target": str(self.target)}
        return Table({name: [text] * len(rows) for name, text in fixed.items()} | columns).to_frame()

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the estimate as JSON; large arrays go to ``store`` by hash."""
        return {
            "id": self.id,
            "method": self.method,
            "options": encode(self.options, store),
            "outcome": self.outcome,
            "target": str(self.target),
            "population": self.population.to_dict(),
            "n_obs": self.n_obs,
            "inference": self.inference,
            "level": self.level,
            "terms": [dict(row) for row in self.summary()],
            "uncertainty": self.uncertainty.to_dict(store),
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "influence": None if self.influence is None else self.influence.to_dict(store),
            "details": encode(self.details, store),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, AnyArray] | None = None) -> "Estimate":
        """Rebuild an estimate from its JSON; without ``arrays``, large ones stay references."""
        baseline = data["baseline"]
        influence = data["influence"]
        return cls(
            id=data["id"],
            method=data["method"],
            options=FrozenMap(data["options"]),
            outcome=data["outcome"],
            target=Target(data["target"]),
            population=Population(**data["population"]),
            terms=tuple(Term(row["label"], FrozenMap(row["at"]), row["unit"]) for row in data["terms"]),
            value=np.array([row["value"] for row in data["terms"]], dtype=float),
            uncertainty=uncertainty_from_dict(data["uncertainty"], arrays),
            n_obs=data["n_obs"],
            inference=data["inference"],
            level=data["level"],
            baseline=None if baseline is None else Baseline(**{k: np.array(v) for k, v in baseline.items()}),
            influence=None if influence is None else Influence.from_dict(influence, arrays),
            details=FrozenMap(decode(data["details"], arrays)),
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
        )
