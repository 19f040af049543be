r"""Randomisation inference: treatment assigned anew as it was, under a constant effect.

Under the sharp null of an effect :math:`\tau` for every unit, an outcome under another assignment :math:`D'` is known:
:math:`Y - \tau D + \tau D'`. A line is fitted in each arm and both are compared at everyone's average covariates
(Lin 2013); with no covariates that is the difference in means. Estimate and residuals are linear in the outcome, so
that the statistic of an assignment is a ratio of polynomials in :math:`\tau`; see :mod:`estimand.stats.inversion`.

Studentised by HC2 (Welch's variance for a difference in means), or by cluster sums of the scores; Wu & Ding (2021),
doi:10.1080/01621459.2020.1750415, and Zhao & Ding (2021), doi:10.1016/j.jeconom.2021.06.002, show that the test is then
also right, in large samples, for no effect on average.
"""

from dataclasses import dataclass
from itertools import combinations, product
from math import comb, exp, lgamma, prod

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.inversion import Pencil

LEVERAGE_ONE = 1.0 - 1e-10
RANK = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """How treatment was assigned: which of the units of each stratum were treated.

    Attributes
    ----------
    treated : ndarray of shape (u,) of bool
        Of each unit.
    stratum : ndarray of shape (u,)
        Codes 0, 1, … of the strata.
    """

    treated: Bools
    stratum: Ints

    @property
    def members(self) -> list[Ints]:
        """Positions of each stratum's units."""
        return [np.flatnonzero(self.stratum == s) for s in range(int(self.stratum.max()) + 1)]

    @property
    def count(self) -> int:
        """Number of assignments there are."""
        return prod(comb(m.shape[0], int(self.treated[m].sum())) for m in self.members)

    @property
    def log_count(self) -> float:
        """Natural logarithm of that number, which soon is too long to write."""
        sizes = [(m.shape[0], int(self.treated[m].sum())) for m in self.members]
        return sum(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for n, k in sizes)

    @property
    def smallest_share(self) -> float:
        """Smallest p-value of a two-sided test: with as many treated as not, every assignment has its mirror."""
        mirrored = all(2 * int(self.treated[m].sum()) == m.shape[0] for m in self.members)
        return (2.0 if mirrored else 1.0) * exp(-self.log_count)

    def every(self) -> Bools:
        """Every assignment, the observed one among them, shape (count, u)."""
        members = self.members
        chosen = [combinations(m.tolist(), int(self.treated[m].sum())) for m in members]
        out = np.zeros((self.count, self.treated.shape[0]), dtype=bool)
        for row, parts in zip(out, product(*chosen), strict=True):
            row[[j for part in parts for j in part]] = True
        return out

    def drawn(self, rng: np.random.Generator, draws: int) -> Bools:
        """Assignments at random, shape (draws, u)."""
        out = np.empty((draws, self.treated.shape[0]), dtype=bool)
        for m in self.members:
            out[:, m] = rng.permuted(np.broadcast_to(self.treated[m], (draws, m.shape[0])), axis=1)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What was observed.

    Attributes
    ----------
    outcome : ndarray of shape (n,)
    treated : ndarray of shape (n,)
        One or zero.
    basis : ndarray of shape (n, q)
        Columns of the arms' lines, ones first.
    cluster : ndarray of shape (n,) or None
        Codes 0, 1, … of what was assigned together.
    """

    outcome: Floats
    treated: Floats
    basis: Floats
    cluster: Ints | None = None

    def parts(self, assigned: Floats, *, studentised: bool) -> tuple[Floats, Floats]:
        """Estimates of the outcome and of the observed treatment, and their spreads, under assignments (b, n).

        Returns
        -------
        estimates : ndarray of shape (b, 2)
            Of the outcome, and of the observed treatment taken as one.
        spreads : ndarray of shape (b, 3)
            Variance of the first, covariance, and variance of the second; the same for all where not studentised.
        """
        both = np.stack([self.outcome, self.treated], axis=1)
        center = self.basis.mean(axis=0)
        estimates = np.zeros((assigned.shape[0], 2))
        scores = np.zeros((assigned.shape[0], both.shape[0], 2))
        for sign, member in ((1.0, assigned), (-1.0, 1.0 - assigned)):
            mean, load = _arm(self.basis, both, member, center)
            estimates += sign * mean
            if studentised:
                scores += sign * load
        if not studentised:
            return estimates, np.tile([float(self.outcome.var()), 0.0, 0.0], (assigned.shape[0], 1))
        summed = scores if self.cluster is None else _summed(scores, self.cluster)
        first, second = summed[:, :, 0], summed[:, :, 1]
        products = [np.square(first), first * second, np.square(second)]
        return estimates, np.stack([part.sum(axis=1) for part in products], axis=1)

    def pencil(self, estimates: Floats, spreads: Floats, *, studentised: bool, complete: bool) -> Pencil:
        """The observed statistic and those of the assignments, as functions of the effect imposed."""
        observed, spread = self.parts(self.treated[None, :], studentised=studentised)
        numerator = np.stack([estimates[:, 0], -estimates[:, 1]], axis=1)
        polynomial = spreads * np.array([1.0, -2.0, 1.0])
        return Pencil(float(observed[0, 0]), float(spread[0, 0]), numerator, polynomial, complete)


def _arm(basis: Floats, both: Floats, member: Floats, center: Floats) -> tuple[Floats, Floats]:
    """Fits of one arm at the center (b, 2), and each row's score there by HC2 (b, n, 2), for members (b, n)."""
    b, (n, q) = member.shape[0], basis.shape
    products = (basis[:, :, None] * basis[:, None, :]).reshape(n, q * q)
    gram = (member @ products).reshape(b, q, q)
    moments = np.stack([member @ (basis * both[:, [j]]) for j in range(2)], axis=2)
    # An assignment may leave an arm without some category: the shortest line is as good a statistic as any.
    inverse = np.linalg.pinv(gram, rcond=RANK, hermitian=True)
    coefficients = inverse @ moments
    load = (inverse @ center) @ basis.T * member
    leverage = inverse.reshape(b, q * q) @ products.T * member
    slack = np.sqrt(np.where(leverage < LEVERAGE_ONE, 1.0 - leverage, np.inf))
    residual = both[None] - np.einsum("nq,bqj->bnj", basis, coefficients)
    return np.einsum("q,bqj->bj", center, coefficients), residual * (load / slack)[:, :, None]


def _summed(scores: Floats, cluster: Ints) -> Floats:
    """Scores summed within clusters, shape (b, G, 2)."""
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    return np.add.reduceat(scores[:, order], starts, axis=1)
