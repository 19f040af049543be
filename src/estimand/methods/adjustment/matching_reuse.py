"""Matching with replacement: imputed outcomes, bias correction, and the variances of Abadie and Imbens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.nuisances import Score
from estimand.core.question import Target
from estimand.errors import DataError
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.basis import gram
from estimand.stats.linear import least_squares
from estimand.stats.neighbours import Matches, Rule, Space

Predicted: TypeAlias = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The rows of one arm that the target is about, with their matches in the other.

    Attributes
    ----------
    rows : ndarray of shape (t,)
    sign : float
        1 where the rows are treated, -1 where they are control.
    matches : Matches
    """

    rows: Ints
    sign: float
    matches: Matches

    def corrected(self, values: Floats, predicted: Predicted | None) -> Floats:
        """Outcome less what the covariates predict of it in the arm of the matches, shape (n,)."""
        return values if predicted is None else values - predicted[0 if self.sign > 0 else 1]


@dataclass(frozen=True, slots=True, eq=False)
class Reused:
    """Every target row with its matches, which may serve several.

    Attributes
    ----------
    sides : tuple of Side
    n : int
        Rows in all.
    """

    sides: tuple[Side, ...]
    n: int

    @classmethod
    def of(cls, space: Space, arm: Ints, target: Target, rule: Rule) -> "Reused":
        """Match the rows of a target: the treated, the untreated, or both."""
        rows = [np.flatnonzero(arm == a) for a in (0, 1)]
        codes = {Target.ATT: (1,), Target.ATC: (0,), Target.ATE: (0, 1)}[target]
        sides = tuple(Side(rows[a], 2.0 * a - 1.0, space.matches(rows[a], rows[1 - a], rule)) for a in codes)
        return cls(sides, arm.shape[0])

    def kept(self) -> Floats:
        """One for each target row with a match, zero elsewhere, shape (n,)."""
        out = np.zeros(self.n)
        for side in self.sides:
            out[side.rows[side.matches.counts() > 0]] = 1.0
        return out

    def uses(self) -> tuple[Floats, Floats]:
        """How much each row serves others: sums of its shares and of their squares, shapes (n,)."""
        once, square = np.zeros(self.n), np.zeros(self.n)
        for side in self.sides:
            share = 1.0 / np.maximum(side.matches.counts(), 1)
            once += side.matches.handed_back(share, self.n)
            square += side.matches.handed_back(share * share, self.n)
        return once, square

    def effects(self, values: Floats, predicted: Predicted | None) -> Floats:
        """Effect imputed to each target row, zero elsewhere, shape (n,).

        Parameters
        ----------
        values : ndarray of shape (n,)
        predicted : tuple of ndarray of shape (n,), optional
            Outcome predicted from the covariates under control and under treatment: corrects for what a match
            differs in.
        """
        out = np.zeros(self.n)
        for side in self.sides:
            counts = side.matches.counts()
            found = counts > 0
            held = side.corrected(values, predicted)
            gap = held[side.rows] - side.matches.sums(held) / np.maximum(counts, 1)
            out[side.rows[found]] = side.sign * gap[found]
        return out


def predictions(features: Floats, values: Floats, arm: Ints, uses: Floats) -> Predicted:
    """Outcome under control and treatment, by least squares on the matched rows weighted by their use.

    Parameters
    ----------
    features : ndarray of shape (n, p)
    values, arm, uses : ndarray of shape (n,)

    Raises
    ------
    DataError
        If the matched rows of an arm are too few for the covariates.
    """
    out = []
    for a in (0, 1):
        rows = np.flatnonzero((arm == a) & (uses > 0.0))
        out.append(_predicted(features, values, rows, uses) if rows.size else np.zeros(values.shape[0]))
    return out[0], out[1]


def _predicted(features: Floats, values: Floats, rows: Ints, uses: Floats) -> Floats:
    fit = least_squares(features[rows], values[rows], uses[rows])
    if fit.df_residual < 1:
        raise DataError(
            f"{rows.size} matched rows are too few for a bias correction in {fit.basis.matrix.shape[1]} coefficients.",
            remedy="Set bias_correct=False, use fewer covariates, or raise the ratio.",
        )
    return fit.predict(features)


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Where the outcome's variance given the covariates is read from.

    Attributes
    ----------
    space : Space
    neighbours : int
        Rows of the same arm.
    slack : float
        Tolerance of ties.
    """

    space: Space
    neighbours: int
    slack: float

    def variances(self, values: Floats, arm: Ints, needed: Bools) -> Floats:
        """Variance of the outcome at each needed row, from its nearest rows of the same arm, shape (n,).

        ``j / (j + 1) (y - mean of the j nearest)²``, unbiased where the mean is flat. A row alone in its stratum
        looks beyond it.
        """
        out = np.zeros(values.shape[0])
        for a in (0, 1):
            left = np.flatnonzero((arm == a) & needed)
            for space in (self.space, self.space.mixed()):
                if left.size:
                    own = space.matches(left, np.flatnonzero(arm == a), Rule(self.neighbours + 1, self.slack))
                    others = own.counts() - 1
                    mean = (own.sums(values) - values[left]) / np.maximum(others, 1)
                    out[left] = others / (others + 1.0) * np.square(values[left] - mean)
                    left = left[others < 1]
        return out


def matching_variance(
    reused: Reused, effects: Floats, noise: Callable[[Bools], Floats], population: Literal["superpopulation", "sample"]
) -> float:
    """Variance of a matching estimate with known distances: Abadie & Imbens (2006), theorems 6 and 7.

    With K the summed shares by which a row serves others, K₂ those of their squares and T one for target rows:
    ``Σ T (τ̂_i - τ̂)² + Σ (K² + 2 T K - K₂) σ̂²`` over n_T², or for the rows at hand ``Σ (T + K)² σ̂²`` over n_T².
    """
    kept = reused.kept()
    once, square = reused.uses()
    total = kept.sum()
    if population == "sample":
        factor = np.square(kept + once)
        return float(factor @ noise(factor > 0.0) / total**2)
    deviation = kept * (effects - effects.sum() / total)
    factor = once * once + 2.0 * kept * once - square
    return float((deviation @ deviation + factor @ noise(once > 0.0)) / total**2)


def even_variance(reused: Reused, effects: Floats, values: Floats, predicted: Predicted | None) -> float:
    """One variance of the outcome for all rows: half the mean square of matched differences about the estimate."""
    kept = reused.kept()
    total = kept @ np.square(effects - effects.sum() / kept.sum())
    for side in reused.sides:
        counts = np.maximum(side.matches.counts(), 1)
        held = side.corrected(values, predicted)
        held = held - held.mean()
        mean = side.matches.sums(held) / counts
        total += (side.matches.sums(np.square(held)) / counts - np.square(mean)).sum()
    return float(0.5 * total / kept.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A fitted propensity, and the rows over which its uncertainty is felt.

    Attributes
    ----------
    propensity : ndarray of shape (n,)
    score : Score
    region : ndarray of shape (n,) of bool
        Rows of both arms that the estimate can reach.
    """

    propensity: Floats
    score: Score
    region: Bools


