"""Strata: cutting by quantiles, moments of their cells, and averages of their differences.

Cochran (1968), doi:10.2307/2528036; Rosenbaum & Rubin (1984), doi:10.2307/2288398; several arms as Yang, Imbens, Cui,
Faries & Kadziola (2016), doi:10.1111/biom.12505.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.linear import least_squares


@dataclass(frozen=True, slots=True)
class Grouping:
    """How a propensity is cut and compared: number of strata, target "ATE" or "ATT", "regression" or "means"."""

    strata: int
    target: str
    within: str


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows of each stratum and arm, every array of shape (strata, arms); control first.

    Attributes
    ----------
    count : ndarray
    weight, square : ndarray
        Summed weights, and summed squares of them.
    mean : ndarray
        Weighted mean outcome, zero where there are no rows.
    error : ndarray
        Variance of that mean.
    """

    count: Floats
    weight: Floats
    square: Floats
    mean: Floats
    error: Floats

    @property
    def difference(self) -> Floats:
        """Every arm less control in each stratum, shape (strata, arms - 1)."""
        return np.asarray(self.mean[:, 1:] - self.mean[:, :1])


@dataclass(frozen=True, slots=True, eq=False)
class Stratified:
    """Differences averaged over a target, one term per arm against control.

    Attributes
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    share : ndarray of shape (strata, k)
        Of each stratum in the term's target, zero where it lacks an arm.
    """

    value: Floats
    vcov: Floats
    share: Floats


def quantile_strata(propensity: Floats, arm: Ints, grouping: Grouping, weights: Floats | None = None) -> Ints:
    """Cut at equal quantiles of everyone's propensity, or of the treated's for ATT; codes of shape (n,)."""
    rows = arm == 1 if grouping.target == "ATT" else np.ones(arm.shape[0], dtype=bool)
    held = None if weights is None else weights[rows]
    cuts = quantiles(propensity[rows], np.arange(1, grouping.strata) / grouping.strata, held)
    return np.asarray(np.searchsorted(cuts, propensity, side="left"))


def quantiles(values: Floats, levels: Floats, weights: Floats | None = None) -> Floats:
    """Quantiles under weights: each value stands at the middle of its own weight, and between them lies a line.

    Equal weights give the usual interpolation between order statistics.
    """
    if weights is None or (weights == weights[0]).all():
        return np.asarray(np.quantile(values, levels))
    order = np.argsort(values, kind="stable")
    held, ranked = weights[order], values[order]
    middle = np.cumsum(held) - held / 2.0
    return np.asarray(np.interp(levels, (middle - middle[0]) / (middle[-1] - middle[0]), ranked))


def cell_moments(
    values: Floats, arm: Ints, codes: Ints, shape: tuple[int, int], weights: Floats | None = None
) -> Cells:
    """Moments of every cell.

    The variance of a mean is ``m/(m - 1) Σ w²(y - ȳ)² / (Σw)²`` over the m rows of its cell, s²/m without weights. A
    cell of one row has the variance within the other cells of its arm.

    Parameters
    ----------
    values, arm, codes : ndarray of shape (n,)
    shape : tuple of (strata, arms)
    weights : ndarray of shape (n,), optional
    """
    cell, size = codes * shape[1] + arm, shape[0] * shape[1]
    held = np.ones(values.shape[0]) if weights is None else weights

    def total(each: Floats) -> Floats:
        return np.bincount(cell, weights=each, minlength=size).astype(float)

    count, weight = np.bincount(cell, minlength=size).astype(float), total(held)
    mean = total(held * values) / np.where(weight > 0.0, weight, 1.0)
    deviation = np.square(values - mean[cell])
    squares = total(np.square(held) * deviation) / np.where(weight > 0.0, np.square(weight), 1.0)
    error = (squares * count / np.maximum(count - 1.0, 1.0)).reshape(shape)
    free = np.maximum(count - 1.0, 0.0).reshape(shape).sum(axis=0)
    within = total(deviation).reshape(shape).sum(axis=0) / np.maximum(free, 1.0)
    error = np.where(count.reshape(shape) == 1.0, within, error)
    square = total(np.square(held))
    return Cells(count.reshape(shape), weight.reshape(shape), square.reshape(shape), mean.reshape(shape), error)


