"""Selection on unobservables against selection on observables: Oster (2019), doi:10.1080/07350015.2016.1227711.

With orthogonal observed and unobserved parts W₁, W₂ of the outcome, the model ``Y = βX + W₁ + W₂ + ε`` holds
``δ Cov(X, W₁)/Var(W₁) = Cov(X, W₂)/Var(W₂)``. Write ν = β̃ - β for the bias left after controls, D = β° - β̃ for the
movement of the coefficient when they enter, σ² for the variance of X, τ for what the controls leave of it, and V for
the variance of Y. Then, exactly,

``Cov(X, W₂) = ντ``, ``Var(W₂) = (R_max - R̃)V + ν²τ``, ``Cov(X, W₁) = Dσ² + ν(σ² - τ)`` and
``Var(W₁) = (R̃ - R°)V + (D + ν)²σ² - ν²τ``,

so that δ is a ratio of two cubics in ν, and β at a given δ a root of one.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Movement:
    """A coefficient and R² without and with controls.

    Attributes
    ----------
    short, controlled : float
        Coefficient β° without and β̃ with controls.
    short_r2, controlled_r2 : float
    treatment, left : float
        Variance of the treatment, and what the controls leave of it.
    outcome : float
        Variance of the outcome.
    """

    short: float
    controlled: float
    short_r2: float
    controlled_r2: float
    treatment: float
    left: float
    outcome: float

    def observed_covariance(self, bias: float) -> float:
        """Cov(X, W₁)."""
        return (self.short - self.controlled) * self.treatment + bias * (self.treatment - self.left)

    def observed_variance(self, bias: float) -> float:
        """Var(W₁)."""
        explained = (self.controlled_r2 - self.short_r2) * self.outcome
        moved = self.short - self.controlled + bias
        return explained + moved**2 * self.treatment - bias**2 * self.left

    def hidden_variance(self, bias: float, largest_r2: float) -> float:
        """Var(W₂)."""
        return (largest_r2 - self.controlled_r2) * self.outcome + bias**2 * self.left


def movement(treatment: Floats, controls: Floats, outcome: Floats, weights: Floats | None = None) -> Movement | None:
    """Measure what the controls do to a coefficient.

    Parameters
    ----------
    treatment, outcome : ndarray of shape (n,)
    controls : ndarray of shape (n, p)
        Dependent columns do no harm.
    weights : ndarray of shape (n,), optional

    Returns
    -------
    Movement or None
        None where the controls determine the treatment, or the outcome does not vary.
    """
    w = np.ones(treatment.shape[0]) if weights is None else weights
    share = w / w.sum()
    root = np.sqrt(share)[:, None]
    block = np.column_stack([treatment, outcome, controls])
    centred = root * (block - share @ block)
    spread = np.sqrt(np.square(centred).sum(axis=0))
    x, y = centred[:, 0], centred[:, 1]
    z = centred[:, 2:][:, spread[2:] > 0.0] / spread[2:][spread[2:] > 0.0]
    fitted = z @ np.linalg.lstsq(z.T @ z, z.T @ centred[:, :2], rcond=TINY)[0]
    treatment_variance, outcome_variance = float(x @ x), float(y @ y)
    rest, left_y = x - fitted[:, 0], y - fitted[:, 1]
    left = float(rest @ rest)
    if left <= TINY * treatment_variance or outcome_variance <= 0.0:
        return None
    short, controlled = float(x @ y) / treatment_variance, float(rest @ left_y) / left
    unexplained = float(np.square(left_y - controlled * rest).sum())
    return Movement(
        short,
        controlled,
        short**2 * treatment_variance / outcome_variance,
        1.0 - unexplained / outcome_variance,
        treatment_variance,
        left,
        outcome_variance,
    )


def selection_ratio(seen: Movement, bias: float, largest_r2: float) -> float:
    """δ at which the coefficient's bias after controls is ``bias``; infinite where no selection gives it.

    Taken at ``bias = seen.controlled`` it is the δ that leaves nothing of the coefficient.
    """
    top = bias * seen.left * seen.observed_variance(bias)
    bottom = seen.observed_covariance(bias) * seen.hidden_variance(bias, largest_r2)
    return top / bottom if bottom != 0.0 else float("inf")


def adjusted_coefficients(seen: Movement, ratio: float, largest_r2: float) -> Floats:
    """Coefficients β that the model allows at a δ, nearest to the controlled one first.

    Roots of the cubic (at δ = 1 a quadratic) of the module's equation at which both parts have a variance and the
    observed one leans the way the controls say (Oster's assumption 3); none, one or several.
    """
    x, tau, gap = seen.treatment, seen.left, seen.short - seen.controlled
    hidden = (largest_r2 - seen.controlled_r2) * seen.outcome
    explained = (seen.controlled_r2 - seen.short_r2) * seen.outcome
    polynomial = np.array(
        [
            (ratio - 1.0) * tau * (x - tau),
            ratio * gap * x * tau - 2.0 * tau * gap * x,
            ratio * (x - tau) * hidden - tau * (explained + gap**2 * x),
            ratio * gap * x * hidden,
        ]
    )
    roots = np.roots(polynomial if abs(ratio - 1.0) > TINY else polynomial[1:])
    real = roots[np.abs(roots.imag) <= 1e-7 * (1.0 + np.abs(roots.real))].real
    allowed = [
        bias
        for bias in sorted(real, key=abs)
        if seen.observed_covariance(bias) * gap > 0.0 and seen.observed_variance(bias) > 0.0
    ]
    return seen.controlled - np.array(allowed, dtype=float)
