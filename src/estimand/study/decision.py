"""From the rules that an experiment's plan set to a decision: ship, do not ship, or keep running."""

from collections.abc import Sequence
from dataclasses import dataclass

from estimand.core.decision import Action, Decision, DecisionRules, Reading
from estimand.core.estimate import Estimate
from estimand.core.experiment import Experiment
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.planned import Planned
from estimand.study.readings import readings

PEEKING, SEQUENTIAL = "experiment.peeking", "sequential"
HARM = ("worse", "beyond")


@dataclass(frozen=True, slots=True)
class _Moment:
    """When the experiment is read.

    Attributes
    ----------
    early : bool
        Before its planned end, or nothing says that it has come.
    allowed : bool
        Whether the headline may be read early.
    broken : str or None
        Why no number of the headline can be relied on.
    words : str
    """

    early: bool
    allowed: bool
    broken: str | None
    words: str


def decide(
    design: Experiment, headline: Estimate | None, estimates: Sequence[Estimate], findings: Sequence[Finding], seed: int
) -> Decision | None:
    """Apply the plan's rules; None where nothing was planned, or there is no headline.

    Metrics are read by the headline's method, and those that it does not serve by the first listed that does.

    Parameters
    ----------
    design : Experiment
    headline : Estimate or None
    estimates : sequence of Estimate
        Of all methods and metrics.
    findings : sequence of Finding
        Of the study so far: a veto on the headline leaves no number to ship on.
    seed : int
        Of a joint correction.
    """
    plan = design.planned
    if plan is None or headline is None or not design.metrics:
        return None
    moment = _moment(plan, headline, findings)
    found = readings(design, plan, _read(headline, estimates, moment), seed)
    arms = tuple(dict.fromkeys(reading.arm for reading in found))
    actions = {arm: _action([r for r in found if r.arm == arm], plan.decision, moment) for arm in arms}
    action = min(actions.values(), key=_ORDER.index, default=Action.DO_NOT_SHIP)
    arm = _best(design, found, [arm for arm, what in actions.items() if what is Action.SHIP])
    return Decision(
        action=action,
        arm=arm,
        summary=_summary(action, arm, found, moment, plan.decision),
        arms=FrozenMap(actions),
        readings=found,
        rules=FrozenMap(plan.decision.model_dump(mode="json")),
    )


def _read(headline: Estimate, estimates: Sequence[Estimate], moment: "_Moment") -> list[Estimate]:
    """Every metric by the headline's method; where that does not serve it, by the first listed that does.

    Before the planned end those that hold only there are left out.
    """
    name = headline.id.removesuffix(f":{headline.outcome}")
    ordered = sorted(estimates, key=lambda item: item.id.removesuffix(f":{item.outcome}") != name)
    found: dict[str, Estimate] = {}
    for item in ordered:
        timely = not (moment.early and moment.allowed) or item.method == SEQUENTIAL
        if timely and item.target is headline.target:
            found.setdefault(item.outcome, item)
    return list(found.values())


_ORDER = (Action.SHIP, Action.KEEP_RUNNING, Action.DO_NOT_SHIP)


def decision_findings(decision: Decision | None) -> tuple[Finding, ...]:
    """A veto on shipping for each guardrail that is past its margin, or worse where it has none."""
    if decision is None:
        return ()
    return tuple(
        Finding(
            check="decision.guardrail",
            about=reading.metric,
            grade=Grade.VETO,
            subject=reading.arm,
            statistic=reading.value,
            message=f"Arm '{reading.arm}': {reading.words}",
            remedy="Do not ship this arm; find out what it harms.",
        )
        for reading in decision.readings
        if reading.role == "guardrail" and reading.standing in HARM
    )


