"""Effects of a rollout in waves, cohort by cohort and period by period, and their averages."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Detail, Method, method
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.resampling import Replicator
from estimand.core.uncertainty import Normal
from estimand.errors import DesignError
from estimand.methods.panel.staggered_cells import Planned, identified
from estimand.methods.panel.staggered_spread import Spread, spread_of
from estimand.methods.panel.staggered_words import group_time_table, population_of, terms_of
from estimand.stats.arrays import Floats, Ints
from estimand.stats.did_aggregation import Aggregate
from estimand.stats.did_scores import Estimator
from estimand.stats.did_sweep import values_again
from estimand.stats.group_time import Base, Control


@method(
    "staggered_did",
    designs=(Panel,),
    references=(
        "Callaway & Sant'Anna 2021, doi:10.1016/j.jeconom.2020.12.001",
        "Sant'Anna & Zhao 2020, doi:10.1016/j.jeconom.2020.06.003",
    ),
    inference="influence",
    resampling=("cluster", "bayesian", "multiplier"),
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(Detail("group_time", "table", "outcome unit"),),
)  # fmt: skip
class StaggeredDiD(Method):
    r"""Difference-in-differences of each cohort against units not treated, averaged by the cohorts' shares.

    Estimand: ATT(g, t) = E[Y_t(g) - Y_t(∞) | G = g], the effect in period t on the cohort first treated in g, and
    averages of them over cells that are all comparisons with units not treated. The headline is the overall of
    ``aggregate``, followed by its terms: "simple" weights each cell after treatment by its cohort's share; "group"
    averages a cohort's cells alike, then cohorts by share; "event" averages cohorts by share at each event time, then
    event times from 0 on alike; "calendar" does so by period. "group_time" gives the cells themselves. Event times
    before treatment are of cohorts that have an effect after it.

    Assumes that, without treatment, the mean outcome of the cohort and of those it is compared with would have moved
    alike from the base period on, among units alike in the covariates; that treatment acts no sooner than
    ``anticipation`` steps ahead; that it stays on (a treatment that is switched off is refused, because "treated for
    how long" then has no answer in g and t; name the cohort and leave the treatment out to ask for the effect of
    having started); and, except for "or", that no covariates occur among the treated only. Covariates and weights are
    those of the earlier of the two periods.

    Doubly robust is the first form of Sant'Anna & Zhao: a logit by maximum likelihood, least squares among the
    compared, weights normalised to one. Without covariates the three estimators are the difference of four means.
    Units seen in both periods of a cell make it, so that a panel with gaps uses in each cell those it can. Without a
    unit, the rows are repeated cross-sections, and "dr" is the locally efficient form with four outcome regressions,
    which takes the make-up of each cohort to be the same in all periods. A cell that is not identified is left out
    and named, and so are units treated from the first period on. Cohorts that begin after the last period are
    compared with as never treated.

    Variance: Σψψ'/n² with ψ through the effects, the models behind them, and the cohorts' estimated shares; summed
    within clusters, with t(G - 1). With fewer than 40 clusters, or 5 in a cohort, that is too small: each cluster is
    left out in turn and all is fitted again (with more than 200 clusters those of the small cohorts are, and ψ stands
    for the others), with Welch's degrees of freedom over the cohorts, at most G - 1. ``interval(joint=True)`` is the
    uniform band.

    Parameters
    ----------
    control : "never" | "not_yet"
        Compare with units that are never treated, or with all not treated by the later of the two periods, nor about
        to be within ``anticipation`` steps.
    estimator : "dr" | "ipw" | "or"
        Doubly robust, inverse-probability weighting, or outcome regression.
    base : "varying" | "universal"
        Before treatment, take changes from the period before, or from the base period g - 1 - ``anticipation``, from
        which those after treatment are taken always.
    anticipation : int
        Steps of the calendar before treatment in which it may act.
    aggregate : "simple" | "group" | "event" | "calendar" | "group_time"
    balance_event_time : int, optional
        With "event": keep cohorts seen at least so many steps after treatment starts, and event times up to it, so
        that the same cohorts are behind each of them from 0 on.
    covariance : "influence" | "jackknife", optional
        Instead of what the number of clusters asks for.
    """

    control: Control = "never"
    estimator: Estimator = "dr"
    base: Base = "varying"
    anticipation: Annotated[int, Field(ge=0)] = 0
    aggregate: Aggregate = "simple"
    balance_event_time: Annotated[int, Field(ge=0)] | None = None
    covariance: Literal["influence", "jackknife"] | None = None

    @model_validator(mode="after")
    def _balance_is_of_event_times(self) -> Self:
        if self.balance_event_time is not None and self.aggregate != "event":
            raise DesignError(
                f"'balance_event_time' has no meaning with aggregate: {self.aggregate}.",
                remedy="Use aggregate: event, or leave it out.",
            )
        return self

    def estimate(self, case: Case) -> Estimate:
        """Plan the cells, fit those that are identified, average."""
        found = identified(self.spec.key, case, self._planned())
        spread = spread_of(self.spec.key, case, found, self.covariance)
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.GROUP_TIME_ATT if self.aggregate == "group_time" else Target.ATT,
            population=population_of(case, found),
            terms=terms_of(case, found),
            value=found.averaged.value,
            uncertainty=Normal(spread.vcov, spread.df, "identity", spread.correction),
            n_obs=found.rows,
            inference=self.spec.inference,
            level=case.level,
            influence=_influence(case, spread),
            details=FrozenMap({"group_time": group_time_table(case, found)}),
            findings=(*found.findings, *spread.findings),
        )

    def replicator(self, case: Case, units: Ints) -> Replicator | None:
        """Refits by the units' weights, which stand for copies; a draw that loses a cell is declined."""
        found = identified(self.spec.key, case, self._planned())
        place = np.searchsorted(np.unique(case.sample().units), found.rollout.cluster)

        def replicate(weights: Floats) -> Floats:
            out = np.full((weights.shape[0], found.averaged.value.shape[0]), np.nan)
            for b, drawn in enumerate(weights):
                again = values_again(found.rollout, drawn[place], found.cells, found.aggregation, self.estimator)
                if again is not None:
                    out[b] = again
            return out

        return replicate

    def _planned(self) -> Planned:
        return Planned(
            self.control, self.estimator, self.base, self.anticipation, self.aggregate, self.balance_event_time
        )


def _influence(case: Case, spread: Spread) -> Influence:
    return Influence(np.ascontiguousarray(spread.psi), spread.units, spread.n, case.sample().root)
