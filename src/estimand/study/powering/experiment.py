"""The power model of an experiment, from a history or from numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.stats.arrays import Floats, Ints
from estimand.study.powering.facts import RATES, Facts
from estimand.study.powering.history import History, drawn_from, read_history
from estimand.study.powering.model import Drawn, Precision
from estimand.study.powering.numbers import drawn_by_numbers, facts_from_numbers, spread_in_words
from estimand.study.powering.question import PowerQuestion

# Names of the columns that a simulated experiment has.
NAMES = ("value", "denominator", "covariate", "covariate_denominator")
ARM, CLUSTER = "arm", "cluster"
FEWEST_OF_AN_ARM = 3.0
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentPower:
    """Precision of an experiment on one metric.

    Attributes
    ----------
    asked : PowerQuestion
    facts : Facts
    history : History or None
    """

    asked: PowerQuestion
    facts: Facts
    history: History | None = None

    @property
    def level(self) -> float:
        """Control's level of the metric."""
        return self.facts.level

    @property
    def shares(self) -> Floats:
        """Share of each arm, shape (a,)."""
        return np.array(self.asked.planned.shares(self.asked.arms))

    @property
    def least_units(self) -> float:
        """Units at which the smallest arm has two, or two clusters, beside what is fitted in it."""
        own = (FEWEST_OF_AN_ARM + self.facts.slopes) * self.facts.cluster_size
        return float(own / self.shares.min())

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted, in words."""
        return (*self._about_values(), *self._about_effect(), *self._about_arms())

    @property
    def details(self) -> Mapping[str, float]:
        """Variance of one unit, the share of it that history leaves, and what clusters multiply it by."""
        facts = self.facts
        return {"variance": facts.variance, "residual": facts.residual, "design_effect": facts.design_effect}

    def groups(self, units: float) -> Mapping[str, int]:
        """Units of each arm, rounded up."""
        each = np.ceil(units * self.shares - ROUNDING).astype(int).tolist()
        return dict(zip(self.asked.arms, each, strict=True))

    def precision(self, units: float, effect: float) -> Precision:
        """Precision with a number of units over all arms, and a true effect in the metric's unit."""
        return Precision(*self.facts.std_errors(self.shares * units, effect))

    def draw(self, units: int, effect: float, rng: np.random.Generator) -> Drawn:
        """Draw units of control, assign them, and give those treated the effect."""
        if self.history is None:
            columns, cluster = drawn_by_numbers(self.asked, self.facts, units, rng)
        else:
            columns, cluster = drawn_from(self.history, units, rng)
        arm = _assigned(self.shares, columns[0].shape[0], cluster, rng)
        names = self._names()
        treated = arm > 0
        value = columns[0].copy()
        below = columns[1][treated] if "denominator" in names else None
        value[treated] = _moved(self.facts, value[treated], below, effect, rng)
        held = dict(zip(names, (value, *columns[1:]), strict=True))
        labels = np.array(self.asked.arms)[arm]
        where = {} if cluster is None else {CLUSTER: cluster}
        method = "quantile" if self.facts.kind == "quantile" else "cuped" if self.facts.slopes else "difference"
        return Drawn(held | {ARM: labels} | where, self._design(cluster), method, self._worst(effect))

    def _worst(self, effect: float) -> int:
        return int(self.precision(1e6, effect).std_error.argmax())

    def _names(self) -> tuple[str, ...]:
        metric = self.asked.metric
        history = metric.covariate is not None if self.history is not None else self.facts.slopes > 0
        below = self.history is not None and metric.covariate_denominator is not None
        wanted = (True, metric.kind == "ratio", history, below)
        return tuple(name for name, there in zip(NAMES, wanted, strict=True) if there)

    def _design(self, cluster: Ints | None) -> Experiment:
        """Design of what is drawn: the metric is computed already, so it is read as it is."""
        names, kind = self._names(), self.facts.kind
        plain = "proportion" if kind in RATES else kind if kind in {"ratio", "quantile"} else "mean"
        parts = {name: name for name in names if name != "value"}
        at = {"quantile": self.asked.metric.quantile} if kind == "quantile" else {}
        metric = Metric(**{"name": self.asked.metric.name, "column": "value", "kind": plain} | parts | at)
        where = {} if cluster is None else {"cluster": CLUSTER}
        planned = self.asked.planned.model_copy(update={"finished": True})
        return Experiment(
            **{"treatment": ARM, "control": self.asked.arms[0], "metrics": (metric,), "planned": planned} | where
        )

    def _about_values(self) -> tuple[str, ...]:
        if self.history is None:
            spread = spread_in_words(self.asked)
            return ("Level and spread are as given.", f"Where experiments are simulated, values are {spread}.")
        bare = self.history.without_history
        told = [f"The future is like {self.history.name}: {self.history.columns[0].shape[0]:,} units of it."]
        if self.asked.metric.covariate is not None:
            told.append(
                f"History explains {1.0 - self.facts.residual:.0%} of the variance of {self.asked.metric.name}"
                + (f"; {bare:.0%} of units have none." if bare > 0.0 else ".")
            )
        return tuple(told)

    def _about_effect(self) -> tuple[str, ...]:
        if self.asked.is_margin:
            return ()
        how = {
            "proportion": "moves some units from one answer to the other",
            "retention": "moves some units from one answer to the other",
            "count": "adds events at random, or takes some away",
            "revenue": "multiplies every value",
            "ratio": "adds the same for every unit of the denominator",
        }
        return (
            f"The effect on {self.asked.metric.name} {how.get(self.facts.kind, 'shifts every value by the same')}.",
        )

    def _about_arms(self) -> tuple[str, ...]:
        told = []
        if self.facts.cluster_size > 1.0:
            told.append(
                f"Clusters of {self.facts.cluster_size:.3g} units on average are assigned whole; the design effect "
                f"is {self.facts.design_effect:.3g}."
            )
        if self.asked.comparisons > 1:
            told.append(
                f"{self.asked.comparisons} comparisons share the error: each has {self.asked.alpha:.3g}, the first "
                f"step of {self.asked.planned.correction}."
            )
        return tuple(told)


