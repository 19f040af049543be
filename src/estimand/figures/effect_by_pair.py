"""Where two covariates cross: in which cells effects are large."""

from collections.abc import Mapping, Sequence
from typing import Any

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Mark, Pane, Row, Tile
from estimand.figures.heat import cell_text, colour_scale
from estimand.figures.numbers import format_number, format_plain
from estimand.figures.varying import Varying, detail_rows, needed, varying_of

DETAIL, BINS = "by_pair", "pair_bins"
COLUMNS = ("arm", "across", "down", "across_bin", "down_bin", "rows", "value", "std_error", "predicted")
BIN_COLUMNS = ("covariate", "bin", "level", "low", "high")


def has_effects_by_pair(record: StudyRecord) -> bool:
    """Whether an estimate has average effects over two covariates, in two cells or more."""
    varying = varying_of(record)
    return varying is not None and len(_known(varying)) > 1 and bool(detail_rows(varying, BINS, BIN_COLUMNS))


def effect_by_pair_figure(record: StudyRecord) -> Chart:
    """Heat map of average effects over bins of the two covariates that effects turn on most, centred at no effect.

    Cells with too few rows are crossed out in grey.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has average effects over two covariates.
    """
    varying = needed(record)
    known, bins = _known(varying), detail_rows(varying, BINS, BIN_COLUMNS)
    if len(known) < 2 or not bins:
        raise UnsupportedError(
            f"'{varying.estimate.id}' has no average effects over two covariates.",
            remedy="Run method 'causal_forest' or a learner of effects, with two covariates or more.",
        )
    rows = detail_rows(varying, DETAIL, COLUMNS)
    names = _bin_names(bins)
    called = {name: record.question.called(name) for name in names}
    top = max(abs(row["value"]) for row in known) or 1.0
    maps = [_map(varying, j, rows, (names, called), top) for j in range(len(varying.arms))]
    return Chart(
        title=_title(varying, known, (names, called)),
        caption=_caption(varying, rows),
        alt=_alt(varying, known, (names, called)),
        table=_table(rows, names),
        panels=(*maps, colour_scale(varying.label, top)),
        aligned=True,
    )


def _known(varying: Varying) -> list[dict[str, Any]]:
    return [row for row in detail_rows(varying, DETAIL, COLUMNS) if row["value"] is not None]


def _bin_names(bins: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """What the bins of each covariate are called, in their order."""
    out: dict[str, list[str]] = {}
    for row in bins:
        out.setdefault(row["covariate"], []).append(_bin_name(row))
    return out


def _bin_name(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return str(row["level"])
    low, high = (format_plain(float(f"{row[end]:.3g}")) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


Names = tuple[dict[str, list[str]], dict[str, str]]


def _map(varying: Varying, j: int, rows: Sequence[dict[str, Any]], words: Names, top: float) -> Pane:
    names, called = words
    own = {(row["across_bin"], row["down_bin"]): row for row in rows if row["arm"] == varying.arms[j]}
    across, down = rows[0]["across"], rows[0]["down"]
    drawn = [Row(0.0, called[down], heading=True)]
    marks: list[Mark] = []
    for k, name in enumerate(names[down]):
        at = float(len(drawn))
        drawn.append(Row(at, name))
        for i in range(len(names[across])):
            value = own.get((i, k), {"value": None})["value"]
            share = None if value is None else value / top
            marks.append(Tile(float(i), at, share, "" if value is None else cell_text(value, top)))
    ticks = [(float(i), name) for i, name in enumerate(names[across])]
    axis = Axis(called[across], (-0.5, len(ticks) - 0.5), ticks)
    return Pane(marks, axis, rows=drawn, title=varying.named(j))


def _title(varying: Varying, known: Sequence[dict[str, Any]], words: Names) -> str:
    own = [row for row in known if row["arm"] == known[0]["arm"]]
    least, most = min(own, key=lambda row: row["value"]), max(own, key=lambda row: row["value"])
    subject = f"{varying.named(0)}: effects" if varying.named(0) else "Effects"
    return varying.claim(
        f"{subject} on {varying.outcome} go from {varying.said(least['value'])} ({_place(least, words)}) to "
        f"{varying.told(most['value'])} ({_place(most, words)})"
    )


def _place(row: Mapping[str, Any], words: Names) -> str:
    names, called = words
    return ", ".join(f"{called[row[way]]} {names[row[way]][row[f'{way}_bin']]}" for way in ("across", "down"))


def _caption(varying: Varying, rows: Sequence[dict[str, Any]]) -> str:
    errors = [row["std_error"] for row in rows if row["std_error"] is not None]
    few = " Grey cells have too few rows." if any(row["value"] is None for row in rows) else ""
    return (
        f"{varying.source()} Average effect in each cell by doubly robust scores, with standard errors from "
        f"{format_number(min(errors))} to {format_number(max(errors))}: single cells are rough, and the largest of "
        f"many is flattered.{few}"
    )


def _alt(varying: Varying, known: Sequence[dict[str, Any]], words: Names) -> str:
    said = "; ".join(
        f"{row['arm'] + ', ' if len(varying.arms) > 1 else ''}{_place(row, words)}: {format_number(row['value'])}"
        for row in known
    )
    return f"{varying.label}: {said}."


def _table(rows: Sequence[dict[str, Any]], names: dict[str, list[str]]) -> Table:
    across, down = rows[0]["across"], rows[0]["down"]
    return Table(
        {
            "arm": [row["arm"] for row in rows],
            across: [names[across][row["across_bin"]] for row in rows],
            down: [names[down][row["down_bin"]] for row in rows],
            **{name: [row[name] for row in rows] for name in ("rows", "value", "std_error", "predicted")},
        }
    )
