"""Event studies that can be judged: coefficients against one reference period, with their joint covariance."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Refit
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.uncertainty import Draws, Normal
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.intervals import critical_value

AGAINST_ONE_PERIOD = frozenset({"event_study", "sun_abraham"})
REBASED = frozenset({"staggered_did"})
LAST_BEFORE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Coefficients of event times, all differences from the reference.

    Attributes
    ----------
    time : ndarray of shape (k,)
        Ascending, without the reference.
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    df : ndarray of shape (k,)
        Degrees of freedom of each; infinite for the normal.
    reference : int
        Event time left out.
    level : float
    """

    time: Ints
    value: Floats
    vcov: Floats
    df: Floats
    reference: int
    level: float

    @property
    def before(self) -> Bools:
        """Event times before the reference, shape (k,)."""
        return np.less(self.time, self.reference)

    @property
    def after(self) -> Bools:
        """Event times from the first treated period on, shape (k,)."""
        return np.greater_equal(self.time, 0)

    @property
    def critical(self) -> Floats:
        """Critical value of each coefficient's own test, shape (k,)."""
        return critical_value(self.level, self.df, self.time.shape[0])

    @property
    def least_df(self) -> float:
        """Least degrees of freedom before the reference: those of a joint test, which is then not too sure."""
        return float(self.df[self.before].min())

    def run(self) -> "Events":
        """Only the consecutive event times around the reference."""
        held = set(self.time.tolist())
        low = high = self.reference
        while low - 1 in held:
            low -= 1
        while high + 1 in held:
            high += 1
        kept = np.flatnonzero((self.time >= low) & (self.time <= high))
        vcov = self.vcov[np.ix_(kept, kept)]
        return replace(self, time=self.time[kept], value=self.value[kept], vcov=vcov, df=self.df[kept])


def judged(case: Case, estimates: tuple[Estimate, ...]) -> list[Estimate]:
    """Estimates that are, or can be run again as, an event study against one reference period."""
    return [estimate for estimate in estimates if estimate.method in AGAINST_ONE_PERIOD | REBASED]


def events_of(case: Case, estimate: Estimate, refit: Refit) -> Events | None:
    """Coefficients of an estimate, run again with a universal base where it has another; None where it has none."""
    own = estimate
    if estimate.method in REBASED and not _universal(estimate):
        options = FrozenMap({**estimate.options, "aggregate": "event", "base": "universal"})
        own = refit(replace(estimate, options=options), case)
    return read_events(own)


def _universal(estimate: Estimate) -> bool:
    return estimate.options.get("base") == "universal" and estimate.options.get("aggregate") == "event"


def read_events(estimate: Estimate) -> Events | None:
    """Coefficients that have an event time and a variance; None where there are none, or no covariance."""
    vcov = _covariance(estimate)
    if vcov is None:
        return None
    placed = [(term.at.get("event_time"), j) for j, term in enumerate(estimate.terms) if vcov[j, j] > 0.0]
    found = sorted((time, j) for time, j in placed if isinstance(time, int))
    if not found:
        return None
    chosen = np.array([j for _, j in found])
    spread = estimate.uncertainty
    df = spread.df if isinstance(spread, Normal) else None
    return Events(
        time=np.array([time for time, _ in found], dtype=np.int64),
        value=estimate.value[chosen],
        vcov=vcov[np.ix_(chosen, chosen)],
        df=np.full(chosen.shape[0], np.inf) if df is None else df[chosen],
        reference=_reference(estimate),
        level=estimate.level,
    )


def _covariance(estimate: Estimate) -> Floats | None:
    spread = estimate.uncertainty
    if estimate.scale != "identity":
        return None
    if isinstance(spread, Normal):
        return spread.vcov
    return np.cov(spread.values, rowvar=False) if isinstance(spread, Draws) and estimate.value.shape[0] > 1 else None


def _reference(estimate: Estimate) -> int:
    given = estimate.options.get("reference")
    if isinstance(given, int):
        return given
    ahead = estimate.options.get("anticipation")
    return LAST_BEFORE - (ahead if isinstance(ahead, int) else 0)


def no_events(check: str, about: str) -> Finding:
    """Say that nothing here compares periods before treatment with one reference."""
    return Finding(
        check=check,
        about=about,
        grade=Grade.NOT_RUN,
        subject="periods before treatment",
        message="No estimate compares each period before treatment with one reference, with a joint covariance.",
        remedy="Add 'event_study' where all are treated at once, else 'staggered_did'.",
    )


def too_short(check: str, about: str) -> Finding:
    """Say that there is no period before the reference."""
    return Finding(
        check=check,
        about=about,
        grade=Grade.NOT_RUN,
        subject="periods before treatment",
        message="There is no period before the reference period, so nothing is seen of trends before treatment.",
        remedy="Add earlier periods: two before treatment are the least, and more tell more.",
    )
