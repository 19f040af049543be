r"""What two-way fixed effects average: every comparison of two cohorts in two spells, and its weight.

In a balanced panel with an absorbing treatment the coefficient of the treatment, given unit and period, is a weighted
average of differences in differences of two cohorts, one of which changes treatment while the other does not
(Goodman-Bacon 2021, doi:10.1016/j.jeconom.2021.03.014). With :math:`n` the cohorts' shares of the units, :math:`n_{kl}`
that of k in the pair, and :math:`\bar D` the share of periods treated, the weights are in proportion to

.. math::
    (n_k + n_u)^2\, n_{ku}(1 - n_{ku})\, \bar D_k(1 - \bar D_k)

against the never treated, and for k earlier than l, with k and then l as the treated,

.. math::
    ((n_k+n_l)(1-\bar D_l))^2\, n_{kl}(1-n_{kl})\,
        \frac{\bar D_k-\bar D_l}{1-\bar D_l}\frac{1-\bar D_k}{1-\bar D_l}, \qquad
    ((n_k+n_l)\bar D_k)^2\, n_{kl}(1-n_{kl})\, \frac{\bar D_l}{\bar D_k}\frac{\bar D_k-\bar D_l}{\bar D_k}.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats, Ints

ComparisonKind: TypeAlias = Literal["never treated", "not yet treated", "already treated", "always treated"]


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """One comparison of two cohorts.

    Attributes
    ----------
    treated, control : int
        Cohorts: position of the first treated period, 0 if always, T if never.
    kind : str
        What the cohort compared with is: "never treated", "not yet treated", "already treated", "always treated".
    estimate : float
        Difference in differences.
    weight : float
        Share in the coefficient; the weights of all comparisons sum to one.
    """

    treated: int
    control: int
    kind: ComparisonKind
    estimate: float
    weight: float

    @property
    def forbidden(self) -> bool:
        """Whether units that are treated already serve as the comparison."""
        return self.kind in {"already treated", "always treated"}


def bacon_decomposition(outcome: Floats, cohort: Ints, weights: Floats | None = None) -> tuple[TwoByTwo, ...]:
    """Comparisons behind the two-way fixed effects coefficient, in order of the cohorts.

    Parameters
    ----------
    outcome : ndarray of shape (u, T)
        Of each unit in each period, none missing.
    cohort : ndarray of shape (u,)
        First treated period of each unit: 0 always, T never.
    weights : ndarray of shape (u,), optional
        Of the units, the same in all periods.
    """
    units, periods = outcome.shape
    mass = np.ones(units) if weights is None else weights
    cohorts = np.unique(cohort)
    share = np.array([mass[cohort == g].sum() for g in cohorts]) / mass.sum()
    means = np.stack([np.average(outcome[cohort == g], axis=0, weights=mass[cohort == g]) for g in cohorts])
    raw = list(_pairs(cohorts, share, means, periods))
    total = sum(item.weight for item in raw)
    return tuple(TwoByTwo(i.treated, i.control, i.kind, i.estimate, i.weight / total) for i in raw)


def _pairs(cohorts: Ints, share: Floats, means: Floats, periods: int) -> Iterator[TwoByTwo]:
    treated = 1.0 - cohorts / periods
    for i, early in enumerate(cohorts.tolist()):
        for j in range(i + 1, cohorts.shape[0]):
            late = int(cohorts[j])
            pair = share[i] + share[j]
            within = share[i] / pair * share[j] / pair
            gap = means[i] - means[j]
            if late == periods:
                weight = pair**2 * within * treated[i] * (1.0 - treated[i])
                if early > 0:
                    yield TwoByTwo(early, late, "never treated", _change(gap, early, 0, periods), weight)
                continue
            if early > 0:
                before = 1.0 - treated[j]
                weight = (pair * before) ** 2 * within * (treated[i] - treated[j]) * (1.0 - treated[i]) / before**2
                yield TwoByTwo(early, late, "not yet treated", _change(gap, early, 0, late), weight)
            weight = (pair * treated[i]) ** 2 * within * treated[j] * (treated[i] - treated[j]) / treated[i] ** 2
            kind: ComparisonKind = "already treated" if early > 0 else "always treated"
            yield TwoByTwo(late, early, kind, _change(-gap, late, early, periods), weight)


def _change(gap: Floats, switch: int, start: int, stop: int) -> float:
    """Mean of a gap from the switch on less that before it, within [start, stop)."""
    return float(gap[switch:stop].mean() - gap[start:switch].mean())
