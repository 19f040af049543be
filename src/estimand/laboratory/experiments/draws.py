"""Tables of simulated experiments: control, an arm like it, and an arm with an effect."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from estimand.stats.arrays import Floats, Ints

CONTROL, ALIKE, TREATED = ARMS = ("A", "B", "C")
USERS, RARE_USERS, STRATA_USERS, UNEVEN_USERS, FAMILY_USERS, OFFERED = 2_100, 12_000, 1_200, 2_000, 400, 1_500
CLUSTERS, FEW_CLUSTERS = 180, 18
EFFECT, UNEVEN_EFFECT, LIFT, UNEVEN_LIFT = 0.3, 0.4, 1.15, 1.3
NEW, NEW_LEVEL = 0.2, 0.7
BUYERS, MORE_BUYERS, RARE, LESS_RARE = 0.2, 0.24, 0.005, 0.0075
VISITS, MORE_VISITS, SPREAD = 2.0, 2.2, 2.0
CLICKS, MORE_CLICKS = 0.3, 0.03
STRATA = {"north": (0.4, 0.0, 0.1), "east": (0.3, 1.0, 0.2), "south": (0.2, 2.0, 0.3), "west": (0.1, 4.0, 0.5)}
MORE_IN_STRATA, LEVEL_EFFECT = 0.03, 0.2
SHARES_OF_FEW = (0.8, 0.1, 0.1)
FEW_EVENTS, MORE_EVENTS = 0.02, 0.03
# Who takes the treatment whatever the arm, who does if assigned to it, and who never does.
ALWAYS, COMPLIERS, NEVER = 0.1, 0.5, 0.4
EFFECT_OF_TAKING = 0.6
Columns = Mapping[str, Any]


def users(rng: np.random.Generator) -> Columns:
    """Users who come one by one, with a metric of every kind; some are new, spend less, and have no history."""
    n = USERS
    arm = rng.integers(0, 3, n)
    treated = arm == 2
    past = rng.standard_normal(n)
    spend, before = spending(rng, n, np.where(treated, LIFT, 1.0))
    new = rng.random(n) < NEW
    often = rng.gamma(SPREAD, 1.0 / SPREAD, n)
    return {
        "arm": labels(arm),
        "past": past,
        "normal": _normal(rng, past, treated, EFFECT),
        "spend": np.where(new, NEW_LEVEL, 1.0) * spend,
        "spend_before": np.where(new, np.nan, before),
        "bought": events(rng, np.where(treated, MORE_BUYERS, BUYERS)),
        "visits": rng.poisson(np.where(treated, MORE_VISITS, VISITS) * often).astype(float),
        "revenue": (rng.random(n) < 0.15) * np.exp(1.0 + rng.standard_normal(n)) * np.where(treated, LIFT, 1.0),
        **_clicks(rng, rng.beta(3.0, 7.0, n), treated),
    }


def rare(rng: np.random.Generator) -> Columns:
    """Users of whom one in two hundred does what is counted."""
    arm = rng.integers(0, 3, RARE_USERS)
    return {"arm": labels(arm), "bought": events(rng, np.where(arm == 2, LESS_RARE, RARE))}


def clusters(rng: np.random.Generator) -> Columns:
    """Clusters of one to nine rows, assigned whole, sixty to an arm on average."""
    return _clustered(rng, rng.integers(0, 3, CLUSTERS), rng.integers(1, 10, CLUSTERS))


def few_clusters(rng: np.random.Generator) -> Columns:
    """Six clusters an arm, of ten to thirty rows."""
    return _clustered(rng, rng.permutation(np.repeat(np.arange(3), FEW_CLUSTERS // 3)), rng.integers(10, 31, 18))


def strata(rng: np.random.Generator) -> Columns:
    """Users assigned in equal parts within regions that differ in level."""
    shares, levels, chances = (np.array(column) for column in zip(*STRATA.values(), strict=True))
    region = rng.choice(len(STRATA), STRATA_USERS, p=shares)
    arm = np.empty(STRATA_USERS, dtype=np.int64)
    for s in range(len(STRATA)):
        rows = np.flatnonzero(region == s)
        arm[rows] = rng.permutation(np.resize(rng.permutation(3), rows.shape[0]))
    treated, past = arm == 2, rng.standard_normal(STRATA_USERS)
    return {
        "arm": labels(arm),
        "region": np.array(list(STRATA))[region],
        "past": past,
        "normal": levels[region] * (1.0 + LEVEL_EFFECT * treated) + _normal(rng, past, treated, EFFECT),
        "bought": events(rng, chances[region] + MORE_IN_STRATA * treated),
        **_clicks(rng, rng.beta(10.0 * chances[region], 10.0 * (1.0 - chances[region])), treated),
    }


def uneven(rng: np.random.Generator) -> Columns:
    """One unit in ten in either arm beside control: skewed spend, and an event that few have."""
    arm = rng.choice(3, UNEVEN_USERS, p=SHARES_OF_FEW)
    treated = arm == 2
    spend, before = spending(rng, UNEVEN_USERS, np.where(treated, UNEVEN_LIFT, 1.0))
    return {
        "arm": labels(arm),
        "spend": spend,
        "spend_before": before,
        "bought": events(rng, np.where(treated, MORE_EVENTS, FEW_EVENTS)),
    }


def takers(rng: np.random.Generator) -> Columns:
    """Users who are offered something: half take it if they are, and some find it anyhow, who are other people."""
    arm, past = rng.integers(0, 3, OFFERED), rng.standard_normal(OFFERED)
    person = rng.choice(3, OFFERED, p=(ALWAYS, COMPLIERS, NEVER))
    complied = (person == 1) & (arm > 0)
    value = _normal(rng, past, complied & (arm == 2), EFFECT_OF_TAKING)
    return {
        "arm": labels(arm),
        "past": past,
        "normal": value + 0.5 * (person == 0),
        "took": ((person == 0) | complied).astype(float),
    }


def family(rng: np.random.Generator) -> Columns:
    """Four arms alike, and two metrics that go together."""
    past = rng.standard_normal(FAMILY_USERS)
    return {
        "arm": np.array(["A", "B", "C", "D"])[rng.integers(0, 4, FAMILY_USERS)],
        "normal": past + rng.standard_normal(FAMILY_USERS),
        "visits": rng.poisson(2.0 * np.exp(0.5 * past - 0.125)).astype(float),
    }


def spending(rng: np.random.Generator, n: int, lift: Floats) -> tuple[Floats, Floats]:
    """Lognormal spend whose logarithm has variance one, and the same before the experiment."""
    habit, now, then = rng.standard_normal((3, n))
    return np.exp(0.6 * habit + 0.8 * now) * lift, np.exp(0.6 * habit + 0.8 * then)


def events(rng: np.random.Generator, chance: Floats) -> Floats:
    """Zeros and ones."""
    return (rng.random(chance.shape[0]) < chance).astype(float)


def labels(arm: Ints) -> Any:
    """Names of arms from their codes."""
    return np.array(ARMS)[arm]


def _normal(rng: np.random.Generator, past: Floats, treated: Any, effect: float) -> Floats:
    """Values with a variance of four untreated, and an effect that goes with the past."""
    return np.asarray(10.0 + 1.2 * past + 1.6 * rng.standard_normal(past.shape[0]) + treated * (effect + 0.4 * past))


def _clicks(rng: np.random.Generator, habit: Floats, treated: Any) -> dict[str, Floats]:
    """Views, clicks by everyone's own habit, and both before; treatment turns some of the other views to clicks."""
    n = habit.shape[0]
    keen = rng.gamma(2.0, 0.5, n)
    views, views_before = (1 + np.asarray(rng.poisson(3.0 * keen)) for _ in range(2))
    clicks = np.asarray(rng.binomial(views, habit))
    clicks = clicks + treated * np.asarray(rng.binomial(views - clicks, MORE_CLICKS))
    return {
        "views": views.astype(float),
        "clicks": clicks.astype(float),
        "views_before": views_before.astype(float),
        "clicks_before": np.asarray(rng.binomial(views_before, habit), dtype=float),
    }


def _clustered(rng: np.random.Generator, arm_of: Ints, sizes: Ints) -> Columns:
    cluster = np.repeat(np.arange(sizes.shape[0]), sizes)
    treated, n = arm_of[cluster] == 2, cluster.shape[0]
    shared, history = rng.standard_normal((2, sizes.shape[0]))
    habit = np.asarray(rng.beta(3.0, 7.0, sizes.shape[0]))[cluster]
    past = history[cluster] + rng.standard_normal(n)
    value = 10.0 + past + shared[cluster] + rng.standard_normal(n)
    return {
        "arm": labels(arm_of[cluster]),
        "cluster": cluster,
        "past": past,
        "normal": value + treated * (EFFECT + 0.3 * shared[cluster]),
        "bought": events(rng, habit + treated * MORE_CLICKS * (1.0 - habit)),
        **_clicks(rng, habit, treated),
    }
