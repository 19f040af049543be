"""Two proportions: tests that they are equal, and sets for their difference and their odds ratio.

A table of shape (2, 2) holds events and non-events of two groups, a group a row; stacked tables are of strata.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr, chdtrc, gammaln, ndtr, ndtri

from estimand.stats.arrays import Floats
from estimand.stats.rates import wilson_interval

# Tables as likely as the one seen, but for rounding, count as no likelier.
SLACK = 1e-7
FARTHEST_LOG_ODDS = 700.0


@dataclass(frozen=True, slots=True)
class Odds:
    """An odds ratio and a set for it; ends may be zero or infinite.

    Attributes
    ----------
    ratio, low, high : float
    """

    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stratified:
    """Test and common odds ratio over strata.

    Attributes
    ----------
    chi_square, p_value : float
        Of no association in any stratum, on one degree of freedom.
    odds : Odds
    """

    chi_square: float
    p_value: float
    odds: Odds


def pooled_z(events: Floats, trials: Floats) -> Floats:
    """Score statistic of the difference of two shares, second less first; its square is Pearson's χ² of the table.

    Parameters
    ----------
    events, trials : ndarray of shape (2, ...)

    Returns
    -------
    ndarray of shape (...)
        Not-a-number where nobody, or everybody, had the event.
    """
    share = events / trials
    every = events.sum(axis=0) / trials.sum(axis=0)
    spread = every * (1.0 - every) * (1.0 / trials).sum(axis=0)
    return np.asarray((share[1] - share[0]) / np.sqrt(np.where(spread > 0.0, spread, np.nan)))


def newcombe_interval(events: Floats, trials: Floats, level: float) -> tuple[float, float]:
    """Set for the difference of two shares, second less first, from the Wilson interval of each.

    Newcombe (1998), method 10, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Parameters
    ----------
    events, trials : ndarray of shape (2,)
    level : float

    Examples
    --------
    >>> low, high = newcombe_interval(np.array([48.0, 56.0]), np.array([80.0, 70.0]), 0.95)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    share = events / trials
    low, high = wilson_interval(share, trials, level).T
    gap = float(share[1] - share[0])
    down = float(np.hypot(share[1] - low[1], high[0] - share[0]))
    up = float(np.hypot(high[1] - share[1], share[0] - low[0]))
    return gap - down, gap + up


class Hypergeometric:
    """Events of the second group where both margins of a table are given, at any odds ratio.

    Fisher (1935), doi:10.2307/2342435; Cornfield (1956) for its odds ratio.
    """

    def __init__(self, table: Floats) -> None:
        events, trials = table[:, 0].sum(), table.sum(axis=1)
        self.seen = float(table[1, 0])
        self.count = np.arange(max(0.0, events - trials[0]), min(events, trials[1]) + 1.0)
        ways = [gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0) for n, x in self._sides(events, trials)]
        self._log_ways = np.asarray(ways[0] + ways[1])

    def _sides(self, events: float, trials: Floats) -> tuple[tuple[float, Floats], tuple[float, Floats]]:
        return (float(trials[1]), self.count), (float(trials[0]), events - self.count)

    def mass(self, log_odds: float) -> Floats:
        """Probability of every count."""
        log_mass = self._log_ways + log_odds * self.count
        mass = np.exp(log_mass - log_mass.max())
        return np.asarray(mass / mass.sum())

    def p_value(self) -> float:
        """Two-sided, at an odds ratio of one: the chance of a count no likelier than the one seen."""
        mass = self.mass(0.0)
        seen = mass[self.count == self.seen].sum()
        return min(1.0, float(mass[mass <= seen * (1.0 + SLACK)].sum()))

    def at_least(self, log_odds: float = 0.0) -> float:
        """Chance of the count seen or more."""
        return float(self.mass(log_odds)[self.count >= self.seen].sum())

    def at_most(self, log_odds: float = 0.0) -> float:
        """Chance of the count seen or less."""
        return float(self.mass(log_odds)[self.count <= self.seen].sum())

    def odds(self, level: float) -> Odds:
        """Conditional maximum-likelihood odds ratio, and the set whose two tests at half the error do not reject."""
        tail = 0.5 * (1.0 - level)
        least, most = self.seen == self.count[0], self.seen == self.count[-1]
        low = 0.0 if least else _odds_where(lambda at: self.at_least(at) - tail)
        high = np.inf if most else _odds_where(lambda at: self.at_most(at) - tail)
        if least or most:
            both = least and most
            return Odds(np.nan if both else 0.0 if least else np.inf, low, high)
        return Odds(_odds_where(lambda at: float(self.mass(at) @ self.count) - self.seen), low, high)


