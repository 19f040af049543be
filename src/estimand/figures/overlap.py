"""Whether every kind of row could have been in either arm: propensities, arm by arm."""

from collections.abc import Sequence
from dataclasses import dataclass

from estimand.core.finding import Finding, Grade
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Bars, Chart, Mark, Note, Pane, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.look import ARM_TONES
from estimand.figures.numbers import format_count, format_plain, format_share

ROOM = 1.3
FLATTENING = 3.0
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SHARE = "Share of the arm's rows"
BINS = ("low", "high", "edge")
ARM = "arm "
EXTENT = {Grade.PASS: "", Grade.NOTE: " in part", Grade.WARN: " poorly", Grade.VETO: " too little", Grade.NOT_RUN: ""}


def propensity_overlap_figure(finding: Finding) -> Chart:
    """Histogram of estimated propensities by arm: mirrored for two arms, a panel each for more.

    Heights are shares of the arm, so that a small arm is seen beside a large one; the lines mark
    the tails, below the finding's edge and above one minus it.

    Parameters
    ----------
    finding : Finding
        Its evidence has the columns ``low`` and ``high``, the ends of each bin, ``edge``, the same in every
        row, and one column of counts, perhaps weighted, for each arm, named "arm …"; the first is control.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, BINS)
    arms = [name for name in evidence.columns if name.startswith(ARM)]
    if not arms:
        raise UnsupportedError(
            f"The finding of '{finding.check}' has bins and no counts.",
            remedy="Give one column of counts for each arm.",
        )
    edges = (*evidence["low"], evidence["high"][-1])
    counts = {_named(column, j): evidence[column] for j, column in enumerate(arms)}
    totals = {arm: float(sum(own)) for arm, own in counts.items()}
    shares = {arm: [x / totals[arm] if totals[arm] else 0.0 for x in own] for arm, own in counts.items()}
    edge = float(evidence["edge"][0])
    spread = _Spread(edges, (edge, 1.0 - edge), shares, totals)
    tails = spread.in_tails()
    panels = [_mirrored(spread)] if len(arms) == 2 else [_single(spread, j) for j in range(len(arms))]
    return Chart(
        title=_title(finding, tails),
        caption=_caption(finding, spread),
        alt=_alt(tails, totals),
        table=evidence,
        panels=panels,
    )


@dataclass(frozen=True, slots=True)
class _Spread:
    """Where the propensities of each arm lie.

    Attributes
    ----------
    edges : sequence of float
        Ends of the bins.
    tails : tuple of float
        Below the first and above the second lies a tail.
    shares : mapping of arm to list of float
        Share of the arm's rows in each bin.
    totals : mapping of arm to float
    """

    edges: Sequence[float]
    tails: tuple[float, float]
    shares: dict[str, list[float]]
    totals: dict[str, float]

    @property
    def own_scales(self) -> bool:
        """Whether one arm would flatten the other on a common scale."""
        peaks = [_reach(heights) for heights in self.shares.values()]
        return len(self.shares) > 2 or max(peaks) > FLATTENING * min(peaks)

    def lines(self) -> list[VLine]:
        """Lines where the tails begin."""
        return [VLine(edge, format_plain(edge), Tone.PLAIN) for edge in self.tails]

    def in_tails(self) -> dict[str, dict[str, float]]:
        """Share of each arm in the bins that lie wholly in either tail."""
        low, high = self.tails
        words = f"below {format_plain(low)}", f"above {format_plain(high)}"
        under = [end <= low + 1e-9 for end in self.edges[1:]]
        over = [start >= high - 1e-9 for start in self.edges[:-1]]
        return {
            arm: {words[0]: _sum_where(heights, under), words[1]: _sum_where(heights, over)}
            for arm, heights in self.shares.items()
        }


def _named(column: str, position: int) -> str:
    """Name an arm for a reader: by its label, and by its part where the label is only yes or no."""
    label = column.removeprefix(ARM)
    if position == 0:
        return f"control ({label})"
    return f"treated ({label})" if label in ("1", "True") else label


def _mirrored(spread: _Spread) -> Pane:
    """Second arm above, first below: on one scale, or each on its own where one would flatten the other."""
    (below, down), (above, up) = spread.shares.items()
    edges, totals = spread.edges, spread.totals
    top, foot = _reach(up), _reach(down)
    stretch = top / foot if spread.own_scales else 1.0
    step = None if spread.own_scales else _step(max(top, foot))
    marks: list[Mark] = [
        *spread.lines(),
        Bars(edges, up, ARM_TONES[1]),
        Bars(edges, [-stretch * height for height in down], ARM_TONES[0]),
        Note(_beside_tail(edges), 0.96 * top, _label(above, totals), ARM_TONES[1]),
        Note(_beside_tail(edges), -0.96 * stretch * foot, _label(below, totals), ARM_TONES[0], "bottom"),
    ]
    ticks = [(-stretch * at, text) for at, text in _ticks(foot, step)] + [(0.0, "0%"), *_ticks(top, step)]
    return Pane(marks, _x_axis(edges), Axis(SHARE, (-stretch * foot, top), ticks))


def _single(spread: _Spread, j: int) -> Pane:
    arm, heights = list(spread.shares.items())[j]
    top, tone = _reach(heights), ARM_TONES[j % len(ARM_TONES)]
    marks: list[Mark] = [
        *spread.lines(),
        Bars(spread.edges, heights, tone),
        Note(_beside_tail(spread.edges), 0.96 * top, _label(arm, spread.totals), tone),
    ]
    ticks = [(0.0, "0%"), *_ticks(top)]
    return Pane(marks, _x_axis(spread.edges, j == len(spread.shares) - 1), Axis(SHARE, (0.0, top), ticks))


def _reach(heights: Sequence[float]) -> float:
    return ROOM * max(*heights, 0.01)


def _step(top: float) -> float:
    """Round share of which at most four fit below the top."""
    return next(step for step in STEPS if top / step < 4.5)


def _ticks(top: float, step: float | None = None) -> list[tuple[float, str]]:
    chosen = step or _step(top)
    inside = [j * chosen for j in range(1, 1 + int(top / chosen))]
    return [(at, f"{format_plain(100 * at)}%") for at in inside]


def _beside_tail(edges: Sequence[float]) -> float:
    return edges[0] + 0.075 * (edges[-1] - edges[0])


def _x_axis(edges: Sequence[float], labelled: bool = True) -> Axis:
    limits = (min(0.0, edges[0]), max(1.0, edges[-1]))
    ticks = [(x, format_plain(x)) for x in (0.0, 0.25, 0.5, 0.75, 1.0)]
    label = "Estimated propensity: probability of treatment given the covariates"
    return Axis(label if labelled else "", limits, ticks)


def _label(arm: str, totals: dict[str, float]) -> str:
    return f"{arm} (n = {format_count(totals[arm])})"


def _title(finding: Finding, tails: dict[str, dict[str, float]]) -> str:
    lead = f"The arms overlap{EXTENT[finding.grade]}"
    share, place = max(
        (share, f"of the {arm} arm lies {side}") for arm, sides in tails.items() for side, share in sides.items()
    )
    return f"{lead}: {format_share(share)} {place}" if share else f"{lead}: no row lies in a tail"


def _caption(finding: Finding, spread: _Spread) -> str:
    count = format_count(round(sum(spread.totals.values()), 6))
    scales = " Each arm has its own scale." if spread.own_scales else ""
    return f"For {finding.about}; n = {count} rows. Heights are shares of each arm.{scales} {finding.message}"


def _sum_where(values: Sequence[float], keep: Sequence[bool]) -> float:
    return sum(value for value, kept in zip(values, keep, strict=True) if kept)


def _alt(tails: dict[str, dict[str, float]], totals: dict[str, float]) -> str:
    said = []
    for arm, sides in tails.items():
        words = [f"{format_share(share)} {side}" for side, share in sides.items()]
        said.append(f"{arm}, n = {format_count(totals[arm])}: {' and '.join(words)}")
    return f"Histogram of estimated propensities by arm. {'; '.join(said)}."
