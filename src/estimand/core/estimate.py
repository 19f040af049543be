"""The only thing a method may return: values, what they estimate, and how uncertain they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from estimand.core.display import format_interval, format_number, html_table, markdown_table, markdown_text
from estimand.core.finding import Finding
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.influence import Influence
from estimand.core.jsonable import ArrayStore, Json, decode, encode, number
from estimand.core.needed import TEST, UNIT, inverted
from estimand.core.parts import Baseline, Population, Term
from estimand.core.question import Target
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal, Regions, Uncertainty, hull, uncertainty_from_dict
from estimand.errors import DesignError, IdentificationError, UnsupportedError
from estimand.stats.arrays import AnyArray, Floats
from estimand.stats.fieller import fieller_set
from estimand.stats.intervals import Scale, critical_value, scale_slope, to_scale

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Baseline", "Estimate", "Population", "Term"]

FAR_FROM_ZERO = 0.95
NEEDED_LEVELS = (0.8, 0.9, 0.95, 0.99)


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
    binary : bool
        Whether the outcome is zeros and ones, so that a difference is one of risks.
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
    binary: bool = False

    @property
    def scale(self) -> Scale:
        """Scale whose zero is no effect: "log" for a ratio."""
        return self.uncertainty.scale if isinstance(self.uncertainty, Normal | Draws) else "identity"

    @property
    def scaled(self) -> Floats:
        """Values on that scale, shape (k,): a difference as it is, the log of a ratio."""
        return to_scale(self.value, self.scale)

    @property
    def scaled_error(self) -> Floats:
        """Standard errors on that scale, shape (k,)."""
        return np.asarray(self.std_error / np.abs(scale_slope(self.value, self.scale)))

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

    def relative(self, interval: Literal["delta", "fieller"] = "delta") -> "Estimate":
        """Effect as a share of the untreated level.

        Parameters
        ----------
        interval : "delta" | "fieller"
            By the full-covariance delta method, or as the set of shares that a test of their own does not reject,
            which is not symmetric, and holds where the level is uncertain.

        Raises
        ------
        IdentificationError
            If no untreated level is known, or its interval reaches zero.
        UnsupportedError
            If the uncertainty is not a covariance on the identity scale.
        """
        if self.scale != "identity":
            raise UnsupportedError(
                f"'{self.id}' is a ratio already.",
                remedy="Subtract 1 from a ratio of means and its interval; for a share of another level, use "
                "contrast: difference.",
            )
        base = self._solid_baseline()
        if not isinstance(self.uncertainty, Normal):
            raise UnsupportedError(
                f"'{self.id}' has no covariance from which to form a relative effect.",
                remedy="Use a method that reports a covariance.",
            )
        ratio = self.value / base.value
        by_value, by_level = np.diag(1.0 / base.value), np.diag(-ratio / base.value)
        mixed = by_value @ base.cross @ by_level
        vcov = by_value @ self.uncertainty.vcov @ by_value + by_level @ base.vcov @ by_level + mixed + mixed.T
        found: Uncertainty = replace(self.uncertainty, vcov=vcov)
        return replace(
            self,
            id=f"{self.id}:relative",
            terms=tuple(replace(term, unit="share of the untreated level") for term in self.terms),
            value=ratio,
            uncertainty=found if interval == "delta" else self._fieller(self.uncertainty, base),
            baseline=None,
            influence=None,
            details=FrozenMap({}),
        )

    def _fieller(self, plain: Normal, base: Baseline) -> Regions:
        """Sets of the effects as shares of the level, with the p-values of no effect."""
        segments = {}
        for level in sorted({*NEEDED_LEVELS, self.level}):
            critical = critical_value(level, plain.df, self.value.shape[0])
            segments[f"{level:g}"] = tuple(
                fieller_set(
                    float(self.value[j]),
                    float(base.value[j]),
                    (float(plain.vcov[j, j]), float(base.cross[j, j]), float(base.vcov[j, j])),
                    float(critical[j]),
                )
                for j in range(self.value.shape[0])
            )
        return Regions(FrozenMap(segments), "Fieller", plain.p_value(self.value))

    def number_needed_to_treat(self) -> "Estimate":
        """How many to treat for one event more, or below zero for one fewer: 1 over the risk difference.

        Its set is that of the risk difference, inverted: where that holds zero, two pieces without a far end.
        Altman (1998), doi:10.1136/bmj.317.7168.1309.

        Raises
        ------
        UnsupportedError
            If the estimate is not a risk difference that claims an effect, or has no interval.
        IdentificationError
            If an effect is exactly zero.
        """
        self._refuse_not_a_risk_difference()
        if (self.value == 0.0).any():
            raise IdentificationError(
                f"'{self.id}' is zero: no number of treated makes an event more or fewer.",
                remedy="Report the risk difference and its interval.",
            )
        sets = self.uncertainty
        if isinstance(sets, Regions):
            segments = {key: tuple(inverted(pieces) for pieces in found) for key, found in sets.segments.items()}
        else:
            bounds = {level: self.interval(level) for level in sorted({*NEEDED_LEVELS, self.level})}
            segments = {
                f"{level:g}": tuple(inverted(((float(low), float(high)),)) for low, high in found)
                for level, found in bounds.items()
            }
        return replace(
            self,
            id=f"{self.id}:needed",
            terms=tuple(replace(term, unit=UNIT) for term in self.terms),
            value=1.0 / self.value,
            uncertainty=Regions(FrozenMap(segments), TEST, sets.p_value(self.value)),
            baseline=None,
            influence=None,
            details=FrozenMap({}),
            binary=False,
        )

    def _refuse_not_a_risk_difference(self) -> None:
        if not self.binary:
            why, remedy = "is not of an outcome of zeros and ones", "Report the effect in the outcome's unit."
        elif self.scale != "identity":
            why, remedy = "is a ratio", "Use contrast: difference."
        elif self.target is Target.ASSOCIATION:
            why, remedy = "adjusts for nothing, so nothing says what treating does", "Use a method that adjusts."
        else:
            return
        raise UnsupportedError(f"'{self.id}' {why}: it has no number needed to treat.", remedy=remedy)

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
            "binary": self.binary,
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
            binary=data.get("binary", False),
        )
