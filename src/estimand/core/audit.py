"""The record of an audit: what the data can carry, before any estimate."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimand.core.design import DesignFields, as_design
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode
from estimand.core.record import SampleFlow
from estimand.core.verdict import Verdict
from estimand.core.written import digest_of, write_json
from estimand.errors import Code, DataError

SCHEMA = 1
KIND = "audit"


@dataclass(frozen=True, slots=True, eq=False)
class AuditRecord(Frozen):
    """What an audit leaves behind.

    Attributes
    ----------
    design : Design
    data : str
        Name of the data, never its content.
    seed : int
    level : float
    sample : SampleFlow
        Rows with a missing outcome are used: they are part of what is audited.
    findings : tuple of Finding
        Worst first.
    verdict : Verdict
    run : mapping
        Timings and environment; not part of the digest.
    """

    design: DesignFields
    data: str
    seed: int
    level: float
    sample: SampleFlow
    findings: tuple[Finding, ...]
    verdict: Verdict
    run: Mapping[str, Any]

    def of(self, check: str) -> tuple[Finding, ...]:
        """Findings of one check."""
        return tuple(finding for finding in self.findings if finding.check == check)

    def to_dict(self) -> dict[str, Json]:
        """Return the record as JSON."""
        return {
            "schema": SCHEMA,
            "kind": KIND,
            "design": self.design.to_dict(),
            "data": self.data,
            "seed": self.seed,
            "level": self.level,
            "sample": self.sample.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            "verdict": self.verdict.to_dict(),
            "run": encode(self.run),
        }

    def digest(self) -> str:
        """Hash of everything but ``run``: same data, same digest."""
        return digest_of(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AuditRecord":
        """Rebuild a record from its JSON.

        Raises
        ------
        DataError
            If it is no audit of a schema this version reads.
        """
        if data.get("kind") != KIND or data.get("schema") != SCHEMA:
            raise DataError(
                f"This is no audit of schema {SCHEMA}.",
                remedy="Read it with the version that wrote it, or audit the data again.",
                code=Code.UNREADABLE_FILE,
                found=data.get("schema"),
            )
        return cls(
            design=as_design(data["design"]),
            data=data["data"],
            seed=data["seed"],
            level=data["level"],
            sample=SampleFlow.from_dict(data["sample"]),
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
            verdict=Verdict.from_dict(data["verdict"]),
            run=FrozenMap(data["run"]),
        )

    def save(self, path: str | Path) -> Path:
        """Write the record as one JSON file, and return its path."""
        return write_json(Path(path), self.to_dict())


def judge_audit(findings: tuple[Finding, ...]) -> Verdict:
    """Grade the data by the worst finding; one that could not be computed weighs as a note."""
    by_grade = {grade: [f for f in findings if f.grade is grade] for grade in Grade}
    unrun = len(by_grade[Grade.NOT_RUN])
    tail = f" {unrun} check{'s' if unrun != 1 else ''} could not be run." if unrun else ""
    for grade, lead, word, words in (
        (Grade.VETO, "Do not estimate from these data as they are", "veto", "vetoes"),
        (Grade.WARN, "Mend or explain", "warning", "warnings"),
    ):
        found = by_grade[grade]
        if found:
            others = len(found) - 1
            more = f" {others} other {word if others == 1 else words}." if others else ""
            return Verdict(grade, f"{lead}: {found[0].message}{more}{tail}")
    notes = len(by_grade[Grade.NOTE])
    if notes:
        return Verdict(Grade.NOTE, f"Nothing to mend; {notes} note{'s' if notes != 1 else ''} to read.{tail}")
    return Verdict(Grade.NOTE if unrun else Grade.PASS, f"Every check that ran passed.{tail}")
