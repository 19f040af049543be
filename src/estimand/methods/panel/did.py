"""Difference-in-differences by regression on unit and period effects."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Panel
from estimand.core.estimate import Baseline, Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Detail, Method, method
from estimand.core.question import Target
from estimand.core.row_weights import given_weights
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal, Uncertainty, Unknown
from estimand.errors import ConvergenceError, DataError, DesignError, IdentificationError
from estimand.methods.panel.did_comparisons import (
    common_start,
    comparison_findings,
    group_means,
    population_of,
    target_of,
)
from estimand.methods.panel.did_layout import Effects, Layout, covariate_findings, laid_out, refuse_unidentified
from estimand.methods.panel.regression_spread import (
    ClusterCounts,
    Counted,
    Fitted,
    PanelCovariance,
    PanelSpread,
    cluster_counts,
    cluster_findings,
    regression_spread,
)
from estimand.stats.absorb import absorber
from estimand.stats.absorbed import AbsorbedFit, absorbed_least_squares, numbered_clusters
from estimand.stats.absorbed_poisson import absorbed_poisson, rows_with_outcome
from estimand.stats.arrays import Bools, Floats, Ints

OutcomeModel: TypeAlias = Literal["linear", "log", "poisson"]
UNITS = {"log": "ratio of geometric means", "poisson": "ratio of means"}


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """The regression of a case, and what was found on the way."""

    case: Case
    layout: Layout
    fitted: Fitted
    start: int | None
    rules: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@method(
    "did",
    designs=(Panel,),
    references=(
        "Card & Krueger 1994, American Economic Review 84(4)",
        "Bertrand, Duflo & Mullainathan 2004, doi:10.1162/003355304772839588",
        "Goodman-Bacon 2021, doi:10.1016/j.jeconom.2021.03.014",
        "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
        "Wooldridge 2023, doi:10.1093/ectj/utad016",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(
        Detail("means", "by group and side", "outcome"),
        Detail("coefficients", "by covariate", "outcome per unit of the covariate; of its log for log and poisson"),
        Detail("absorbed", "by dimension", "levels"),
    ),
    why_not="Use the clustered covariance it reports.",
)  # fmt: skip
class DifferenceInDifferences(Method):
    r"""The change of those treated less the change of those not treated.

    Estimand: the average effect over treated unit-periods (ATT) where one cohort is treated and stays so: the
    coefficient of treatment beside unit and period effects, with two groups and two times the difference of two
    differences of means. With several cohorts, treatment that ends, or units treated from the start, it is a
    VARIANCE_WEIGHTED sum of comparisons, some of them with units already treated, and is not to be relied on.

    Assumes that untreated outcomes would have moved in parallel, given the covariates and effects; on the log scale
    for `log` and `poisson`, whose answer is a ratio. Covariates that vary within units enter as they are; those that
    do not get a slope for each period (for before and after, in `two_by_two`) but the first, whose level unit effects
    hold. Without a unit
    the rows are repeated cross-sections: cohorts have effects, and covariates enter as they are.

    Variance: with clusters (the unit, if none is named) CR1 with t(G - 1) where at least 40 clusters would be left if
    all had equal leverage, or under weights; else CR2, with every absorbed effect in the hat matrix and Satterthwaite
    degrees of freedom. Without clusters HC1. With one treated cluster, or one that is not, no clustered variance can
    be formed, and none is claimed.

    Parameters
    ----------
    outcome_model : "linear" | "log" | "poisson"
        Of the outcome's mean; of its logarithm; of the logarithm of its mean, by Poisson pseudo-likelihood, which
        takes zeros.
    effects : "two_way" | "two_by_two"
        Unit and period effects, or those of two groups and two times only.
    covariance : "CR0" | "CR1" | "CR2" | "HC1" | "classical", optional
        Chosen by clusters, weights and leverage by default.
    counted : "crossing" | "all" | "none"
        Which absorbed effects CR1 counts as parameters: those that reach across clusters; all, as least squares with
        a column for each does; or none but the constant.
    """

    outcome_model: OutcomeModel = "linear"
    effects: Effects = "two_way"
    covariance: PanelCovariance | None = None
    counted: Counted = "crossing"

    def estimate(self, case: Case) -> Estimate:
        """Fit, and attach the covariance."""
        self._refuse_ignored_cluster(case)
        solved = _poisson(case, self.effects) if self.outcome_model == "poisson" else self._least_squares(case)
        case, layout, fit, start = solved.case, solved.layout, solved.fitted.fit, solved.start
        sample, timeline = case.sample(), case.timeline()
        refuse_unidentified(bool(fit.kept[-1]), timeline)
        _refuse_no_noise(fit)
        counts = cluster_counts(sample)
        spread = self._spread(solved, counts)
        target = target_of(start)
        ratio = self.outcome_model != "linear"
        slope = float(fit.coefficients[-1])
        value = float(np.exp(slope)) if ratio else slope
        times = "period" if self.effects == "two_way" else "time"
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=target,
            population=population_of(case, target, solved.rules),
            terms=(_term(case, UNITS[self.outcome_model] if ratio else case.unit),),
            value=np.array([value]),
            uncertainty=_uncertainty(spread, counts, ratio=ratio),
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            baseline=None if ratio or spread is None or target is not Target.ATT else _baseline(case, fit, spread),
            influence=None if spread is None else _influence(fit, sample, value if ratio else 1.0),
            details=_details(case, layout, fit, start),
            findings=(
                *comparison_findings(self.spec.key, timeline, start),
                *cluster_findings(self.spec.key, sample, counts, "none" if spread is None else spread.correction),
                *covariate_findings(self.spec.key, layout, fit.kept, times),
                *solved.findings,
            ),
        )

    def _refuse_ignored_cluster(self, case: Case) -> None:
        if self.covariance in {"HC1", "classical"} and case.design.cluster is not None:
            raise DesignError(
                f"Covariance '{self.covariance}' ignores the clusters that the design names.",
                remedy="Use CR0, CR1 or CR2, or leave `covariance` out; or remove the cluster from the design.",
            )

    def _least_squares(self, case: Case) -> Solved:
        start, sample, outcome = _start(case), case.sample(), case.values()
        layout = laid_out(case, self.effects, start)
        if self.outcome_model == "log":
            outcome = _logarithm(outcome, case.outcome)
        weights = given_weights(sample)
        fit = absorbed_least_squares(outcome, layout.columns, absorber([*layout.absorbed.values()], weights), weights)
        return Solved(case, layout, Fitted(fit, outcome, layout.columns, _last(fit)), start)

    def _spread(self, solved: Solved, counts: ClusterCounts | None) -> PanelSpread | None:
        """Covariance; none where clusters are asked for and only one of them is treated, or is not."""
        by_rows = self.covariance in {"HC1", "classical"}
        if counts is not None and not by_rows and counts.lonely is not None:
            return None
        sample = solved.case.sample()
        return regression_spread(solved.fitted, sample, self.covariance, self.counted)


def _poisson(case: Case, effects: Effects) -> Solved:
    """Fit by pseudo-likelihood, on the rows whose effects have an outcome above zero."""
    values = case.values()
    if values.min() < 0.0:
        raise DataError(
            f"Outcome '{case.outcome}' goes below zero, to {values.min():.3g}, and a Poisson mean does not.",
            remedy="Use outcome_model: linear.",
            found=float(values.min()),
        )
    start = _start(case)
    layout = laid_out(case, effects, start)
    rules: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    keep = rows_with_outcome(values, [*layout.absorbed.values()])
    if not keep.all():
        case, rules, findings = _without_zeros(case, keep)
        start, values = _start(case), case.values()
        layout = laid_out(case, effects, start)
    treated = case.sample().arm == 1
    for rows, who in ((treated, "treated"), (~treated, "untreated")):
        if not values[rows].any():
            raise IdentificationError(
                f"Outcome '{case.outcome}' is zero in every {who} row, so no ratio exists.",
                remedy="Use outcome_model: linear.",
            )
    weights = given_weights(case.sample())
    found = absorbed_poisson(values, layout.columns, absorber([*layout.absorbed.values()], weights), weights)
    if not found.converged:
        raise ConvergenceError(
            f"The Poisson fit of '{case.outcome}' did not settle in {found.iterations} steps: some rows with zero "
            "outcome are predicted by the covariates.",
            remedy="Leave out covariates that single out rows of zeros, or use outcome_model: linear.",
        )
    return Solved(case, layout, Fitted(found.fit, values, layout.columns, _last(found.fit)), start, rules, findings)


def _start(case: Case) -> int | None:
    return common_start(case.sample(), case.timeline())


def _last(fit: AbsorbedFit) -> Ints:
    """Position of the treatment among the columns kept, shape (1,)."""
    return np.array([int(fit.kept.sum()) - 1])


def _without_zeros(case: Case, keep: Bools) -> tuple[Case, tuple[str, ...], tuple[Finding, ...]]:
    sample, timeline = case.sample(), case.timeline()
    rows = int(np.count_nonzero(~keep))
    codes = timeline.cohort if timeline.unit is None else timeline.unit
    units = np.unique(codes[~keep]).shape[0]
    finding = Finding(
        check="did.separated",
        about="did",
        grade=Grade.NOTE,
        subject=case.outcome,
        statistic=rows / sample.n,
        message=f"{rows:,} rows of {units:,} {'cohorts' if timeline.unit is None else 'units'} were left out, as every "
        f"outcome of one of their effects is zero: their mean is zero whatever treatment does.",
        remedy="The ratio is about the others; outcome_model: linear keeps them.",
    )
    return replace(case, source=sample.take(np.flatnonzero(keep))), ("effects with an outcome above zero",), (finding,)


def _logarithm(outcome: Floats, name: str) -> Floats:
    if outcome.min() <= 0.0:
        count = int(np.count_nonzero(outcome <= 0.0))
        raise DataError(
            f"{count:,} values of outcome '{name}' are zero or below and have no logarithm.",
            remedy="Use outcome_model: poisson, which takes zeros.",
            found=float(outcome.min()),
        )
    return np.asarray(np.log(outcome))


def _refuse_no_noise(fit: AbsorbedFit) -> None:
    if fit.df_residual < 1:
        raise DataError(
            f"{fit.residual.shape[0]:,} rows are as many as the effects and coefficients, so nothing is left to "
            "estimate the noise.",
            remedy="Add units or periods, or absorb fewer effects.",
        )


def _uncertainty(spread: PanelSpread | None, counts: ClusterCounts | None, *, ratio: bool) -> Uncertainty:
    if spread is None:
        return Unknown("" if counts is None else str(counts.lonely))
    return Normal(spread.vcov, spread.df, "log" if ratio else "identity", spread.correction)


def _term(case: Case, unit: str | None) -> Term:
    """Name the effect by the treatment's column, where it is not that of the cohort."""
    design = case.design
    named = isinstance(design, Panel) and design.treatment != design.cohort
    return Term(design.treatment if named else "treated", unit=unit)


