"""Difference-in-differences by imputing what treated rows would have been, from untreated rows alone."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.uncertainty import Normal, Unknown
from estimand.errors import IdentificationError, UnsupportedError
from estimand.methods.panel.admitted import Admitted, admitted
from estimand.methods.panel.cells import Aggregate, averages_of, cells_of
from estimand.methods.panel.clusters_seen import moved_findings, no_cluster_finding
from estimand.methods.panel.covariates import Entered, entered, left_out_finding
from estimand.methods.panel.few_clusters import jackknife, lonely, scarcity, scarcity_finding
from estimand.methods.panel.imputed_averages import Averaged, Noise, averaged, averaged_again
from estimand.methods.panel.pretrends import pretrends
from estimand.stats.absorbed import cluster_positions
from estimand.stats.arrays import Bools, Floats
from estimand.stats.effects import Effect
from estimand.stats.imputation import Imputed, impute
from estimand.stats.influence import influence_covariance

Covariance: TypeAlias = Noise | Literal["jackknife"]
MOST_LEVELS = 4_000
_AS_ASKED = "They are as the options ask, with t over clusters."
_JACKKNIFE = "They are of the cluster jackknife, with t over clusters."
_NO_JACKKNIFE = (
    "Leaving out one cluster at a time would lose a term or take too many fits, so they are the usual ones, and may be "
    "too small."
)


@method(
    "imputation_did",
    designs=(Panel,),
    references=(
        "Borusyak, Jaravel & Spiess 2024, doi:10.1093/restud/rdae007",
        "Gardner 2022, doi:10.48550/arXiv.2207.05943",
        "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(
        Detail("group_time", "cohort by period", "outcome"),
        Detail("pretrends", "event times before treatment", "outcome"),
        Detail("pretrend_test", "F test that all of these are zero", "p-value"),
    ),
)  # fmt: skip
class ImputationDiD(Method):
    r"""Treated outcomes minus what untreated rows say they would have been.

    Estimand: Σ w E[Y(treated) - Y(0)] over treated rows, ATT: every treated row counts alike, or by its sampling
    weight. Then by event time, cohort or period.

    Y(0) = level of the unit + level of the period + further absorbed levels + slopes of covariates, fitted on
    untreated rows only and imputed in treated ones. A covariate that changes within units has one slope; one that does
    not has a slope for each period. In repeated cross-sections the cohort stands for the unit. Treated rows whose
    untreated outcome is not identified are left out, which renames the population.

    Assumes parallel trends given the covariates between every pair of periods, no anticipation beyond the one
    declared, and no effect of others' treatment.

    Variance: Σ over clusters of (Σ v ε̃)², where the estimate is Σ v Y. In untreated rows ε̃ is the residual; in
    treated rows it is the effect less an average of effects, as noise and differing effects cannot be told apart.
    "conservative": the average of the cohort in the period, each cluster by the square of its weight there, which is
    least conservative (their equation 8); of all treated rows where one cluster alone is in the cell. "leave_out": that
    of the cell's other clusters. "two_stage": the estimate itself, which is Gardner's covariance and counts how effects
    differ between cells. "bias_reduced" is "conservative" with each cluster's part scaled up by what residuals lack of
    the noise, as CR2 does in the direction of v: with errors of variance σ²/W, by
    ``√(v'W⁻¹v / v'(W⁻¹ - Z(Z₀'WZ₀)⁻¹Z')v)`` in untreated rows, and by ``1/√(1 - share of the cell's squared weights)``
    in treated ones. "jackknife" leaves out one cluster at a time. By default "bias_reduced", and "jackknife" below 40
    clusters or 5 in a cohort. Intervals with t(G - 1).

    Parameters
    ----------
    aggregate : "simple" | "event" | "group" | "calendar"
        Averages after the headline: none, by event time, by cohort, by period.
    anticipation : int
        Steps before treatment in which it may have an effect; these rows are imputed too.
    covariance : "bias_reduced" | "conservative" | "leave_out" | "two_stage" | "jackknife", optional
    leads : int, optional
        Event times before treatment in the test of trends; by default all but the earliest.
    """

    aggregate: Aggregate = "event"
    anticipation: Annotated[int, Field(ge=0)] = 0
    covariance: Covariance | None = None
    leads: Annotated[int, Field(ge=1)] | None = None

    def estimate(self, case: Case) -> Estimate:
        """Fit untreated rows, impute the treated, average, and attach the covariance."""
        found = admitted(self.spec.key, case)
        covariates = entered(found)
        effects = (*_levels(found), *covariates.effects)
        timeline = found.timeline
        untreated = timeline.never | (found.event_time < -self.anticipation)
        fit = impute(found.values, found.group, effects, untreated, found.weights)
        reached, lost = ~untreated & fit.reached, ~untreated & ~fit.reached
        after = reached & (timeline.period >= timeline.cohort)
        _refuse_nothing_reached(after)
        cells = cells_of(timeline, reached, found.mass)
        averages = averages_of(cells, self.aggregate, timeline.labels, case.unit)
        made = averaged(found, fit, cells, averages, self._noise)

        def again(keep: Bools) -> Floats:
            return averaged_again(found, effects, (untreated, cells, averages), keep)

        uncertainty, warnings = self._uncertainty(found, made, again)
        leads = pretrends(found, effects, untreated, self.leads)
        details = {
            "group_time": cells.table(timeline.labels, made.by_cell),
            "pretrends": leads.table(),
            "pretrend_test": leads.test(),
        }
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.ATT,
            population=found.population(after, ("untreated outcome identified",) if lost.any() else ()),
            terms=averages.terms,
            value=made.value,
            uncertainty=uncertainty,
            n_obs=found.n - int(np.count_nonzero(lost)),
            inference=self.spec.inference,
            level=case.level,
            baseline=made.baseline if isinstance(uncertainty, Normal) else None,
            influence=found.influence(made.psi) if isinstance(uncertainty, Normal) else None,
            details=FrozenMap(details),
            findings=(
                *found.findings,
                *_clusters(found),
                *_lost(found, lost),
                *_left_out(covariates, fit),
                *warnings,
            ),
        )

    @property
    def _noise(self) -> Noise:
        """What stands for the noise of treated rows in ψ."""
        return "bias_reduced" if self.covariance is None or self.covariance == "jackknife" else self.covariance

    def _uncertainty(
        self, found: Admitted, made: Averaged, again: Callable[[Bools], Floats]
    ) -> tuple[Normal | Unknown, tuple[Finding, ...]]:
        """Covariance of the averages, and what there is to say of it."""
        scarce, alone = scarcity(found), lonely(found)
        if alone is not None:
            return Unknown(alone), self._said(found, scarce, "None is claimed.")
        df = np.full(made.value.shape[0], made.psi.shape[0] - 1.0) if found.clustered else None
        usual = Normal(influence_covariance(made.spread, 1), df, "identity", self._noise)
        if self.covariance != "jackknife" and (self.covariance is not None or scarce is None):
            return usual, self._said(found, scarce, _AS_ASKED)
        vcov = jackknife(found, again, made.value)
        if vcov is None:
            return usual, self._said(found, scarce or "the jackknife was asked for", _NO_JACKKNIFE)
        return Normal(vcov, df, "identity", "cluster jackknife"), self._said(found, scarce, _JACKKNIFE)

    def _said(self, found: Admitted, scarce: str | None, used: str) -> tuple[Finding, ...]:
        return () if scarce is None else (scarcity_finding(self.spec.key, scarce, found, used),)


def _levels(found: Admitted) -> tuple[Effect, ...]:
    """Levels of the periods and of what is absorbed beside the units.

    Raises
    ------
    UnsupportedError
        If they are too many to solve for at once.
    """
    timeline = found.timeline
    levels = [Effect(timeline.period, timeline.periods)]
    for codes in timeline.absorbed.values():
        count, position = cluster_positions(codes)
        levels.append(Effect(position, count))
    total = sum(effect.size for effect in levels)
    if total > MOST_LEVELS:
        raise UnsupportedError(
            f"The periods and absorbed columns have {total:,} levels, and {MOST_LEVELS:,} can be imputed with.",
            remedy="Absorb columns of fewer levels beside the units, or use coarser periods.",
            found=total,
            expected=MOST_LEVELS,
        )
    return tuple(levels)


def _refuse_nothing_reached(after: Bools) -> None:
    if not after.any():
        raise IdentificationError(
            "No treated row's untreated outcome can be imputed: each is of a unit without an untreated row, or of a "
            "period in which nobody is untreated.",
            remedy="Add periods before treatment, and units that are treated later or never; leave out covariates that "
            "give treatment away.",
        )


def _clusters(found: Admitted) -> tuple[Finding, ...]:
    """Warn where no cluster is named, and of units in several."""
    sample = found.case.sample()
    return moved_findings("imputation_did", sample) if found.clustered else (no_cluster_finding("imputation_did"),)


def _left_out(covariates: Entered, fit: Imputed) -> tuple[Finding, ...]:
    """Report covariates that the fit could not use."""
    start = fit.kept.shape[0] - sum(effect.size for effect in covariates.effects)
    sources = tuple(
        name for name, effect in zip(covariates.names, covariates.effects, strict=True) for _ in range(effect.size)
    )
    return left_out_finding("imputation_did", sources, fit.kept[start:])


def _lost(found: Admitted, lost: Bools) -> tuple[Finding, ...]:
    """Report treated rows left out, by cohort and period."""
    if not lost.any():
        return ()
    timeline = found.timeline
    cells = cells_of(timeline, lost, found.mass)
    early, count = (int(np.count_nonzero(rows)) for rows in (lost & timeline.always, lost))
    part = f" ({early:,} are of units treated from the first period on)" if early else ""
    cohorts = ", ".join(timeline.labels[g] for g in np.unique(cells.cohort))
    periods = ", ".join(timeline.labels[t] for t in np.unique(cells.period))
    return (
        Finding(
            check="imputation_did.not_identified",
            about="imputation_did",
            grade=Grade.WARN,
            subject="untreated outcome",
            statistic=float(count),
            message=f"{count:,} treated rows were left out, as no untreated rows say what their unit would have been "
            f"in their period{part}: cohorts {cohorts}, in periods {periods}.",
            remedy="Add earlier periods, or units never treated; the estimate is of the rows left.",
            evidence=cells.table(timeline.labels),
        ),
    )
