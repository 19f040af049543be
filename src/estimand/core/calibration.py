"""What was measured of the catalog in simulated worlds: error rates of methods, false alarms of checks.

The laboratory writes two small tables into the package; this reads them, for a method's manual and for the report.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from estimand.core.frozen import FrozenMap

METHODS_FILE, CHECKS_FILE = "methods.csv", "checks.csv"
NUMBERS = ("bias", "rmse", "se_ratio", "coverage", "size", "power", "length", "failed")
GRADES = ("pass", "note", "warn", "veto", "not_run")
BESIDE = (
    "weak_overlap", "misspecified_propensity", "misspecified_outcome", "few_clusters", "high_dimension",
    "staggered_6_clusters", "one_cohort_6_clusters", "drifting_staggered", "drifting_one_cohort", "drifting_effects",
    "unbalanced_rollout",
)  # fmt: skip
# Where what a method assumes holds, and how to call it.
HOMES = {
    "well_specified": "the well-specified world",
    "staggered": "a staggered rollout",
    "one_cohort": "a rollout of one cohort",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its Monte-Carlo standard error; None where it could not be measured."""

    value: float | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A finding that a user in the cell's situation is shown, and in what share of tables."""

    check: str
    grade: str
    share: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A method in a world.

    Attributes
    ----------
    world, setting, method : str
        ``setting`` is the method's key, or that and what differs.
    options : mapping
        What differs from the defaults.
    target : str
    truth : float or None
        The mean truth, where there is one.
    repetitions : int
        Tables drawn; 0 where none was.
    numbers : mapping of str to Measured
        bias, rmse, se_ratio, coverage, size, power, length, failed.
    seconds : float or None
        Median time of an estimate.
    ruling : "pass" | "fail" | "known" | "refused"
    reason : str
        Why it was known beforehand, or the refusal's words.
    code : str
        Code of the most frequent refusal.
    heard : tuple of Heard
        Warnings and vetoes about it, most frequent first.
    told : int
        Tables on which a study's checks were run to hear them.
    command : str
        What measured it.
    """

    world: str
    setting: str
    method: str
    options: Mapping[str, Any]
    target: str
    truth: float | None
    repetitions: int
    numbers: Mapping[str, Measured]
    seconds: float | None
    ruling: str
    reason: str
    code: str
    heard: tuple[Heard, ...]
    told: int
    command: str

    @property
    def coverage(self) -> float | None:
        """Share of 95 % intervals that held the truth."""
        return self.numbers["coverage"].value

    @property
    def place(self) -> str:
        """The world in words."""
        return self.world.replace("_", " ")


@dataclass(frozen=True, slots=True)
class CheckCell:
    """A check in a world.

    Attributes
    ----------
    check, world : str
    role : "absent" | "present" | "other" | "descriptive"
        Whether the world holds the trouble that the check looks for.
    alarm : str
        Grade from which it counts as an alarm; empty where it has no line to pass.
    tables, answers : int
        Tables drawn, and answers given, one for each estimate it speaks of.
    rate : Measured
        Share of answers at the alarm grade or above.
    grades : mapping of str to float
        Share of answers at each grade.
    command : str
    """

    check: str
    world: str
    role: str
    alarm: str
    tables: int
    answers: int
    rate: Measured
    grades: Mapping[str, float]
    command: str


@dataclass(frozen=True, slots=True)
class Card:
    """What was measured of one setting, world by world."""

    setting: str
    cells: tuple[Cell, ...]

    def lines(self) -> tuple[str, ...]:
        """One line a world: coverage with its error, bias, and how it was ruled."""
        return tuple(_line(cell) for cell in self.cells)

    @property
    def command(self) -> str:
        """What measured it, in the first of its worlds."""
        return self.cells[0].command

    def words(self) -> str:
        """Coverage where what the method assumes holds, and where it is lowest among those worlds beside it."""
        covered = {cell.world: cell for cell in self.cells if cell.coverage is not None}
        home = next((covered[world] for world in HOMES if world in covered and self._own(covered[world])), None)
        if home is None:
            return ""
        said = f"95% intervals cover {_percent(home.coverage)} in {HOMES[home.world]}"
        beside = [covered[world] for world in BESIDE if world in covered and self._own(covered[world])]
        worst = min(beside, key=lambda cell: cell.coverage or 0.0, default=None)
        return said if worst is None else f"{said}, {_percent(worst.coverage)} under {worst.place}"

    def _own(self, cell: Cell) -> bool:
        """Whether the cell is of an effect on somebody, unless none of the setting's is."""
        weighted = [other.target == "VARIANCE_WEIGHTED" for other in self.cells if other.coverage is not None]
        return cell.target != "VARIANCE_WEIGHTED" or all(weighted)


