"""A check's answer, as data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json, number
from estimand.core.table import Table

STUDY = "study"


class Grade(StrEnum):
    """How much a finding matters: pass < note < warn < veto; ``not_run`` stands apart and is never a pass."""

    PASS = "pass"
    NOTE = "note"
    WARN = "warn"
    VETO = "veto"
    NOT_RUN = "not_run"

    @property
    def severity(self) -> int:
        """Order for choosing the worst; a check that did not run weighs as a note."""
        return {"pass": 0, "not_run": 1, "note": 1, "warn": 2, "veto": 3}[self.value]

    def __lt__(self, other: str) -> bool:
        return self.severity < Grade(other).severity

    def __le__(self, other: str) -> bool:
        return self.severity <= Grade(other).severity

    def __gt__(self, other: str) -> bool:
        return self.severity > Grade(other).severity

    def __ge__(self, other: str) -> bool:
        return self.severity >= Grade(other).severity


@dataclass(frozen=True, slots=True, eq=False)
class Finding(Frozen):
    """What one check found about one thing.

    Attributes
    ----------
    check : str
        Key of the check, or "method.reason" where a method reports what it did.
    about : str
        An estimate's id, an outcome, or "study".
    grade : Grade
    subject : str
        The column, arm or quantity concerned.
    message : str
        What was found, in a sentence.
    remedy : str or None
        What to do about it.
    statistic, threshold : float or None
        The number measured and the line it was held to.
    evidence : Table or None
        Plot-ready: already binned or summarised.
    """

    check: str
    about: str
    grade: Grade
    subject: str
    message: str
    remedy: str | None = None
    statistic: float | None = None
    threshold: float | None = None
    evidence: Table | None = None

    def to_dict(self) -> dict[str, Json]:
        """Return the finding as JSON."""
        return {
            "check": self.check,
            "about": self.about,
            "grade": str(self.grade),
            "subject": self.subject,
            "statistic": number(self.statistic),
            "threshold": number(self.threshold),
            "message": self.message,
            "remedy": self.remedy,
            "evidence": None if self.evidence is None else self.evidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Finding":
        """Rebuild a finding from its JSON."""
        evidence = data.get("evidence")
        return cls(
            check=data["check"],
            about=data["about"],
            grade=Grade(data["grade"]),
            subject=data["subject"],
            message=data["message"],
            remedy=data["remedy"],
            statistic=data["statistic"],
            threshold=data["threshold"],
            evidence=None if evidence is None else Table.from_dict(evidence),
        )
