"""What a figure says and shows, as a value that knows nothing of how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from estimand.core.frozen import Frozen
from estimand.core.table import Table
from estimand.core.uncertainty import Segments


class Tone(StrEnum):
    """What a mark stands for; a renderer gives each tone its colour."""

    HEADLINE = "headline"
    PLAIN = "plain"
    NAIVE = "naive"
    VETOED = "vetoed"
    BENCHMARK = "benchmark"
    QUIET = "quiet"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"


@dataclass(frozen=True, slots=True, eq=False)
class Interval(Frozen):
    """A value and the set it may lie in, drawn along a row.

    Attributes
    ----------
    row : float
    value : float
    segments : tuple of (low, high)
        An infinite end runs to the edge with an arrow; no segment at all gives a hollow point.
    tone : Tone
    """

    row: float
    value: float
    segments: Segments
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, eq=False)
class Points(Frozen):
    """Points at (x, y); small ones where there are many."""

    x: Sequence[float]
    y: Sequence[float]
    tone: Tone = Tone.PLAIN
    filled: bool = True
    small: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Curve(Frozen):
    """A line through points, in their order, cut off where the panel ends; its label interrupts it at one of them."""

    x: Sequence[float]
    y: Sequence[float]
    tone: Tone = Tone.QUIET
    dashed: bool = False
    label: str = ""
    label_at: int = 0
    heavy: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Band(Frozen):
    """A shaded area between two lines over the same places, behind all else."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    tone: Tone = Tone.FIRST


@dataclass(frozen=True, slots=True, eq=False)
class Bars(Frozen):
    """A histogram: k heights between k + 1 edges; negative heights hang down."""

    edges: Sequence[float]
    heights: Sequence[float]
    tone: Tone = Tone.FIRST


@dataclass(frozen=True, slots=True, eq=False)
class VLine(Frozen):
    """A vertical line to hold marks against, with its label above and, where it has one, its own interval."""

    at: float
    label: str
    tone: Tone = Tone.QUIET
    band: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Note(Frozen):
    """Words beside what they name, from x to the right, hanging from y or standing on it."""

    x: float
    y: float
    text: str
    tone: Tone = Tone.PLAIN
    anchor: Literal["top", "bottom"] = "top"


@dataclass(frozen=True, slots=True, eq=False)
class Box(Frozen):
    """A box of text in a row: a number, and what it counts.

    Attributes
    ----------
    x, width : float
        Centre and width, as shares of the panel's width.
    row : float
    number, text : str
    tone : Tone
    """

    x: float
    width: float
    row: float
    number: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, eq=False)
class Tile(Frozen):
    """A cell of a row, coloured by its value; its text is shown where all tiles of the panel have room for theirs.

    Attributes
    ----------
    x, width : float
        Centre and width, in units of the x axis.
    row : float
    share : float or None
        From -1 over 0, which is blank, to 1; None is not known.
    text : str
    starts : bool
        Whether something starts with it: its left side is a heavy line.
    """

    x: float
    row: float
    share: float | None
    text: str = ""
    width: float = 1.0
    starts: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Link(Frozen):
    """An arrow from the foot of one box into the top or the side of another."""

    source: Box
    target: Box
    enter: Literal["top", "side"] = "top"


Mark: TypeAlias = Interval | Points | Curve | Band | Bars | VLine | Note | Box | Tile | Link


@dataclass(frozen=True, slots=True, eq=False)
class Row(Frozen):
    """A named row of a panel: its label on the left, its numbers on the right.

    Attributes
    ----------
    at : float
        Where marks find it; rows run downwards in the order given.
    label, value : str
    strong : bool
        Set in bold.
    heading : bool
        Names the rows below it and holds no mark.
    tone : Tone
    """

    at: float
    label: str = ""
    value: str = ""
    strong: bool = False
    heading: bool = False
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, eq=False)
class Axis(Frozen):
    """A numeric axis.

    Attributes
    ----------
    label : str
        With the unit in it.
    limits : (low, high) or None
        None fits the marks.
    ticks : sequence of (position, text)
        Empty lets the renderer choose.
    """

    label: str
    limits: tuple[float, float] | None = None
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Key(Frozen):
    """One entry of a legend, for marks that cannot be labelled where they are."""

    text: str
    tone: Tone
    filled: bool = True
    kind: Literal["point", "line", "dashes", "bar"] = "point"


@dataclass(frozen=True, slots=True, eq=False)
class Pane(Frozen):
    """One plot area: named rows, or a numeric y axis; without an x axis it holds boxes.

    Attributes
    ----------
    marks : sequence of Mark
    x, y : Axis or None
    rows : sequence of Row
    title : str
    keys : sequence of Key
    """

    marks: Sequence[Mark]
    x: Axis | None = None
    y: Axis | None = None
    rows: Sequence[Row] = ()
    title: str = ""
    keys: Sequence[Key] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Chart(Frozen):
    """A figure as a value.

    Attributes
    ----------
    title : str
        The finding, in a sentence.
    caption : str
        What is shown and how many rows it rests on.
    alt : str
        For those who cannot see it: names the numbers shown.
    table : Table
        The data behind the marks.
    panels : sequence of Pane
        From top to bottom.
    aligned : bool
        Whether the panels share one x axis, so that their plot areas stand under each other.
    """

    title: str
    caption: str
    alt: str
    table: Table
    panels: Sequence[Pane]
    aligned: bool = False
