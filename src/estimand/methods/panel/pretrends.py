"""Trends before treatment, tested on untreated rows only."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from estimand.core.frozen import FrozenMap
from estimand.core.table import Table
from estimand.methods.panel.admitted import Admitted
from estimand.stats.absorbed import cluster_positions
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.effects import Effect
from estimand.stats.imputation import impute


@dataclass(frozen=True, slots=True, eq=False)
class Pretrends:
    """Leads of treatment among untreated rows.

    Attributes
    ----------
    event_time : ndarray of shape (k,)
        Below zero, ascending.
    value : ndarray of shape (k,)
        Against all earlier periods, and cohorts never treated.
    vcov : ndarray of shape (k, k)
    statistic, p_value : float or None
        F test of all at once; None where there is none.
    df : tuple of int
    reference : tuple of int
        Event times that the others are set against.
    """

    event_time: Ints
    value: Floats
    vcov: Floats
    statistic: float | None
    p_value: float | None
    df: tuple[int, int]
    reference: tuple[int, ...]

    def table(self) -> Table:
        """Return the leads with their standard errors."""
        error = np.sqrt(np.diag(self.vcov))
        return Table(
            {"event_time": self.event_time.tolist(), "value": self.value.tolist(), "std_error": error.tolist()}
        )

    def test(self) -> FrozenMap[object]:
        """Return the joint test."""
        return FrozenMap(
            {
                "statistic": self.statistic,
                "p_value": self.p_value,
                "df": self.df,
                "reference": self.reference,
            }
        )


def pretrends(found: Admitted, effects: tuple[Effect, ...], untreated: Bools, leads: int | None) -> Pretrends:
    """Regress untreated rows on their event time, beside the same effects that impute them.

    Borusyak, Jaravel & Spiess (2024): no treated row is used, so that the test is of the assumption and
    of nothing else, and conditioning on it does not bias the estimate. Errors are clustered, CR1.

    Parameters
    ----------
    effects : tuple of Effect
        Periods, further levels and covariates.
    untreated : ndarray of shape (n,) of bool
    leads : int, optional
        How many of the last event times before treatment; by default all but the earliest, or the two earliest where
        no cohort is never treated.
    """
    rows = np.flatnonzero(untreated)
    event = found.event_time[rows]
    before = np.isfinite(event)
    times = np.unique(event[before]).astype(np.int64)
    spared = 1 if found.timeline.never.any() else 2
    count = max(0, times.shape[0] - spared) if leads is None else min(leads, times.shape[0])
    chosen = times[times.shape[0] - count :]
    clusters, cluster = cluster_positions(found.cluster[rows])
    if not count:
        empty = np.empty(0)
        return Pretrends(chosen, empty, np.empty((0, 0)), None, None, (0, clusters - 1), tuple(times.tolist()))
    place = np.searchsorted(chosen, np.where(before, event, chosen[0]))
    lead = (before & (event >= chosen[0])).astype(np.float64)
    columns = (*(effect.take(rows) for effect in effects), Effect(np.where(lead > 0.0, place, 0), count, lead))
    held = None if found.weights is None else found.weights[rows]
    every = np.ones(rows.shape[0], dtype=np.bool_)
    fit = impute(found.values[rows], cluster_positions(found.group[rows])[1], columns, every, held)
    size = fit.kept.shape[0]
    kept = np.concatenate([np.zeros(size - count, dtype=np.bool_), fit.kept[size - count :]])
    position = np.cumsum(fit.kept)[kept] - 1
    scores = fit.scores(position, cluster, clusters) * np.sqrt(clusters / max(clusters - 1, 1))
    used = chosen[kept[size - count :]]
    value = fit.slopes[position]
    vcov = scores.T @ scores
    reference = tuple(int(k) for k in times if k not in used)
    df = (used.shape[0], clusters - 1)
    if not used.shape[0] or clusters <= used.shape[0] or np.linalg.matrix_rank(vcov) < used.shape[0]:
        return Pretrends(used, value, vcov, None, None, df, reference)
    statistic = max(0.0, float(value @ np.linalg.solve(vcov, value))) / df[0]
    return Pretrends(used, value, vcov, statistic, float(fdtrc(*df, statistic)), df, reference)
