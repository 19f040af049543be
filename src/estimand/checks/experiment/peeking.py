"""Was an interval that holds once read before the experiment was over?"""

from dataclasses import dataclass

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric_moments import MetricMoments
from estimand.core.planned import Planned
from estimand.core.sample import Sample

# Allowed for looks by themselves, or no statement about repeated looks.
SEQUENTIAL, POSTERIOR = "sequential", "bayesian"
_REMEDY = "Read method: sequential, or wait for the planned end."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is, as far as that can be told.

    Attributes
    ----------
    early : bool or None
        Before its planned end; None where nothing tells.
    words : str
    units, planned : float or None
    """

    early: bool | None
    words: str
    units: float | None = None
    planned: float | None = None


@check(
    "experiment.peeking",
    question="Is an interval that holds at the planned end read before it?",
    references=(
        "Armitage, McPherson & Rowe 1969, doi:10.2307/2343787",
        "Johari, Koomen, Pekelis & Walsh 2022, doi:10.1287/opre.2021.2135",
    ),
    designs=(Experiment,),
    reads_moments=True,
)
class Peeking(Check):
    """Veto a fixed-horizon interval before the planned end; warn at the end where looks before it were planned.

    The end is where the plan says ``finished``; else where its units are reached. A date alone is not in the data, so
    that ``ends`` or ``days`` without units is not judged until ``finished`` is said.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there is a plan that says when the experiment ends, or that it is looked at."""
        plan = _plan(case)
        return plan is not None and bool(estimates) and (_has_end(plan) or _is_looked_at(plan))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Hold every estimate to the plan."""
        plan = _plan(case)
        if plan is None:
            return ()
        progress = _progress(case, plan)
        return tuple(self._one(estimate, plan, progress) for estimate in estimates)

    def _one(self, estimate: Estimate, plan: Planned, progress: Progress) -> Finding:
        grade, message, remedy = _judged(estimate, plan, progress)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=estimate.outcome,
            statistic=progress.units,
            threshold=progress.planned,
            message=message,
            remedy=remedy,
        )


def _judged(estimate: Estimate, plan: Planned, progress: Progress) -> tuple[Grade, str, str | None]:
    if estimate.method == SEQUENTIAL:
        return Grade.PASS, f"{progress.words}; the set allows for looks.", None
    if progress.early is None:
        return Grade.NOT_RUN, progress.words, "Add planned: {units: …} or planned: {finished: true} to the design."
    if progress.early and estimate.method == POSTERIOR:
        words = (
            f"{progress.words}. A posterior is what it is at any look; how often a rule on it errs over many looks is "
            "not what it says."
        )
        return Grade.NOTE, words, "Read method: sequential beside it."
    if progress.early:
        words = (
            f"{progress.words}. The interval holds if it is read once, at that end: read whenever it looks good, it "
            "finds effects that are not there far more often than its level says."
        )
        return Grade.VETO, words, _REMEDY
    if _is_looked_at(plan) and estimate.method != POSTERIOR:
        words = f"{progress.words}, and looks before it were planned, which this interval does not pay for."
        return Grade.WARN, words, "Read method: sequential."
    return Grade.PASS, f"{progress.words}.", None


def _plan(case: Case) -> Planned | None:
    return case.design.planned if isinstance(case.design, Experiment) else None


def _has_end(plan: Planned) -> bool:
    return any(part is not None for part in (plan.finished, plan.units, plan.ends, plan.days))


def _is_looked_at(plan: Planned) -> bool:
    looks = plan.looks if isinstance(plan.looks, int) else len(plan.looks)
    return plan.sequential != "none" or looks > 1


def _progress(case: Case, plan: Planned) -> Progress:
    units = _units(case)
    end = None if plan.units is None else float(plan.units)
    if plan.finished is not None:
        words = "The experiment is at its planned end" if plan.finished else "The experiment is not finished"
        return Progress(not plan.finished, words, units, end)
    if end is None:
        when = f"on {plan.ends}" if plan.ends is not None else "at a time that"
        return Progress(
            None,
            f"The plan ends {when}{'' if plan.ends is not None else ' the data do not tell'}, and "
            "nothing says whether it has come.",
            units,
        )
    if units < end:
        return Progress(True, f"{units:,.0f} of {end:,.0f} planned units are there", units, end)
    return Progress(False, f"All {end:,.0f} planned units are there", units, end)


def _units(case: Case) -> float:
    """Units assigned that were read, with a value or without."""
    source = case.source
    if isinstance(source, Sample):
        lost = 0 if case.unobserved is None else case.unobserved.n
        return float(source.n + lost) if source.cluster is None else float(len(set(source.cluster.tolist())))
    if isinstance(source, MetricMoments):
        missing = 0.0 if source.clustered else float(source.counts.missing.sum())
        return float(source.units.sum()) + missing
    return float(source.units.sum())
