"""Did outcomes move just before treatment started?"""

import numpy as np

from estimand.checks.panel.events import Events, events_of, judged, no_events, too_short
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.intervals import two_sided_p

ENOUGH_FOR_A_LINE = 3
SOMEWHAT, FAR = 0.05, 0.01


@check(
    "panel.anticipation",
    question="Did outcomes move just before treatment started?",
    references=(
        "Ashenfelter 1978, doi:10.2307/1924332",
        "Malani & Reif 2015, doi:10.1016/j.jpubeco.2015.01.001",
    ),
    designs=(Panel,),
)
class Anticipation(Check):
    """The last periods before treatment against the earlier ones, which the event study sets against them.

    With three earlier periods or more the line through these is drawn on, so that a steady trend is not taken for
    anticipation; with fewer, their mean. The reference is among the last periods. It warns below p = 0.01 and notes
    below 0.05.

    Parameters
    ----------
    periods : int
        Last periods before treatment, up to and with the reference.
    """

    periods: int = 1

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there is an event study."""
        return bool(judged(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each event study."""
        return tuple(self._one(e, events_of(case, e, refit)) for e in judged(case, estimates))

    def _one(self, estimate: Estimate, events: Events | None) -> Finding:
        if events is None:
            return no_events(self.spec.key, estimate.id)
        time = np.append(events.time[events.before], events.reference)
        late = time > events.reference - self.periods
        if late.all():
            return too_short(self.spec.key, estimate.id)
        value = np.append(events.value[events.before], 0.0)
        weights = jump(time, late)
        size = float(weights @ value)
        inner = weights[:-1]
        places = np.flatnonzero(events.before)
        error = float(np.sqrt(inner @ events.vcov[np.ix_(places, places)] @ inner))
        p = float(two_sided_p(np.array([size / error]), np.array([events.least_df]))[0])
        grade = Grade.WARN if p < FAR else Grade.NOTE if p < SOMEWHAT else Grade.PASS
        lined = int((~late).sum()) >= ENOUGH_FOR_A_LINE
        last = f"The last {self.periods} periods" if self.periods > 1 else "The last period"
        words = (
            f"{last} before treatment {'lie' if self.periods > 1 else 'lies'} {format_number(size)} (standard error "
            f"{format_number(error)}, p = {p:.2g}) off the {'line through' if lined else 'mean of'} the "
            f"{int((~late).sum())} before."
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="anticipation",
            statistic=p,
            threshold=FAR,
            message=words,
            remedy=None
            if grade is Grade.PASS
            else "Ask whether treatment was known, or chosen after a dip; then use 'staggered_did' with anticipation: "
            f"{self.periods}, which takes an earlier base.",
            evidence=_table(time, late, value, weights),
        )


def jump(time: Ints, late: Bools) -> Floats:
    """Weights of the mean of the late coefficients less what the earlier ones lead to expect, shape (k,)."""
    early = ~late
    weights = np.where(late, 1.0 / late.sum(), 0.0)
    centre, count = time[early].mean(), int(early.sum())
    away = time[early] - centre
    expected = np.full(count, 1.0 / count)
    if count >= ENOUGH_FOR_A_LINE:
        expected = expected + away * (time[late].mean() - centre) / np.square(away).sum()
    weights[early] = -expected
    return np.asarray(weights)


def _table(time: Ints, late: Bools, value: Floats, weights: Floats) -> Table:
    expected = np.where(late, np.nan, weights)
    return Table(
        {
            "event_time": time.tolist(),
            "value": value.tolist(),
            "late": late.astype(int).tolist(),
            "weight": [None if np.isnan(each) else each for each in expected.tolist()],
        }
    )
