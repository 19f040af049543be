"""Whether estimated propensities mean what they say: predicted against observed, tenth by tenth."""

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Curve, Mark, Pane, Points, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_count, format_number, format_plain, format_share

COLUMNS = ("predicted", "observed", "low", "high", "rows")
STEPS = (0.02, 0.05, 0.1, 0.2, 0.25)
MARGIN = 0.04
STANDING = {
    Grade.PASS: "mean what they say",
    Grade.NOTE: "may not mean what they say",
    Grade.WARN: "do not mean what they say",
}


def calibration_figure(finding: Finding) -> Chart:
    """Share treated over mean propensity, by tenth of the rows, with the line of perfect calibration.

    Parameters
    ----------
    finding : Finding
        Of ``nuisance.calibration``: its statistic is the slope, and its evidence has the columns ``predicted``,
        ``observed``, ``low``, ``high`` and ``rows``, a row for each tenth.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    ends = [*evidence["predicted"], *evidence["low"], *evidence["high"]]
    low, high = max(0.0, min(ends) - MARGIN), min(1.0, max(ends) + MARGIN)
    ticks = _ticks(low, high)
    panel = Pane(
        marks=_marks(evidence, low, high),
        x=Axis("Mean estimated propensity of the tenth", (low, high), ticks),
        y=Axis("Share of the tenth that was treated", (low, high), ticks),
    )
    total = format_count(sum(evidence["rows"]))
    return Chart(
        title=f"Estimated propensities {STANDING.get(finding.grade, 'mean what they say')}: slope {_slope(finding)}",
        caption=f"For {finding.about}; n = {total} rows in tenths by propensity, with intervals; on the dashed line "
        f"they mean what they say. {finding.message}",
        alt=_alt(evidence),
        table=evidence,
        panels=(panel,),
    )


def _slope(finding: Finding) -> str:
    return format_number(finding.statistic)


def _marks(evidence: Table, low: float, high: float) -> list[Mark]:
    marks: list[Mark] = [
        Curve((low, high), (low, high), Tone.QUIET, dashed=True),
    ]
    for x, start, end in zip(evidence["predicted"], evidence["low"], evidence["high"], strict=True):
        marks.append(Curve((x, x), (start, end), Tone.FIRST))
    marks.append(Points(evidence["predicted"], evidence["observed"], Tone.FIRST))
    return marks


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    step = next((step for step in STEPS if (high - low) / step < 6.5), STEPS[-1])
    first = int(low / step) + (0 if low % step == 0 else 1)
    return [(j * step, format_plain(round(j * step, 6))) for j in range(first, int(high / step + 1e-9) + 1)]


def _alt(evidence: Table) -> str:
    pairs = zip(evidence["predicted"], evidence["observed"], strict=True)
    said = "; ".join(f"{format_share(x)} predicted, {format_share(y)} treated" for x, y in pairs)
    return f"Share treated against mean propensity, by tenth of the rows: {said}."
