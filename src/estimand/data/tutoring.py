"""Simulated schools that took up tutoring in four waves, in which a regression on treatment has the wrong sign.

Ten terms; schools began in terms 3, 5, 7 or 9, or never. With z the share of free school meals moved to (-1, 1),
who began when is a multinomial logit in z, and scores drift with z too, so that trends are parallel only among schools
of like z::

    score = a school's own level + 0.4 (term - 1) - 0.8 z (term - 1) + effect
    effect of e terms of tutoring = 0.5 + g e,   g = 2.5, 1.2, 0.5, 0.1 for those who began in terms 3, 5, 7, 9

Everybody gains, and those who began first gain most, term after term. Two-way fixed effects take schools long since
tutored as controls, subtract their gains, and see a loss. Effects depend on nothing but cohort and term, so that what
the treated gained on average is exact, in the population and in every draw.
"""

from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard
from estimand.stats.arrays import Bools, Floats, Ints

ROWS = 4_000
SEED = 4
FEWEST_ROWS = 200

TERMS = 10
STARTS = (3, 5, 7, 9, 0)
LEVELS, SLOPES = (0.8, 0.8, 0.8, 0.7, 0.0), (1.6, 1.1, 0.6, 0.3, 0.0)
FIRST, GROWTH = 0.5, (2.5, 1.2, 0.5, 0.1, 0.0)
RISE, DRIFT = 0.4, -0.8
MEALS_MIDDLE, MEALS_REACH = 40.0, 35.0
NODES = 2_000


def propensities(z: Floats) -> Floats:
    """Probability of each cohort given z, shape (n, 5): a multinomial logit, linear in z."""
    weight = np.exp(np.array(LEVELS) + np.outer(z, SLOPES))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float64)


def effects() -> Floats:
    """Effect in each cohort and term, shape (5, 10); zero where not treated."""
    since = np.arange(1, TERMS + 1) - np.array(STARTS)[:, None]
    return np.where(_treated(), FIRST + np.array(GROWTH)[:, None] * since, 0.0)


def _treated() -> Bools:
    start = np.array(STARTS)[:, None]
    return np.asarray((start > 0) & (np.arange(1, TERMS + 1) >= start))


def truths(counts: Floats) -> dict[str, float]:
    """Average effects on the treated of cohorts of given sizes.

    Parameters
    ----------
    counts : ndarray of shape (5, 10)
        Schools, or their share, in each cohort and term.

    Returns
    -------
    dict
        ``att`` over treated school-terms, and ``att_event_0`` … ``att_event_7`` by terms since the start.
    """
    treated, effect = _treated(), effects()
    since = np.arange(1, TERMS + 1) - np.array(STARTS)[:, None]
    out = {"att": float(np.average(effect[treated], weights=counts[treated]))}
    for event in range(TERMS - min(STARTS[:-1]) + 1):
        cells = treated & (since == event)
        if counts[cells].sum():
            out[f"att_event_{event}"] = float(np.average(effect[cells], weights=counts[cells]))
    return out


def _population() -> dict[str, float]:
    """Average effects in the population, and what two-way fixed effects tend to: sums over a fine grid of z."""
    z = (np.arange(NODES) + 0.5) / NODES * 2.0 - 1.0
    chance = propensities(z)
    share, middle = chance.mean(axis=0), (chance * z[:, None]).mean(axis=0) / chance.mean(axis=0)
    mean = effects() + DRIFT * np.outer(middle, np.arange(TERMS))
    within = _treated() - _treated().mean(axis=1, keepdims=True)
    within = within - share @ within
    twfe = float((share[:, None] * within * mean).sum() / (share[:, None] * within**2).sum())
    return truths(np.outer(share, np.ones(TERMS))) | {"twfe_population": twfe}


TRUTH = _population()
CARD = DatasetCard(
    name="tutoring",
    title="Tutoring taken up by schools in four waves, and scores term by term (simulated)",
    rows=ROWS,
    source="Simulated; the truth is known",
    licence="MIT, as the package",
    needs=None,
    design={
        "kind": "panel",
        "unit": "school",
        "time": "term",
        "cohort": "first_term",
        "treatment": "tutored",
        "outcome": "score",
        "covariates": ["free_meals"],
    },
    question={
        "text": "Did tutoring raise scores in the schools that took it up?",
        "target": "ATT",
        "unit": "points",
        "benchmarks": [{"label": "Simulated truth", "value": TRUTH["att"]}],
        "labels": {"tutored": "tutoring", "score": "the score"},
    },
    truth=TRUTH,
)


def simulate(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate schools, term by term.

    Parameters
    ----------
    rows, seed : int
        Ten rows a school; the last is seen in fewer terms where rows are not tens.

    Returns
    -------
    frame : pandas.DataFrame
        One row a school and term.
    truth : dict
        ``att`` and ``att_event_0`` … as in the population; ``sample_att`` and ``sample_att_event_0`` …, exact for the
        schools drawn; ``twfe_population``, what two-way fixed effects tend to.
    """
    rng = np.random.default_rng(seed)
    schools = -(-rows // TERMS)
    meals = np.round(MEALS_MIDDLE + MEALS_REACH * rng.uniform(-1.0, 1.0, schools), 1)
    z = (meals - MEALS_MIDDLE) / MEALS_REACH
    cohort = (rng.random(schools)[:, None] > propensities(z).cumsum(axis=1)[:, :-1]).sum(axis=1)
    gone = np.arange(TERMS)
    level = 60.0 - 10.0 * z + 4.0 * rng.standard_normal(schools)
    score = level[:, None] + RISE * gone + DRIFT * np.outer(z, gone) + effects()[cohort] + _shocks(rng, schools)
    columns: dict[str, Any] = {
        "school": np.repeat([f"school-{number:04d}" for number in range(1, schools + 1)], TERMS),
        "term": np.tile(gone + 1, schools),
        "first_term": np.repeat(np.array(STARTS)[cohort], TERMS),
        "tutored": _treated()[cohort].ravel().astype(np.int64),
        "score": np.round(score, 2).ravel(),
        "free_meals": np.repeat(meals, TERMS),
    }
    frame = pd.DataFrame(columns).head(rows)
    drawn = truths(_counts(frame))
    return frame, TRUTH | {f"sample_{name}": value for name, value in drawn.items()}


def _shocks(rng: np.random.Generator, schools: int) -> Floats:
    """What else moves a school's scores, half of it carried over to the next term: standard deviation 1.5."""
    shock = rng.standard_normal((schools, TERMS))
    for term in range(1, TERMS):
        shock[:, term] = 0.5 * shock[:, term - 1] + np.sqrt(0.75) * shock[:, term]
    return 1.5 * shock


def _counts(frame: pd.DataFrame) -> Floats:
    """Schools seen in each cohort and term."""
    place: Ints = np.searchsorted(np.sort(STARTS), frame["first_term"].to_numpy(dtype=np.int64))
    order = np.argsort(STARTS)[place]
    counts = np.zeros((len(STARTS), TERMS))
    np.add.at(counts, (order, frame["term"].to_numpy(dtype=np.int64) - 1), 1.0)
    return counts
