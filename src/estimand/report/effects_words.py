"""What a record says of effects that vary, beside the average: whether the differences can be used."""

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord

READING = "heterogeneity.usable"
NONE, SOME = "no usable heterogeneity", "usable heterogeneity"


def readings(record: StudyRecord, estimate: Estimate) -> tuple[Finding, ...]:
    """Readings of an estimate's own effects that were made, one for each arm, in the order of its terms."""
    found = [finding for finding in record.about(estimate.id) if finding.check == READING]
    made = {finding.subject: finding for finding in found if finding.grade is not Grade.NOT_RUN}
    return tuple(made[term.label] for term in estimate.terms if term.label in made)


def heterogeneity_note(record: StudyRecord, estimate: Estimate) -> str | None:
    """Say in three words whether an estimate's effects can be told apart; None where that was not asked."""
    found = readings(record, estimate)
    if not found:
        return None
    usable = [finding.subject for finding in found if finding.grade is Grade.PASS]
    if not usable:
        return NONE
    return SOME if len(usable) == len(found) else f"{SOME} in {', '.join(usable)}"


def heterogeneity_sentence(record: StudyRecord, estimate: Estimate) -> str:
    """Say what that means for a reader of the average; nothing where it was not asked."""
    note = heterogeneity_note(record, estimate)
    if note is None:
        return ""
    if note == NONE:
        return f" There is {NONE}: who gains more cannot be told, so rest on this average."
    return f" There is {note}: who gains more can in part be told, as shown below."
