r"""Weights that a two-way fixed effects coefficient gives to the effects of treated cells, some of them negative.

With :math:`\epsilon` the residual of the treatment on what is absorbed, the coefficient is expected to be
:math:`\sum w_c \Delta_c` over treated cells, with :math:`w_c \propto \sum_{i \in c} \epsilon_i` summing to one
(de Chaisemartin & D'Haultfoeuille 2020, doi:10.1257/aer.20181169, theorem 1). Their corollary 1 asks how unequal
effects must be for the coefficient to hide an average of zero, or effects that are all of the other sign.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints

NONE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class CellWeights:
    """Weights of the treated cells.

    Attributes
    ----------
    cell : ndarray of shape (c,)
        Codes of the cells, ascending.
    weight : ndarray of shape (c,)
        Sum to one; an average effect on the treated would have ``share``.
    share : ndarray of shape (c,)
        Of the treated rows, by their own weights.
    """

    cell: Ints
    weight: Floats
    share: Floats

    @property
    def negative_count(self) -> int:
        """Cells with a negative weight."""
        return int(np.count_nonzero(self.weight < -NONE))

    @property
    def negative_sum(self) -> float:
        """Sum of the negative weights, zero or below."""
        return float(self.weight[self.weight < -NONE].sum())

    def spread_hiding_zero(self, coefficient: float) -> float:
        """Least standard deviation of the cells' effects with which their average is zero; infinite if none does."""
        excess = self.weight / self.share - 1.0
        spread = float(np.sqrt((self.share * np.square(excess)).sum()))
        return abs(coefficient) / spread if spread > NONE else float("inf")

    def spread_turning_sign(self, coefficient: float) -> float:
        """Least standard deviation of the effects with which all are of the other sign; infinite if none does.

        Effects are given to the cells of smallest weight, as few as do.
        """
        if self.negative_count == 0:
            return float("inf")
        relative = self.weight / self.share
        order = np.argsort(-relative, kind="stable")
        own, kept = relative[order], self.share[order]
        tail_share = kept[::-1].cumsum()[::-1]
        tail_sum = (kept * own)[::-1].cumsum()[::-1]
        tail_square = (kept * np.square(own))[::-1].cumsum()[::-1]
        rest = np.maximum(1.0 - tail_share, NONE)
        s = int(np.argmax(own < -tail_sum / rest))
        return float(abs(coefficient) / np.sqrt(tail_square[s] + tail_sum[s] ** 2 / rest[s]))


def cell_weights(residual: Floats, treated: Bools, cell: Ints, weights: Floats | None = None) -> CellWeights:
    """Weights of the treated cells in the coefficient.

    Parameters
    ----------
    residual : ndarray of shape (n,)
        Of the treatment on everything else in the regression.
    treated : ndarray of shape (n,) of bool
    cell : ndarray of shape (n,)
        Code of each row's cell, such as its cohort and period.
    weights : ndarray of shape (n,), optional
        Of the regression.
    """
    mass = np.ones(residual.shape[0]) if weights is None else weights
    codes, place = np.unique(cell[treated], return_inverse=True)
    total = np.bincount(place, weights=(mass * residual)[treated], minlength=codes.shape[0])
    share = np.bincount(place, weights=mass[treated], minlength=codes.shape[0])
    return CellWeights(codes, total / total.sum(), share / share.sum())
