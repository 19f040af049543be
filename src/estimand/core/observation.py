"""How likely each row was to have its outcome, and how the fit of that enters what is weighted by it."""

from dataclasses import dataclass

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.nuisances import Score
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Observation(Frozen):
    r"""A logistic model of having the outcome, fitted over all n rows; the m rows with the outcome come first.

    Rows with the outcome carry the weight :math:`1/\hat\pi`. An estimate that takes weights moves by
    :math:`\psi_i/m` with the logarithm of the weight of row i, so that with the score s and Hessian H of the model

    .. math:: \tilde\psi_i = \frac{n}{m} R_i\psi_i
        - \Big[\frac1m \sum_j R_j\psi_j(1 - \hat\pi_j) b_j\Big]^\top (H/n)^{-1} s_i,

    which is the stacked M-estimator of model and estimate, and asymptotically the residual of ψ on the score.

    Attributes
    ----------
    probability : ndarray of shape (m,)
        Of having the outcome, for the rows that have it.
    score : Score
        Of the model, over all n rows.
    root : str
        Root of the rows with the outcome.
    index : ndarray of shape (m,)
        Their positions in it.
    by_arm : bool
        Whether the covariates' slopes differ between arms.

    References
    ----------
    Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818; Henmi & Eguchi 2004,
    doi:10.1093/biomet/91.4.929.
    """

    probability: Floats
    score: Score
    root: str
    index: Ints
    by_arm: bool

    @property
    def n(self) -> int:
        """Rows with and without the outcome."""
        return int(self.score.residual.shape[0])

    def placed(self, psi: Floats) -> Floats:
        """ψ of shape (m, k) over all n rows, zero without the outcome, as if the weights were known."""
        m = self.probability.shape[0]
        out = np.zeros((self.n, psi.shape[1]))
        out[:m] = psi * (self.n / m)
        return out

    def carried(self, psi: Floats) -> Floats:
        """ψ of shape (m, k) over all n rows, with what it inherits from the fitted model."""
        m = self.probability.shape[0]
        out = self.placed(psi)
        for j in range(psi.shape[1]):
            gradient = -((1.0 - self.probability) * psi[:, j]) @ self.score.basis[:m] / m
            out[:, j] += self.score.carried(gradient[None, :])
        return out
