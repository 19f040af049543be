r"""Doubly robust scores of effects that vary, from the mean outcome whatever the arm.

With e_a(x) the propensity of arm a, m(x) the mean outcome and τ_a(x) the effect of arm a against control, the outcome
under control is μ₀ = m - Σ e_a τ_a and under arm a it is μ_a = μ₀ + τ_a. The score of row i for arm a is

    Γ_a = τ_a + 1{A=a}(Y - μ_a)/e_a - 1{A=0}(Y - μ₀)/e₀,

whose mean given x is the effect there if the propensity, or the mean and the effects, are right.

Robins, Rotnitzky & Zhao (1994), doi:10.1080/01621459.1994.10476818; Athey & Wager (2021), doi:10.3982/ECTA15732.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of every row.

    Attributes
    ----------
    values : ndarray of shape (n,)
        Outcome.
    arm : ndarray of shape (n,)
        Codes; 0 is control.
    propensity : ndarray of shape (n, K + 1)
    mean : ndarray of shape (n,)
        Outcome predicted whatever the arm.
    effects : ndarray of shape (n, K)
        Of each arm against control.
    weights : ndarray of shape (n,)
        Mean one.
    """

    values: Floats
    arm: Ints
    propensity: Floats
    mean: Floats
    effects: Floats
    weights: Floats

    def control(self) -> Floats:
        """Outcome predicted under control, shape (n,)."""
        return np.asarray(self.mean - (self.propensity[:, 1:] * self.effects).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """Average effects and the control level among the same people.

    Attributes
    ----------
    value : ndarray of shape (K,)
    psi : ndarray of shape (n, K)
        ``value - truth ≈ Σψ/n``.
    control : ndarray of shape (K,)
    control_psi : ndarray of shape (n, K)
    """

    value: Floats
    psi: Floats
    control: Floats
    control_psi: Floats


def flat(values: Floats) -> Floats:
    """One treatment as shape (n,), several as (n, K)."""
    return values[:, 0] if values.shape[1] == 1 else values


def arm_scores(known: Known) -> Floats:
    """Scores of the mean outcome under every arm, shape (n, K + 1); Γ_a is that of arm a less that of control."""
    arms = np.arange(known.propensity.shape[1])
    under = known.control()[:, None] + np.column_stack([np.zeros(known.arm.shape[0]), known.effects])
    held = known.arm[:, None] == arms
    return np.asarray(under + held * (known.values[:, None] - under) / known.propensity)


def average_everyone(known: Known) -> Averages:
    """Average the scores over everyone."""
    scores, weights = arm_scores(known), known.weights[:, None]
    level = (weights * scores).mean(axis=0)
    psi = weights * (scores - level)
    k = level.shape[0] - 1
    return Averages(
        level[1:] - level[0], psi[:, 1:] - psi[:, :1], np.repeat(level[:1], k), np.repeat(psi[:, :1], k, axis=1)
    )


def average_treated(known: Known) -> Averages:
    """Average over the rows of each arm: their outcome, less control rows brought to stand for them."""
    base, left = known.control(), known.weights * (known.arm == 0) * (known.values - known.control())
    parts = []
    for a in range(1, known.propensity.shape[1]):
        member = known.weights * (known.arm == a)
        share, odds = member.mean(), known.propensity[:, a] / known.propensity[:, 0]
        here, there = member * known.values, member * base + odds * left
        level = there.mean() / share
        value = here.mean() / share - level
        parts.append((value, (here - there - member * value) / share, level, (there - member * level) / share))
    value, psi, level, level_psi = (np.stack(column, axis=-1) for column in zip(*parts, strict=True))
    return Averages(value, psi, level, level_psi)


def average_overlap(known: Known) -> tuple[Floats, Floats]:
    r"""Average of one arm's effects under overlap weights e(1 - e): value (1,) and ψ (n, 1).

    The orthogonal score of that average is (A - e){Y - m - θ(A - e)}: the effects cancel from it, and what is left is
    the regression of the outcome's residual on the arm's.
    """
    apart = (known.arm == 1) - known.propensity[:, 1]
    left = known.values - known.mean
    scale = float((known.weights * apart**2).mean())
    value = float((known.weights * apart * left).mean()) / scale
    psi = known.weights * apart * (left - value * apart) / scale
    return np.array([value]), psi[:, None]
