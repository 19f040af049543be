"""Raw numbers of finished repetitions, in files that a later run takes up where an earlier one stopped.

One file of JSON lines for each world and setting (and one for the findings in each world), under a folder of the seed.
The first line says what the numbers are of; a file of another version, other options or another table is begun anew.
Lines come in the order in which batches finish, and are sorted when read. A line cut short by an interruption is
left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimand.laboratory.repetition import Trial

FIELDS = ("value", "std_error", "low", "high", "p_value", "truth", "seconds")
DIGITS = 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """One file of lines under a heading.

    Attributes
    ----------
    path : Path
    heading : mapping
        What the numbers are of.
    """

    path: Path
    heading: Mapping[str, Any]

    def lines(self) -> list[dict[str, Any]]:
        """Return every whole line; none where the file is of something else."""
        if not self._begun():
            return []
        return list(_whole(self.path.read_text(encoding="utf-8").splitlines()[1:]))

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line, beginning the file where it is not of this heading."""
        if not self._begun():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(_text(self.heading), encoding="utf-8")
        elif not self.path.read_bytes().endswith(b"\n"):
            self._mend()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_text(line))

    def _begun(self) -> bool:
        """Whether the file is there and is of this heading."""
        if not self.path.is_file():
            return False
        with self.path.open(encoding="utf-8") as file:
            return file.readline() == _text(self.heading)

    def _mend(self) -> None:
        """Cut off a line that an interruption left unfinished."""
        whole = self.path.read_text(encoding="utf-8").rpartition("\n")[0]
        self.path.write_text(whole + "\n", encoding="utf-8")


def pack(repetitions: Sequence[int], trials: Sequence[Trial]) -> dict[str, Any]:
    """Lay a batch's trials out by field, numbers to ten digits."""
    columns = {name: [_short(getattr(trial, name)) for trial in trials] for name in FIELDS}
    failures = {
        str(repetition): [trial.code, trial.message]
        for repetition, trial in zip(repetitions, trials, strict=True)
        if trial.code
    }
    return {"repetitions": list(repetitions), **columns, "target": [t.target for t in trials], "failed": failures}


def unpack(lines: Iterable[Mapping[str, Any]], limit: int) -> dict[int, Trial]:
    """Read trials back by repetition, in order, up to a number of them."""
    found: dict[int, Trial] = {}
    for line in lines:
        for j, repetition in enumerate(line["repetitions"]):
            code, message = line["failed"].get(str(repetition), ("", ""))
            numbers = {name: _long(line[name][j]) for name in FIELDS}
            found[repetition] = Trial(**numbers, target=line["target"][j], code=code, message=message)
    return {repetition: found[repetition] for repetition in sorted(found) if repetition < limit}


def _short(number: float | None) -> float | str | None:
    if number is None:
        return None
    return float(f"{number:.{DIGITS}g}") if abs(number) < float("inf") else str(number)


def _long(number: float | str | None) -> Any:
    return float(number) if isinstance(number, str) else number


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(dict(line), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _whole(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
