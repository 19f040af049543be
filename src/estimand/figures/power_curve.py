"""What more units buy: power at the effect wanted, and the least effect that is found."""

from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Curve, Mark, Pane, Tone, VLine
from estimand.figures.numbers import format_count, format_number, format_share
from estimand.figures.ticks import limits_around, round_ticks

COLUMNS = ("units", "days", "power", "effect", "relative")


def power_curve_figure(curve: Table, metric: str, units: float, wanted: float = 0.8) -> Chart:
    """Power over the number of units, and below it the effect that is found with the power wanted.

    Parameters
    ----------
    curve : Table
        Of a power analysis: columns ``units`` over all arms, ``power`` at the effect, ``effect`` and ``relative`` that
        are found with the power wanted, and ``days``.
    metric : str
    units : float
        Planned, over all arms.
    wanted : float
        Power.

    Raises
    ------
    UnsupportedError
        If there is no such curve.
    """
    if any(name not in curve.columns for name in COLUMNS) or len(curve) < 2:
        raise UnsupportedError("There is no curve of power.", remedy="Give the curve of es.power(…).")
    x = [float(value) for value in curve["units"]]
    xs = Axis("Units in all arms", (0.0, x[-1]), round_ticks(0.0, x[-1]))
    planned: list[Mark] = [VLine(units, f"{format_count(round(units))} units", Tone.HEADLINE)]
    shares = tuple((tick / 5.0, f"{20 * tick}%") for tick in range(6))
    flat = Curve((0.0, x[-1]), (wanted, wanted), Tone.QUIET, dashed=True)
    power = Curve(x, list(curve["power"]), Tone.FIRST, heavy=True)
    panels = [Pane([flat, power, *planned], xs, Axis("Power", (0.0, 1.03), shares), title="Power at the effect wanted")]
    relative = all(row["relative"] is not None for row in curve.rows() if row["effect"] is not None)
    found = [
        (at, 100.0 * row["relative"] if relative else row["effect"])
        for at, row in zip(x, curve.rows(), strict=True)
        if row["effect"] is not None
    ]
    if found:
        high = limits_around([value for _, value in found])[1]
        label = "Least effect (% of the level)" if relative else f"Least effect on {metric}"
        line = Curve([at for at, _ in found], [value for _, value in found], Tone.THIRD, heavy=True)
        title = f"Least effect found with power {format_share(wanted)}"
        panels.append(
            Pane(
                [line, VLine(units, "", Tone.HEADLINE)],
                xs,
                Axis(label, (0.0, high), round_ticks(0.0, high)),
                title=title,
            )
        )
    reached = min(zip(x, curve["power"], strict=True), key=lambda pair: abs(pair[0] - units))[1]
    return Chart(
        title=f"With {format_count(round(units))} units the test on {metric} has power {format_share(reached)}",
        caption="Power to find the effect wanted if it is there; below, the effect found with the power wanted.",
        alt=_alt(curve, metric),
        table=curve,
        panels=panels,
        aligned=True,
    )


def _alt(curve: Table, metric: str) -> str:
    told = "; ".join(
        f"{format_count(round(row['units']))} units: power {format_share(row['power'])}, least effect "
        f"{'none' if row['effect'] is None else format_number(row['effect'])}"
        for row in curve.rows()
    )
    return f"Power for {metric} by units: {told}."