@cache
def measured_methods() -> tuple[Cell, ...]:
    """Every cell measured, in the order of the table; none where the package holds no table."""
    return read_cells(packaged(METHODS_FILE))


@cache
def measured_checks() -> tuple[CheckCell, ...]:
    """Every check measured, in the order of the table."""
    return read_checks(packaged(CHECKS_FILE))


def card(method: str, options: Mapping[str, Any] | None = None) -> Card | None:
    """Return what was measured of a method as it was run; None where nothing was.

    Parameters
    ----------
    method : str
    options : mapping, optional
        As run. The measured setting with the most options in common is returned, if all of its own agree and the
        target is the same; the method's defaults where ``options`` is left out.
    """
    own = [cell for cell in measured_methods() if cell.method == method]
    given = {} if options is None else options
    fitting = {cell.setting: cell.options for cell in own if _agrees(cell.options, given)}
    if options is None:
        fitting = {setting: differing for setting, differing in fitting.items() if setting == method}
    elif not fitting or not _same_target(own, max(fitting, key=lambda s: len(fitting[s])), options):
        return None
    if not fitting:
        return None
    chosen = max(fitting, key=lambda setting: len(fitting[setting]))
    return Card(chosen, tuple(cell for cell in own if cell.setting == chosen))


def _agrees(differing: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(name in given and given[name] == value for name, value in differing.items())


def _same_target(own: list[Cell], setting: str, options: Mapping[str, Any]) -> bool:
    """Whether a setting's declared target is the one asked for, where a target can be asked for."""
    asked = options.get("target")
    declared = [cell for cell in own if cell.setting == setting]
    return asked is None or any(str(asked) in cell.target or "target" in cell.options for cell in declared)


def _line(cell: Cell) -> str:
    if cell.coverage is None:
        return f"{cell.place}: {cell.code.lower().replace('_', ' ') or 'no interval'}"
    error = cell.numbers["coverage"].error or 0.0
    bias = cell.numbers["bias"].value
    words = f"{cell.place}: covers {_percent(cell.coverage)} (± {100 * error:.1f})"
    words += "" if bias is None else f", bias {bias:+.3g}"
    ruled = {"fail": "; fails", "known": f"; misses, as declared: {cell.reason}"}
    return words + ruled.get(cell.ruling, "")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}%"


def packaged(name: str) -> str:
    """Text of a table of the package; empty where it holds none."""
    place = files("estimand") / "measured" / name
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def read_cells(text: str) -> tuple[Cell, ...]:
    """Read a table of cells from its text."""
    return tuple(_cell(row) for row in csv.DictReader(_data(text)))


def read_checks(text: str) -> tuple[CheckCell, ...]:
    """Read a table of checks from its text."""
    return tuple(_check(row) for row in csv.DictReader(_data(text)))


def _data(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def _cell(row: Mapping[str, str]) -> Cell:
    return Cell(
        world=row["world"],
        setting=row["setting"],
        method=row["method"],
        options=FrozenMap(json.loads(row["options"] or "{}")),
        target=row["target"],
        truth=_number(row["truth"]),
        repetitions=int(row["repetitions"]),
        numbers=FrozenMap({n: Measured(_number(row[n]), _number(row[f"{n}_error"])) for n in NUMBERS}),
        seconds=_number(row["seconds"]),
        ruling=row["ruling"],
        reason=row["reason"],
        code=row["code"],
        heard=tuple(_heard(item) for item in row["heard"].split("; ") if item),
        told=int(row["told"]),
        command=row["command"],
    )


def _check(row: Mapping[str, str]) -> CheckCell:
    return CheckCell(
        check=row["check"],
        world=row["world"],
        role=row["role"],
        alarm=row["alarm"],
        tables=int(row["tables"]),
        answers=int(row["answers"]),
        rate=Measured(_number(row["rate"]), _number(row["rate_error"])),
        grades=FrozenMap({grade: float(row[grade]) for grade in GRADES}),
        command=row["command"],
    )


def _heard(item: str) -> Heard:
    grade, check, share = item.split(" ")
    return Heard(check, grade, float(share))


def _number(text: str) -> float | None:
    return float(text) if text else None
