"""What a few numbers say of a metric, and experiments drawn from the simplest distribution that has them."""

import numpy as np
from scipy.special import ndtri

from estimand.core.metric import Metric
from estimand.errors import Code, DesignError, UnsupportedError
from estimand.stats.arrays import Floats, Ints
from estimand.study.powering.facts import RATES, Facts
from estimand.study.powering.question import PowerQuestion


def facts_from_numbers(asked: PowerQuestion) -> Facts:
    """What one unit is like, from the level and the standard deviation.

    Raises
    ------
    DesignError
        If a number is missing, or cannot be.
    """
    metric, level = asked.metric, asked.baseline
    if level is None:
        raise DesignError(
            f"Nothing is known of metric '{metric.name}'.",
            remedy="Give a history, such as past.csv; or baseline and sd.",
        )
    size, cv = asked.cluster_size, asked.cluster_size_cv
    effect = 1.0 + ((1.0 + cv**2) * size - 1.0) * asked.icc
    residual = 1.0 - asked.correlation**2
    slopes = int(asked.correlation != 0.0)
    if metric.kind == "quantile" and slopes:
        raise DesignError(
            "A quantile is not adjusted for a covariate.", remedy="Leave the correlation out.", found=asked.correlation
        )
    return Facts(metric.kind, level, _variance(metric, level, asked.sd), residual, slopes, effect, size)


def _variance(metric: Metric, level: float, sd: float | None) -> float:
    if metric.kind in RATES:
        if not 0.0 < level < 1.0:
            raise DesignError(
                f"Metric '{metric.name}' is a share, and its baseline is {level:g}.",
                remedy="Give a number between 0 and 1.",
                found=level,
            )
        return level * (1.0 - level)
    if metric.kind == "count" and level <= 0.0:
        raise DesignError(
            f"Metric '{metric.name}' is a count, and its baseline is {level:g}.", remedy="Give a number above 0."
        )
    if metric.kind == "count" and sd is None:
        return level
    if sd is None:
        raise DesignError(
            f"Metric '{metric.name}' needs its standard deviation beside its baseline.", remedy="Give sd, or a history."
        )
    if metric.kind == "quantile":
        density = np.exp(-0.5 * ndtri(metric.quantile) ** 2) / (np.sqrt(2.0 * np.pi) * sd)
        return float(metric.quantile * (1.0 - metric.quantile) / density**2)
    return sd**2


def spread_in_words(asked: PowerQuestion) -> str:
    """How one unit is taken to be spread, where experiments are simulated from numbers."""
    kind = asked.metric.kind
    if kind in RATES:
        return "zeros and ones"
    if kind == "count":
        return "Poisson, or negative binomial with a larger variance"
    return "lognormal" if kind == "revenue" else "normal"


def drawn_by_numbers(
    asked: PowerQuestion, facts: Facts, units: int, rng: np.random.Generator
) -> tuple[tuple[Floats, ...], Ints | None]:
    """Draw units of control, with the covariate where there is a correlation.

    Raises
    ------
    UnsupportedError
        If clusters of such a metric have no simplest distribution.
    """
    clustered = asked.icc > 0.0 or asked.cluster_size > 1.0
    cluster = None
    if clustered:
        simple = asked.metric.kind in {"mean", *RATES} and asked.correlation == 0.0
        if not simple or asked.cluster_size_cv > 0.0:
            raise UnsupportedError(
                "Clusters of such a metric, with a covariate or of sizes that vary, are not drawn from numbers.",
                remedy="Give a history with its cluster column, or leave simulate out.",
                code=Code.UNSUPPORTED,
            )
        size = round(asked.cluster_size)
        cluster = np.repeat(np.arange(max(4, round(units / size))), size)
        units = cluster.shape[0]
    value, spread = _values(asked, facts, units, cluster, rng)
    below: tuple[Floats, ...] = ()
    if asked.metric.kind == "ratio":
        below = (rng.choice([0.5, 1.0, 1.5], size=units),)
        value = facts.level * below[0] + (value - facts.level)
    if asked.correlation == 0.0:
        return (value, *below), cluster
    noise = rng.standard_normal(units)
    alone = spread / np.sqrt(facts.variance)
    covariate = asked.correlation * alone + np.sqrt(1.0 - asked.correlation**2) * noise
    return (value, *below, covariate), cluster


def _values(
    asked: PowerQuestion, facts: Facts, units: int, cluster: Ints | None, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Values of control, and their distance from the level, shape (n,) each."""
    kind, level, variance = asked.metric.kind, facts.level, facts.variance
    if kind in RATES:
        chance: Floats | float = level
        if cluster is not None and asked.icc > 0.0:
            more = 1.0 / asked.icc - 1.0
            chance = rng.beta(level * more, (1.0 - level) * more, size=cluster[-1] + 1)[cluster]
        value = np.asarray(rng.random(units) < chance, dtype=np.float64)
    elif kind == "count":
        value = _counts(level, variance, units, rng)
    elif kind == "revenue":
        log_variance = np.log1p(variance / level**2)
        value = rng.lognormal(np.log(level) - 0.5 * log_variance, np.sqrt(log_variance), units)
    elif kind == "quantile":
        sd = 1.0 if asked.sd is None else asked.sd
        value = level + sd * (rng.standard_normal(units) - float(ndtri(asked.metric.quantile)))
    else:
        away = rng.standard_normal(units) * np.sqrt(1.0 - asked.icc)
        if cluster is not None:
            away = away + (np.sqrt(asked.icc) * rng.standard_normal(int(cluster[-1]) + 1))[cluster]
        value = level + np.sqrt(variance) * away
    return value, value - level


def _counts(level: float, variance: float, units: int, rng: np.random.Generator) -> Floats:
    """Poisson counts, or negative binomial ones where they vary more."""
    if variance <= level:
        return rng.poisson(level, units).astype(float)
    size = level**2 / (variance - level)
    return rng.negative_binomial(size, size / (size + level), units).astype(float)
