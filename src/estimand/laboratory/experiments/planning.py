"""Whether planned power is the share of simulated experiments that find the effect.

Every design is planned at a power of 0.8 by formula; that many units are drawn again and again, with the effect, and
read by the method that the plan names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pyarrow as pa

from estimand.core.experiment_rates import Rate
from estimand.core.frozen import FrozenMap
from estimand.core.run import Run
from estimand.laboratory.experiments.rules import POINTS, Share, near_points, ruled_if_told
from estimand.laboratory.experiments.tally import Part, Tally
from estimand.study.power import power
from estimand.study.powering.experiment import experiment_power
from estimand.study.powering.question import PowerQuestion
from estimand.study.powering.simulate import simulate
from estimand.study.powering.solve import Solver

BATCH, BATCHES, AGAIN = 250, 40, 160
# Repeated p-values take many times as long.
FEWER = FrozenMap({"four looks, O'Brien-Fleming": 8})
HISTORY_SEED, HISTORY_USERS, HISTORY_CLUSTERS = 20_261_122, 20_000, 7_000
MEAN: Mapping[str, Any] = FrozenMap({"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.2})
PURCHASES: Mapping[str, Any] = FrozenMap(
    {"metric": {"column": "y", "kind": "proportion"}, "baseline": 0.05, "mde": 0.02}
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A design settled by formula.

    Attributes
    ----------
    solver : Solver
    units : int
        Over all arms, whole in each.
    size, power : float
        The effect, and the chance to find it with these units.
    """

    solver: Solver
    units: int
    size: float
    power: float


@cache
def history() -> pa.Table:
    """20,000 users in clusters of one to five: skewed spend with a past, orders of visits, and purchases."""
    rng = np.random.default_rng(HISTORY_SEED)
    cluster = np.repeat(np.arange(HISTORY_CLUSTERS), rng.integers(1, 6, HISTORY_CLUSTERS))[:HISTORY_USERS]
    shared = rng.standard_normal(HISTORY_CLUSTERS)[cluster]
    before = rng.lognormal(1.0, 0.8, cluster.size)
    visits = 1.0 + rng.poisson(3.0, cluster.size)
    bought = (rng.random(cluster.size) < 0.15).astype(float)
    return pa.table(
        {
            "cluster": cluster,
            "before": np.where(rng.random(cluster.size) < 0.2, np.nan, before),
            "spend": 0.8 * before + np.exp(0.5 * shared + 0.5 * rng.standard_normal(cluster.size)),
            "visits": visits,
            "orders": 0.3 * visits + 0.5 * rng.standard_normal(cluster.size),
            "revenue": bought * rng.lognormal(2.0, 1.0, cluster.size),
        }
    )


def _looks(kind: str) -> dict[str, Any]:
    return {"planned": {"sequential": kind, "looks": 4}}


SHARE = {"relative": True, "mde": 0.1}
# By name: whether it is planned from the history, and what is asked.
DESIGNS: Mapping[str, tuple[bool, Mapping[str, Any]]] = {
    "mean": (False, MEAN),
    "mean, small": (False, {**MEAN, "mde": 1.0}),
    "proportion": (False, PURCHASES),
    "proportion, three unequal arms, Holm": (
        False,
        {**PURCHASES, "planned": {"allocation": {"A": 2, "B": 1, "C": 1}, "correction": "holm"}},
    ),
    "count": (False, {"metric": {"column": "y", "kind": "count"}, "baseline": 0.6, "sd": 1.2, "mde": 0.1}),
    "mean, covariate": (False, {**MEAN, "correlation": 0.7}),
    "mean, clusters": (False, {**MEAN, "icc": 0.05, "cluster_size": 10.0}),
    "non-inferiority": (
        False,
        {"metric": {"column": "y", "role": "guardrail", "margin": 0.2}, "baseline": 1.0, "sd": 1.0},
    ),
    "spend, covariate from history": (True, {"metric": {"column": "spend", "covariate": "before"}, **SHARE}),
    "spend, clusters from history": (True, {"metric": "spend", "cluster": "cluster", **SHARE}),
    "revenue, winsorised": (True, {"metric": {"column": "revenue", "kind": "revenue", "winsor": 0.99}, **SHARE}),
    "ratio": (True, {"metric": {"name": "rate", "column": "orders", "denominator": "visits"}, **SHARE}),
    "median": (True, {"metric": {"name": "median", "column": "spend", "quantile": 0.5}, "mde": 0.2}),
    "four looks, always valid": (False, {**MEAN, **_looks("confidence_sequence")}),
    "four looks, O'Brien-Fleming": (False, {**MEAN, **_looks("group_sequential")}),
}


def parts() -> tuple[Part, ...]:
    """One part for each design."""
    return tuple(
        Part(f"power, {name}", FEWER.get(name, BATCHES), AGAIN, partial(measured, name), partial(rates, name), mark)
        for name in DESIGNS
    )


def mark(seed: int) -> str:
    """What decides the numbers."""
    return f"{BATCH} {HISTORY_SEED}"


@cache
def planned(name: str) -> Planned:
    """Plan a design by formula."""
    past, asked = DESIGNS[name]
    table = history() if past else None
    answer = power(table, **asked)
    question = PowerQuestion(**asked)
    solver = Solver(question, experiment_power(table, question))
    units = sum(answer.arms.values())
    return Planned(solver, units, answer.effect, solver.power(float(units), answer.effect))


def measured(name: str, seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch: experiments, and those that found the effect."""
    held = planned(name)
    own = Run(seed).seed_for("power", name, batch)
    counted = simulate(held.solver, held.units, held.size, BATCH, own)
    return {counted.method: (float(BATCH), float(round(counted.power * BATCH)))}


def rates(name: str, tally: Tally) -> tuple[Rate, ...]:
    """The row of a design."""
    return tuple(_rate(name, method, sums) for method, sums in tally.items())


def _rate(name: str, method: str, sums: tuple[float, ...]) -> Rate:
    tables, found = sums
    share, expected = Share(found, tables), planned(name).power
    value = float(share.value or 0.0)
    return Rate(
        part="power",
        situation=name,
        setting=f"{planned(name).units:,} units",
        method=method,
        tables=int(tables),
        expected=expected,
        measured=share.value,
        error=share.error,
        rule="within 1 point",
        ruling=ruled_if_told(near_points(value, expected), share.error or 0.0, POINTS),
    )
