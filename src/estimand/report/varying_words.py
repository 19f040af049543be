"""For whom the effect is large, in words: what checks of effects that vary say to those who decide whom to treat."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.figures.effect_groups import CHECK as GROUPS
from estimand.figures.effect_groups import COLUMNS as GROUP_COLUMNS
from estimand.figures.effect_groups import part_name
from estimand.figures.numbers import NONE, format_count, format_interval, format_number, format_p, format_share
from estimand.figures.varying import Varying, tables_of, varying_of
from estimand.report.effects_words import READING, readings
from estimand.report.rows import FindingRow

PROFILE, SEGMENTS = "heterogeneity.profile", "heterogeneity.segments"
PROFILE_COLUMNS = ("covariate", "least", "most", "difference", "low", "high", "standardised", "adjusted")
SEGMENT_COLUMNS = ("segment", "level", "rows", "value", "low", "high", "difference", "adjusted")
MOST_ROWS, FEWEST_ROWS = 8, 3
ASKED = "heterogeneity."


@dataclass(frozen=True, slots=True)
class Told:
    """A table of the section: what it shows, its columns, and its rows as text."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Gains:
    """What a report says of effects that vary.

    Attributes
    ----------
    standing : str
        Grade of the reading: "pass" where effects can be told apart, "note" where not, "not_run" where nobody asked.
    lead : str
        The reading in a sentence.
    sentences : tuple of str
        For whom the effect is large, and by how much; none where effects cannot be told apart.
    tables : tuple of Told
    """

    standing: str
    lead: str
    sentences: tuple[str, ...]
    tables: tuple[Told, ...]

    @property
    def usable(self) -> bool:
        """Whether anything may rest on whose effect is predicted to be large."""
        return self.standing == Grade.PASS


UNASKED = "No check asked whether these effects can be told apart: rest decisions on the average."


def gains(record: StudyRecord) -> Gains | None:
    """What is to be said of effects that vary; None where no estimate has any."""
    varying = varying_of(record)
    if varying is None:
        return None
    found = readings(record, varying.estimate)
    idle = next((f for f in record.about(varying.estimate.id) if f.check == READING and f not in found), None)
    passed = [finding for finding in found if finding.grade is Grade.PASS]
    leads = [_lead(varying, finding) for finding in (passed or found)]
    standing = Grade.PASS if passed else Grade.NOTE if found else Grade.NOT_RUN
    usable = {finding.subject for finding in passed}
    return Gains(
        standing=str(standing),
        lead=" ".join(leads) or (UNASKED if idle is None else idle.message),
        sentences=tuple(_sentences(record, varying, usable)),
        tables=(*_profiles(record, varying, usable), *_segments(record, varying)),
    )


def _lead(varying: Varying, finding: Finding) -> str:
    """What the reading says, and what to do where nothing can be told."""
    told = f"{finding.message} {finding.remedy or ''}".rstrip()
    return f"{finding.subject}: {told}" if len(varying.arms) > 1 else told


def _sentences(record: StudyRecord, varying: Varying, usable: set[str]) -> Iterator[str]:
    """For each arm whose effects can be told apart: what the groups at both ends gain."""
    for j, table in tables_of(record, varying, GROUPS, GROUP_COLUMNS):
        if varying.arms[j] in usable:
            rows = list(table.rows())
            yield from _ends(varying, j, rows[0], rows[-1], part_name(len(rows)))


def _ends(varying: Varying, j: int, least: dict[str, Any], most: dict[str, Any], part: str) -> Iterator[str]:
    start = f"{varying.named(j)}: the" if varying.named(j) else "The"
    yield (
        f"{start} effect on {varying.outcome} is {_amount(varying, most, 'value')} in the {part} with the largest "
        f"predicted effects, and {_amount(varying, least, 'value')} in the {part} with the least; they differ by "
        f"{_amount(varying, most, 'difference')}."
    )
    for row, which in ((most, "largest"), (least, "least")):
        if row["low"] <= 0.0 <= row["high"]:
            yield f"Whether there is any effect in the {part} with the {which} predicted effects is open."
        elif row["value"] * varying.estimate.value[j] < 0.0:
            way = "lowers" if row["value"] < 0.0 else "raises"
            yield f"In the {part} with the {which} predicted effects, treatment {way} {varying.outcome}."


def _amount(varying: Varying, row: dict[str, Any], name: str) -> str:
    ends = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    interval = format_interval([varying.factor * row[end] for end in ends])
    return f"{varying.told(row[name])} ({interval})"


def _profiles(record: StudyRecord, varying: Varying, usable: set[str]) -> Iterator[Told]:
    """How those with the largest predicted effects differ from those with the least, the clearest first."""
    for j, table in tables_of(record, varying, PROFILE, PROFILE_COLUMNS):
        if varying.arms[j] in usable:
            clear = sum(value <= 1.0 - varying.estimate.level for value in table["adjusted"])
            rows = list(table.rows())[: min(MOST_ROWS, max(clear, FEWEST_ROWS))]
            more = len(table) - len(rows)
            caption = f"{varying.named(j) + ': ' if varying.named(j) else ''}Who they are: means in the two groups"
            yield Told(
                f"{caption} ({more} more covariates differ less)" if more else caption,
                ("Covariate", "Least effects", "Largest effects", "Difference (SD)", "p, adjusted"),
                tuple(_profile_row(record, row) for row in rows),
            )


def _profile_row(record: StudyRecord, row: dict[str, Any]) -> tuple[str, ...]:
    """Means of a group; of a category, the share of those in it."""
    column, mark, level = str(row["covariate"]).partition(" = ")
    name = record.question.called(column) + mark + level
    written = format_share if mark else format_number
    ends = (written(row["least"]), written(row["most"]))
    return (name, *ends, _signed(row["standardised"]), format_p(row["adjusted"]))


def _signed(value: float | None) -> str:
    if value is None:
        return NONE
    return f"+{format_number(value)}" if value > 0.0 else format_number(value)


def _segments(record: StudyRecord, varying: Varying) -> Iterator[Told]:
    """Average effects in the segments that the design names; they were asked for, so they stand in any case."""
    for j, table in tables_of(record, varying, SEGMENTS, SEGMENT_COLUMNS):
        caption = f"{varying.named(j) + ': ' if varying.named(j) else ''}Average effect in the segments asked for"
        yield Told(
            caption,
            ("Segment", "Rows", "Effect", "Interval", "Against the others", "p, adjusted"),
            tuple(_segment_row(record, row) for row in table.rows()),
        )


def _segment_row(record: StudyRecord, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{record.question.called(row['segment'])} = {row['level']}",
        format_count(row["rows"]),
        format_number(row["value"]),
        format_interval([row["low"], row["high"]]),
        _signed(row["difference"]),
        format_p(row["adjusted"]),
    )


def about_gains(row: FindingRow) -> bool:
    """Whether a finding belongs to the section on effects that vary."""
    return row.check.startswith(ASKED)