def _odds_where(excess: Callable[[float], float]) -> float:
    reach = 1.0
    while excess(-reach) * excess(reach) > 0.0 and reach < FARTHEST_LOG_ODDS:
        reach *= 2.0
    return float(np.exp(brentq(excess, -reach, reach, xtol=1e-13)))


def mantel_haenszel(tables: Floats, level: float, *, correct: bool = True) -> Stratified:
    """Cochran-Mantel-Haenszel test and the common odds ratio, of the second group against the first.

    Mantel & Haenszel (1959), doi:10.1093/jnci/22.4.719; the variance of the log odds ratio is that of Robins, Breslow &
    Greenland (1986), doi:10.2307/2531052.

    Parameters
    ----------
    tables : ndarray of shape (s, 2, 2)
        Strata of one unit have no say.
    level : float
    correct : bool
        Whether the statistic is brought half a unit nearer to zero.
    """
    total = tables.sum(axis=(1, 2))
    held, n = tables[total > 1.0], total[total > 1.0]
    groups, events = held.sum(axis=2), held.sum(axis=1)
    expected = groups[:, 1] * events[:, 0] / n
    variance = groups.prod(axis=1) * events.prod(axis=1) / (np.square(n) * (n - 1.0))
    away = abs(float((held[:, 1, 0] - expected).sum()))
    away -= 0.5 if correct and away >= 0.5 else 0.0
    whole = float(variance.sum())
    chi_square = away**2 / whole if whole > 0.0 else np.nan
    p_value = float(chdtrc(1.0, chi_square))
    concordant, discordant = held[:, 1, 0] * held[:, 0, 1] / n, held[:, 1, 1] * held[:, 0, 0] / n
    with_it, against = (held[:, 1, 0] + held[:, 0, 1]) / n, (held[:, 1, 1] + held[:, 0, 0]) / n
    top, bottom = float(concordant.sum()), float(discordant.sum())
    if top == 0.0 or bottom == 0.0:
        ratio = np.nan if top == bottom else 0.0 if top == 0.0 else np.inf
        return Stratified(chi_square, p_value, Odds(ratio, 0.0, np.inf))
    mixed = float((with_it * discordant + against * concordant).sum())
    own = float((with_it * concordant).sum()) / top**2 + float((against * discordant).sum()) / bottom**2
    reach = float(ndtri(0.5 + level / 2.0)) * np.sqrt(0.5 * (own + mixed / (top * bottom)))
    ratio = top / bottom
    return Stratified(chi_square, p_value, Odds(ratio, ratio * np.exp(-reach), ratio * np.exp(reach)))


def mcnemar(only_first: float, only_second: float, *, exact: bool = False, correct: bool = True) -> tuple[float, float]:
    """Test that pairs change as often one way as the other.

    McNemar (1947), doi:10.1007/BF02295996.

    Parameters
    ----------
    only_first, only_second : float
        Pairs with the event in one member alone.
    exact : bool
        By the binomial; its statistic is the smaller count.
    correct : bool
        Whether the χ² is brought nearer to zero by one pair.

    Returns
    -------
    tuple of (statistic, p-value)
        Not-a-number, and one, where no pair changed.

    Examples
    --------
    >>> statistic, p = mcnemar(86, 150)
    >>> round(statistic, 4), round(p, 7)
    (16.8178, 4.11e-05)
    """
    changed = only_first + only_second
    if changed == 0.0:
        return np.nan, 1.0
    if exact:
        fewer = min(only_first, only_second)
        return fewer, min(1.0, 2.0 * float(bdtr(fewer, int(changed), 0.5)))
    away = abs(only_first - only_second)
    away -= 1.0 if correct and away >= 1.0 else 0.0
    statistic = away**2 / changed
    return statistic, float(chdtrc(1.0, statistic))


def two_sided_normal(z: Floats) -> Floats:
    """P-value of a statistic that is standard normal under no effect; one where it is not a number."""
    return np.asarray(np.where(np.isnan(z), 1.0, 2.0 * ndtr(-np.abs(z))))
