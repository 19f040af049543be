"""Effects before and after treatment starts, with intervals one at a time and bands that hold for all at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.display import true_minus
from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone, VLine
from estimand.figures.numbers import format_count, format_interval, format_number, spoken_unit
from estimand.figures.standing import headline_of, leading_outcome, unit_of, vetoes
from estimand.figures.ticks import limits_around, round_ticks

EVENT_TIME = "event_time"
TONES = (Tone.FIRST, Tone.SECOND, Tone.THIRD, Tone.FOURTH)
STARTS = -0.5
EDGE = 0.6
SPREAD, CLOSEST = 0.78, 0.26


@dataclass(frozen=True, slots=True)
class _Effect:
    """One effect of an event study: its interval, and its part of the band."""

    time: int
    value: float
    low: float
    high: float
    band_low: float
    band_high: float


@dataclass(frozen=True, slots=True)
class _Path:
    """One method's event study, and the event time the others are held against."""

    estimate: Estimate
    effects: tuple[_Effect, ...]
    reference: int | None
    vetoed: bool

    @property
    def before(self) -> tuple[_Effect, ...]:
        """Effects before treatment starts."""
        return tuple(effect for effect in self.effects if effect.time < 0)

    @property
    def after(self) -> tuple[_Effect, ...]:
        """Effects from its start on."""
        return tuple(effect for effect in self.effects if effect.time >= 0)


def has_event_study(record: StudyRecord) -> bool:
    """Whether some estimate of the leading outcome follows effects over event time."""
    return bool(_drawable(record))


def event_study_figure(record: StudyRecord) -> Chart:
    """Effect over event time: the headline's, and up to three other methods' beside it.

    Points before treatment are hollow; a thick line is the interval of one effect, a thin one the band for all effects
    of a method at once; the reference is marked at zero.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate of the leading outcome has effects at two or more event times with their joint uncertainty.
    """
    estimates = _drawable(record)
    if not estimates:
        raise UnsupportedError(
            "The record has no effects over event time to draw.",
            remedy="Run method 'event_study', or 'staggered_did' with aggregate: event.",
        )
    paths = [_path(estimate, bool(vetoes(record, estimate))) for estimate in estimates]
    shown = paths[: len(TONES)]
    unit = unit_of(record, paths[0].estimate)
    label = f"Effect on {record.question.called(paths[0].estimate.outcome)}" + (f" ({unit})" if unit else "")
    return Chart(
        title=_title(record, paths[0]),
        caption=_caption(paths, len(shown)),
        alt=_alt(shown, label),
        table=_table(paths),
        panels=(_panel(shown, label),),
    )


def _drawable(record: StudyRecord) -> list[Estimate]:
    """Estimates of the leading outcome with an event study, the headline first."""
    lead, headline = leading_outcome(record), headline_of(record)
    fitting = [
        estimate
        for estimate in record.estimates
        if estimate.outcome == lead
        and isinstance(estimate.uncertainty, Normal | Draws)
        and estimate.scale == "identity"
        and len(_places(estimate)) > 1
    ]
    return sorted(fitting, key=lambda estimate: estimate is not headline)


def _places(estimate: Estimate) -> list[int]:
    """Positions of the terms that stand at an event time and nothing else."""
    return [j for j, term in enumerate(estimate.terms) if set(term.at) == {EVENT_TIME}]


def _path(estimate: Estimate, vetoed: bool) -> _Path:
    """Read the effects, in order of time, with a band that is theirs alone where they can be taken apart."""
    places = sorted(_places(estimate), key=lambda j: int(estimate.terms[j].at[EVENT_TIME]))
    alone = estimate.interval()[places]
    if isinstance(estimate.uncertainty, Draws) and estimate.uncertainty.rule == "bca":
        together = estimate.interval(joint=True)[places]
    else:
        own = estimate.combine(np.eye(len(estimate.terms))[places], tuple(estimate.terms[j] for j in places))
        together = own.interval(joint=True)
    effects = tuple(
        _Effect(
            int(estimate.terms[j].at[EVENT_TIME]),
            float(estimate.value[j]),
            *(float(end) for end in (*alone[i], *together[i])),
        )
        for i, j in enumerate(places)
    )
    return _Path(estimate, effects, _reference(estimate, [effect.time for effect in effects]), vetoed)


def _reference(estimate: Estimate, times: Sequence[int]) -> int | None:
    """Event time held at zero: the last before treatment could have an effect, where it has no effect of its own."""
    anticipation = estimate.options.get("anticipation", 0)
    last = estimate.options.get("reference", -1 - (anticipation if isinstance(anticipation, int) else 0))
    return last if isinstance(last, int) and last not in times and min(times) < last else None


def _panel(paths: Sequence[_Path], label: str) -> Pane:
    times = [effect.time for path in paths for effect in path.effects]
    times += [path.reference for path in paths if path.reference is not None]
    limits = (min(times) - EDGE, max(times) + EDGE)
    marks: list[Mark] = [Curve(limits, (0.0, 0.0), Tone.QUIET), VLine(STARTS, "treatment starts")]
    step = min(CLOSEST, SPREAD / len(paths))
    for j, path in enumerate(paths):
        marks += _marks(path, TONES[j], step * (j - 0.5 * (len(paths) - 1)), len(paths) > 1)
    ends = limits_around(
        end for path in paths for effect in path.effects for end in (effect.band_low, effect.band_high)
    )
    ticks = [(float(time), true_minus(str(time))) for time in range(min(times), max(times) + 1)]
    x = Axis("Periods since treatment started", limits, ticks)
    return Pane(marks, x, Axis(label, ends, round_ticks(*ends)), keys=_keys(paths))


