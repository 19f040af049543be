"""What selection on things not measured would leave of a coefficient, by its strength relative to the covariates."""

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Mark, Pane, Points, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number, format_plain, format_share
from estimand.figures.ticks import round_ticks

COLUMNS = ("delta", "coefficient", "controlled", "short", "ratio", "largest_r2")
ROOM = 0.06


def oster_delta_figure(finding: Finding) -> Chart:
    """Coefficient left over δ, from none to past the δ that leaves nothing.

    Parameters
    ----------
    finding : Finding
        Of ``stress.oster_delta``. Its evidence has the columns ``delta`` and ``coefficient``, and ``controlled``,
        ``short``, ``ratio`` and ``largest_r2``, the same in every row; ``ratio`` is None where nothing takes the
        coefficient to zero.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    deltas, left = evidence["delta"], evidence["coefficient"]
    controlled, short = evidence["controlled"][0], evidence["short"][0]
    ratio, largest = evidence["ratio"][0], evidence["largest_r2"][0]
    ends = [0.0, controlled, short, *left]
    low, high = min(ends), max(ends)
    pad = ROOM * (high - low) or 1.0
    limits, top = (low - pad, high + pad), deltas[-1] or 1.0
    marks: list[Mark] = [VLine(at, text) for at, text in _lines(ratio) if at <= top]
    marks += [
        Curve((-0.5 * ROOM * top, top), (0.0, 0.0), Tone.PLAIN),
        Curve(deltas, left, Tone.FIRST),
        Points((0.0,), (controlled,), Tone.FIRST),
        Points((0.0,), (short,), Tone.NAIVE),
    ]
    label = "δ: hidden selection, relative to selection on the covariates"
    panel = Pane(marks, Axis(label, (-0.5 * ROOM * top, top)), Axis("Coefficient left", limits, round_ticks(*limits)))
    return Chart(
        title=_title(ratio),
        caption=f"For {finding.about}: {format_number(controlled)} with covariates (round point), "
        f"{format_number(short)} without (diamond). All causes together may explain {format_share(largest)} of the "
        "outcome.",
        alt=_alt(list(zip(deltas, left, strict=True))),
        table=evidence,
        panels=(panel,),
    )


def _lines(ratio: float | None) -> list[tuple[float, str]]:
    equal = (1.0, "as the covariates")
    if ratio is None or ratio <= 0.0:
        return [equal]
    return [equal, (ratio, f"δ = {_short(ratio)}")]


def _short(value: float) -> str:
    return format_plain(float(f"{value:.3g}"))


def _title(ratio: float | None) -> str:
    if ratio is None:
        return "No selection on what was not measured takes the coefficient to zero"
    if ratio < 0.0:
        return "Only hidden selection against the covariates' own direction takes the coefficient to zero"
    return f"Hidden selection {_short(ratio)} times that on the covariates would leave nothing of the coefficient"


def _alt(points: list[tuple[float, float]]) -> str:
    shown = points[:: max(1, len(points) // 8)]
    said = "; ".join(f"δ = {delta:.2f}, {format_number(left)}" for delta, left in shown)
    return f"Coefficient left by strength of hidden selection: {said}."