def comparable(cells: Cells, target: str) -> Bools:
    """Strata that each term can use, shape (strata, k).

    For the treated of an arm those with that arm and control. For everyone, and for the untreated, those with every
    arm, so that all terms are about the same people.
    """
    there = cells.count.astype(bool)
    if target == "ATT":
        return np.asarray(there[:, 1:] & there[:, :1])
    return np.repeat(there.all(axis=1, keepdims=True), there.shape[1] - 1, axis=1)


def target_totals(part: Floats, target: str) -> Floats:
    """Sum a count or weight of shape (strata, arms) over the rows each term is about, shape (strata, k)."""
    if target == "ATT":
        return part[:, 1:]
    one = part[:, :1] if target == "ATC" else part.sum(axis=1, keepdims=True)
    return np.repeat(one, part.shape[1] - 1, axis=1)


def stratified(cells: Cells, usable: Bools, target: str, *, net: bool = False) -> Stratified:
    r"""Average the differences over the strata's shares w of the target.

    .. math:: V_{ab} = \sum_s w_{as} w_{bs} (\delta_{ab} e_{as} + e_{0s})
        + \sum_s q_{abs} (\Delta_{as} - \Delta_a)(\Delta_{bs} - \Delta_b)

    with e the variance of a cell's mean and q the sum over the rows of the stratum of the products of their shares in
    the two targets: ``w_s / n`` without weights, where this is Σ w_s²(s²₁/n₁ + s²₀/n₀) + Σ w_s(Δ_s - Δ)²/n, and zero
    between the treated of two arms. The second sum counts the noise of each Δ_s once more, which matters where strata
    are of a few rows; ``net`` takes it off, by q instead of w w in the first sum. As the square of a sum of shares is
    no less than the sum of their squares, what is left is never below zero.
    """
    k = usable.shape[1]
    weight = np.where(usable, target_totals(cells.weight, target), 0.0)
    whole = weight.sum(axis=0)
    share = weight / whole
    difference = np.where(usable, cells.difference, 0.0)
    value = np.asarray((share * difference).sum(axis=0))
    square = np.where(usable, target_totals(cells.square, target), 0.0) / np.square(whole)
    same = np.eye(k) if target == "ATT" else np.ones((k, k))
    q = square[:, :, None] * same
    noise = cells.error[:, :1, None] + np.eye(k) * cells.error[:, 1:, None]
    loading = share[:, :, None] * share[:, None, :] - (q if net else 0.0)
    deviation = np.where(usable, difference - value, 0.0)
    spread = q * deviation[:, :, None] * deviation[:, None, :]
    return Stratified(value, np.asarray((loading * noise + spread).sum(axis=0)), share)


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """The rows behind cells: outcome, arm, stratum and weight, each of shape (n,)."""

    values: Floats
    arm: Ints
    codes: Ints
    weights: Floats


