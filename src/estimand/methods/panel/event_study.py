"""Effects by time since treatment, for one cohort set against units not treated."""

from typing import Self

import numpy as np
from pydantic import field_validator, model_validator

from estimand.core.case import Case
from estimand.core.estimate import Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.table import Table
from estimand.core.uncertainty import Normal
from estimand.errors import DesignError, IdentificationError
from estimand.methods.panel.admitted import Admitted, admitted, without_always_treated
from estimand.methods.panel.cells import Cells
from estimand.methods.panel.covariates import entered
from estimand.methods.panel.regression_spread import Counted
from estimand.methods.panel.saturated import (
    Combined,
    Errors,
    Saturated,
    SaturatedCovariance,
    combined,
    saturated,
    untreated_level,
)
from estimand.stats.arrays import Floats, Ints


@method(
    "event_study",
    designs=(Panel,),
    references=(
        "Jacobson, LaLonde & Sullivan 1993, American Economic Review 83(4)",
        "Freyaldenhoven, Hansen, Pérez & Shapiro 2021, doi:10.3386/w29170",
        "Sun & Abraham 2021, doi:10.1016/j.jeconom.2020.09.006",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows",
        "unit_labels", "unit_shift", "period_shift",
    ),
    details=(Detail("event_times", "by event time", "treated rows, and whether at an end of the window"),),
    why_not="Use the clustered covariance it reports.",
)  # fmt: skip
class EventStudy(Method):
    r"""Leads and lags of one cohort's treatment beside unit and period effects.

    Estimand: the average effect over treated rows (ATT), then by steps since treatment: the treated cohort's distance
    from units never treated at each event time, less that at the reference. Those before treatment are trends, not
    effects. ``y = unit + period + further levels + covariates + Σₑ δₑ 1{treated cohort, event time e} + error``.

    Assumes one treated cohort, parallel trends given the covariates, and no anticipation at the reference. With
    several cohorts a coefficient mixes effects of other event times (Sun & Abraham 2021), so that
    `allow_staggered` gives a VARIANCE_WEIGHTED answer, vetoed. A covariate that changes within units has one slope;
    one that does not, a slope for each period.

    Variance: CR1 by cluster (the unit, if none is named) with t(G - 1) where at least 40 clusters would be left if all
    had equal leverage, or under weights; else CR2 with Satterthwaite degrees of freedom for every term.

    Parameters
    ----------
    reference : int
        Event time that the others are set against.
    window : tuple of int, optional
        First and last event time; earlier and later ones are taken together with them.
    allow_staggered : bool
        Whether several cohorts are pooled by event time all the same.
    covariance : "CR0" | "CR1" | "CR2", optional
        Chosen by weights and leverage by default.
    counted : "crossing" | "all" | "none"
        Which absorbed levels CR1 counts as parameters: those that reach across clusters, all, or none but the
        constant.
    """

    reference: int = -1
    window: tuple[int, int] | None = None
    allow_staggered: bool = False
    covariance: SaturatedCovariance | None = None
    counted: Counted = "crossing"

    @field_validator("window", mode="before")
    @classmethod
    def _two_ends(cls, given: object) -> object:
        if given is None or (isinstance(given, list | tuple) and len(given) == 2):
            return given
        raise DesignError(
            f"Method 'event_study' does not take {given!r} for 'window'.",
            remedy="Give the first and the last event time to report, such as [-3, 3].",
            found=given,
        )

    @model_validator(mode="after")
    def _reference_inside(self) -> Self:
        if self.window is None:
            return self
        low, high = self.window
        if not low <= self.reference < high or high < 0:
            raise DesignError(
                f"The window from {low} to {high} does not hold the reference {self.reference} and a time after it.",
                remedy="Give a window such as [-4, 4].",
            )
        return self

    def estimate(self, case: Case) -> Estimate:
        """Fit leads and lags, average those after treatment, and attach the covariance."""
        found = without_always_treated(self.spec.key, admitted(self.spec.key, case))
        cohorts = found.timeline.cohorts()
        several = cohorts.shape[0] > 1
        if several and not self.allow_staggered:
            raise _several(found, cohorts)
        event = self._event_times(found)
        times = _times(found, event, self.reference)
        covariates = entered(found)
        made = saturated(
            self.spec.key,
            found,
            (event[:, None] == times).astype(np.float64),
            covariates.columns(),
            covariates.sources(),
        )
        _refuse_unidentified(made, found)
        of_row = np.where(np.isin(event, times), np.searchsorted(times, event), -1)
        cells = Cells(times, times, times, of_row, found.mass)
        after = np.where(times >= 0, cells.total, 0.0)
        shares = np.vstack([after / after.sum(), np.eye(times.shape[0])])
        result = combined(self.spec.key, made, shares, Errors(self.covariance, self.counted))
        return self._estimate(made, result, cells, shares)

    def _event_times(self, found: Admitted) -> Ints:
        """Event time of each row within the window; far from any where never treated."""
        timeline = found.timeline
        event = np.where(timeline.never, 0.0, found.event_time).astype(np.int64)
        binned = event if self.window is None else np.clip(event, *self.window)
        return np.where(timeline.never, np.iinfo(np.int64).min, binned)

    def _estimate(
        self,
        made: Saturated,
        result: Combined,
        cells: Cells,
        shares: Floats,
    ) -> Estimate:
        found, times = made.found, cells.event_time
        case, several = found.case, found.timeline.cohorts().shape[0] > 1
        after = found.timeline.period >= found.timeline.cohort
        ends = () if self.window is None else self.window
        named = [Term(_label(int(k), ends), FrozenMap({"event_time": int(k)}), case.unit) for k in times]
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.VARIANCE_WEIGHTED if several else Target.ATT,
            population=found.population(after),
            terms=(Term("treated", unit=case.unit), *named),
            value=result.value,
            uncertainty=result.uncertainty,
            n_obs=found.n,
            inference=self.spec.inference,
            level=case.level,
            baseline=untreated_level(found, cells.averages(shares), result),
            influence=found.influence(result.psi) if isinstance(result.uncertainty, Normal) else None,
            details=FrozenMap({"event_times": _table(cells, ends)}),
            findings=(*found.findings, *(_staggered(found) if several else ()), *made.findings, *result.findings),
        )


