"""How the effect loosens as more hidden confounding is allowed: Rosenbaum's Γ and the marginal model's Λ."""

from collections.abc import Sequence
from typing import Any

from estimand.core.finding import Finding
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number, format_p, format_plain
from estimand.figures.ticks import round_ticks

EFFECT_COLUMNS = ("low", "high", "ci_low", "ci_high")
ROSENBAUM_COLUMNS = ("gamma", "largest_p", *EFFECT_COLUMNS, "turn", "alpha")
MARGINAL_COLUMNS = ("lambda", *EFFECT_COLUMNS, "interval_turn", "set_turn")
KEYS = (Key("range of estimates", Tone.FIRST), Key("its interval", Tone.SECOND))
P_TOP = 4.0
ROOM = 0.06


def rosenbaum_bounds_figure(finding: Finding) -> Chart:
    """Largest p-value, and the effect's bounds and interval, over Γ.

    Parameters
    ----------
    finding : Finding
        Of ``stress.rosenbaum_bounds``. Its evidence has the columns ``gamma``, ``largest_p``, ``low``, ``high``,
        ``ci_low`` and ``ci_high`` (None where there is no additive effect), and ``turn`` and ``alpha``, the same in
        every row; ``turn`` is None where nothing turns.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, ROSENBAUM_COLUMNS)
    turn, alpha = evidence["turn"][0], evidence["alpha"][0]
    gammas = evidence["gamma"]
    x = Axis("Γ: how many times the odds of treatment of one matched row may be another's", (1.0, gammas[-1]))
    top = P_TOP * alpha
    turned: list[Mark] = [] if turn is None or turn > gammas[-1] else [VLine(turn, f"Γ = {format_plain(_short(turn))}")]
    p_marks: list[Mark] = [
        *turned,
        Curve((1.0, gammas[-1]), (alpha, alpha), Tone.QUIET, dashed=True),
        Curve(gammas, [min(p, 2.0 * top) for p in evidence["largest_p"]], Tone.FIRST),
        *_dots(gammas, evidence["largest_p"], top),
    ]
    ticks = [(share * alpha, format_plain(share * alpha)) for share in (0.0, 1.0, 2.0, 3.0, 4.0)]
    panels = [Pane(p_marks, x, Axis("Largest one-sided p-value", (0.0, top), ticks))]
    known = _known(evidence)
    if known:
        panels.append(_effect_panel([row["gamma"] for row in known], known, x, turned))
    return Chart(
        title=_turn_title(turn, evidence),
        caption=f"For {finding.about}, in the direction the data lean; the dashed line is a p-value of {alpha:g}.",
        alt=_rosenbaum_alt(evidence),
        table=evidence,
        panels=tuple(panels),
    )


def marginal_sensitivity_figure(finding: Finding) -> Chart:
    """Bounds of a weighted effect and their interval over Λ.

    Parameters
    ----------
    finding : Finding
        Of ``stress.marginal_sensitivity``. Its evidence has the columns ``lambda``, ``low``, ``high``, ``ci_low`` and
        ``ci_high``, and ``interval_turn`` and ``set_turn``, the same in every row, None where there is no turn.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, MARGINAL_COLUMNS)
    bounds, turn = evidence["lambda"], evidence["interval_turn"][0]
    x = Axis("Λ: factor by which hidden confounding may change the odds of treatment", (1.0, bounds[-1]))
    turned: list[Mark] = (
        [] if turn is None or not 1.0 < turn <= bounds[-1] else [VLine(turn, f"Λ = {format_plain(_short(turn))}")]
    )
    if turn is None:
        title = f"No hidden confounding up to Λ = {format_plain(_short(bounds[-1]))} takes the interval to zero"
    elif turn <= 1.0:
        title = "The interval holds zero even without hidden confounding"
    else:
        said = format_plain(_short(turn))
        title = f"Hidden confounding that changes the odds of treatment {said}-fold would take the interval to zero"
    rows = list(evidence.rows())
    said = "; ".join(
        f"Λ = {row['lambda']:.2f}, {format_number(row['low'])} to {format_number(row['high'])}" for row in rows
    )
    return Chart(
        title=title,
        caption=f"For {finding.about}: least and greatest weighted estimate, with the interval that covers the effect.",
        alt=f"Bounds on the effect by how far hidden confounding may change the odds of treatment: {said}.",
        table=evidence,
        panels=(_effect_panel(bounds, rows, x, turned),),
    )


def _known(evidence: Table) -> list[dict[str, Any]]:
    return [row for row in evidence.rows() if all(row[name] is not None for name in EFFECT_COLUMNS)]


def _effect_panel(x: Sequence[float], rows: list[dict[str, Any]], axis: Axis, turned: list[Mark]) -> Pane:
    """Four curves and the line of no effect."""
    columns = {name: [row[name] for row in rows] for name in EFFECT_COLUMNS}
    ends = [0.0, *columns["ci_low"], *columns["ci_high"]]
    low, high = min(ends), max(ends)
    pad = ROOM * (high - low) or 1.0
    start, end = axis.limits or (x[0], x[-1])
    marks: list[Mark] = [*turned, Curve((start, end), (0.0, 0.0), Tone.PLAIN)]
    marks += [Curve(x, columns[name], Tone.SECOND, dashed=True) for name in ("ci_low", "ci_high")]
    marks += [Curve(x, columns[name], Tone.FIRST) for name in ("low", "high")]
    limits = (low - pad, high + pad)
    return Pane(marks, axis, Axis("Effect (units of the outcome)", limits, round_ticks(*limits)), keys=KEYS)


def _dots(x: Sequence[float], y: Sequence[float], top: float) -> list[Mark]:
    inside = [(one, other) for one, other in zip(x, y, strict=True) if other <= top]
    return [Points([one for one, _ in inside], [other for _, other in inside], Tone.FIRST, small=True)]


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _turn_title(turn: float | None, evidence: Table) -> str:
    if evidence["largest_p"][0] > evidence["alpha"][0]:
        return "The matched rows show no effect even without hidden confounding"
    if turn is None:
        return "No hidden confounding turns the conclusion"
    return (
        f"Matched rows would have to differ {format_plain(_short(turn))}-fold in their odds of treatment before the "
        "conclusion turns"
    )


def _rosenbaum_alt(evidence: Table) -> str:
    parts = []
    for row in evidence.rows():
        effect = "" if row["low"] is None else f", effect {format_number(row['low'])} to {format_number(row['high'])}"
        parts.append(f"Γ = {row['gamma']:.2f}, p at most {format_p(row['largest_p'])}{effect}")
    return f"Largest p-value and effect by Γ: {'; '.join(parts)}."