def propensity_adjustment(scored: Scored, noise: Noise, values: Floats, arm: Ints, goal: tuple[Target, float]) -> float:
    """What estimating the propensity adds to the variance, often below zero: Abadie & Imbens (2016).

    ``-c'H⁻¹c`` for the average over everyone, and ``+ d'H⁻¹d`` more for the treated, with H the information of the
    logit. c is the covariance of the estimate with the logit's score, through the local covariance of covariates
    and outcome given the propensity; d is the derivative of the target in the logit's coefficients, here by doubly
    robust scores, which given the propensity need no second matching on covariates.

    Parameters
    ----------
    scored : Scored
    noise : Noise
    values, arm : ndarray of shape (n,)
    goal : tuple of (Target, float)
        The target and its estimate.
    """
    target, value = goal
    e, one, zero, sign = scored.propensity, 1, 0, 1.0
    if target is Target.ATC:
        e, one, zero, sign = 1.0 - e, 0, 1, -1.0
    treated, region = arm == one, scored.region
    local = {a: _Local.of(noise, values, arm, a) for a in (one, zero)}
    basis, slope = scored.score.basis, e * (1.0 - e) * region
    if target is Target.ATE:
        weights = {one: (1.0 - e) * region, zero: e * region}
        total = float(region.sum())
    else:
        weights = {one: slope, zero: e * e * region}
        total = float((treated & region).sum())
    carried = sum(local[a].covariance(weights[a]) for a in (one, zero))
    solve = np.linalg.solve
    if target is Target.ATE:
        c = basis.T @ carried / total
        return -float(c @ solve(scored.score.hessian, c))
    mean = slope * (local[one].mean - local[zero].mean - sign * value)
    c = basis.T @ (carried + mean) / total
    under, over = (_linear(basis, values, arm == a) for a in (one, zero))
    drift = slope * (under - over - sign * value)
    drift += region * np.where(treated, (1.0 - e) * (values - under), -e * (values - over))
    d = basis.T @ drift / total
    return float(d @ solve(scored.score.hessian, d) - c @ solve(scored.score.hessian, c))


def _linear(basis: Floats, values: Floats, rows: Bools) -> Floats:
    """Least-squares fit on some rows, predicted everywhere, shape (n,); the least one where it is not unique."""
    own = basis[rows]
    coefficients = np.linalg.lstsq(gram(own), own.T @ values[rows], rcond=1e-10)[0]
    return np.asarray(basis @ coefficients)


@dataclass(frozen=True, slots=True, eq=False)
class _Local:
    """Each row's nearest rows of one arm by propensity, itself left out.

    Attributes
    ----------
    parts : tuple of (rows, matches, whether the rows are of the arm themselves, matches counted)
    mean : ndarray of shape (n,)
        Their mean outcome.
    values : ndarray of shape (n,)
    """

    parts: tuple[tuple[Ints, Matches, bool, Ints], ...]
    mean: Floats
    values: Floats

    @classmethod
    def of(cls, noise: Noise, values: Floats, arm: Ints, code: int) -> "_Local":
        pool, parts, mean = np.flatnonzero(arm == code), [], np.zeros(values.shape[0])
        held = values - values[pool].mean()
        for own in (True, False):
            rows = np.flatnonzero((arm == code) == own)
            near = noise.space.matches(rows, pool, Rule(noise.neighbours + own, noise.slack))
            counts = near.counts() - own
            mean[rows] = (near.sums(held) - own * held[rows]) / np.maximum(counts, 1)
            parts.append((rows, near, own, counts))
        return cls(tuple(parts), mean + values[pool].mean(), values)

    def covariance(self, weights: Floats) -> Floats:
        """Loading v of shape (n,) for which ``X'v`` sums weighted local covariances of any X with the outcome."""
        out = np.zeros(self.values.shape[0])
        for rows, near, own, counts in self.parts:
            amount = np.where(counts > 1, weights[rows], 0.0) / np.maximum(counts - 1, 1)
            level = self.values.mean()
            middle = self.mean[rows] - level
            out += (self.values - level) * near.handed_back(amount, out.shape[0])
            out -= near.handed_back(amount * middle, out.shape[0])
            if own:
                out[rows] -= amount * (self.values[rows] - self.mean[rows])
        return out
