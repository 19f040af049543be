"""Two unadjusted means as a ratio, from their variances alone: with rows or without."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.estimate import Baseline, Estimate
from estimand.core.uncertainty import Normal
from estimand.errors import UnsupportedError
from estimand.methods.adjustment.ratios import Contrast, Means, set_against, unit_of_ratio
from estimand.stats.arrays import Floats

YES_OR_NO = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """A ratio, and how it turns what is known of arm means.

    Attributes
    ----------
    value : ndarray of shape (k,)
        The ratio, or odds ratio, of every arm.
    slopes : ndarray of shape (arms,)
        Slope of the log, or the log odds, at every arm's mean.
    unit : str
    """

    value: Floats
    slopes: Floats
    unit: str

    @classmethod
    def of(cls, kind: Contrast, mean: Floats, outcome: Floats) -> "Ratio":
        """Set every arm's mean (arms,) against control's, or refuse; ``outcome`` tells what it may be called."""
        k = mean.shape[0] - 1
        no_rows = np.empty((0, k))
        found = set_against(Means(mean[1:], np.full(k, mean[0]), no_rows, no_rows), kind, outcome)
        slopes = 1.0 / (mean * (1.0 - mean)) if kind == "odds_ratio" else 1.0 / mean
        return cls(found.natural, slopes, unit_of_ratio(kind, outcome))

    def influence(self, psi: Floats) -> Floats:
        """ψ of the ratios as reported (n, k), from ψ of the means (n, arms)."""
        scaled = psi * self.slopes
        return np.asarray((scaled[:, 1:] - scaled[:, [0]]) * self.value)

    def turn(self, made: Estimate, plain: Normal, level: Baseline, df: Floats | None) -> Estimate:
        r"""Report the ratio in place of a difference.

        With differences :math:`\delta`, control's mean :math:`\mu_0` and slopes g, the log is moved by
        :math:`g_a \delta_a + (g_a - g_0) \mu_0`; so is its covariance, by that of both.
        """
        own = np.diag(self.slopes[1:])
        shift = np.diag(self.slopes[1:] - self.slopes[0])
        both = np.hstack([own, shift])
        joint = np.block([[plain.vcov, level.cross], [level.cross.T, level.vcov]])
        cross = self.value[:, None] * (own @ level.cross + shift @ level.vcov)
        return replace(
            made,
            terms=tuple(replace(term, unit=self.unit) for term in made.terms),
            value=self.value,
            uncertainty=Normal(both @ joint @ both.T, df, "log", plain.correction),
            baseline=replace(level, cross=cross),
        )


def outcome_of_moments(kind: Contrast, mean: Floats, scatter: Floats) -> Floats:
    """Values that stand for an outcome of which only moments are known: 0 and 1 where they can be nothing else.

    Parameters
    ----------
    kind : Contrast
    mean : ndarray of shape (arms,)
    scatter : ndarray of shape (arms,)
        Mean squared deviation in each arm; that of zeros and ones is m(1 - m).

    Raises
    ------
    UnsupportedError
        If odds are asked of an outcome that is not known to be yes or no.
    """
    if np.allclose(scatter, mean * (1.0 - mean), rtol=YES_OR_NO, atol=YES_OR_NO):
        return np.array([0.0, 1.0])
    if kind == "odds_ratio":
        raise UnsupportedError(
            "An odds ratio needs an outcome between 0 and 1, and these moments are not those of zeros and ones.",
            remedy="Use contrast: difference or ratio, or give the rows.",
        )
    return mean