def _marks(path: _Path, tone: Tone, offset: float, small: bool) -> list[Mark]:
    colour = Tone.VETOED if path.vetoed else tone
    marks: list[Mark] = [
        _bars([(effect.time + offset, effect.band_low, effect.band_high) for effect in path.effects], colour, False),
        _bars([(effect.time + offset, effect.low, effect.high) for effect in path.effects], colour, True),
    ]
    for effects, filled in ((path.before, False), (path.after, True)):
        x, y = [effect.time + offset for effect in effects], [effect.value for effect in effects]
        marks.append(Points(x, y, colour, filled, small))
    if path.reference is not None:
        marks.append(Points((path.reference + offset,), (0.0,), Tone.QUIET, small=small))
    return marks


def _bars(ends: Sequence[tuple[float, float, float]], tone: Tone, heavy: bool) -> Curve:
    """Vertical lines as one, which breaks between them."""
    x = [place for at, _, _ in ends for place in (at, at, math.nan)]
    return Curve(x, [end for _, low, high in ends for end in (low, high, math.nan)], tone, heavy=heavy)


def _keys(paths: Sequence[_Path]) -> list[Key]:
    tones = [Tone.VETOED if path.vetoed else tone for path, tone in zip(paths, TONES, strict=False)]
    if len(paths) > 1:
        return [Key(path.estimate.id, tone) for path, tone in zip(paths, tones, strict=True)]
    (path,) = paths
    keys = [Key("before", tones[0], filled=False)] if path.before else []
    keys += [Key("after", tones[0])] if path.after else []
    return keys + ([Key("reference", Tone.QUIET)] if path.reference is not None else [])


def _title(record: StudyRecord, path: _Path) -> str:
    """Say the effect at the start and at the end, and whether anything was there before."""
    factor, unit = spoken_unit(unit_of(record, path.estimate))
    said = "; ".join(
        part for part in (_said_after(path.after, factor, unit, record), _said_before(path.before)) if part
    )
    return f"{said}; it is not to be relied on" if path.vetoed else said


def _said_after(effects: Sequence[_Effect], factor: float, unit: str, record: StudyRecord) -> str:
    if not effects:
        return "No effect after treatment was estimated"
    outcome = record.question.called(leading_outcome(record))
    first, last = effects[0], effects[-1]
    said = f"The effect on {outcome} is {format_number(factor * first.value)}{unit} {_when(first.time)}"
    return said if first is last else f"{said} and, {_when(last.time)}, {format_number(factor * last.value)}"


def _when(time: int) -> str:
    if time == 0:
        return "when treatment starts"
    return f"{time} period{'s' if time > 1 else ''} later"


def _said_before(effects: Sequence[_Effect]) -> str:
    if not effects:
        return "nothing shows how the groups moved before"
    away = sum(effect.band_low > 0.0 or effect.band_high < 0.0 for effect in effects)
    if len(effects) == 1:
        return f"the one band before it {'excludes' if away else 'includes'} zero"
    return f"before it {away or 'none'} of {len(effects)} bands exclude{'' if away > 1 else 's'} zero"


def _caption(paths: Sequence[_Path], shown: int) -> str:
    first = paths[0].estimate
    level = f"{100 * first.level:g}%"
    named = f"By {first.id}" if shown == 1 else "Methods side by side"
    lines = f"Thick lines are {level} intervals one at a time, thin ones the band for all effects of a method at once"
    more = [f"{len(paths) - shown} more in the table."] if len(paths) > shown else []
    words = f"{named}; n = {format_count(first.n_obs)} rows. {lines}; hollow points are before treatment."
    return " ".join([words, *_reference_words(paths), *more])


def _reference_words(paths: Sequence[_Path]) -> list[str]:
    held = sorted({path.reference for path in paths if path.reference is not None})
    words = [f"The reference, zero by construction, is {true_minus(str(time))}." for time in held]
    varying = [path.estimate.id for path in paths if path.estimate.options.get("base") == "varying" and path.before]
    if varying:
        words.append(f"Before treatment {' and '.join(varying)} compares each period with the one before it.")
    return words


def _alt(paths: Sequence[_Path], label: str) -> str:
    several = len(paths) > 1
    said = "; ".join(
        f"{path.estimate.id + ' ' if several else ''}{true_minus(str(effect.time))}: {format_number(effect.value)} "
        f"(band {format_interval([effect.band_low, effect.band_high])})"
        for path in paths
        for effect in path.effects
    )
    return f"{label} by periods since treatment started: {said}."


def _table(paths: Sequence[_Path]) -> Table:
    rows = [(path.estimate.id, effect) for path in paths for effect in path.effects]
    return Table(
        {
            "estimate": [name for name, _ in rows],
            EVENT_TIME: [effect.time for _, effect in rows],
            "value": [effect.value for _, effect in rows],
            "low": [effect.low for _, effect in rows],
            "high": [effect.high for _, effect in rows],
            "band_low": [effect.band_low for _, effect in rows],
            "band_high": [effect.band_high for _, effect in rows],
        }
    )
