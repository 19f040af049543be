"""Regression adjustment: fully interacted least squares, or one slope for all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.history import with_history
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.question import Target
from estimand.core.resampling import Replicator
from estimand.core.row_weights import row_weights
from estimand.core.sample import Sample
from estimand.errors import DataError, DesignError, UnsupportedError
from estimand.methods.adjustment.collinear import dropped_finding, refuse_determined, refuse_unreachable, surprising
from estimand.methods.adjustment.contrast import Reported, Spread, contrast, rows_of
from estimand.methods.adjustment.notes import relabelled
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Means
from estimand.methods.adjustment.regression_metric import denominator_of, linearised
from estimand.methods.adjustment.regression_replicates import arm_lines, one_line
from estimand.methods.adjustment.robust import Covariance, clustered_spread, covariance_kind
from estimand.methods.adjustment.sampling import refuse_fixed_rows
from estimand.methods.adjustment.separation import refuse_separated
from estimand.stats.arrays import Floats, Ints
from estimand.stats.basis import independent_basis
from estimand.stats.cluster import Block, ClusterKind
from estimand.stats.covariance import adjusted_residual, saturated_rows
from estimand.stats.influence import influence_covariance, sum_within
from estimand.stats.linear import LeastSquares, least_squares

MOST_PRODUCTS = 50_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Adjusted means of the terms as linear functionals of least-squares fits.

    Attributes
    ----------
    blocks : tuple of Block
        One per arm where interacted, else one; their functionals are the k effects.
    treated, control : ndarray of shape (k,)
    treated_load, control_load : ndarray of shape (n, k)
        Weight of each row's residual in each mean.
    residual : ndarray of shape (n,)
    treated_shift, control_shift : ndarray of shape (n, k)
        Each row's part in the average over the population; zero where the population is held fixed.
    """

    blocks: tuple[Block, ...]
    treated: Floats
    control: Floats
    treated_load: Floats
    control_load: Floats
    residual: Floats
    treated_shift: Floats
    control_shift: Floats

    @property
    def coefficients(self) -> int:
        """Number of fitted coefficients."""
        return sum(block.fit.basis.matrix.shape[1] for block in self.blocks)


