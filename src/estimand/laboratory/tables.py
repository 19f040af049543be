"""The two small tables of results: cells of methods and cells of checks, as text to write and to read back."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimand.core.calibration import GRADES, NUMBERS, Cell, CheckCell, Heard, Measured
from estimand.core.finding import STUDY, Grade
from estimand.core.frozen import FrozenMap
from estimand.laboratory.cells import Setting
from estimand.laboratory.findings import AUDIT, Told
from estimand.laboratory.judge import CONSERVATIVE, KNOWN, ruling
from estimand.laboratory.repetition import Trial
from estimand.laboratory.summary import Summary, summarise
from estimand.laboratory.troubles import trouble
from estimand.laboratory.worlds.place import Place
from estimand.laboratory.worlds.world import OUTCOME

CELL_FIELDS = (
    "world", "setting", "method", "options", "target", "truth", "repetitions",
    *(field for name in NUMBERS for field in (name, f"{name}_error")),
    "seconds", "ruling", "reason", "code", "heard", "told", "command",
)  # fmt: skip
CHECK_FIELDS = ("check", "world", "role", "alarm", "tables", "answers", "rate", "rate_error", *GRADES, "command")
MOST_HEARD, LEAST_SHARE = 3, 0.05
SERIOUS = (str(Grade.WARN), str(Grade.VETO))
Heeded = Sequence[Sequence[Told]]


def cell(world: Place, setting: Setting, trials: Sequence[Trial], heard: Heeded, seed: int) -> Cell:
    """Sum up one setting in one world, with what a user there would be told."""
    made = summarise(trials)
    covered = made.numbers["coverage"].value
    ruled = ruling(setting.key, world.key, covered, made.judged)
    return Cell(
        world=world.key,
        setting=setting.key,
        method=setting.method,
        options=FrozenMap(setting.options),
        target=made.target,
        truth=made.truth,
        repetitions=made.repetitions,
        numbers=FrozenMap({**made.numbers, "failed": made.failed}),
        seconds=made.seconds,
        ruling=ruled,
        reason=_reason(setting, world, ruled, made),
        code=made.code,
        heard=warnings_about(setting.key, heard),
        told=len(heard),
        command=f"estimand calibrate --method {setting.method} --design {world.key} "
        f"--reps {made.repetitions} --seed {seed}",
    )


def _reason(setting: Setting, world: Place, ruled: str, made: Summary) -> str:
    if ruled == "refused":
        return made.message
    if ruled == "known":
        return KNOWN[setting.key, world.key]
    return CONSERVATIVE.get(setting.key, "")


def warnings_about(setting: str, heard: Heeded) -> tuple[Heard, ...]:
    """Checks of a study that warn or veto about a setting or about the study, worst grade of each table counted."""
    counts: Counter[tuple[str, str]] = Counter()
    for told in heard:
        worst: dict[str, Grade] = {}
        for item in told:
            own = item.about in (setting, STUDY, OUTCOME) and not item.check.startswith(AUDIT)
            if own and item.grade in SERIOUS:
                worst[item.check] = max(worst.get(item.check, Grade.PASS), Grade(item.grade))
        counts.update((check, str(grade)) for check, grade in worst.items())
    shares = [Heard(check, grade, count / len(heard)) for (check, grade), count in counts.items()]
    often = [item for item in shares if item.share >= LEAST_SHARE]
    return tuple(sorted(often, key=lambda item: (-item.share, item.check, item.grade))[:MOST_HEARD])


def check_cell(check: str, world: Place, heard: Heeded, seed: int) -> CheckCell | None:
    """Sum up the answers of one check in one world; None where it never spoke.

    The rate's Monte-Carlo error is over tables, since the answers about one table go together.
    """
    held = trouble(check)
    own = [[t for t in told if t.check == check and held.concerns(t.about, world.key)] for told in heard]
    spoken = [told for told in own if told]
    if not spoken:
        return None
    grades = Counter(item.grade for told in spoken for item in told)
    answers = sum(grades.values())
    return CheckCell(
        check=check,
        world=world.key,
        role=held.role(world.key),
        alarm="" if held.alarm is None else str(held.alarm),
        tables=len(spoken),
        answers=answers,
        rate=Measured() if held.alarm is None else _rate(spoken, held.alarm),
        grades=FrozenMap({grade: grades[grade] / answers for grade in GRADES}),
        command=f"estimand calibrate --check {check} --design {world.key} --tables {len(heard)} --seed {seed}",
    )


def _rate(spoken: Heeded, alarm: Grade) -> Measured:
    """Share of a table's answers that are alarms, averaged over tables."""
    shares = np.array([np.mean([_alarms(item.grade, alarm) for item in told]) for told in spoken])
    error = float(shares.std(ddof=1) / np.sqrt(shares.shape[0])) if shares.shape[0] > 1 else None
    return Measured(float(shares.mean()), error)


def _alarms(grade: str, alarm: Grade) -> bool:
    return grade != Grade.NOT_RUN and Grade(grade).severity >= alarm.severity


def cells_text(cells: Sequence[Cell], heading: str) -> str:
    """Write cells as a table."""
    return _text(heading, CELL_FIELDS, [_cell_row(item) for item in cells])


def checks_text(cells: Sequence[CheckCell], heading: str) -> str:
    """Write the cells of checks as a table."""
    return _text(heading, CHECK_FIELDS, [_check_row(item) for item in cells])


def _text(heading: str, fields: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    out.write(f"# {heading}\n")
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _cell_row(item: Cell) -> dict[str, Any]:
    numbers = {name: _short(item.numbers[name].value, 4) for name in NUMBERS}
    errors = {f"{name}_error": _short(item.numbers[name].error, 2) for name in NUMBERS}
    return {
        **{name: getattr(item, name) for name in CELL_FIELDS if hasattr(item, name)},
        "options": json.dumps(dict(item.options)) if item.options else "",
        "truth": _short(item.truth, 6),
        **numbers,
        **errors,
        "seconds": _short(item.seconds, 2),
        "heard": "; ".join(f"{h.grade} {h.check} {h.share:.3g}" for h in item.heard),
    }


def _check_row(item: CheckCell) -> dict[str, Any]:
    return {
        **{name: getattr(item, name) for name in CHECK_FIELDS if hasattr(item, name)},
        "rate": _short(item.rate.value, 4),
        "rate_error": _short(item.rate.error, 2),
        **{grade: _short(item.grades[grade], 4) for grade in GRADES},
    }


def _short(number: float | None, digits: int) -> str:
    return "" if number is None else f"{number:.{digits}g}"
