"""Words for panels: what the design rests on, what the number is, and which terms are by time."""

from estimand.core.estimate import Estimate
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.figures.standing import TIMES

BY_TIME = {
    ("event_time",): "time since treatment began",
    ("cohort",): "cohort",
    ("period",): "period",
    ("cohort", "period"): "cohort and period",
}
DESIGN = (
    "Panel: treatment began at different times, or never, and how those treated changed over time is compared with how "
    "those changed who were not treated, or not yet. The answer holds if both would have changed alike without "
    "treatment{given}."
)


def panel_of(record: StudyRecord) -> Panel | None:
    """The record's design where it is a panel."""
    return record.design if isinstance(record.design, Panel) else None


def panel_design(record: StudyRecord) -> str:
    """Say how treatment arose in a panel, and what the answer rests on."""
    return DESIGN.format(given=", among those alike in the covariates" if record.design.covariates else "")


def treatment_name(record: StudyRecord) -> str:
    """What treatment is called; a cohort column that nobody named is no name for it."""
    panel, column = panel_of(record), record.design.treatment
    unnamed = panel is not None and panel.cohort == column and column not in record.question.labels
    return "the treatment" if unnamed else record.question.called(column)


def panel_estimand(record: StudyRecord, target: Target, outcome: str) -> str:
    """Say what the number of a panel is: of what, against what, over whom."""
    name = treatment_name(record)
    whom = {
        Target.ATT: f"How {outcome} of those treated differs on average, from when {name} began, from what it would "
        "have been without it",
        Target.GROUP_TIME_ATT: f"How {outcome} of one cohort differs on average, in one period, from what it would "
        f"have been without {name}",
        Target.VARIANCE_WEIGHTED: f"A weighted sum of differences that {name} made to {outcome}, of which some may "
        "count with the wrong sign",
    }
    said = whom.get(target, f"How {outcome} differs with {name} from what it would have been without it")
    return f"{said} ({target}: {target.words})."


def by_time(estimate: Estimate) -> str | None:
    """By what an estimate's later terms are told apart in time; None where none is."""
    later = [tuple(name for name in TIMES if name in term.at) for term in estimate.terms[1:]]
    kinds = list(dict.fromkeys(kind for kind in later if kind))
    return " and ".join(BY_TIME.get(kind, " and ".join(kind)) for kind in kinds) or None
