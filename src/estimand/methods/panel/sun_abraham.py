"""Interaction-weighted event studies: each cohort's own path, averaged by how many are treated."""

from typing import Annotated

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.method import Detail, Method, method
from estimand.core.panel import Panel
from estimand.errors import IdentificationError
from estimand.methods.panel.admitted import Admitted, admitted, without_always_treated
from estimand.methods.panel.cell_averages import Asked, OneCluster, Shares, cell_averages, refuse_too_wide
from estimand.methods.panel.cells import Aggregate, cells_of
from estimand.methods.panel.covariates import entered
from estimand.methods.panel.regression_spread import Counted
from estimand.methods.panel.saturated import Errors, SaturatedCovariance, saturated


@method(
    "sun_abraham",
    designs=(Panel,),
    references=("Sun & Abraham 2021, doi:10.1016/j.jeconom.2020.09.006",),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(Detail("group_time", "cohort by period", "outcome"),),
    why_not="Use the clustered covariance it reports.",
)  # fmt: skip
class SunAbraham(Method):
    r"""Cohort-specific leads and lags, averaged with the cohorts' shares.

    Estimand: Σ w E[Y(treated) - Y(0)] over treated rows, ATT, then by event time, cohort or period: the effects
    ``δ_ge`` of cohort g at event time e, averaged by how many rows of each there are, where
    ``y = unit + period + further levels + covariates + Σ_g Σ_e δ_ge 1{cohort g, event time e} + error``
    over all e but the last before treatment.

    Controls are units never treated; where there are none, the last cohort before its treatment, and the periods after
    are left out, which renames the population. Units treated from the first period on are left out.

    Assumes parallel trends given the covariates between each cohort and the controls, and no anticipation beyond the
    one declared. A covariate that changes within units has one slope; one that does not, a slope for each period.

    Variance: that of the regression by cluster (the unit, if none is named), CR1 with t(G - 1) where at least 40
    clusters would be left if all had equal leverage, or under weights, else CR2 with Satterthwaite degrees of freedom;
    with estimated shares also that of the cohorts' shares, ``Σ w (δ_ge - average)`` within clusters.

    Parameters
    ----------
    aggregate : "simple" | "event" | "group" | "calendar"
        Averages after the headline: none, by event time, by cohort, by period.
    anticipation : int
        Steps before treatment in which it may have an effect; the reference is the last event time before.
    shares : "fixed" | "estimated"
        Whether the rows treated are a sample, whose shares of cohorts are uncertain, or all there is.
    one_cluster : "drop" | "keep"
        Whether a cohort that is one cluster is left out where others are not: no covariance sees its noise.
    covariance : "CR0" | "CR1" | "CR2", optional
        Chosen by weights and leverage by default.
    counted : "crossing" | "all" | "none"
        Which absorbed levels CR1 counts as parameters: those that reach across clusters, all, or none but the
        constant.
    """

    aggregate: Aggregate = "event"
    anticipation: Annotated[int, Field(ge=0)] = 0
    shares: Shares = "fixed"
    one_cluster: OneCluster = "drop"
    covariance: SaturatedCovariance | None = None
    counted: Counted = "crossing"

    def estimate(self, case: Case) -> Estimate:
        """Fit a path for each cohort, and average."""
        found = without_always_treated(self.spec.key, admitted(self.spec.key, case))
        found, last = _with_controls(found, self.anticipation)
        timeline = found.timeline
        path = (timeline.cohort < last) & (found.event_time != -1 - self.anticipation)
        cells = cells_of(timeline, path, found.mass)
        covariates = entered(found)
        refuse_too_wide(cells, len(covariates.sources()), found.n)
        made = saturated(self.spec.key, found, cells.dummies(), covariates.columns(), covariates.sources())
        asked = Asked(self.aggregate, self.shares, Errors(self.covariance, self.counted), self.one_cluster)
        return cell_averages(self, made, cells, asked)


def _with_controls(found: Admitted, anticipation: int) -> tuple[Admitted, int]:
    """Rows with somebody untreated, and the first cohort position that counts as control.

    Raises
    ------
    IdentificationError
        If there is one cohort and nobody else.
    """
    timeline = found.timeline
    if timeline.never.any():
        return found, timeline.periods
    cohorts = timeline.cohorts()
    if cohorts.shape[0] < 2:
        raise IdentificationError(
            f"All units are treated from {timeline.labels[cohorts[0]]} on, so none is left to compare them with.",
            remedy="Add units that are never treated, or treated later.",
        )
    last = int(cohorts[-1])
    lost = timeline.clock[timeline.period] >= timeline.clock[last] - anticipation
    first = timeline.labels[int(timeline.period[lost].min())]
    rule = f"before {first}"
    kept = ~lost
    if not (kept & (timeline.cohort < last) & (timeline.period >= timeline.cohort)).any():
        raise IdentificationError(
            f"No unit is never treated, and before {first}, while the last cohort is untreated, no other is treated.",
            remedy="Use a smaller anticipation, or add units that are never treated.",
        )
    finding = Finding(
        check="sun_abraham.last_cohort",
        about="sun_abraham",
        grade=Grade.WARN,
        subject=f"cohort {timeline.labels[last]}",
        statistic=float(np.count_nonzero(lost)),
        message=f"No unit is never treated, so the last cohort, {timeline.labels[last]}, is the control, and "
        f"{np.count_nonzero(lost):,} rows from {first} on were left out.",
        remedy="Nothing to do, or add units that are never treated; imputation_did uses every cohort not yet treated.",
    )
    return found.without(lost, rule, finding), last