@method(
    "regression",
    designs=(Observational, Experiment),
    references=(
        "Lin 2013, doi:10.1214/12-AOAS583",
        "Negi & Wooldridge 2021, doi:10.1080/07474938.2020.1824732",
        "MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7",
        "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
    ),
    inference="small_sample",
    resampling=("pairs", "cluster", "bayesian", "multiplier", "wild_cluster", "randomisation"),
    variance_factor=2.0,
    invariances=IN_EVERY_WAY,
    details=(
        Detail("coefficients", "by arm and feature", "outcome per unit of the feature"),
        Detail("r_squared", "scalar", "share of variance"),
    ),
    metrics=(*MEANS, "ratio"),
)
class Regression(Method):
    r"""Least squares on treatment and covariates.

    Estimand: with ``interactions`` (default) a line is fitted in each arm and both are averaged over the
    target's covariates, which is the fully interacted regression centred on the target (Lin 2013):
    E[m_a(X) - m_0(X)] over everyone (ATE) or over those in arm a (ATT). Without, one slope per covariate
    serves all arms, and the coefficient is a VARIANCE_WEIGHTED average of effects, not the ATE, unless
    effects do not vary.

    Assumes no unmeasured confounding given the covariates, and means linear in them.

    A metric of an experiment is adjusted for its own history and the design's strata beside the covariates: a column of
    each stratum, users without history strata of their own. That is the estimate of ``cuped`` from moments, with the
    errors of rows. A ratio is one of adjusted means, linearised; with interactions, for everyone.

    Variance: the robust covariance of the coefficients, HC3 by default; with clusters CR1 or CR2 by their
    leverage. For the superpopulation (default) add Var τ̂(X)/n for the average over the target's
    covariates; its covariance with the first part is zero where the means are linear. Sampling weights weight
    the fits and the average; precision weights likewise, and the classical covariance then allows for them. Weights
    that stand for rows without the outcome bring what their model takes off.

    Parameters
    ----------
    target : "ATE" | "ATT"
    interactions : bool
    covariance : "classical" | "HC0" | "HC1" | "HC2" | "HC3" | "CR0" | "CR1" | "CR2", optional
        HC3, or with clusters CR1 or CR2, by default.
    population : "superpopulation" | "sample"
        Whether the rows stand for a larger population or are all there is.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    interactions: bool = True
    covariance: Covariance | None = None
    population: Literal["superpopulation", "sample"] = "superpopulation"

    def estimate(self, case: Case) -> Estimate:
        """Fit, average over the target, and attach the covariance."""
        case = self._of_metric(case)
        sample = case.sample()
        kind = covariance_kind(self.covariance, sample)
        refuse_separated(case)
        target = self.target if self.interactions else Target.VARIANCE_WEIGHTED
        adjusted = self._adjusted(case, sample)
        n = sample.n
        means = Means(
            adjusted.treated,
            adjusted.control,
            n * (adjusted.treated_load * adjusted.residual[:, None] + adjusted.treated_shift),
            n * (adjusted.control_load * adjusted.residual[:, None] + adjusted.control_shift),
        )
        reported = Reported(
            target, population(case, target), _details(adjusted, case), self._findings(adjusted, kind, sample)
        )
        spread = _spread(adjusted, kind, sample)
        more = rows_of(case).inherited(means.treated_psi - means.control_psi)
        return contrast(case, self, means, reported, replace(spread, vcov=spread.vcov + more))

    def blocks(self, case: Case) -> tuple[Block, ...]:
        """Fits of the arms, or the one of all, and the effects at the target's average covariates."""
        case = self._of_metric(case)
        return self._adjusted(case, case.sample()).blocks

    def replicator(self, case: Case, units: Ints) -> Replicator | None:
        """Refits from sums over units, where these are not too large to hold and the outcome is no ratio."""
        if denominator_of(case) is not None:
            return None
        case = self._of_metric(case)
        sample, blocks = case.sample(), self._adjusted(case, case.sample()).blocks
        if sample.n * max(block.fit.basis.matrix.shape[1] for block in blocks) ** 2 > MOST_PRODUCTS:
            return None
        kept = [block.fit.basis.kept for block in blocks]
        if not self.interactions:
            return one_line(sample, case.values(), units, kept[0])
        return arm_lines(sample, case.values(), units, kept, treated_only=self.target is Target.ATT)

    def arm_basis(self, case: Case) -> Floats:
        """Covariates as the arms' lines have them.

        Raises
        ------
        UnsupportedError
            If one slope serves all arms, or the target is not everyone.
        """
        if not self.interactions or self.target is not Target.ATE:
            raise UnsupportedError(
                "Randomisation inference compares the arms' own lines at everyone's average covariates.",
                remedy="Use interactions: true and target: ATE.",
            )
        return independent_basis(self._of_metric(case).sample().features.values).matrix

    def _of_metric(self, case: Case) -> Case:
        """Case of a metric with its history and strata among the covariates, and a ratio linearised."""
        case = with_history(case)
        below = denominator_of(case)
        if below is None:
            return case
        if not self.interactions or self.target is not Target.ATE:
            raise UnsupportedError(
                f"Metric '{case.outcome}' is a ratio of two means, which are those of everyone in each arm's own line.",
                remedy="Use interactions: true and target: ATE, or a metric of kind mean.",
            )
        sample = case.sample()
        found = (_by_arm(values, sample, Target.ATE) for values in (case.values(), below))
        above, under = (np.concatenate([fit.control[:1], fit.treated]) for fit in found)
        return linearised(case, below, (above, under))

    def _adjusted(self, case: Case, sample: Sample) -> Adjusted:
        if self.population == "sample":
            refuse_fixed_rows(self.spec.key, case)
        one_slope = not self.interactions
        adjusted = _one_slope(case.values(), sample) if one_slope else _by_arm(case.values(), sample, self.target)
        if self.population == "superpopulation":
            return adjusted
        still = np.zeros_like(adjusted.treated_shift)
        return Adjusted(
            adjusted.blocks, adjusted.treated, adjusted.control, adjusted.treated_load,
            adjusted.control_load, adjusted.residual, still, still,
        )  # fmt: skip

    def _findings(self, adjusted: Adjusted, kind: Covariance | None, sample: Sample) -> tuple[Finding, ...]:
        out: list[Finding] = []
        for block in adjusted.blocks:
            names = sample.features.names
            kept = block.fit.basis.kept[block.fit.basis.kept.shape[0] - len(names) :]
            dropped = [name for name, keep in zip(names, kept, strict=True) if not keep]
            arm = sample.arms[int(sample.arm[block.rows[0]])]
            where = f"arm '{arm}'" if self.interactions else "the regression"
            out.extend(dropped_finding("regression", surprising(tuple(dropped), sample.features), where))
        if not self.interactions and "target" in self.model_fields_set:
            out.extend(relabelled("regression", self.target, Target.VARIANCE_WEIGHTED, "interactions: true"))
        if kind in {"HC2", "HC3"}:
            out.extend(_saturated(sum(saturated_rows(block.fit) for block in adjusted.blocks), str(kind)))
        return tuple(out)


