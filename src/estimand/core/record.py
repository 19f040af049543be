"""The record of a study: all that was asked, done and found, as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from estimand.core.decision import Decision
from estimand.core.design import DesignFields, as_design
from estimand.core.display import format_interval, format_number, html_table, markdown_table, markdown_text
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import ArrayStore, Json, array_reference, encode
from estimand.core.question import Question, Target
from estimand.core.sample import Drop
from estimand.core.verdict import Verdict, concerning
from estimand.core.written import digest_of, write_json
from estimand.errors import Code, DataError, DesignError
from estimand.stats.arrays import AnyArray

SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class SampleFlow(Frozen):
    """From rows read to rows used.

    Attributes
    ----------
    rows_read, rows_used : int
    drops : tuple of Drop
        Every row left out, by reason; ``rows_read - rows_used`` is their sum.
    arms : mapping of str to int
        Rows used in each arm; the first is the control arm.
    fingerprint : str
    """

    rows_read: int
    rows_used: int
    drops: tuple[Drop, ...]
    arms: Mapping[str, int]
    fingerprint: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SampleFlow":
        """Rebuild the flow from its JSON."""
        drops = tuple(Drop(**drop) for drop in data["drops"])
        return cls(data["rows_read"], data["rows_used"], drops, FrozenMap(data["arms"]), data["fingerprint"])

    def to_dict(self) -> dict[str, Json]:
        """Return the flow as JSON."""
        return {
            "rows_read": self.rows_read,
            "rows_used": self.rows_used,
            "drops": [drop.to_dict() for drop in self.drops],
            "arms": dict(self.arms),
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True, eq=False)
class StudyRecord(Frozen):
    """What a study leaves behind.

    Attributes
    ----------
    question : Question
    design : Design
    data : str
        Name of the data, never its content.
    headline : str or None
        Id of the headline estimate.
    seed : int
    sample : SampleFlow
    estimates : tuple of Estimate
    findings : tuple of Finding
        Worst first.
    verdict : Verdict
    reproducible : bool
        Whether the study can be run again from its file alone.
    run : mapping
        Timings and environment; not part of the digest.
    plan : mapping
        What a study file would have to say beside question, design, data and seed to run it again: methods
        with all their options, the headline as declared, level, gates and how far to stress. Empty where it is not
        known.
    decision : Decision or None
        Of an experiment with metrics and a plan.
    """

    question: Question
    design: DesignFields
    data: str
    headline: str | None
    seed: int
    sample: SampleFlow
    estimates: tuple[Estimate, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    reproducible: bool
    run: Mapping[str, Any]
    plan: Mapping[str, Any] = FrozenMap({})
    decision: Decision | None = None

    def estimate(self, key: str | None = None) -> Estimate:
        """Return an estimate by id; the headline by default.

        Raises
        ------
        DesignError
            If there is none of that id.
        """
        wanted = self.headline if key is None else key
        for estimate in self.estimates:
            if estimate.id == wanted:
                return estimate
        known = ", ".join(estimate.id for estimate in self.estimates)
        raise DesignError(f"The record has no estimate '{wanted}'.", remedy=f"It has: {known}.", found=wanted)

    def about(self, key: str) -> tuple[Finding, ...]:
        """Findings about an estimate, an outcome or the study."""
        return tuple(finding for finding in self.findings if finding.about == key)

    def _repr_html_(self) -> str:
        return html_table(self._caption(), *self._shown(), note=self._judged())

    def _repr_markdown_(self) -> str:
        table = markdown_table(*self._shown())
        return f"{markdown_text(self._caption())}\n\n{table}\n\n{markdown_text(self._judged())}"

    def _caption(self) -> str:
        return f"{self.question.text or self.data}; n = {self.sample.rows_used:,} rows"

    def _judged(self) -> str:
        return f"Verdict: {self.verdict.grade}. {self.verdict.summary}"

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the table a notebook shows: every number of every estimate, and how it stands."""
        header = ["estimate", "outcome", "target", "term", "value", "std. error", "interval", "note"]
        rows = [
            [
                estimate.id,
                estimate.outcome,
                str(estimate.target),
                row["label"],
                format_number(row["value"]),
                format_number(row["std_error"]),
                format_interval(row["ci"]),
                self._note(estimate),
            ]
            for estimate in self.estimates
            for row in estimate.summary()
        ]
        return header, rows

    def _note(self, estimate: Estimate) -> str:
        relevant = concerning(self.findings, estimate.id, estimate.outcome)
        notes = {
            "vetoed": any(finding.grade is Grade.VETO for finding in relevant),
            "naive": estimate.target is Target.ASSOCIATION,
            "headline": estimate.id == self.headline,
        }
        return ", ".join(word for word, holds in notes.items() if holds)

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the record as JSON; large arrays go to ``store`` by hash."""
        return {
            "schema": SCHEMA,
            "question": self.question.model_dump(mode="json"),
            "design": self.design.to_dict(),
            "data": self.data,
            "headline": self.headline,
            "seed": self.seed,
            "sample": self.sample.to_dict(),
            "estimates": [estimate.to_dict(store) for estimate in self.estimates],
            "findings": [finding.to_dict() for finding in self.findings],
            "verdict": self.verdict.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "reproducible": self.reproducible,
            "plan": encode(self.plan),
            "run": encode(self.run),
        }

    def digest(self) -> str:
        """Hash of everything but ``run``: same seed, same digest."""
        return digest_of(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, AnyArray] | None = None) -> "StudyRecord":
        """Rebuild a record from its JSON; without ``arrays``, large ones stay references."""
        if data.get("schema") != SCHEMA:
            raise DataError(
                f"This record has schema {data.get('schema')}; this version reads {SCHEMA}.",
                remedy="Read it with the version that wrote it, or run the study again.",
                code=Code.UNREADABLE_FILE,
            )
        return cls(
            question=Question(**data["question"]),
            design=as_design(data["design"]),
            data=data["data"],
            headline=data["headline"],
            seed=data["seed"],
            sample=SampleFlow.from_dict(data["sample"]),
            estimates=tuple(Estimate.from_dict(item, arrays) for item in data["estimates"]),
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
            verdict=Verdict.from_dict(data["verdict"]),
            reproducible=data["reproducible"],
            run=FrozenMap(data["run"]),
            plan=FrozenMap(data.get("plan", {})),
            decision=None if data.get("decision") is None else Decision.from_dict(data["decision"]),
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``record.json`` and the arrays it names, and return the folder."""
        place = Path(folder)
        (place / "arrays").mkdir(parents=True, exist_ok=True)
        store = ArrayStore()
        write_json(place / "record.json", self.to_dict(store))
        for name, array in store.arrays.items():
            np.save(place / "arrays" / f"{name}.npy", array, allow_pickle=False)
        return place

    @classmethod
    def load(cls, folder: str | Path) -> "StudyRecord":
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the record or an array is missing, damaged or changed.
        """
        place = Path(folder)
        try:
            data = json.loads((place / "record.json").read_text(encoding="utf-8"))
            arrays = {path.stem: np.load(path, allow_pickle=False) for path in (place / "arrays").glob("*.npy")}
        except (OSError, ValueError) as error:
            raise _unreadable(place, str(error)) from None
        for name, array in arrays.items():
            if array_reference(array).sha256 != name:
                raise _unreadable(place, f"array {name[:8]} is not what the record names")
        return cls.from_dict(data, arrays)


def _unreadable(folder: Path, why: str) -> DataError:
    return DataError(
        f"The record in '{folder.name}' cannot be read: {why.splitlines()[0]}.",
        remedy="Check that the folder is whole, or run the study again.",
        code=Code.UNREADABLE_FILE,
    )
