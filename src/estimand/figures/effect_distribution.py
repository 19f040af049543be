"""How predicted effects are spread over the rows."""

import numpy as np

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Bars, Chart, Curve, Mark, Pane, Tone, VLine
from estimand.figures.numbers import format_interval, format_number, format_share
from estimand.figures.ticks import limits_around, round_ticks
from estimand.figures.varying import Floats, Varying, needed, row_effects, varying_of

MOST_BARS, FEWEST_BARS = 40, 8
TAIL, FENCE = 0.001, 5.0
MIDDLE = (0.05, 0.95)
HEADROOM = 1.06
ROUNDING = 1e-9


def has_row_effects(record: StudyRecord) -> bool:
    """Whether an estimate has an effect for every row, and the record has them with it."""
    varying = varying_of(record)
    return varying is not None and row_effects(varying) is not None


def effect_distribution_figure(record: StudyRecord) -> Chart:
    """Histogram of the effects predicted for the rows, a panel per arm, with their average and no effect.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has an effect for every row, or the record was read without its arrays.
    """
    varying = needed(record)
    effects = row_effects(varying)
    if effects is None:
        raise UnsupportedError(
            "The effects of the rows are not with this record.",
            remedy="Load the record from the folder it was saved in, with its arrays.",
        )
    edges = _edges(effects)
    counts = [np.histogram(np.clip(own, edges[0], edges[-1]), edges)[0] for own in effects.T]
    tops = max(int(own.max()) for own in counts)
    panels = [_panel(varying, j, (edges, own), tops) for j, own in enumerate(counts)]
    return Chart(
        title=_title(varying, effects),
        caption=_caption(varying, effects, edges),
        alt=_alt(varying, effects),
        table=_table(varying, edges, counts),
        panels=panels,
        aligned=True,
    )


def _edges(effects: Floats) -> Floats:
    """Ends of the bars, the same for all arms, zero among them if inside; what is beyond is in the end bars."""
    low, first, third, high = np.quantile(effects, (TAIL, 0.25, 0.75, 1.0 - TAIL))
    if third > first:
        low, high = max(low, first - FENCE * (third - first)), min(high, third + FENCE * (third - first))
    if high <= low:
        half = 0.5 * abs(low) or 0.5
        low, high = low - half, high + half
    bars = int(np.clip(round(2.0 * effects.shape[0] ** (1.0 / 3.0)), FEWEST_BARS, MOST_BARS))
    width = (high - low) / bars
    return np.asarray(width * np.arange(np.floor(low / width), np.ceil(high / width) + 1.0))


def _panel(varying: Varying, j: int, told: tuple[Floats, Floats], top: int) -> Pane:
    edges, counts = told
    average, gain = float(varying.estimate.value[j]), edges[:-1] > -ROUNDING * (edges[-1] - edges[0])
    parts = ((gain, varying.tone()), (~gain, Tone.VETOED if varying.vetoed else Tone.SECOND))
    heights = (0.0, HEADROOM * top)
    marks: list[Mark] = [
        *(Bars(np.r_[edges[:-1][own], edges[1:][own][-1:]].tolist(), counts[own].tolist(), tone)
          for own, tone in parts if own.any()),
        VLine(0.0, "no effect"),
        VLine(average, f"average {format_number(average)}"),
        Curve((average, average), heights, Tone.PLAIN, dashed=True),
    ]  # fmt: skip
    ends = limits_around([*edges.tolist(), average])
    y = Axis("Rows", heights, round_ticks(*heights))
    return Pane(marks, Axis(f"Predicted e{varying.label[1:]}", ends, round_ticks(*ends)), y, title=varying.named(j))


def _title(varying: Varying, effects: Floats) -> str:
    """Say between which effects nine rows in ten lie, and how many are below zero; of the first arm."""
    own = effects[:, 0]
    low, high = np.quantile(own, MIDDLE)
    name = f"{varying.named(0)}: p" if varying.named(0) else "P"
    below = format_share(float((own < 0.0).mean()))
    said = f"{name}redicted effects on {varying.outcome} go from {varying.said(low)} to {varying.told(high)}"
    return varying.claim(f"{said} for nine rows in ten; {below} are below zero")


def _caption(varying: Varying, effects: Floats, edges: Floats) -> str:
    beyond = float(((effects < edges[0]) | (effects > edges[-1])).mean())
    more = f" The end bars hold the {format_share(beyond)} of rows beyond them." if beyond else ""
    averages = "; ".join(
        f"{varying.named(j)} {format_number(float(value))} ({format_interval(interval)})".strip()
        for j, (value, interval) in enumerate(
            zip(varying.estimate.value, varying.estimate.interval().tolist(), strict=True)
        )
    )
    return (
        f"{varying.source()} Dashed is the {varying.estimate.target.words}: {averages}. Predictions are drawn towards "
        f"the average, and hold error: their spread is not that of true effects.{more}"
    )


def _alt(varying: Varying, effects: Floats) -> str:
    places = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    parts = [
        ", ".join(f"{100 * place:g}% {format_number(value)}" for place, value in zip(places, found, strict=True))
        for found in np.quantile(effects, places, axis=0).T
    ]
    arms = [f"{arm}: {part}" if len(parts) > 1 else part for arm, part in zip(varying.arms, parts, strict=True)]
    return f"Quantiles of the predicted e{varying.label[1:]}: {'; '.join(arms)}."


def _table(varying: Varying, edges: Floats, counts: list[Floats]) -> Table:
    bars = edges.shape[0] - 1
    return Table(
        {
            "arm": [arm for arm in varying.arms for _ in range(bars)],
            "low": [float(end) for _ in counts for end in edges[:-1]],
            "high": [float(end) for _ in counts for end in edges[1:]],
            "rows": [int(count) for own in counts for count in own],
        }
    )
