"""Day after day, did the units by then fall to the arms as planned?"""

import numpy as np

from estimand.checks.experiment.allocation import REMEDY
from estimand.checks.experiment.allocation_within import day_name
from estimand.checks.experiment.assigned import Assigned, is_running, plan_of, role_column
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import EXPOSED_ROLE
from estimand.core.table import Table
from estimand.stats.allocation import sequential_allocation
from estimand.stats.arrays import Floats


@check(
    "experiment.srm_running",
    question="Day after day, did the units by then fall to the arms as planned?",
    references=("Lindon & Malek 2022, Advances in Neural Information Processing Systems 35",),
    designs=(Experiment,),
)
class RunningRatio(Check):
    """Test all units exposed by each day against the planned shares, by a test that holds at every look.

    The p-value by a day is the least so far, and small ones stay: it may be read on any day and acted upon. While the
    experiment runs a mismatch is a veto; after its planned end the test of all units decides, and this is a warning,
    as it is where nothing was planned and equal shares are a guess. Units without a time of exposure are left out.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to experiments with metrics or a plan, where the design names times of exposure."""
        return (case.metric is not None or plan_of(case) is not None) and _timed(case) is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with every day as evidence."""
        days, counts = _by_day(case)
        if not days.size:
            words = "No unit has a time of exposure."
            return (Finding(self.spec.key, STUDY, Grade.NOT_RUN, case.design.treatment, words, "Check the column."),)
        plan = plan_of(case)
        shares = np.full(len(case.arms), 1.0 / len(case.arms)) if plan is None else np.array(plan.shares(case.arms))
        path = sequential_allocation(counts, shares)
        line = case.gates.allocation
        off = bool(path[-1] < line)
        running = is_running(plan, float(counts[-1].sum()))
        names = [day_name(float(day)) for day in days]
        first = f"first below {line:g} on day {names[int(np.argmax(path < line))]}" if off else f"never below {line:g}"
        words = (
            f"Over {len(names)} days of exposure the always-valid p-value of the arms' shares "
            f"{'against equal ones, as none are planned, ' if plan is None else ''}came to "
            f"{format_number(float(path[-1]))}, {first}."
        )
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.PASS if not off else Grade.VETO if running else Grade.WARN,
                subject=case.design.treatment,
                statistic=float(path[-1]),
                threshold=line,
                message=words,
                remedy=f"Look at what changed by then. {REMEDY}" if off else None,
                evidence=Table(
                    {
                        "day": names,
                        **{f"units {arm}": counts[:, a].tolist() for a, arm in enumerate(case.arms)},
                        "p_value": path.tolist(),
                    }
                ),
            ),
        )


def _timed(case: Case) -> str | None:
    """The role that holds times of exposure."""
    return next((role for role in (EXPOSED_ROLE, "timestamp") if role in case.sample().roles), None)


def _by_day(case: Case) -> tuple[Floats, Floats]:
    """Days (d,), and units of each arm by them (d, a); a cluster counts from its first day."""
    role = _timed(case)
    day = np.floor(role_column(case, str(role)))
    order = np.argsort(day, kind="stable")
    order = order[~np.isnan(day[order])]
    assigned = Assigned.of(case)
    if assigned.cluster is not None:
        order = order[np.sort(np.unique(assigned.cluster[order], return_index=True)[1])]
    days, starts = np.unique(day[order], return_index=True)
    dealt = (assigned.arm[order][:, None] == np.arange(assigned.arms)).astype(float)
    added = np.add.reduceat(dealt, starts, axis=0) if days.size else dealt
    return days, np.asarray(np.cumsum(added, axis=0))
