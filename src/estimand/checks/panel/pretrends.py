"""Did treated and comparison units move alike before treatment, and would we have seen it if not?"""

import numpy as np

from estimand.checks.panel.events import Events, events_of, judged, no_events, too_short
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.pretrends import given_passed, joint_test, slope_found, slope_found_jointly

POWERS = (0.5, 0.8)
USUAL = 0.8
ROTH = "Roth 2022, doi:10.1257/aeri.20210236"


@check(
    "panel.pretrends",
    question="Did treated and comparison units move alike before treatment, as far as could be seen?",
    references=(ROTH,),
    designs=(Panel,),
)
class PreTrends(Check):
    """Joint test of the coefficients before the reference, with the violation it would have found.

    The test keeps the method's own covariates and covariance, and needs one reference period for all coefficients: a
    staggered estimate with a varying base is run again with a universal one. A test that is passed does not show that
    trends are parallel; the message says which line it would have found four times in five. It warns where the test
    rejects, and is a note otherwise: never a pass.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every panel with an estimate."""
        return bool(estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each event study, or say that there is none."""
        found = judged(case, estimates)
        if not found:
            return (no_events(self.spec.key, case.outcome),)
        return tuple(self._one(estimate, events_of(case, estimate, refit)) for estimate in found)

    def _one(self, estimate: Estimate, events: Events | None) -> Finding:
        if events is None:
            return no_events(self.spec.key, estimate.id)
        if not events.before.any():
            return too_short(self.spec.key, estimate.id)
        value, vcov, away = _before(events)
        test = joint_test(value, vcov, events.least_df)
        alpha = 1.0 - events.level
        rejected = test.p_value < alpha
        slope = slope_found_jointly(away, vcov, USUAL, events.level, events.least_df)
        name = "F" if np.isfinite(test.df) else "χ²"
        within = f"{test.rank}, {test.df:.0f}" if np.isfinite(test.df) else f"{test.rank}"
        count = value.shape[0]
        words = (
            f"The {count} coefficient{'s' if count > 1 else ''} before the reference "
            f"{'differ' if rejected else 'do not differ'} jointly from zero at {alpha:g} ({name}({within}) = "
            f"{test.statistic:.2f}, p = {test.p_value:.2g}). A line of {format_number(slope)} a period would have been "
            f"found with {USUAL:.0%} probability: it would put the effect {_reach(events, slope)}."
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if rejected else Grade.NOTE,
            subject="periods before treatment",
            statistic=test.p_value,
            threshold=alpha,
            message=words if rejected else f"{words} No rejection is no proof of parallel trends.",
            remedy="Ask what moved them apart before treatment, and read panel.honest_did for the effects that survive."
            if rejected
            else "Read panel.honest_did: it says what the effect may be where trends differ as they may have before.",
            evidence=event_table(events),
        )


def _before(events: Events) -> tuple[Floats, Floats, Floats]:
    """Coefficients before the reference, their covariance, and their distance from it."""
    places = np.flatnonzero(events.before)
    away = (events.time[places] - events.reference).astype(float)
    return events.value[places], events.vcov[np.ix_(places, places)], away


def _reach(events: Events, slope: float) -> str:
    after = events.time[events.after] - events.reference
    if not after.size:
        return "off by as much a period"
    off = slope * float(after.mean())
    mean = float(events.value[events.after].mean())
    return f"off by {format_number(off)} on average, beside an average of {format_number(mean)}"


def event_table(events: Events) -> Table:
    """Coefficients with their pointwise intervals, the reference among them as zero."""
    place = int(np.searchsorted(events.time, events.reference))
    time = np.insert(events.time, place, events.reference)
    value = np.insert(events.value, place, 0.0)
    error = np.insert(np.sqrt(np.diag(events.vcov)), place, 0.0)
    half = np.insert(events.critical, place, 0.0) * error
    return Table(
        {
            "event_time": time.tolist(),
            "value": value.tolist(),
            "std_error": error.tolist(),
            "low": (value - half).tolist(),
            "high": (value + half).tolist(),
            "tested": [int(t < events.reference) for t in time.tolist()],
        }
    )


@check(
    "panel.pretrend_power",
    question="Which violation of parallel trends would the periods before treatment have shown?",
    references=(ROTH,),
    designs=(Panel,),
)
class PreTrendPower(Check):
    """Slopes of a line that pre-tests find with probability 0.5 and 0.8, and what effects are off by where they do not.

    Two pre-tests are judged: that no coefficient before the reference is significant by itself, and the joint one. The
    bias given that the first is passed is that of a line it finds half of the time (Roth 2022): being passed does not
    make an estimate right, and may make it worse. There is no line to pass: always a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there is an event study."""
        return bool(judged(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each event study."""
        return tuple(self._one(e, events_of(case, e, refit)) for e in judged(case, estimates))

    def _one(self, estimate: Estimate, events: Events | None) -> Finding:
        if events is None:
            return no_events(self.spec.key, estimate.id)
        if not events.before.any():
            return too_short(self.spec.key, estimate.id)
        _, vcov, away = _before(events)
        own = [slope_found(away, vcov, power, events.critical[events.before]) for power in POWERS]
        joint = [slope_found_jointly(away, vcov, power, events.level, events.least_df) for power in POWERS]
        trend = own[0] * (events.time - events.reference).astype(float)
        passed = given_passed(events.value, events.vcov, trend, events.before, events.critical[events.before])
        after = np.flatnonzero(events.after)
        words = (
            f"A line of {format_number(own[0])} a period leaves some coefficient before treatment significant half of "
            f"the time, and one of {format_number(own[1])} with probability {USUAL:g}; the joint test finds "
            f"{format_number(joint[0])} and {format_number(joint[1])} as often."
        )
        if after.size:
            bias, off = float(passed.mean[after].mean()), float(trend[after].mean())
            mean = float(events.value[after].mean())
            words += (
                f" The first would put the average effect after treatment off by {format_number(off)}, and by "
                f"{format_number(bias)} where it passed unseen; the estimate is {format_number(mean)}."
            )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject="periods before treatment",
            statistic=own[1],
            message=words,
            remedy="Ask whether a trend of that size is plausible; if so, a passed pre-test says little.",
            evidence=_power_table(events, np.array(own), np.array(joint), passed.mean),
        )


def _power_table(events: Events, own: Floats, joint: Floats, passed: Floats) -> Table:
    """Per event time the estimate, the lines that are found, and the mean given a passed pre-test."""
    place = int(np.searchsorted(events.time, events.reference))
    time = np.insert(events.time, place, events.reference)
    away = (time - events.reference).astype(float)
    return Table(
        {
            "event_time": time.tolist(),
            "value": np.insert(events.value, place, 0.0).tolist(),
            "std_error": np.insert(np.sqrt(np.diag(events.vcov)), place, 0.0).tolist(),
            "found_half": (own[0] * away).tolist(),
            "found_80": (own[1] * away).tolist(),
            "found_80_jointly": (joint[1] * away).tolist(),
            "mean_if_passed": np.insert(passed, place, 0.0).tolist(),
        }
    )