def _by_arm(values: Floats, sample: Sample, target: Target) -> Adjusted:
    """Fit each arm on its own, and average both fits over each term's population."""
    features, arm, weights = sample.features.values, sample.arm, row_weights(sample)
    rows = [np.flatnonzero(arm == a) for a in range(len(sample.arms))]
    own = [None if sample.weights is None else weights[r] for r in rows]
    fits = [_solid(least_squares(features[r], values[r], own[a]), sample.arms[a]) for a, r in enumerate(rows)]
    refuse_determined(sample, np.concatenate([fit.basis.kept for fit in fits]))
    n, k = sample.n, len(fits) - 1
    treated, control = np.empty(k), np.empty(k)
    treated_load, control_load, treated_shift, control_shift = (np.zeros((n, k)) for _ in range(4))
    points = [[np.zeros(fit.basis.matrix.shape[1])] * k for fit in fits]
    for j in range(k):
        member = weights * (arm == j + 1) if target is Target.ATT else weights
        share = member / member.sum()
        center = share @ features
        for fit, a, mean, load, shift in (
            (fits[j + 1], j + 1, treated, treated_load, treated_shift),
            (fits[0], 0, control, control_load, control_shift),
        ):
            refuse_unreachable(fit, features[rows[a]], center, sample, a)
            point = fit.basis.point(center)
            points[a][j] = point if a else -point
            mean[j] = fit.value(point)
            load[rows[a], j] = fit.loading(point)
            shift[:, j] = share * (fit.predict(features) - mean[j])
    residual = np.empty(n)
    for fit, r in zip(fits, rows, strict=True):
        residual[r] = fit.residual
    blocks = tuple(Block(fit, r, np.stack(points[a])) for a, (fit, r) in enumerate(zip(fits, rows, strict=True)))
    return Adjusted(blocks, treated, control, treated_load, control_load, residual, treated_shift, control_shift)


def _one_slope(values: Floats, sample: Sample) -> Adjusted:
    """Fit all arms at once; control's mean is the fit at the covariates' average."""
    dummies = (sample.arm[:, None] == np.arange(1, len(sample.arms))).astype(float)
    raw = np.hstack([dummies, sample.features.values])
    weights = row_weights(sample)
    fit = _solid(least_squares(raw, values, None if sample.weights is None else weights), "all")
    k, n = dummies.shape[1], sample.n
    refuse_determined(sample, fit.basis.kept)
    effects = np.stack([fit.basis.slope(j) for j in range(k)])
    center = weights @ raw / n
    center[:k] = 0.0
    base = fit.basis.point(center)
    control_load = np.repeat(fit.loading(base)[:, None], k, axis=1)
    load = np.stack([fit.loading(effect) for effect in effects], axis=1)
    control = np.full(k, fit.value(base))
    untreated = raw.copy()
    untreated[:, :k] = 0.0
    shift = np.repeat((weights * (fit.predict(untreated) - control[0]) / n)[:, None], k, axis=1)
    return Adjusted(
        (Block(fit, np.arange(n), effects),),
        control + effects @ fit.coefficients,
        control,
        control_load + load,
        control_load,
        fit.residual,
        shift,
        shift,
    )


