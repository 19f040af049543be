"""What a two-way regression averages: each comparison of two cohorts, by its weight."""

from collections.abc import Sequence
from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number, format_plain, format_share
from estimand.figures.ticks import limits_around, round_ticks

COLUMNS = ("treated", "control", "kind", "weight", "estimate", "forbidden")
TONES = {
    "never treated": Tone.FIRST,
    "not yet treated": Tone.THIRD,
    "already treated": Tone.SECOND,
    "always treated": Tone.FOURTH,
}
ROOM = 1.08
MANY, SPOKEN = 30, 20


def bacon_figure(finding: Finding) -> Chart:
    """Estimate of each two-by-two comparison over its weight, by whom the treated are compared with.

    Parameters
    ----------
    finding : Finding
        Of ``panel.bacon``. Its evidence has a row per comparison: the cohorts ``treated`` and ``control``, the ``kind``
        of comparison, its ``weight`` and ``estimate``, and whether it is ``forbidden``.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    mean = sum(row["weight"] * row["estimate"] for row in rows)
    return Chart(
        title=_title(rows, mean),
        caption=f"For {finding.about}: a point compares one cohort with another, or with units never treated. The "
        "dashed line is their weighted mean, the coefficient without covariates. Filled points compare with units "
        "that are not treated.",
        alt=_alt(rows, mean),
        table=evidence,
        panels=(_panel(rows, mean),),
    )


def _panel(rows: Sequence[dict[str, Any]], mean: float) -> Pane:
    far = ROOM * max(row["weight"] for row in rows)
    kinds = list(dict.fromkeys((*(kind for kind in TONES if _of(rows, kind)), *(row["kind"] for row in rows))))
    marks: list[Mark] = [
        Curve((0.0, far), (0.0, 0.0), Tone.QUIET),
        Curve((0.0, far), (mean, mean), Tone.PLAIN, dashed=True),
    ]
    keys = []
    for kind in kinds:
        own = _of(rows, kind)
        tone, filled = TONES.get(kind, Tone.PLAIN), not own[0]["forbidden"]
        x, y = [row["weight"] for row in own], [row["estimate"] for row in own]
        marks.append(Points(x, y, tone, filled, small=len(rows) > MANY))
        keys.append(Key(f"against {kind}", tone, filled))
    keys.append(Key(f"weighted mean {format_number(mean)}", Tone.PLAIN, kind="dashes"))
    limits = limits_around(row["estimate"] for row in rows)
    shares = [(place, f"{format_plain(round(100.0 * place, 9))}%") for place, _ in round_ticks(0.0, far)]
    y_axis = Axis("Difference in differences (units of the outcome)", limits, round_ticks(*limits))
    return Pane(marks, Axis("Weight in the coefficient", (0.0, far), shares), y_axis, keys=keys)


def _of(rows: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["kind"] == kind]


def _title(rows: Sequence[dict[str, Any]], mean: float) -> str:
    said = f"The two-way coefficient of {format_number(mean)} averages {len(rows)} comparison{'s' * (len(rows) > 1)}"
    bad = [row for row in rows if row["forbidden"]]
    if not bad:
        return f"{said}, none with units treated already"
    share = sum(row["weight"] for row in bad)
    value = sum(row["weight"] * row["estimate"] for row in bad) / share
    found = format_number(value)
    return f"{said}: {format_share(share)} of the weight is on units treated already, which average {found}"


def _alt(rows: Sequence[dict[str, Any]], mean: float) -> str:
    heaviest = sorted(rows, key=lambda row: -row["weight"])
    said = "; ".join(
        f"{row['treated']} against {row['control']} ({row['kind']}), weight {format_share(row['weight'])}: "
        f"{format_number(row['estimate'])}"
        for row in heaviest[:SPOKEN]
    )
    rest = f"; and {len(rows) - SPOKEN} lighter ones in the table" if len(rows) > SPOKEN else ""
    return f"Comparisons of two cohorts by weight, their weighted mean {format_number(mean)}: {said}{rest}."
