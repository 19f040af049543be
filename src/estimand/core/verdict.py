"""From findings to a verdict: the worst that concerns the headline, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json


@dataclass(frozen=True, slots=True, eq=False)
class Verdict(Frozen):
    """Whether the headline may be relied on.

    Attributes
    ----------
    grade : Grade
        pass, note, warn or veto.
    summary : str
        A sentence.
    """

    grade: Grade
    summary: str

    def to_dict(self) -> dict[str, Json]:
        """Return the verdict as JSON."""
        return {"grade": str(self.grade), "summary": self.summary}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Verdict":
        """Rebuild the verdict from its JSON."""
        return cls(Grade(data["grade"]), data["summary"])


def concerning(findings: tuple[Finding, ...], headline: str | None, outcome: str | None) -> tuple[Finding, ...]:
    """Findings about the headline, its outcome, or the study as a whole."""
    places = {STUDY, headline, outcome}
    return tuple(finding for finding in findings if finding.about in places)


def judge(findings: tuple[Finding, ...], headline: str | None, outcome: str | None) -> Verdict:
    """Grade the headline by the worst finding that concerns it; findings about others do not count."""
    if headline is None:
        return Verdict(Grade.VETO, "No estimate answers the question: none has the target asked for.")
    relevant = concerning(findings, headline, outcome)
    by_grade = {grade: [f for f in relevant if f.grade is grade] for grade in Grade}
    unrun = len(by_grade[Grade.NOT_RUN])
    tail = f" {unrun} check{'s' if unrun != 1 else ''} could not be run." if unrun else ""
    if by_grade[Grade.VETO]:
        # What spoils the whole study comes before what spoils one reading of it.
        first = min(by_grade[Grade.VETO], key=lambda finding: finding.about != STUDY)
        return Verdict(Grade.VETO, f"Not to be relied on: {first.message}{tail}")
    if by_grade[Grade.WARN]:
        return Verdict(Grade.WARN, _warned(by_grade[Grade.WARN]) + tail)
    if by_grade[Grade.NOTE]:
        count = len(by_grade[Grade.NOTE])
        notes = f"{count} note{'s' if count != 1 else ''} to read"
        return Verdict(Grade.NOTE, f"No warning for the headline; {notes}.{tail}")
    if not by_grade[Grade.PASS]:
        return Verdict(Grade.NOTE, f"No check examined it.{tail}")
    return Verdict(Grade.NOTE if unrun else Grade.PASS, f"Every check that ran passed.{tail}")


def _warned(findings: list[Finding]) -> str:
    if len(findings) == 1:
        return f"To be read with care: {findings[0].message}"
    return f"To be read with care: {len(findings)} warnings, first: {findings[0].message}"
