"""The arms' shares tested day after day."""

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.figures.chart import Axis, Chart, Curve, Mark, Pane, Points, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number
from estimand.figures.ticks import round_ticks

COLUMNS = ("day", "p_value")
SPOKEN = 14
ROOM = 0.5


def allocation_path_figure(finding: Finding) -> Chart:
    """Always-valid p-value of the arms' shares by each day of exposure, on a scale of powers of ten.

    Parameters
    ----------
    finding : Finding
        Of ``experiment.srm_running``: a row for each day.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    days, p_values = [str(day) for day in evidence["day"]], [float(p) for p in evidence["p_value"]]
    power = [float(np.log10(max(p, np.finfo(float).tiny))) for p in p_values]
    at = [float(j + 1) for j in range(len(days))]
    line = float(np.log10(finding.threshold or 1.0))
    span = (1.0 - ROOM, at[-1] + ROOM)
    low = min(*power, line) - ROOM
    marks: list[Mark] = [
        Curve(span, (line, line), Tone.QUIET),
        Curve(at, power, Tone.HEADLINE, heavy=True),
        Points(at, power, Tone.HEADLINE, small=len(days) > 15),
    ]
    x = Axis("Days of exposure so far", span, round_ticks(1.0, at[-1]))
    y = Axis("P-value, as a power of ten", (low, ROOM), round_ticks(low, 0.0))
    return Chart(
        title=_title(finding, len(days)),
        caption=f"{finding.message} The thin line is {finding.threshold:g}; the path is the least p-value so far.",
        alt="Always-valid p-value by day: "
        + "; ".join(f"{day}: {format_number(p)}" for day, p in list(zip(days, p_values, strict=True))[:SPOKEN])
        + ".",
        table=evidence,
        panels=[Pane(marks, x, y)],
    )


def _title(finding: Finding, days: int) -> str:
    if finding.grade is Grade.PASS:
        return f"On none of {days} days did units fall to the arms otherwise than planned"
    return "Units stopped falling to the arms as planned"
