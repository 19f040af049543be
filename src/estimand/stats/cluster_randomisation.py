r"""Randomisation inference for a ratio of totals over few clusters, under one effect for every unit of its denominator.

Under an effect :math:`\tau` the totals of a treated cluster would without treatment be :math:`S_g - \tau D_g`, and
under another assignment :math:`S_g - \tau D_g T_g + \tau D_g T_g^*`. The statistic is the difference of the arms'
:math:`\sum S/\sum D` over its CR2 standard error; see :mod:`estimand.stats.few_clusters`. Both are polynomials in
:math:`\tau`, so that the set is found as in :mod:`estimand.stats.inversion`. Studentised, the test is in large samples
right for no effect on average too: Wu & Ding (2021), doi:10.1080/01621459.2020.1750415.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats
from estimand.stats.inversion import Pencil

ALL_OF_AN_ARM = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Totals of every cluster, each of shape (g,): of the value and the denominator, and one or zero for treatment."""

    value: Floats
    below: Floats
    treated: Floats

    def pencil(self, assigned: Floats, *, complete: bool) -> Pencil:
        """The observed statistic and those of assignments (b, g), as functions of the effect imposed.

        Parameters
        ----------
        assigned : ndarray of shape (b, g)
            One or zero.
        complete : bool
            Whether these are all the assignments there are.
        """
        observed, spread = self._parts(self.treated[None])
        estimates, spreads = self._parts(assigned)
        numerator = np.stack([estimates[:, 0], -estimates[:, 1]], axis=1)
        polynomial = spreads * np.array([1.0, -2.0, 1.0])
        return Pencil(float(observed[0, 0]), float(spread[0, 0]), numerator, polynomial, complete)

    def _parts(self, assigned: Floats) -> tuple[Floats, Floats]:
        """Estimates (b, 2) of the value and of one effect; variances and covariance (b, 3) of the two."""
        both = np.stack([self.value, self.below * self.treated], axis=1)
        estimates, spreads = np.zeros((assigned.shape[0], 2)), np.zeros((assigned.shape[0], 3))
        for sign, member in ((1.0, assigned), (-1.0, 1.0 - assigned)):
            total = member @ self.below
            mean = (member @ both) / total[:, None]
            share = member * self.below / total[:, None]
            slack = np.sqrt(np.where(share < ALL_OF_AN_ARM, 1.0 - share, np.inf))
            load = (both[None] - self.below[None, :, None] * mean[:, None]) * (member / slack / total[:, None])[
                ..., None
            ]
            estimates += sign * mean
            first, second = load[:, :, 0], load[:, :, 1]
            products = [np.square(first), first * second, np.square(second)]
            spreads += np.stack([part.sum(axis=1) for part in products], axis=1)
        return estimates, spreads
