"""What a simulated rollout is, and how it draws a table of units over periods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from estimand.core.design import Design, as_design
from estimand.laboratory.worlds.mark import marked
from estimand.laboratory.worlds.world import OUTCOME, TREATMENT, Draw
from estimand.stats.arrays import AnyArray, Floats, Ints

UNIT, TIME, COHORT, STATE = "unit", "period", "first_treated", "state"
FIRST_PERIOD = 2001
NODES = 200
Alter: TypeAlias = Callable[[np.random.Generator, "Observed"], "Observed"]


@dataclass(frozen=True, slots=True)
class Wave:
    """Units that are first treated in the same period.

    Attributes
    ----------
    start : int
        Position of that period.
    share : float
        Of clusters; of units where they decide for themselves it is the share at the covariate's mean.
    effect, growth : float
        Effect in the first treated period, and what each further period adds.
    """

    start: int
    share: float
    effect: float
    growth: float = 0.0

    def after(self, steps: Floats) -> Floats:
        """Effect some steps after the start; nothing before."""
        return np.where(steps >= 0.0, self.effect + self.growth * steps, 0.0)


@dataclass(frozen=True, slots=True)
class Shocks:
    """Noise of a rollout: standard deviations, and how much of each lasts into the next period.

    Attributes
    ----------
    cluster, cluster_lasts : float
        Of shocks that the units of a cluster share.
    unit, unit_lasts : float
        Of each unit's own.
    """

    cluster: float = 0.0
    cluster_lasts: float = 0.0
    unit: float = 1.0
    unit_lasts: float = 0.0


@dataclass(frozen=True, slots=True)
class Drift:
    """A covariate that decides who adopts when, and how untreated outcomes move.

    Attributes
    ----------
    adoption : float
        Log odds of each wave, against never, that a standard deviation of the covariate adds.
    trend : float
        What a standard deviation adds to the untreated outcome in each period.
    effect : float
        What it adds to the effect.
    """

    adoption: float
    trend: float
    effect: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Rows of a rollout, each shape (n,), before they become a table.

    Attributes
    ----------
    unit, cluster, period, start : ndarray
        ``start`` is the position of the first treated period, the number of periods where never.
    treated : ndarray
        1 in rows that are treated.
    outcome, effect, level : ndarray
        ``effect`` is what treatment adds to the row's outcome in expectation given its wave and period; ``level`` is
        the unit's own.
    """

    unit: Ints
    cluster: Ints
    period: Ints
    start: Ints
    treated: Ints
    outcome: Floats
    effect: Floats
    level: Floats

    def take(self, rows: AnyArray) -> "Observed":
        """Keep some of the rows."""
        return Observed(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """A simulated rollout.

    The outcome of unit i of cluster c in period t is its level, which later waves have lower, plus the period's, plus
    shared and own shocks, plus the effect of its wave once it is treated. Clusters are put into waves by lot.

    Attributes
    ----------
    key : str
    says : str
        What is so in it, in a sentence.
    sizes : tuple of int
        Units of each cluster.
    waves : tuple of Wave
        The rest is never treated.
    periods : int
    shocks : Shocks
    drift : Drift, optional
        Then units, each a cluster, decide for themselves; the table shows the covariate and one without use.
    followed : bool
        Whether units are followed; else each period draws others of the same clusters.
    dated : bool
        Whether the design names the first treated period instead of the treatment.
    alter : callable, optional
        What is wrong with the rows.
    design : mapping
        Fields of the design that differ.
    for_checks : bool
        Whether only checks are measured in it.
    """

    key: str
    says: str
    sizes: tuple[int, ...]
    waves: tuple[Wave, ...]
    periods: int = 6
    shocks: Shocks = Shocks()
    drift: Drift | None = None
    followed: bool = True
    dated: bool = False
    alter: Alter | None = None
    design: Mapping[str, Any] = field(default_factory=dict)
    for_checks: bool = False

    @property
    def rows(self) -> int:
        """Rows that are drawn, before any are lost."""
        return sum(self.sizes) * self.periods

    def mapping(self) -> dict[str, Any]:
        """Return the design a user would give, as a study file has it."""
        given: dict[str, Any] = {"kind": "panel", "time": TIME, "outcome": OUTCOME}
        given |= {"unit": UNIT} if self.followed else {}
        given |= {"cohort": COHORT} if self.dated else {"treatment": TREATMENT}
        given |= {"covariates": ["x1", "x2"]} if self.drift is not None else {}
        given |= {"cluster": STATE} if max(self.sizes) > 1 else {}
        return given | dict(self.design)

    def declared(self) -> Design:
        """Return the design as the product reads it."""
        return as_design(self.mapping())

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draw one table."""
        units = sum(self.sizes)
        x: Floats = rng.standard_normal((units, 2))
        cluster = np.repeat(np.arange(len(self.sizes)), self.sizes)
        wave = self._chosen(rng, x[:, 0]) if self.drift is not None else self._lots(rng)[cluster]
        rows = self._rows(rng, x[:, 0], cluster, wave)
        if self.alter is not None:
            rows = self.alter(rng, rows)
        table: dict[str, Any] = {TIME: rows.period + FIRST_PERIOD, OUTCOME: rows.outcome}
        table |= {UNIT: rows.unit} if self.followed else {}
        table |= {COHORT: self._first(rows)} if self.dated else {TREATMENT: rows.treated}
        table |= {"x1": x[rows.unit, 0], "x2": x[rows.unit, 1]} if self.drift is not None else {}
        table |= {STATE: rows.cluster} if max(self.sizes) > 1 else {}
        return Draw(table, rows.effect)

    def mark(self, seed: int) -> str:
        """Fingerprint of what the world draws from a seed, so that numbers of another version are told apart."""
        return marked(self.mapping(), self.draw(np.random.default_rng(seed)).table)

    def _first(self, rows: Observed) -> Ints:
        return np.where(rows.start < self.periods, rows.start + FIRST_PERIOD, 0)

    def _lots(self, rng: np.random.Generator) -> Ints:
        """Wave of each cluster, the number of waves for never: shares of the clusters, drawn by lot."""
        clusters = len(self.sizes)
        ends = np.rint(np.cumsum([wave.share for wave in self.waves]) * clusters)
        return np.searchsorted(ends, rng.permutation(clusters), side="right").astype(np.int64)

    def _chances(self, x: Floats) -> Floats:
        """Chance of each wave, and last of never, given the covariate, shape (n, waves + 1)."""
        slope = 0.0 if self.drift is None else self.drift.adoption
        never = 1.0 - sum(wave.share for wave in self.waves)
        odds = np.column_stack([*(wave.share / never * np.exp(slope * x) for wave in self.waves), np.ones(x.shape[0])])
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _chosen(self, rng: np.random.Generator, x: Floats) -> Ints:
        below = np.cumsum(self._chances(x), axis=1)
        return np.asarray((rng.random((x.shape[0], 1)) > below).sum(axis=1), dtype=np.int64)

    def _rows(self, rng: np.random.Generator, x: Floats, cluster: Ints, wave: Ints) -> Observed:
        units, spread = wave.shape[0], np.arange(self.periods, dtype=float)
        start = np.array([*(each.start for each in self.waves), self.periods])[wave]
        person: Floats = rng.standard_normal((units, 1 if self.followed else self.periods))
        level = 0.5 * start[:, None] / self.periods + person
        shared = _lasting(rng, (len(self.sizes), self.periods), self.shocks.cluster, self.shocks.cluster_lasts)
        own = _lasting(rng, (units, self.periods), self.shocks.unit, self.shocks.unit_lasts)
        trend, slope = (0.0, 0.0) if self.drift is None else (self.drift.trend, self.drift.effect)
        untreated = level + np.sin(spread) + trend * x[:, None] * spread + shared[cluster] + own
        treated = spread >= start[:, None]
        typical = np.stack([*(each.after(spread - each.start) for each in self.waves), np.zeros(self.periods)])[wave]
        centre = np.zeros(units) if self.drift is None else self.centres()[wave]
        effect = typical + treated * slope * centre[:, None]
        outcome = untreated + effect + treated * slope * (x - centre)[:, None]
        return Observed(
            unit=np.repeat(np.arange(units), self.periods),
            cluster=np.repeat(cluster, self.periods),
            period=np.tile(np.arange(self.periods), units),
            start=np.repeat(start, self.periods),
            treated=treated.ravel().astype(np.int64),
            outcome=outcome.ravel(),
            effect=effect.ravel(),
            level=np.array(np.broadcast_to(level, outcome.shape)).ravel(),
        )

    def centres(self) -> Floats:
        """Mean of the covariate in each wave and last among the never treated, by quadrature, shape (waves + 1,)."""
        places, weights = _quadrature()
        mass = weights[:, None] * self._chances(places)
        return np.asarray(places @ mass / mass.sum(axis=0))


@cache
def _quadrature() -> tuple[Floats, Floats]:
    """Places and probabilities of a standard normal."""
    places, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return places, weights / weights.sum()


def _lasting(rng: np.random.Generator, shape: tuple[int, int], spread: float, lasts: float) -> Floats:
    """Shocks over time of a constant standard deviation, each next one keeping a part of the last."""
    shocks: Floats = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        shocks[:, t] = lasts * shocks[:, t - 1] + np.sqrt(1.0 - lasts**2) * shocks[:, t]
    return spread * shocks
