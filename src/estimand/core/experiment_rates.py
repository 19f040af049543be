"""What was measured of experiments: how often methods err where nothing is true, and what planning promised.

The laboratory writes a small table into the package; this reads it, for a method's manual and for the report.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from estimand.core.frozen import FrozenMap

Rule: TypeAlias = Literal["exact", "conservative", "within 2 %", "within 1 point", "published"]
RATES_FILE = "experiments.csv"
SIZES = "sizes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A number measured over simulated experiments.

    Attributes
    ----------
    part : str
        What it belongs to: "sizes", "families", "looks", "allocation", "history", "power".
    situation, metric, setting : str
        Where, of what, and how it was read.
    method : str
        Key of the method that read it; empty where it is not of one method.
    options : mapping
        What differs from the method's defaults.
    tables : int
        Experiments simulated.
    expected, measured, error : float or None
        What it should be, what it is, and the Monte-Carlo standard error of that.
    coverage, coverage_error : float or None
        Share of 95 % intervals that held a true effect.
    failed : float
        Share of experiments that were refused.
    rule : str
        How ``measured`` is held to ``expected``.
    ruling : "pass" | "fail" | "known" | "published"
    reason : str
        Why it was known beforehand.
    command : str
        What measured it.
    """

    part: str
    situation: str
    metric: str = ""
    setting: str
    method: str = ""
    options: Mapping[str, Any] = FrozenMap({})
    tables: int
    expected: float | None
    measured: float | None
    error: float | None
    coverage: float | None = None
    coverage_error: float | None = None
    failed: float = 0.0
    rule: Rule
    ruling: str
    reason: str = ""
    command: str = ""

    def line(self) -> str:
        """Words with the situation and the metric before them."""
        ruled = {"fail": "; misses its line", "known": f"; misses, as declared: {self.reason}"}
        return f"{self.situation}, {self.metric} ({self.setting}): {self.words()}{ruled.get(self.ruling, '')}"

    def words(self) -> str:
        """Say in one line how often the test errs, and the interval covers."""
        if self.measured is None or self.expected is None:
            return ""
        rejects = f"finds an effect that is not there in {_percent(self.measured)} of experiments"
        limit = "at most " if self.rule == "conservative" else ""
        covers = "" if self.coverage is None else f"; 95% intervals cover {_percent(self.coverage)}"
        return f"{rejects} (stated: {limit}{100 * self.expected:g}%){covers}"


@cache
def measured_rates() -> tuple[Rate, ...]:
    """Every rate measured, in the order of the table; none where the package holds no table."""
    return read_rates(packaged_rates())


def packaged_rates() -> str:
    """Text of the table that the package holds; empty where it holds none."""
    place = files("estimand") / "measured" / RATES_FILE
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def rates_of(method: str) -> tuple[Rate, ...]:
    """What was measured of a method's tests in simulated experiments."""
    return tuple(rate for rate in measured_rates() if rate.part == SIZES and rate.method == method)


def rate_of(method: str, options: Mapping[str, Any], kind: str, situation: str) -> Rate | None:
    """What was measured of a method as it was run, on metrics of a kind; None where nothing was.

    Parameters
    ----------
    options : mapping
        As run. Of the rows all of whose own options agree, the one with the most.
    kind, situation : str
        Of the metric; and of the design: "users", "clusters" or "strata".
    """
    own = [rate for rate in rates_of(method) if rate.situation == situation and _kind(rate) == kind]
    fitting = [rate for rate in own if _agrees(rate.options, options)]
    return max(fitting, key=lambda rate: len(rate.options), default=None)


def _kind(rate: Rate) -> str:
    return rate.metric.partition(": ")[0]


def _agrees(differing: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(name in given and given[name] == value for name, value in differing.items())


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def read_rates(text: str) -> tuple[Rate, ...]:
    """Read a table of rates from its text."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(_rate(row) for row in csv.DictReader(lines))


def _rate(row: Mapping[str, str]) -> Rate:
    numbers = {name: _number(row[name]) for name in ("expected", "measured", "error", "coverage", "coverage_error")}
    rule: Any = row["rule"]
    return Rate(
        part=row["part"],
        situation=row["situation"],
        metric=row["metric"],
        setting=row["setting"],
        method=row["method"],
        options=FrozenMap(json.loads(row["options"] or "{}")),
        tables=int(row["tables"]),
        failed=float(row["failed"]),
        rule=rule,
        ruling=row["ruling"],
        reason=row["reason"],
        command=row["command"],
        **numbers,
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