def row_scores(rows: Stacked, cells: Cells, made: Stratified, target: str) -> tuple[Floats, Floats]:
    """Each row's part in the error of the averages, and the covariance of cells whose one row cannot show its noise.

    A row's part is its deviation from the mean of its cell, times √(m/(m - 1)) and the weight it carries, and its share
    of the target times the deviation of its stratum's difference. Sums within clusters are independent.

    Returns
    -------
    scores : ndarray of shape (n, k)
    borrowed : ndarray of shape (k, k)
    """
    codes, arm, k = rows.codes, rows.arm, made.value.shape[0]
    count, used = cells.count[codes, arm], made.share[codes]
    scale = np.sqrt(count / np.maximum(count - 1.0, 1.0))
    residual = rows.weights * (rows.values - cells.mean[codes, arm]) * scale / cells.weight[codes, arm]
    sign = (arm[:, None] == np.arange(1, k + 1)).astype(float) - (arm == 0)[:, None]
    about = {"ATT": arm[:, None] == np.arange(1, k + 1), "ATC": (arm == 0)[:, None]}.get(target, np.ones((1, 1), bool))
    whole = np.where(made.share > 0.0, target_totals(cells.weight, target), 0.0).sum(axis=0)
    share = np.where(about & (used > 0.0), rows.weights[:, None] / whole, 0.0)
    scores = used * sign * residual[:, None] + share * (cells.difference[codes] - made.value)
    alone = np.where(cells.count == 1.0, cells.error, 0.0)
    noise = alone[:, :1, None] + np.eye(k) * alone[:, 1:, None]
    return scores, np.asarray((made.share[:, :, None] * made.share[:, None, :] * noise).sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Rows with their covariates: outcome (n,), features (n, p), arm (n,), weights (n,) or None."""

    values: Floats
    features: Floats
    arm: Ints
    weights: Floats | None

    def take(self, rows: Ints | Bools) -> "Scored":
        """Keep the given rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Scored(self.values[rows], self.features[rows], self.arm[rows], weights)


def within_effects(rows: Scored, codes: Ints, grouping: Grouping) -> float:
    """Average of the strata's effects, each a difference in means or a least-squares coefficient; two arms.

    A regression uses the features that vary independently in its stratum.
    """
    cells = cell_moments(rows.values, rows.arm, codes, (grouping.strata, 2), rows.weights)
    usable = comparable(cells, grouping.target)
    if grouping.within == "means":
        return float(stratified(cells, usable, grouping.target).value[0])
    weight = np.where(usable, target_totals(cells.weight, grouping.target), 0.0)[:, 0]
    effects = np.zeros(grouping.strata)
    for s in np.flatnonzero(usable[:, 0]):
        own = rows.take(codes == s)
        fit = least_squares(np.hstack([(own.arm == 1).astype(float)[:, None], own.features]), own.values, own.weights)
        effects[s] = fit.value(fit.basis.slope(0))
    return float(weight @ effects / weight.sum())


def arm_strata(chances: Floats, grouping: Grouping, weights: Floats | None) -> Ints:
    """Strata of everyone by the probability of each arm, shape (n, arms)."""
    everyone = np.zeros(chances.shape[0], dtype=np.int64)
    cut = Grouping(grouping.strata, "ATE", grouping.within)
    return np.stack([quantile_strata(chance, everyone, cut, weights) for chance in chances.T], axis=1)


def arm_means(rows: Scored, codes: Ints, grouping: Grouping) -> Floats | None:
    """Mean outcome of everyone under each arm, shape (arms,); None where an arm is missing from one of its strata.

    Arm by arm, in strata of its own probability: the mean of its rows there, or their regression at everyone's average
    covariates, averaged over everyone.

    Parameters
    ----------
    rows : Scored
    codes : ndarray of shape (n, arms)
    grouping : Grouping
    """
    weights = np.ones(rows.arm.shape[0]) if rows.weights is None else rows.weights
    out = np.zeros(codes.shape[1])
    for a in range(codes.shape[1]):
        for s in range(grouping.strata):
            here = codes[:, a] == s
            own = np.flatnonzero(here & (rows.arm == a))
            if not own.size:
                return None
            held = weights[here]
            if grouping.within == "means":
                mean = float(np.average(rows.values[own], weights=weights[own]))
            else:
                fit = least_squares(
                    rows.features[own], rows.values[own], None if rows.weights is None else weights[own]
                )
                mean = float(fit.predict((held @ rows.features[here] / held.sum())[None, :])[0])
            out[a] += held.sum() * mean
    return np.asarray(out / weights.sum())
