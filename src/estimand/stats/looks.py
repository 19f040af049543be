"""What looking early costs: the limits that a planned test holds |z| to at each look, and its power under them.

A test of several looks, and an always-valid one read at declared looks, is a row of limits on |z|; what it finds
follows from the chance that the score crosses them (:mod:`estimand.stats.group_sequential`).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.optimize import brentq

from estimand.stats.always_valid import mixture_radius, tightest_ratio
from estimand.stats.arrays import Floats
from estimand.stats.group_sequential import passage, spending_limits
from estimand.stats.power import effect_for, t_power
from estimand.stats.spending import obrien_fleming_spent, pocock_spent

Paying: TypeAlias = Literal["obrien_fleming", "pocock", "lan_demets", "always_valid"]
# The mixture is made tightest at this error, whatever the level that is read.
TUNED_FOR = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Looks at the data.

    Attributes
    ----------
    share : ndarray of shape (k,)
        Of the planned units at each look, ascending; the last is 1.
    limit : ndarray of shape (k,)
        Of |z|; infinite where a look decides nothing.
    """

    share: Floats
    limit: Floats


def planned_looks(
    share: Floats, alpha: float, paying: Paying, silent: float = 0.0, ratio: float | None = None
) -> Looks:
    """Limits of a two-sided test at its looks.

    Parameters
    ----------
    share : ndarray of shape (k,)
        Of the planned units at each look, ascending; the last is 1.
    alpha : float
        Two-sided error of all looks together.
    paying : "obrien_fleming" | "pocock" | "lan_demets" | "always_valid"
        How the error is spent: half on either side, or two-sided ("lan_demets", by the first function); or by the
        normal mixture, which allows for any look.
    silent : float
        Share below which a look decides nothing: the burn-in of "always_valid".
    ratio : float, optional
        Variance of the mixture over that of the estimate at the planned end; by default the tightest there.
    """
    if paying == "always_valid":
        reached = (tightest_ratio(TUNED_FOR) if ratio is None else ratio) * share
        limit = mixture_radius(np.ones_like(share), reached, alpha)
        return Looks(share, np.where(share >= silent, limit, np.inf))
    return Looks(share, spending_limits(share, _spent(share, alpha, paying)))


def _spent(share: Floats, alpha: float, paying: Paying) -> Floats:
    if paying == "lan_demets":
        return obrien_fleming_spent(share, alpha)
    each = obrien_fleming_spent if paying == "obrien_fleming" else pocock_spent
    return np.asarray(2.0 * each(share, alpha / 2.0))


def looks_power(effect: float, std_error: float, looks: Looks) -> float:
    """Chance that some look crosses its limit.

    Parameters
    ----------
    effect : float
        In the unit of ``std_error``.
    std_error : float
        Of the estimate at the planned end.
    looks : Looks
    """
    return passage(looks.limit, looks.share / std_error**2, effect).total


def expected_share(effect: float, std_error: float, looks: Looks) -> float:
    """Share of the planned units that is gathered on average, where a look that crosses stops."""
    crossed = passage(looks.limit, looks.share / std_error**2, effect)
    stopped = crossed.upper + crossed.lower
    return float(stopped @ looks.share + 1.0 - stopped.sum())


def inflation(looks: Looks, alpha: float, power: float) -> float:
    """How many times the units of a test of one look the same power takes.

    Examples
    --------
    >>> looks = planned_looks(np.arange(1.0, 6.0) / 5.0, 0.05, "obrien_fleming")
    >>> round(inflation(looks, 0.05, 0.8), 3)
    1.028
    """
    once = effect_for(lambda effect: t_power(effect, 1.0, np.inf, alpha), power, 1.0)
    high = 2.0 * once
    while looks_power(high, 1.0, looks) < power:
        high *= 2.0
    needed = float(brentq(lambda effect: looks_power(effect, 1.0, looks) - power, 0.0, high, xtol=1e-10))
    return (needed / once) ** 2
