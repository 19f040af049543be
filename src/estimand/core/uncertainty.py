"""How an estimate is uncertain: a covariance, draws, confidence regions, or not known, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import ArrayRef, ArrayStore, Json, decode, encode, number
from estimand.errors import UnsupportedError
from estimand.stats.arrays import AnyArray, Floats
from estimand.stats.intervals import (
    Scale,
    bca_interval,
    critical_value,
    from_scale,
    scale_slope,
    sup_t_critical_value,
    to_scale,
    two_sided_p,
)

Segments: TypeAlias = tuple[tuple[float, float], ...]
POSTERIOR = "posterior"
DrawsRule: TypeAlias = Literal["percentile", "basic", "bca"]


@dataclass(frozen=True, slots=True, eq=False)
class Normal(Frozen):
    """Normal (or t) on a scale.

    Attributes
    ----------
    vcov : ndarray of shape (k, k)
        Covariance of the values on ``scale``.
    df : ndarray of shape (k,) or None
        Degrees of freedom per term; None is the normal.
    scale : "identity" | "log" | "logit"
        Scale on which the values are taken to be normal; intervals are formed there and mapped back.
    correction : str
        Name of the covariance ("HC3", "influence", …); "posterior" where it is one, which has no p-value.
    """

    kind: ClassVar[str] = "normal"
    vcov: Floats
    df: Floats | None = None
    scale: Scale = "identity"
    correction: str = "influence"

    def std_error(self, value: Floats) -> Floats:
        """Standard error on the natural scale (delta method), shape (k,)."""
        return np.asarray(np.sqrt(np.diag(self.vcov)) * np.abs(scale_slope(value, self.scale)))

    def interval(self, value: Floats, level: float, joint: bool) -> Floats:
        """Lower and upper bound per term, shape (k, 2)."""
        std = np.sqrt(np.diag(self.vcov))
        critical = critical_value(level, self.df, value.shape[0])
        if joint and value.shape[0] > 1:
            critical = np.maximum(critical, sup_t_critical_value(self.vcov, level, self.df))
        center = to_scale(value, self.scale)
        bounds = np.stack([center - critical * std, center + critical * std], axis=1)
        return from_scale(bounds, self.scale)

    def p_value(self, value: Floats) -> Floats | None:
        """P-value per term of 0, of a ratio of 1, or of a probability of one half.

        None for a posterior, and where a term has no spread.
        """
        std = np.sqrt(np.diag(self.vcov))
        if self.correction == POSTERIOR or not (std > 0.0).all():
            return None
        return two_sided_p(to_scale(value, self.scale) / std, self.df)

    def mapped(self, matrix: Floats) -> "Normal":
        """Uncertainty of linear combinations; the least degrees of freedom involved are kept."""
        if self.scale != "identity":
            raise UnsupportedError(
                f"Values on the {self.scale} scale do not combine linearly.",
                remedy="Combine them on their own scale, from the influence functions.",
            )
        used = matrix != 0.0
        df = None if self.df is None else np.where(used, self.df, np.inf).min(axis=1)
        return Normal(matrix @ self.vcov @ matrix.T, df, "identity", self.correction)

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the uncertainty as JSON."""
        df = None if self.df is None else [number(x) for x in self.df]
        return {
            "kind": self.kind,
            "vcov": [[number(cell) for cell in row] for row in self.vcov],
            "df": df,
            "scale": self.scale,
            "correction": self.correction,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Draws(Frozen):
    """Draws from a bootstrap or posterior distribution of the values.

    Attributes
    ----------
    values : ndarray of shape (b, k)
    draws : str
        What they are: "bootstrap", "posterior", "pairs", …
    rule : "percentile" | "basic" | "bca"
        How an interval is read off them.
    acceleration : ndarray of shape (k,) or None
        For "bca".
    scale : "identity" | "log" | "logit"
        Scale whose zero is no effect, and on which a basic interval mirrors the draws; draws are natural values.
    """

    kind: ClassVar[str] = "draws"
    values: Floats
    draws: str
    rule: DrawsRule = "percentile"
    acceleration: Floats | None = None
    scale: Scale = "identity"

    def std_error(self, value: Floats) -> Floats:
        """Standard deviation of the draws, shape (k,)."""
        return np.asarray(self.values.std(axis=0, ddof=1))

    def interval(self, value: Floats, level: float, joint: bool) -> Floats:
        """Interval per term by the rule, shape (k, 2); the joint one widens all terms alike."""
        if joint and value.shape[0] > 1:
            return self._band(value, level)
        if self.rule == "bca" and self.acceleration is not None:
            return bca_interval(self.values, value, self.acceleration, level)
        tail = (1.0 - level) / 2.0
        bounds = np.quantile(self.values, [tail, 1.0 - tail], axis=0).T
        return self._mirrored(value, bounds.T[::-1]).T if self.rule == "basic" else np.asarray(bounds)

    def _band(self, value: Floats, level: float) -> Floats:
        """Band of all terms: each its own standard error wide, times the quantile of the largest."""
        center, drawn = to_scale(value, self.scale), to_scale(self.values, self.scale)
        std = drawn.std(axis=0, ddof=1)
        live = std > 0.0
        width = np.quantile(np.abs((drawn - center)[:, live] / std[live]).max(axis=1), level) * std
        return from_scale(np.stack([center - width, center + width], axis=1), self.scale)

    def _mirrored(self, value: Floats, draws: Floats) -> Floats:
        """Draws of shape (b, k) mirrored at the value, on the scale."""
        return from_scale(2.0 * to_scale(value, self.scale) - to_scale(draws, self.scale), self.scale)

    def p_value(self, value: Floats) -> Floats | None:
        """Twice the smaller share of draws on one side of no effect, or of its mirror where the interval is basic.

        None for a posterior.
        """
        if self.draws == POSTERIOR:
            return None
        edge = from_scale(np.zeros_like(value), self.scale)
        if self.rule == "basic":
            edge = self._mirrored(value, edge)
        above = (1.0 + (self.values >= edge).sum(axis=0)) / (1.0 + self.values.shape[0])
        below = (1.0 + (self.values <= edge).sum(axis=0)) / (1.0 + self.values.shape[0])
        return np.asarray(np.minimum(1.0, 2.0 * np.minimum(above, below)))

    def mapped(self, matrix: Floats) -> "Draws":
        """Draws of linear combinations.

        Raises
        ------
        UnsupportedError
            If the rule is "bca", whose acceleration is known per term only, or the draws are of ratios.
        """
        if self.scale != "identity":
            raise UnsupportedError(
                f"Values on the {self.scale} scale do not combine linearly.",
                remedy="Combine them on their own scale.",
            )
        if self.rule == "bca":
            raise UnsupportedError(
                "The acceleration of BCa intervals is known for the terms, not for combinations of them.",
                remedy="Use interval: percentile or basic.",
            )
        return Draws(self.values @ matrix.T, self.draws, self.rule)

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the uncertainty as JSON."""
        plain = {"kind": self.kind, "values": encode(self.values, store), "draws": self.draws}
        return plain | {"rule": self.rule, "acceleration": encode(self.acceleration), "scale": self.scale}


@dataclass(frozen=True, slots=True, eq=False)
class Regions(Frozen):
    """Confidence sets found by inverting a test: perhaps unbounded, empty or in pieces.

    Attributes
    ----------
    segments : mapping of level to a tuple of segments per term
        ``{"0.95": (((-inf, 2.0),), ())}`` is an unbounded set, then an empty one. Ends may be infinite.
    test : str
        The test inverted: "Anderson-Rubin", "Fieller", …
    p : ndarray of shape (k,) or None
        P-value of no effect per term.
    """

    kind: ClassVar[str] = "regions"
    segments: Mapping[str, tuple[Segments, ...]]
    test: str
    p: Floats | None = None

    def at(self, level: float) -> tuple[Segments, ...]:
        """Return the set of each term at a level.

        Raises
        ------
        UnsupportedError
            If the sets were not computed at this level.
        """
        key = f"{level:g}"
        if key not in self.segments:
            raise UnsupportedError(
                f"The {self.test} sets were not computed at level {key}.",
                remedy=f"Ask for one of: {', '.join(self.segments)}; or run the study at that level.",
                found=key,
                expected=list(self.segments),
            )
        return self.segments[key]

    def std_error(self, value: Floats) -> Floats | None:
        """None: a set is not a value with a standard error."""
        return None

    def interval(self, value: Floats, level: float, joint: bool) -> Floats:
        """Hull of each term's set, shape (k, 2).

        Raises
        ------
        UnsupportedError
            If a set is empty, or a joint set of several terms is asked for.
        """
        if joint and value.shape[0] > 1:
            raise UnsupportedError(f"The {self.test} sets hold one term at a time.", remedy="Ask for joint=False.")
        hulls = [hull(pieces) for pieces in self.at(level)]
        if None in hulls:
            raise UnsupportedError(
                f"The {self.test} set at level {level:g} is empty: the data reject every value.",
                remedy="Read the sets with uncertainty.at(level); the model behind the test is in doubt.",
            )
        return np.array(hulls, dtype=float)

    def p_value(self, value: Floats) -> Floats | None:
        """P-value of the inverted test at no effect."""
        return self.p

    def mapped(self, matrix: Floats) -> "Regions":
        """Sets do not combine linearly."""
        raise UnsupportedError(
            f"{self.test} sets do not combine linearly.", remedy="Combine estimates that carry a covariance."
        )

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the sets as JSON; an infinite end is null."""
        sets = {
            level: [[[number(low), number(high)] for low, high in pieces] for pieces in terms]
            for level, terms in self.segments.items()
        }
        return {"kind": self.kind, "segments": sets, "test": self.test, "p": encode(self.p, store)}


@dataclass(frozen=True, slots=True, eq=False)
class Unknown(Frozen):
    """No uncertainty is claimed, and why.

    Attributes
    ----------
    reason : str
        A sentence.
    """

    kind: ClassVar[str] = "unknown"
    reason: str

    def std_error(self, value: Floats) -> Floats | None:
        """None."""
        return None

    def interval(self, value: Floats, level: float, joint: bool) -> Floats:
        """Refuse: there is no interval."""
        raise UnsupportedError(f"There is no interval: {self.reason}", remedy="Use a method that has one.")

    def p_value(self, value: Floats) -> Floats | None:
        """None."""
        return None

    def mapped(self, matrix: Floats) -> "Unknown":
        """Unknown stays unknown."""
        return self

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the reason as JSON."""
        return {"kind": self.kind, "reason": self.reason}


Uncertainty: TypeAlias = Normal | Draws | Regions | Unknown


def hull(pieces: Segments) -> tuple[float, float] | None:
    """Smallest interval around the pieces; None where there are none."""
    if not pieces:
        return None
    return min(low for low, _ in pieces), max(high for _, high in pieces)


def uncertainty_from_dict(data: Mapping[str, Any], arrays: Mapping[str, AnyArray] | None = None) -> Uncertainty:
    """Rebuild an uncertainty from its JSON; :class:`Unknown` where the array it names is not given."""
    kind = data["kind"]
    held = decode(data.get({"normal": "vcov", "draws": "values", "regions": "p"}.get(kind, "")), arrays)
    if isinstance(held, ArrayRef):
        return Unknown(f"array {held.sha256[:8]} is not beside the record.")
    if kind == "normal":
        df = data["df"]
        freedom = None if df is None else np.array([np.inf if x is None else x for x in df], dtype=float)
        return Normal(np.asarray(held, dtype=float), freedom, data["scale"], data["correction"])
    if kind == "draws":
        pull = data.get("acceleration")
        acceleration = None if pull is None else np.asarray(pull, dtype=float)
        rule, scale = data.get("rule", "percentile"), data.get("scale", "identity")
        return Draws(np.asarray(held, dtype=float), data["draws"], rule, acceleration, scale)
    if kind == "regions":
        p = None if held is None else np.asarray(held, dtype=float)
        return Regions(_segments(data["segments"]), data["test"], p)
    return Unknown(data["reason"])


def _segments(data: Mapping[str, Any]) -> Mapping[str, tuple[Segments, ...]]:
    return FrozenMap(
        {
            level: tuple(
                tuple((-np.inf if low is None else low, np.inf if high is None else high) for low, high in pieces)
                for pieces in terms
            )
            for level, terms in data.items()
        }
    )