def _moment(plan: Planned, headline: Estimate, findings: Sequence[Finding]) -> _Moment:
    about = {headline.id, headline.outcome, STUDY}
    vetoes = [f for f in findings if f.grade is Grade.VETO and f.about in about and f.check != PEEKING]
    broken = vetoes[0].message if vetoes else None
    allowed = headline.method == SEQUENTIAL
    if plan.finished is not None:
        words = "at its planned end" if plan.finished else "not finished"
        return _Moment(not plan.finished, allowed, broken, f"The experiment is {words}")
    if plan.units is not None:
        units = _units(headline, findings)
        told = f"{units:,.0f} of {plan.units:,} planned units are there"
        return _Moment(units < plan.units, allowed, broken, told)
    if plan.ends is not None or plan.days is not None:
        return _Moment(True, allowed, broken, "Nothing says that the planned end has come (planned: {finished: true})")
    return _Moment(False, allowed, broken, "No end was planned")


def _units(headline: Estimate, findings: Sequence[Finding]) -> float:
    """Units assigned, as the check of early reading counted them; else those of the headline."""
    counted = (f.statistic for f in findings if f.check == PEEKING and f.about == headline.id)
    return next((units for units in counted if units is not None), float(headline.n_obs))


def _action(own: list[Reading], rules: DecisionRules, moment: _Moment) -> Action:
    """What to do with one arm."""
    if moment.broken is not None:
        return Action.DO_NOT_SHIP
    if moment.early and not moment.allowed:
        return Action.KEEP_RUNNING
    harmed = any(reading.standing in HARM for reading in own)
    if harmed and not (moment.early and rules.harm == "ignore"):
        return Action.DO_NOT_SHIP
    if not harmed and _is_better(own, rules) and _is_safe(own, rules):
        return Action.SHIP
    return Action.KEEP_RUNNING if moment.early else Action.DO_NOT_SHIP


def _is_better(own: list[Reading], rules: DecisionRules) -> bool:
    better = [reading.standing == "better" for reading in own if reading.role == "primary"]
    return bool(better) and (all(better) if rules.primary == "all" else any(better))


def _is_safe(own: list[Reading], rules: DecisionRules) -> bool:
    """Whether no guardrail stands in the way; one that could not be read does."""
    bars = {"not_read", "not_shown"} if rules.guardrails == "shown" else {"not_read"}
    return not any(reading.standing in bars for reading in own if reading.role == "guardrail")


def _best(design: Experiment, found: Sequence[Reading], shipped: list[str]) -> str | None:
    """The arm of those to ship that gains most: in business value where metrics have one, else in the first primary."""
    primary = [metric for metric in design.metrics if metric.role == "primary"]
    valued = [metric for metric in primary if metric.value is not None]
    worth = {m.name: m.value or 0.0 for m in valued} or {
        m.name: -1.0 if m.direction == "decrease" else 1.0 for m in primary[:1]
    }

    def gain(arm: str) -> float:
        own = (r for r in found if r.arm == arm and r.metric in worth and r.value is not None)
        return sum(worth[r.metric] * (r.value or 0.0) for r in own)

    return max(shipped, key=gain, default=None)


def _summary(action: Action, arm: str | None, found: Sequence[Reading], moment: _Moment, rules: DecisionRules) -> str:
    """The action, and why, in a sentence or a few."""
    if moment.broken is not None:
        return f"{action.words}: the numbers cannot be relied on. {moment.broken}"
    lead = f"{action.words}{'' if arm is None else f' {arm}'}"
    if moment.early and not moment.allowed:
        return f"{lead}: {_lowered(moment.words)}, and the headline may be read only at the end."
    if action is Action.SHIP:
        mine = [reading for reading in found if reading.arm == arm]
        told = [r.words for r in mine if r.standing in {"better", "within"} or r.role == "guardrail"]
        return f"{lead}: {' '.join(told)}"
    harm = [r for r in found if r.standing in HARM]
    if harm and (not moment.early or rules.harm == "stop"):
        return f"{lead}: {' '.join(_in_arm(r) for r in harm)}"
    open_ones = [r for r in found if r.standing in {"undecided", "not_shown", "not_read"}]
    return f"{lead}: {_lowered(moment.words)}. {' '.join(_in_arm(r) for r in open_ones)}"


def _in_arm(reading: Reading) -> str:
    return f"In {reading.arm}, {reading.words}"


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]
