"""Two arm means as a difference, a ratio or an odds ratio, each on the scale where it is normal."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.errors import Code, DesignError, IdentificationError
from estimand.stats.arrays import Floats
from estimand.stats.intervals import Scale

Contrast: TypeAlias = Literal["difference", "ratio", "odds_ratio"]


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Mean outcome under each arm and under control, one pair per term, for the target population.

    Attributes
    ----------
    treated, control : ndarray of shape (k,)
    treated_psi, control_psi : ndarray of shape (n, k)
        Influence of each; the error of a mean is ``Σψ/n``.
    """

    treated: Floats
    control: Floats
    treated_psi: Floats
    control_psi: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Contrasted:
    """Each arm's mean set against control's.

    Attributes
    ----------
    value : ndarray of shape (k,)
        On ``scale``: a difference, or the log of a ratio.
    psi : ndarray of shape (n, k)
        Influence on that scale.
    control, control_psi : ndarray of shape (k,) and (n, k)
        The untreated level.
    scale : "identity" | "log"
    """

    value: Floats
    psi: Floats
    control: Floats
    control_psi: Floats
    scale: Scale

    @property
    def natural(self) -> Floats:
        """Values as reported, shape (k,)."""
        return np.asarray(np.exp(self.value)) if self.scale == "log" else self.value

    @property
    def natural_psi(self) -> Floats:
        """Influence of the values as reported, shape (n, k)."""
        return np.asarray(self.psi * self.natural) if self.scale == "log" else self.psi


def set_against(means: Means, kind: Contrast, outcome: Floats) -> Contrasted:
    """Contrast every arm's mean with control's: μ₁ - μ₀, log(μ₁/μ₀), or the difference of log odds.

    By the delta method ψ = ψ₁ - ψ₀, ψ₁/μ₁ - ψ₀/μ₀, or ψ₁/(μ₁(1 - μ₁)) - ψ₀/(μ₀(1 - μ₀)).

    Parameters
    ----------
    outcome : ndarray of shape (n,)
        To tell whether it has odds.

    Raises
    ------
    DesignError
        If odds are asked of an outcome that leaves [0, 1].
    IdentificationError
        If a mean is not inside the range where the ratio has a logarithm.
    """
    if kind == "difference":
        psi = means.treated_psi - means.control_psi
        return Contrasted(means.treated - means.control, psi, means.control, means.control_psi, "identity")
    odds = kind == "odds_ratio"
    _refuse_undefined(means, odds, outcome)
    slopes = [1.0 / (m * (1.0 - m)) if odds else 1.0 / m for m in (means.treated, means.control)]
    logs = [np.log(m / (1.0 - m)) if odds else np.log(m) for m in (means.treated, means.control)]
    psi = means.treated_psi * slopes[0] - means.control_psi * slopes[1]
    return Contrasted(logs[0] - logs[1], psi, means.control, means.control_psi, "log")


def _refuse_undefined(means: Means, odds: bool, outcome: Floats) -> None:
    if odds and (outcome.min() < 0.0 or outcome.max() > 1.0):
        raise DesignError(
            f"An odds ratio needs an outcome between 0 and 1, and this one goes from {outcome.min():.3g} to "
            f"{outcome.max():.3g}.",
            remedy="Use contrast: difference or ratio.",
            code=Code.UNSUPPORTED,
        )
    levels = np.concatenate([means.treated, means.control])
    if levels.min() <= 0.0 or (odds and levels.max() >= 1.0):
        worst = levels.min() if levels.min() <= 0.0 else levels.max()
        raise IdentificationError(
            f"A mean of {worst:.3g} has no {'odds ratio' if odds else 'ratio'}.", remedy="Use contrast: difference."
        )


def unit_of_ratio(kind: Contrast, outcome: Floats) -> str:
    """What a ratio of means is called: of risks, odds or rates, by the outcome.

    Examples
    --------
    >>> unit_of_ratio("ratio", np.array([0.0, 1.0])), unit_of_ratio("ratio", np.array([0.0, 3.0]))
    ('risk ratio', 'rate ratio')
    """
    if kind == "odds_ratio":
        return "odds ratio"
    if np.isin(outcome, (0.0, 1.0)).all():
        return "risk ratio"
    counts = bool((outcome >= 0.0).all() and (outcome == np.rint(outcome)).all())
    return "rate ratio" if counts else "ratio of means"
