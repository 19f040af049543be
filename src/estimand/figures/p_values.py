"""P-values where nothing has an effect: level where a method's claims hold."""

from estimand.core.finding import Finding, Grade
from estimand.figures.chart import Axis, Bars, Chart, Curve, Key, Mark, Pane, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_count, format_p, format_share
from estimand.figures.ticks import round_ticks

COLUMNS = ("metric", "method", "arm", "rate", "low", "high", "uniform", "bin_low", "bin_high", "count")
SHOWN = 6
HEADROOM = 1.15


def p_value_histogram_figure(finding: Finding) -> Chart:
    """Histogram of the p-values of each metric, method and arm under arms assigned anew, and the level all should have.

    Parameters
    ----------
    finding : Finding
        ``aa.size``: its threshold is the size, and its evidence has a row for every bar.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    groups: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for row in evidence.rows():
        groups.setdefault((row["metric"], row["method"], row["arm"]), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: item[1][0]["uniform"])
    shown = dict(ordered[:SHOWN])
    alpha = finding.threshold or 0.0
    arms = len({arm for _, _, arm in groups}) > 1
    some = f"The {SHOWN} of {len(groups)} least uniform. " if len(groups) > SHOWN else ""
    tops = [row["count"] for rows in shown.values() for row in rows]
    limit = HEADROOM * max(tops)
    draws = format_count(sum(row["count"] for row in ordered[0][1]))
    return Chart(
        title=_title(finding, alpha),
        caption=f"{some}{draws} assignments; dashed is where all bars would be if p-values were uniform, orange what "
        f"lies below {alpha:g}.",
        alt=_alt(shown, alpha),
        table=evidence,
        panels=[_panel(key, rows, alpha, (limit, arms)) for key, rows in shown.items()],
        aligned=True,
    )


def _panel(key: tuple[str, str, str], rows: list[dict[str, float]], alpha: float, size: tuple[float, bool]) -> Pane:
    limit, arms = size
    metric, method, arm = key
    edges = [rows[0]["bin_low"], *(row["bin_high"] for row in rows)]
    level = sum(row["count"] for row in rows) / len(rows)
    below = [row for row in rows if row["bin_high"] <= alpha + 1e-9]
    cut = len(below)
    marks: list[Mark] = []
    if below:
        marks.append(Bars(edges[: cut + 1], [row["count"] for row in below], Tone.SECOND))
    marks.append(Bars(edges[cut:], [row["count"] for row in rows[cut:]], Tone.FIRST))
    marks.append(Curve((0.0, 1.0), (level, level), Tone.PLAIN, dashed=True))
    first = rows[0]
    found = (
        f"{format_share(first['rate'])} below {alpha:g} ({format_share(first['low'])} to {format_share(first['high'])})"
    )
    named = f"{metric}, {method}{f', {arm}' if arms else ''}: {found}; uniform: p {_p(first['uniform'])}"
    y = Axis("Assignments", (0.0, limit), round_ticks(0.0, limit))
    keys = [Key("uniform", Tone.PLAIN, kind="dashes")]
    return Pane(marks, Axis("P-value", (0.0, 1.0)), y, title=named, keys=keys)


def _p(value: float) -> str:
    text = format_p(value)
    return text if text.startswith("<") else f"= {text}"


def _title(finding: Finding, alpha: float) -> str:
    if finding.grade is Grade.PASS:
        return "Where nothing has an effect, p-values are uniform, as they should be"
    rate = format_share(finding.statistic or 0.0)
    return f"Where nothing has an effect, {rate} of the p-values of {finding.subject} are below {alpha:g}"


def _alt(shown: dict[tuple[str, str, str], list[dict[str, float]]], alpha: float) -> str:
    told = "; ".join(
        f"{metric}, {method}, {arm}: {format_share(rows[0]['rate'])} below {alpha:g}"
        for (metric, method, arm), rows in shown.items()
    )
    return f"Histograms of p-values under arms assigned anew. {told}."