def experiment_power(history: Any, asked: PowerQuestion) -> ExperimentPower:
    """Make the power model of an experiment, from a table of the past or from the numbers given.

    Raises
    ------
    EstimandError
        If neither says enough.
    """
    if history is None:
        return ExperimentPower(asked, facts_from_numbers(asked))
    read = read_history(history, asked)
    return ExperimentPower(asked, read.facts, read)


def _assigned(shares: Floats, units: int, cluster: Ints | None, rng: np.random.Generator) -> Ints:
    """Arm of every unit, in shares as exact as they can be, whole clusters together, in random order."""
    assigned = units if cluster is None else int(cluster[-1]) + 1
    edges = np.round(np.cumsum(shares) * assigned).astype(np.int64)
    arm = np.searchsorted(edges, np.arange(assigned), side="right")
    rng.shuffle(arm)
    return np.asarray(arm if cluster is None else arm[cluster])


def _moved(facts: Facts, value: Floats, below: Floats | None, effect: float, rng: np.random.Generator) -> Floats:
    """Values under treatment."""
    level = facts.level
    if facts.kind in RATES:
        chance = effect / (1.0 - level) if effect > 0.0 else -effect / level
        turned = rng.random(value.shape[0]) < chance
        return np.where(turned, 1.0 if effect > 0.0 else 0.0, value)
    if facts.kind == "count":
        if effect >= 0.0:
            return np.asarray(value + rng.poisson(effect, value.shape[0]))
        return rng.binomial(value.astype(np.int64), 1.0 + effect / level).astype(float)
    if facts.kind == "revenue":
        return np.asarray(value * (1.0 + effect / level))
    return np.asarray(value + effect * (1.0 if below is None else below))
