"""An estimate fitted again and again: where it falls, against where it may."""

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Mark, Pane, Points, Row, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number

COLUMNS = ("draw", "estimate", "full")
REACH = 1.96


def refit_spread_figure(finding: Finding) -> Chart:
    """Refits from the lowest to the highest, over the band in which they are expected.

    Parameters
    ----------
    finding : Finding
        Of ``stress.subset_stability`` or ``stress.random_common_cause``. Its evidence has the columns ``draw``,
        ``estimate`` and ``full``, the last the same in every row; and ``expected``, the standard deviation that
        refits should have, or ``allowed``, the largest move that is let pass.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    values = sorted(evidence["estimate"])
    full, half = evidence["full"][0], _half(evidence)
    count = len(values)
    marks: list[Mark] = [
        VLine(full, f"all rows, as planned: {format_number(full)}", Tone.BENCHMARK, (full - half, full + half)),
        Points(values, [float(j) for j in range(count)], Tone.NAIVE if finding.grade is Grade.WARN else Tone.FIRST),
    ]
    panel = Pane(
        marks=marks,
        x=Axis(f"Estimate for {finding.subject}, each fitted again", _limits(values, full, half)),
        rows=[Row(float(j)) for j in range(count)],
    )
    return Chart(
        title=_title(finding, evidence),
        caption=_caption(finding, evidence),
        alt=f"{count} refits from {format_number(values[0])} to {format_number(values[-1])} about "
        f"{format_number(full)}; expected within {format_number(half)} of it.",
        table=evidence,
        panels=(panel,),
    )


def _half(evidence: Table) -> float:
    """Half the width of the band."""
    if "expected" in evidence.columns:
        return float(REACH * evidence["expected"][0])
    return float(evidence["allowed"][0]) if "allowed" in evidence.columns else 0.0


def _limits(values: list[float], full: float, half: float) -> tuple[float, float]:
    low, high = min(values[0], full - half), max(values[-1], full + half)
    room = 0.06 * (high - low) or 0.1 * abs(full) or 1.0
    return low - room, high + room


def _title(finding: Finding, evidence: Table) -> str:
    moved = finding.grade is Grade.WARN
    ratio = "" if finding.statistic is None else format_number(finding.statistic)
    if "expected" in evidence.columns:
        said = "more than its standard error allows" if moved else "about as its standard error says"
        return f"On random subsets the estimate spreads {said}: {ratio} times the spread expected"
    said = "moves the estimate" if moved else "leaves the estimate where it was"
    return f"A random covariate {said}: by {ratio} of its standard error"


def _caption(finding: Finding, evidence: Table) -> str:
    band = (
        "The band holds 95% of subsets where theory holds"
        if "expected" in evidence.columns
        else "The band is half a standard error to either side"
    )
    return f"For {finding.about}: {len(evidence)} refits, the lowest on top. {band}."