def _influence(fit: AbsorbedFit, sample: Sample, slope: float) -> Influence:
    """ψ of the coefficient: n times each residual's weight in it, built when asked."""

    def build() -> Floats:
        return np.asarray(slope * sample.n * (fit.loading(_last(fit)) * fit.residual[:, None]))

    return Influence(build, sample.units, sample.n, sample.root)


def _baseline(case: Case, fit: AbsorbedFit, spread: PanelSpread) -> Baseline:
    """What the treated would have had: their mean less the effect; its covariances from scores summed by cluster."""
    sample, values = case.sample(), case.values()
    treated = np.flatnonzero(sample.arm == 1)
    share = np.ones(treated.shape[0]) if sample.weights is None else sample.weights[treated]
    share = share / share.sum()
    mean = float(share @ values[treated])
    level, change = share * (values[treated] - mean), fit.contributions(int(_last(fit)[0]))
    if sample.cluster is None:
        shared = float(level @ change[treated])
    else:
        groups, position = numbered_clusters(fit, sample.cluster)
        level = np.asarray(np.bincount(position[treated], level, groups), dtype=np.float64)
        shared = float(level @ np.bincount(position, change, groups))
    variance = float(spread.vcov[0, 0])
    own = np.array([[level @ level - 2.0 * shared + variance]])
    return Baseline(np.array([mean - fit.coefficients[-1]]), own, np.array([[shared - variance]]))


def _details(case: Case, layout: Layout, fit: AbsorbedFit, start: int | None) -> FrozenMap[Any]:
    slopes = zip(layout.names[:-1], fit.coefficients[:-1], fit.kept[:-1], strict=True)
    sizes = zip(layout.absorbed, fit.absorber.sizes, strict=True)
    return FrozenMap(
        {
            "means": group_means(case.sample(), case.timeline(), case.values(), start).to_dict(),
            "coefficients": FrozenMap({name: float(slope) for name, slope, kept in slopes if kept}),
            "absorbed": FrozenMap(dict(sizes)),
        }
    )
