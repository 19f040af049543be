"""How treatment moves the distribution: the effect at each quantile, with a band that holds for all at once."""

from collections.abc import Sequence
from itertools import groupby

from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Curve, Mark, Pane, Points, Tone
from estimand.figures.numbers import (
    format_count,
    format_interval,
    format_number,
    format_plain,
    spoken_unit,
)
from estimand.figures.standing import headline_of, unit_of, vetoes
from estimand.figures.ticks import round_ticks

QUANTILE = "quantile"
TARGETS = (Target.QTE, Target.QTT)
ROOM = 0.08


def quantile_estimate(record: StudyRecord) -> Estimate | None:
    """The estimate a figure of quantiles is drawn from: the headline where it is one, else the first; or None."""
    fitting = [estimate for estimate in record.estimates if _drawable(estimate)]
    headline = headline_of(record)
    return next((estimate for estimate in fitting if estimate is headline), next(iter(fitting), None))


def quantile_effects_figure(record: StudyRecord) -> Chart:
    """Effect over the quantile, a panel per arm: intervals one at a time, and a dashed band that holds for all at once.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has effects on two or more quantiles with their joint uncertainty.
    """
    estimate = quantile_estimate(record)
    if estimate is None:
        raise UnsupportedError(
            "The record has no effects on quantiles to draw.",
            remedy="Run method 'quantile_effects' with two or more quantiles.",
        )
    table = _table(estimate)
    rows = list(table.rows())
    groups = [(arm, list(own)) for arm, own in groupby(rows, key=lambda row: row["arm"])]
    unit = unit_of(record, estimate)
    label = f"Effect on {record.question.called(estimate.outcome)}" + (f" ({unit})" if unit else "")
    limits = _limits(rows)
    vetoed = bool(vetoes(record, estimate))
    panels = [_panel(arm if len(groups) > 1 else "", own, label, limits, vetoed) for arm, own in groups]
    return Chart(
        title=_title(record, estimate, groups, vetoed),
        caption=_caption(estimate),
        alt=_alt(rows, label, len(groups) > 1),
        table=table,
        panels=panels,
    )


def _drawable(estimate: Estimate) -> bool:
    places = [term.at.get(QUANTILE) for term in estimate.terms]
    whole = estimate.target in TARGETS and None not in places and len(set(places)) > 1
    return whole and isinstance(estimate.uncertainty, Normal | Draws)


def _table(estimate: Estimate) -> Table:
    """One row per term: arm, quantile, value, its interval, and the band."""
    alone, together = estimate.interval(), estimate.interval(joint=True)
    return Table(
        {
            "arm": [str(term.at.get("arm", "")) for term in estimate.terms],
            "quantile": [float(term.at[QUANTILE]) for term in estimate.terms],
            "value": estimate.value.tolist(),
            "low": alone[:, 0].tolist(),
            "high": alone[:, 1].tolist(),
            "band_low": together[:, 0].tolist(),
            "band_high": together[:, 1].tolist(),
        }
    )


def _limits(rows: Sequence[dict[str, float]]) -> tuple[float, float]:
    """Ends of the effect's axis: all bands and no effect, with some room."""
    low = min(0.0, *(row["band_low"] for row in rows))
    high = max(0.0, *(row["band_high"] for row in rows))
    room = ROOM * (high - low)
    return low - room, high + room


def _panel(arm: str, rows: Sequence[dict[str, float]], label: str, limits: tuple[float, float], vetoed: bool) -> Pane:
    tone = Tone.VETOED if vetoed else Tone.FIRST
    x = [row["quantile"] for row in rows]
    marks: list[Mark] = [
        Curve((0.0, 1.0), (0.0, 0.0), Tone.QUIET),
        Curve(x, [row["band_low"] for row in rows], tone, dashed=True),
        Curve(x, [row["band_high"] for row in rows], tone, dashed=True),
        Curve(x, [row["value"] for row in rows], tone),
        *(Curve((row["quantile"],) * 2, (row["low"], row["high"]), tone) for row in rows),
        Points(x, [row["value"] for row in rows], tone),
    ]
    ticks = [(j / 10, format_plain(j / 10)) for j in range(0, 11, 2)]
    return Pane(marks, x=Axis("Quantile", (0.0, 1.0), ticks), y=Axis(label, limits, round_ticks(*limits)), title=arm)


def _title(
    record: StudyRecord, estimate: Estimate, groups: Sequence[tuple[str, Sequence[dict[str, float]]]], vetoed: bool
) -> str:
    """Say how the effect goes over the first arm's quantiles, and whether one number could stand for all."""
    arm, rows = groups[0]
    first, last = rows[0], rows[-1]
    factor, unit = spoken_unit(unit_of(record, estimate))
    at = [f"{format_number(factor * row['value'])}{unit} at quantile {row['quantile']:g}" for row in (first, last)]
    subject = f"{arm}: effect on" if len(groups) > 1 else "Effect on"
    said = f"{subject} {record.question.called(estimate.outcome)} goes from {at[0]} to {at[1]}"
    if vetoed:
        return f"{said}, and is not to be relied on"
    one = max(row["band_low"] for row in rows) <= min(row["band_high"] for row in rows)
    return f"{said}; {'one effect at all quantiles fits' if one else 'no one effect fits all quantiles'}"


def _caption(estimate: Estimate) -> str:
    level = f"{100 * estimate.level:g}%"
    return (
        f"By {estimate.id}: {estimate.target.words}; n = {format_count(estimate.n_obs)} rows. Vertical lines are "
        f"{level} intervals one at a time; the dashed band is meant to hold all effects shown at once; "
        "the grey line is no effect."
    )


def _alt(rows: Sequence[dict[str, float]], label: str, several: bool) -> str:
    said = "; ".join(
        f"{str(row['arm']) + ' ' if several else ''}{row['quantile']:g}: {format_number(row['value'])} "
        f"(band {format_interval([row['band_low'], row['band_high']])})"
        for row in rows
    )
    return f"{label} by quantile: {said}."
