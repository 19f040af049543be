"""Propensity strata of two arms refitted under many bootstrap counts at once: scores, cuts and effects anew."""

from dataclasses import dataclass

import numpy as np

from estimand.kernels.strata import strata_kernel
from estimand.stats.arrays import Floats
from estimand.stats.glm import fit_glm
from estimand.stats.replicates import Logits, logistic
from estimand.stats.strata import Grouping, Scored


@dataclass(frozen=True, slots=True, eq=False)
class StrataReplicates:
    """Effects of an arm against control within strata of a logistic propensity.

    Attributes
    ----------
    rows : Scored
        Of the two arms; the arm is one for the arm compared.
    logits : Logits
        The propensity.
    grouping : Grouping
    """

    rows: Scored
    logits: Logits
    grouping: Grouping

    @classmethod
    def of(cls, rows: Scored, grouping: Grouping) -> "StrataReplicates":
        """Prepare the refits: the propensity of the whole sample is where each starts."""
        treated = (rows.arm == 1).astype(np.float64)
        fit = fit_glm(rows.features, treated, "logistic", rows.weights)
        return cls(rows, Logits(fit.basis.matrix, treated, fit.coefficients), grouping)

    def __call__(self, counts: Floats) -> Floats:
        """Effects of shape (b,) where row i is there ``counts[:, i]`` times, counts (b, n).

        Not-a-number where a draw has a single arm, a propensity without an optimum, or a stratum without both arms or
        with no more different rows than its regression has coefficients.
        """
        rows, treated_only = self.rows, self.grouping.target == "ATT"
        treated = self.logits.outcome
        weights = np.ones(treated.shape[0]) if rows.weights is None else rows.weights
        about = weights[treated > 0.0] if treated_only else weights
        scores = self._scores(counts, weights)
        order = np.argsort(scores, axis=1, kind="stable")
        columns = np.ascontiguousarray(np.vstack([treated, rows.features.T]))
        held = (columns, np.ascontiguousarray(rows.values), np.ascontiguousarray(weights))
        even, regression = bool((about == about[0]).all()), self.grouping.within == "regression"
        return strata_kernel(scores, order, counts, held, (self.grouping.strata, treated_only, even, regression))

    def _scores(self, counts: Floats, weights: Floats) -> Floats:
        """Propensities of every row in every draw, shape (b, n)."""
        coefficients = self.logits.refitted(counts * weights)
        # Column by column, so that rows with the same covariates are tied to the last bit.
        linear = np.zeros(counts.shape)
        for j, column in enumerate(self.logits.basis.T):
            linear += coefficients[:, [j]] * column
        out = logistic(linear)
        for draw in np.flatnonzero(np.isnan(coefficients[:, 0])):
            out[draw] = self._alone(counts[draw])
        return out

    def _alone(self, count: Floats) -> Floats:
        """Propensities of one draw by the fit that sorts its columns out and halves its steps."""
        drawn = self.rows.take(np.repeat(np.arange(count.shape[0]), count.astype(np.int64)))
        if not 0 < int((drawn.arm == 1).sum()) < drawn.arm.shape[0]:
            return np.full(count.shape, np.nan)
        fit = fit_glm(drawn.features, (drawn.arm == 1).astype(np.float64), "logistic", drawn.weights)
        return fit.predict(self.rows.features) if fit.converged else np.full(count.shape, np.nan)
