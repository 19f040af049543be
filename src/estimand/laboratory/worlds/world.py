"""What a simulated world is, and how it draws a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import ndtr, stdtr

from estimand.core.design import Design, as_design
from estimand.laboratory.worlds.mark import marked
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints

Surface: TypeAlias = Callable[[Floats], Floats]
Column: TypeAlias = Callable[[np.random.Generator, "Rows"], AnyArray]
NoiseKind: TypeAlias = Literal["normal", "heavy", "binary"]
HEAVY_DF = 3.0
APART = ("negative_controls", "negative_exposures")
TREATMENT, OUTCOME, CLUSTER = "treated", "outcome", "cluster"


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups within which rows depend on each other.

    Attributes
    ----------
    sizes : tuple of int
        Rows of each cluster.
    shared : float
        Share of each covariate's variance that a cluster's rows have in common.
    level : float
        Standard deviation of a cluster's own outcome level.
    effect : float
        Standard deviation of a cluster's own part of the effect.
    assigned : bool
        Whether half of the clusters are treated as a whole, drawn by lot, whatever the propensity.
    """

    sizes: tuple[int, ...]
    shared: float = 0.3
    level: float = 0.5
    effect: float = 0.3
    assigned: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What was drawn, before it becomes a table.

    Attributes
    ----------
    covariates : ndarray of shape (n, p)
    arm : ndarray of shape (n,)
    outcome : ndarray of shape (n,)
    effect : ndarray of shape (n,)
        What treatment does to each row, on average over its noise.
    """

    covariates: Floats
    arm: Ints
    outcome: Floats
    effect: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One table of a world, and the effect on each of its rows.

    Attributes
    ----------
    table : mapping of str to ndarray of shape (n,)
    effect : ndarray of shape (n,)
    """

    table: Mapping[str, Any]
    effect: Floats


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A simulated world.

    Covariates are independent standard normals. The arm is drawn with probability ``propensity(x)``; the outcome is
    ``untreated(x) + arm * effect(x)`` plus noise, or for a binary one a draw with that probability.

    Attributes
    ----------
    key : str
    says : str
        What is so in it, in a sentence.
    rows, covariates : int
    deciding : int
        How many leading covariates the propensity, the effect and whatever is not linear in the outcome depend on;
        the others enter the outcome linearly or not at all.
    propensity, untreated, effect : callable
        From covariates (n, p) to (n,).
    noise : "normal" | "heavy" | "binary"
        Standard normal, t with three degrees of freedom, or a binary outcome.
    observed : pair of callables, optional
        Probability that the outcome of an untreated, of a treated row is observed.
    clusters : Clusters, optional
    hidden : tuple of int
        Covariates that the table does not show.
    columns : mapping of str to callable
        Columns made after the outcome; covariates, but for those the design names negative controls or timestamp.
    repeats : int
        How many of the last rows are the first ones again.
    design : mapping
        Fields of the design besides treatment, outcome, covariates and cluster.
    for_checks : bool
        Whether only checks are measured in it: what the methods assume does not hold, or there is no one truth.
    """

    key: str
    says: str
    rows: int
    covariates: int
    deciding: int
    propensity: Surface
    untreated: Surface
    effect: Surface
    noise: NoiseKind = "normal"
    observed: tuple[Surface, Surface] | None = None
    clusters: Clusters | None = None
    hidden: tuple[int, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    repeats: int = 0
    design: Mapping[str, Any] = field(default_factory=dict)
    for_checks: bool = False

    def mapping(self) -> dict[str, Any]:
        """Return the design a user would give, as a study file has it."""
        roles = self.design.get("roles", {})
        apart = [roles.get("timestamp"), *(name for role in APART for name in roles.get(role, ()))]
        given: dict[str, Any] = {
            "kind": "observational",
            "treatment": TREATMENT,
            "outcome": OUTCOME,
            "covariates": [*self._shown(), *(name for name in self.columns if name not in apart)],
        }
        if self.clusters is not None:
            given["cluster"] = CLUSTER
        return given | dict(self.design)

    def declared(self) -> Design:
        """Return the design as the product reads it."""
        return as_design(self.mapping())

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draw one table."""
        group = self._groups()
        x = self._covariates(rng, group)
        arm = self._assigned(rng, x, group)
        level, effect = self._means(rng, x, group)
        rows = Rows(x, arm, self._outcome(rng, level + arm * effect), effect)
        table: dict[str, Any] = {name: x[:, j] for j, name in self._places()}
        table |= {TREATMENT: arm, OUTCOME: self._seen(rng, rows)}
        table |= {} if group is None else {CLUSTER: group}
        table |= {name: make(rng, rows) for name, make in self.columns.items()}
        again = np.arange(self.rows)
        again[self.rows - self.repeats :] = np.arange(self.repeats)
        return Draw({name: np.asarray(values)[again] for name, values in table.items()}, effect[again])

    def mark(self, seed: int) -> str:
        """Fingerprint of what the world draws from a seed, so that numbers of another version are told apart."""
        return marked(self.mapping(), self.draw(np.random.default_rng(seed)).table)

    def distribution(self, arm: int) -> Callable[[Floats], Floats]:
        """Distribution function of the outcome's noise in one arm, for an outcome that is not binary."""
        if self.noise == "heavy":
            return lambda z: np.asarray(stdtr(HEAVY_DF, z))
        parts = (0.0, 0.0) if self.clusters is None else (self.clusters.level, arm * self.clusters.effect)
        spread = float(np.sqrt(1.0 + sum(part**2 for part in parts)))
        return lambda z: np.asarray(ndtr(z / spread))

    def _shown(self) -> list[str]:
        return [name for _, name in self._places()]

    def _places(self) -> list[tuple[int, str]]:
        return [(j, f"x{j + 1}") for j in range(self.covariates) if j not in self.hidden]

    def _groups(self) -> Ints | None:
        if self.clusters is None:
            return None
        return np.repeat(np.arange(len(self.clusters.sizes)), self.clusters.sizes)

    def _covariates(self, rng: np.random.Generator, group: Ints | None) -> Floats:
        own: Floats = rng.standard_normal((self.rows, self.covariates))
        if self.clusters is None or group is None:
            return own
        common = rng.standard_normal((len(self.clusters.sizes), self.covariates))[group]
        return np.asarray(np.sqrt(1.0 - self.clusters.shared) * own + np.sqrt(self.clusters.shared) * common)

    def _assigned(self, rng: np.random.Generator, x: Floats, group: Ints | None) -> Ints:
        if self.clusters is not None and group is not None and self.clusters.assigned:
            lots = rng.permutation(len(self.clusters.sizes))
            return np.asarray(lots[group] < len(self.clusters.sizes) // 2, dtype=np.int64)
        return np.asarray(rng.random(self.rows) < self.propensity(x), dtype=np.int64)

    def _means(self, rng: np.random.Generator, x: Floats, group: Ints | None) -> tuple[Floats, Floats]:
        """Untreated mean and effect of each row, a cluster's own parts in them."""
        level, effect = self.untreated(x), self.effect(x)
        if self.clusters is None or group is None:
            return level, effect
        own = rng.standard_normal((len(self.clusters.sizes), 2))[group]
        return level + self.clusters.level * own[:, 0], effect + self.clusters.effect * own[:, 1]

    def _outcome(self, rng: np.random.Generator, mean: Floats) -> Floats:
        if self.noise == "binary":
            return np.asarray(rng.random(self.rows) < mean, dtype=float)
        noise = rng.standard_t(HEAVY_DF, self.rows) if self.noise == "heavy" else rng.standard_normal(self.rows)
        return np.asarray(mean + noise)

    def _seen(self, rng: np.random.Generator, rows: Rows) -> Floats:
        """Outcome where it is observed, not-a-number elsewhere."""
        if self.observed is None:
            return rows.outcome
        chance = np.where(rows.arm == 1, self.observed[1](rows.covariates), self.observed[0](rows.covariates))
        present: Bools = rng.random(self.rows) < chance
        return np.where(present, rows.outcome, np.nan)
