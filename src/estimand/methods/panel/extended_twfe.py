"""Two-way regression with an effect for each treated cohort in each period."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.method import Detail, Method, method
from estimand.core.panel import Panel
from estimand.errors import IdentificationError
from estimand.methods.panel.admitted import Admitted, admitted, without_always_treated
from estimand.methods.panel.cell_averages import Asked, OneCluster, Shares, cell_averages, refuse_too_wide
from estimand.methods.panel.cells import Aggregate, Cells, cells_of
from estimand.methods.panel.covariates import Entered, entered
from estimand.methods.panel.regression_spread import Counted
from estimand.methods.panel.saturated import Errors, Saturated, SaturatedCovariance, saturated
from estimand.stats.arrays import Floats

ROUNDING = 1e-12


@method(
    "extended_twfe",
    designs=(Panel,),
    references=(
        "Wooldridge 2021, doi:10.2139/ssrn.3906345",
        "Wooldridge 2023, doi:10.1093/ectj/utad016",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(Detail("group_time", "cohort by period", "outcome"),),
    why_not="Use the clustered covariance it reports.",
)  # fmt: skip
class ExtendedTWFE(Method):
    r"""Saturated two-way fixed effects: cohorts by periods, and covariates within them.

    Estimand: Σ w E[Y(treated) - Y(0)] over treated rows, ATT, then by event time, cohort or period, from
    ``y = unit + period + further levels + covariates + Σ_g Σ_t 1{cohort g, period t} (δ_gt + γ_gt'(x - x̄_gt)) + e``.
    Covariates are centred in each cell, so that ``δ_gt`` is the average effect on its rows.

    With "not_yet" the cells are those treated, so that all who are not yet treated are controls in all periods: in a
    balanced panel the answer is that of imputation (Wooldridge 2021). With "never" each cohort also has
    cells before treatment, all but the last, so that the never treated alone are controls.

    Assumes parallel trends given the covariates, and no anticipation beyond the one declared. A covariate that changes
    within units has one slope among the untreated; one that does not, a slope for each period. Cells that nothing can
    be compared with are left out, which renames the population, as are units treated from the first period on.

    Variance: that of the regression by cluster (the unit, if none is named), CR1 with t(G - 1) where at least 40
    clusters would be left if all had equal leverage, or under weights, else CR2 with Satterthwaite degrees of freedom;
    with estimated shares also that of the rows averaged over, ``Σ w (effect - average)`` within clusters.

    Parameters
    ----------
    control : "not_yet" | "never"
    aggregate : "simple" | "event" | "group" | "calendar"
        Averages after the headline: none, by event time, by cohort, by period.
    anticipation : int
        Steps before treatment in which it may have an effect.
    shares : "fixed" | "estimated"
        Whether the rows treated are a sample, whose shares and covariates are uncertain, or all there is.
    one_cluster : "drop" | "keep"
        Whether a cohort that is one cluster is left out where others are not: no covariance sees its noise.
    covariance : "CR0" | "CR1" | "CR2", optional
        Chosen by weights and leverage by default.
    counted : "crossing" | "all" | "none"
        Which absorbed levels CR1 counts as parameters: those that reach across clusters, all, or none but the
        constant.
    """

    control: Literal["not_yet", "never"] = "not_yet"
    aggregate: Aggregate = "event"
    anticipation: Annotated[int, Field(ge=0)] = 0
    shares: Shares = "fixed"
    one_cluster: OneCluster = "drop"
    covariance: SaturatedCovariance | None = None
    counted: Counted = "crossing"

    def estimate(self, case: Case) -> Estimate:
        """Fit every cell, and average."""
        found = without_always_treated(self.spec.key, admitted(self.spec.key, case))
        timeline = found.timeline
        before = found.event_time < -self.anticipation
        last = found.event_time == -1 - self.anticipation
        reference = before if self.control == "not_yet" else last
        if self.control == "never":
            _refuse_all_treated(found)
        cells = cells_of(timeline, ~timeline.never & ~reference, found.mass)
        covariates = entered(found)
        width = len(covariates.effects) * cells.cohort.shape[0]
        refuse_too_wide(cells, width + len(covariates.sources()), found.n)
        within = _within(cells, covariates)
        beside = np.hstack([covariates.columns(), within]) if covariates.effects else covariates.columns()
        names = tuple(name for name in covariates.names for _ in range(cells.cohort.shape[0]))
        made = saturated(self.spec.key, found, cells.dummies(), beside, (*covariates.sources(), *names))
        asked = Asked(
            self.aggregate,
            self.shares,
            Errors(self.covariance, self.counted),
            self.one_cluster,
            _effect_of_covariates(made, within),
        )
        return cell_averages(self, made, cells, asked)


def _refuse_all_treated(found: Admitted) -> None:
    if not found.timeline.never.any():
        raise IdentificationError(
            "No unit is never treated, and control: never compares with such units only.",
            remedy="Use control: not_yet, or sun_abraham, which takes the last cohort as control.",
        )


def _within(cells: Cells, covariates: Entered) -> Floats:
    """Covariates about their average in each cell, a column for each cell, shape (n, p c)."""
    held = cells.of_row >= 0
    count = cells.cohort.shape[0]
    parts = [np.empty((cells.of_row.shape[0], 0))]
    for effect in covariates.effects:
        slope = np.ones(held.shape[0]) if effect.slope is None else effect.slope
        total = np.bincount(cells.of_row[held], weights=(cells.mass * slope)[held], minlength=count)
        about = np.where(held, slope - (total / cells.total)[cells.of_row], 0.0)
        # What rounding leaves of a covariate that is the same for the whole cell is no variation.
        about[np.abs(about) < ROUNDING * np.abs(slope).max()] = 0.0
        parts.append(cells.dummies() * about[:, None])
    return np.hstack(parts)


def _effect_of_covariates(made: Saturated, within: Floats) -> Floats | None:
    """Effect of each row beyond its cell's, shape (n,)."""
    if not within.shape[1]:
        return None
    return np.asarray(within @ made.fit.coefficients[-within.shape[1] :])
