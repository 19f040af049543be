"""How strong a confounder would have to be: what it would leave of the estimate, contour by contour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number, format_plain, format_share

COLUMNS = ("covariate", "times", "with_treatment", "with_outcome", "adjusted", "estimate", "std_error", "dof")
SHARES_LEFT = (0.5, 0.0, -0.5, -1.0)
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
ROOM, SMALLEST = 1.25, 0.04
FINE = 160
APART = 0.12
TONES = (Tone.SECOND, Tone.THIRD, Tone.FOURTH, Tone.FIRST)


@dataclass(frozen=True, slots=True)
class _Coefficient:
    """The coefficient that a confounder would change.

    Attributes
    ----------
    estimate : float
    scale : float
        Standard error times the square root of the degrees of freedom.
    """

    estimate: float
    scale: float

    def outcome_share(self, treatment_share: float, left: float) -> float:
        """Partial R² with the outcome at which a confounder leaves this share of the estimate."""
        bias = abs(self.estimate) * (1.0 - left) / self.scale
        return bias**2 * (1.0 - treatment_share) / treatment_share

    def treatment_share(self, outcome_share: float, left: float) -> float:
        """Invert :meth:`outcome_share`."""
        bias = (abs(self.estimate) * (1.0 - left) / self.scale) ** 2
        return bias / (bias + outcome_share)

    def robustness(self) -> float:
        """Share of both at which nothing is left."""
        f = (self.estimate / self.scale) ** 2
        return 0.5 * (math.sqrt(f * f + 4.0 * f) - f)


def sensitivity_contour_figure(finding: Finding) -> Chart:
    """Adjusted estimate over the confounder's partial R² with treatment and with the outcome.

    Contours join confounders that leave the same estimate; beyond the contour of zero its sign turns. Points
    are confounders one, two or three times as strong as a covariate.

    Parameters
    ----------
    finding : Finding
        Of ``stress.omitted_variable``. Its evidence has the columns ``covariate``, ``times``, ``with_treatment``,
        ``with_outcome`` and ``adjusted``, the first row for the estimate as it is, and ``estimate``,
        ``std_error`` and ``dof``, the same in every row.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    points = [row for row in rows if row["times"]]
    first = rows[0]
    coefficient = _Coefficient(first["estimate"], first["std_error"] * math.sqrt(first["dof"]))
    x_top = _reach([row["with_treatment"] for row in points], coefficient)
    y_top = _reach([row["with_outcome"] for row in points], coefficient)
    names = list(dict.fromkeys(row["covariate"] for row in points))
    panel = Pane(
        marks=[*_contours(coefficient, x_top, y_top), *_benchmarks(points, names)],
        x=Axis("Partial R² of the confounder with treatment", (0.0, x_top), _ticks(x_top)),
        y=Axis("Partial R² of the confounder with the outcome", (0.0, y_top), _ticks(y_top)),
        keys=[Key(name, TONES[j % len(TONES)]) for j, name in enumerate(names)],
    )
    return Chart(
        title=_title(coefficient, points),
        caption=_caption(finding, coefficient),
        alt=_alt(coefficient, points),
        table=evidence,
        panels=(panel,),
    )


def _reach(shares: Sequence[float], coefficient: _Coefficient) -> float:
    """End of an axis: past the benchmarks and the robustness value, and never past 1."""
    return min(1.0, ROOM * max(*shares, coefficient.robustness(), SMALLEST, SMALLEST))


def _ticks(top: float) -> list[tuple[float, str]]:
    step = next((step for step in STEPS if top / step < 6.5), STEPS[-1])
    return [(j * step, f"{format_plain(100 * j * step)}%") for j in range(int(top / step + 1e-9) + 1)]


def _contours(coefficient: _Coefficient, x_top: float, y_top: float) -> list[Mark]:
    """Contours, each labelled on the diagonal unless another label is near; the contour of zero comes first."""
    marks: list[Mark] = []
    labelled: list[float] = []
    for left in sorted(SHARES_LEFT, key=abs):
        start = coefficient.treatment_share(y_top, left)
        if not 0.0 < start < 0.7 * x_top:
            continue
        zero = left == 0.0
        x = [start * (x_top / start) ** (j / FINE) for j in range(FINE + 1)]
        y = [coefficient.outcome_share(value, left) for value in x]
        text = "nothing left" if zero else format_number(left * coefficient.estimate)
        corner = next(j for j in range(FINE + 1) if x[j] / x_top >= y[j] / y_top)
        place = x[corner] / x_top
        clear = all(abs(place - other) >= APART for other in labelled)
        if clear:
            labelled.append(place)
        marks.append(Curve(x, y, Tone.PLAIN if zero else Tone.QUIET, not zero, text if clear else "", corner))
    return marks


def _benchmarks(points: list[dict[str, Any]], names: list[str]) -> list[Mark]:
    marks: list[Mark] = []
    for j, name in enumerate(names):
        own = [row for row in points if row["covariate"] == name]
        tone = TONES[j % len(TONES)]
        x, y = [row["with_treatment"] for row in own], [row["with_outcome"] for row in own]
        marks.append(Curve(x, y, tone))
        marks.append(Points(x, y, tone))
    return marks


def _title(coefficient: _Coefficient, points: list[dict[str, Any]]) -> str:
    value = format_share(coefficient.robustness())
    lead = f"A confounder must explain {value} of both treatment and outcome to leave nothing"
    worst = _worst(points)
    if worst is None:
        return lead
    kept = worst["adjusted"] * coefficient.estimate > 0
    left = format_number(worst["adjusted"])
    words = f"leaves {left} of {format_number(coefficient.estimate)}" if kept else "would turn the sign"
    return f"{lead}; {_named(worst)} {words}"


def _worst(points: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the benchmark that the finding's own words are about: the first."""
    return next(iter(points), None)


def _named(row: dict[str, Any]) -> str:
    strength = "just" if row["times"] == 1 else f"{row['times']}×"
    return f"one {strength} as strong as {row['covariate']}"


def _caption(finding: Finding, coefficient: _Coefficient) -> str:
    return (
        f"For {finding.about}; estimate {format_number(coefficient.estimate)} by linear regression with one slope per "
        "covariate. Points are confounders 1×, 2× and 3× as strong as a covariate; lines join those that leave the "
        "same estimate."
    )


def _alt(coefficient: _Coefficient, points: list[dict[str, Any]]) -> str:
    said = "; ".join(
        f"{_named(row)}, {format_share(row['with_treatment'])} with treatment and {format_share(row['with_outcome'])} "
        f"with the outcome, leaves {format_number(row['adjusted'])}"
        for row in points
    )
    return (
        f"Contours of the estimate {format_number(coefficient.estimate)} after adjusting for a confounder; it is zero "
        f"where the confounder explains {format_share(coefficient.robustness())} of both. Benchmarks: {said or 'none'}."
    )