def _solid(fit: LeastSquares, arm: str) -> LeastSquares:
    if fit.df_residual < 1:
        n, q = fit.basis.matrix.shape
        raise DataError(
            f"Arm '{arm}' has {n} rows for {q} coefficients, so nothing is left to estimate the noise.",
            remedy="Use fewer covariates, or more data.",
        )
    return fit


def _spread(adjusted: Adjusted, kind: Covariance | None, sample: Sample) -> Spread:
    shift = adjusted.treated_shift - adjusted.control_shift
    if sample.cluster is not None:
        chosen: ClusterKind | None = kind if kind in {"CR0", "CR1", "CR2"} else None
        spread = clustered_spread(adjusted.blocks, sample, chosen)
        groups, position = np.unique(sample.cluster, return_inverse=True)
        return Spread(
            spread.vcov + influence_covariance(sum_within(shift, position, groups.shape[0]), 1),
            spread.df,
            spread.correction,
        )
    load = adjusted.treated_load - adjusted.control_load
    k, left = load.shape[1], sample.n - adjusted.coefficients
    if kind == "classical":
        fixed = _classical(adjusted.residual, load, left, sample)
    elif kind in {"HC0", "HC1", "HC2", "HC3"}:
        scores = load * _adjusted_residual(adjusted, kind, sample.n)[:, None]
        fixed = scores.T @ scores
    else:
        raise DesignError(
            f"Covariance '{kind}' needs clusters, and the design names none.",
            remedy="Name the cluster column in the design, or use one of HC0 to HC3.",
        )
    return Spread(fixed + shift.T @ shift, np.full(k, float(left)), str(kind))


def _classical(residual: Floats, load: Floats, left: int, sample: Sample) -> Floats:
    """Covariance under equal error variance; under precision weights, variance inverse to the weight."""
    if sample.weight_kind == "sampling":
        raise DesignError(
            "The classical covariance does not hold under sampling weights.",
            remedy="Leave `covariance` out, or use one of HC0 to HC3.",
        )
    weights = row_weights(sample)
    return np.asarray(weights @ np.square(residual) / left * (load.T @ (load / weights[:, None])))


def _adjusted_residual(adjusted: Adjusted, kind: Literal["HC0", "HC1", "HC2", "HC3"], n: int) -> Floats:
    """Residuals scaled for the covariance; HC1 counts the coefficients of all arms."""
    if kind == "HC1":
        return np.asarray(adjusted.residual * np.sqrt(n / (n - adjusted.coefficients)))
    out = np.empty(n)
    for block in adjusted.blocks:
        out[block.rows] = adjusted_residual(block.fit, kind)
    return out


def _details(adjusted: Adjusted, case: Case) -> Mapping[str, Any]:
    sample, values = case.sample(), case.values()
    names = list(sample.features.names)
    coefficients: Mapping[str, Any]
    if len(adjusted.blocks) == 1:
        coefficients = _raw(adjusted.blocks[0].fit, [*sample.arms[1:], *names])
    else:
        by_arm = zip(sample.arms, adjusted.blocks, strict=True)
        coefficients = FrozenMap({arm: _raw(block.fit, names) for arm, block in by_arm})
    weights = row_weights(sample)
    total = weights @ np.square(values - np.average(values, weights=weights))
    r_squared = float(1.0 - weights @ np.square(adjusted.residual) / total)
    return FrozenMap({"coefficients": coefficients, "r_squared": r_squared})


def _raw(fit: LeastSquares, names: list[str]) -> FrozenMap[float]:
    """Raw coefficients by name; dropped columns have none."""
    kept = [j for j in range(len(names)) if fit.basis.kept[j]]
    slopes = {names[j]: fit.value(fit.basis.slope(j)) for j in kept}
    origin = fit.value(fit.basis.point(np.zeros(len(names))))
    return FrozenMap({"(intercept)": origin} | slopes)


def _saturated(count: int, kind: str) -> tuple[Finding, ...]:
    if not count:
        return ()
    return (
        Finding(
            check="regression.leverage",
            about="regression",
            grade=Grade.NOTE,
            subject="leverage",
            statistic=float(count),
            message=f"{count} row{'s are' if count > 1 else ' is'} fitted exactly (leverage one), "
            f"so {kind} learns nothing about noise there.",
            remedy="Merge rare categories, or leave out columns that single out a row.",
        ),
    )