def _label(time: int, ends: tuple[int, ...]) -> str:
    if not ends or time not in ends:
        return f"event time {time}"
    return f"event time {time} or {'earlier' if time == ends[0] else 'later'}"


def _table(cells: Cells, ends: tuple[int, ...]) -> Table:
    times = cells.event_time.tolist()
    return Table({"event_time": times, "rows": cells.rows.tolist(), "end": [k in ends for k in times]})


def _times(found: Admitted, event: Ints, reference: int) -> Ints:
    """Event times with a coefficient, ascending.

    Raises
    ------
    IdentificationError
        If no treated unit is seen at the reference.
    """
    seen = np.unique(event[~found.timeline.never])
    if reference not in seen:
        raise IdentificationError(
            f"No treated unit is seen at event time {reference}, which the others are set against.",
            remedy=f"Set reference to one of {', '.join(str(k) for k in seen if k < 0)}.",
            found=reference,
        )
    times = seen[seen != reference]
    if not (times >= 0).any():
        raise IdentificationError(
            f"Event time {reference} is the only one after treatment starts, so nothing after it is left to report.",
            remedy="Set the reference to the last event time before treatment, -1.",
            found=reference,
        )
    return np.asarray(times)


def _several(found: Admitted, cohorts: Ints) -> IdentificationError:
    labels = [found.timeline.labels[g] for g in cohorts]
    listed = ", ".join(labels[:5]) + (" …" if len(labels) > 5 else "")
    return IdentificationError(
        f"{len(labels)} cohorts were treated at different times ({listed}), and leads and lags pooled over them mix "
        "effects of different event times.",
        remedy="Use sun_abraham or staggered_did; or allow_staggered: true, for a regression that is vetoed.",
        found=len(labels),
        expected=1,
    )


def _refuse_unidentified(made: Saturated, found: Admitted) -> None:
    if made.identified.all():
        return
    alone = not found.timeline.never.any()
    raise IdentificationError(
        "Leads and lags cannot be told apart from unit and period effects: no unit is never treated."
        if alone
        else "Covariates and absorbed levels determine some event times, so nothing is left to compare.",
        remedy="Add units that are never treated; or use imputation_did, which compares with those not yet treated."
        if alone
        else "Leave out the covariate or absorbed column that gives treatment away.",
    )


def _staggered(found: Admitted) -> tuple[Finding, ...]:
    """Veto a regression that pools cohorts."""
    timeline = found.timeline
    cohorts = timeline.cohorts()
    return (
        Finding(
            check="panel.staggered_twfe",
            about="event_study",
            grade=Grade.VETO,
            subject="cohort",
            statistic=float(cohorts.shape[0]),
            threshold=1.0,
            message=f"{cohorts.shape[0]} cohorts were treated at different times, and where their effects differ, "
            "leads and lags pooled over them mix effects of other event times: leads can leave zero without a trend.",
            remedy="Use staggered_did, sun_abraham or imputation_did.",
            evidence=Table(
                {
                    "cohort": [timeline.labels[g] for g in cohorts],
                    "rows": [int(np.count_nonzero(timeline.cohort == g)) for g in cohorts],
                }
            ),
        ),
    )
