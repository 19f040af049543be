"""What treatment does in the simulated experiments, worked out from how they are drawn."""

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import nbinom

from estimand.laboratory.experiments.draws import (
    EFFECT,
    LEVEL_EFFECT,
    LIFT,
    MORE_CLICKS,
    MORE_VISITS,
    NEW,
    NEW_LEVEL,
    SPREAD,
    STRATA,
    VISITS,
)
from estimand.stats.arrays import Floats

MEAN_OF_LOGNORMAL = float(np.exp(0.5))
# Of users with history and of new ones: shares, and the logarithm of their level.
PEOPLE, LEVELS = np.array([1.0 - NEW, NEW]), np.array([0.0, float(np.log(NEW_LEVEL))])
REVENUE_MEAN, REVENUE_BUYERS = 1.0, 0.15
FAR = 200


def index_of_normal() -> float:
    """Chance that a treated user's normal value is above a control user's: both are normal, with unlike variances."""
    untreated, treated = 1.2**2 + 1.6**2, 1.6**2 + 1.6**2
    return float(ndtr(EFFECT / np.sqrt(untreated + treated)))


def index_of_spend() -> float:
    """The same of spend: both logarithms are mixtures of normals of variance one."""
    apart = (np.log(LIFT) + LEVELS[:, None] - LEVELS[None]) / np.sqrt(2.0)
    return float(PEOPLE @ ndtr(apart) @ PEOPLE)


def index_of_visits() -> float:
    """The same of visits, negative binomial, ties by half."""
    count = np.arange(FAR)
    control, treated = (nbinom.pmf(count, SPREAD, SPREAD / (SPREAD + mean)) for mean in (VISITS, MORE_VISITS))
    return float(treated @ (np.cumsum(control) - 0.5 * control))


@cache
def quantile_of_spend(share: float) -> float:
    """By how much a quantile of spend moves: all of it is multiplied."""
    near = float(ndtri(share))
    log = brentq(lambda at: float(PEOPLE @ ndtr(at - LEVELS)) - share, near - 2.0, near + 1.0)
    return float((LIFT - 1.0) * np.exp(log))


def mean_of_spend() -> float:
    """Effect on mean spend."""
    return (LIFT - 1.0) * MEAN_OF_LOGNORMAL * float(PEOPLE @ np.exp(LEVELS))


@cache
def mean_of_capped_revenue(share: float) -> float:
    """Effect on revenue cut at a quantile of all arms, one in three of them treated."""
    middles = REVENUE_MEAN + np.array([0.0, 0.0, np.log(LIFT)])
    cap = brentq(lambda at: float(REVENUE_BUYERS * np.mean(ndtr(middles - at))) - (1.0 - share), 0.0, 10.0)
    below, above = _capped(middles[0], cap), _capped(middles[-1], cap)
    return float(REVENUE_BUYERS * (above - below))


def effect_in_strata() -> float:
    """Effect on the normal value, averaged over regions."""
    return EFFECT + LEVEL_EFFECT * sum(share * level for share, level, _ in STRATA.values())


def clicks_in_strata() -> float:
    """Effect on clicks per view, averaged over regions."""
    return MORE_CLICKS * (1.0 - sum(share * chance for share, _, chance in STRATA.values()))


def _capped(middle: float, log_cap: float) -> float:
    """Mean of a lognormal value of log-variance one, cut at a cap."""
    kept: Floats = ndtr(np.array([log_cap - middle - 1.0, middle - log_cap]))
    return float(np.exp(middle + 0.5) * kept[0] + np.exp(log_cap) * kept[1])
