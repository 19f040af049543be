"""Figures of hidden confounding, assumptions and selection: what they say, hold and refuse."""

from dataclasses import replace

import pytest
import study_records as made

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.assumptions import assumption_bounds_figure
from estimand.figures.chart import Curve, Interval, VLine
from estimand.figures.hidden_bias import marginal_sensitivity_figure, rosenbaum_bounds_figure
from estimand.figures.look import NARROW, WIDE
from estimand.figures.selection import oster_delta_figure
from estimand.figures.static import to_png, to_svg
from estimand.figures.ticks import round_ticks


def told(check: str, **columns: list[float | str | None]) -> Finding:
    return made.finding(check, "about", Grade.NOTE, "Words.", evidence=Table(columns))


def rosenbaum(turn: float | None = 1.5, effect: bool = True, p: float = 0.001) -> Finding:
    ends = {name: [1.0, 0.5, -0.2] if "low" in name else [1.0, 1.5, 2.2] for name in ("low", "high")}
    ends |= {"ci_low": [0.6, 0.0, -0.5], "ci_high": [1.4, 2.0, 2.6]}
    if not effect:
        ends = {name: [None] * 3 for name in ends}
    return told(
        "stress.rosenbaum_bounds", gamma=[1.0, 1.5, 2.0], largest_p=[p, 0.025, 0.6], **ends, turn=[turn] * 3,
        alpha=[0.025] * 3,
    )  # fmt: skip


def marginal(turn: float | None = 1.4, low: float = 0.5) -> Finding:
    return told(
        "stress.marginal_sensitivity",
        **{"lambda": [1.0, 1.4, 2.0]}, low=[1.0, low, -0.1], high=[1.0, 1.6, 2.1], ci_low=[0.8, 0.0, -0.4],
        ci_high=[1.2, 1.9, 2.4], interval_turn=[turn] * 3, set_turn=[None] * 3,
    )  # fmt: skip


def assumed() -> Finding:
    return told(
        "stress.manski_bounds", assumption=["Nothing", "Both"], low=[-0.5, 0.1], high=[0.5, 0.1],
        ci_low=[-0.55, 0.05], ci_high=[0.55, 0.15],
    )  # fmt: skip


def oster(ratio: float | None = 1.5) -> Finding:
    return told(
        "stress.oster_delta", delta=[0.0, 1.0, 1.5, 2.0], coefficient=[1.0, 0.4, 0.0, -0.5], controlled=[1.0] * 4,
        short=[1.4] * 4, ratio=[ratio] * 4, largest_r2=[0.8] * 4,
    )  # fmt: skip


DRAWN = [
    (rosenbaum_bounds_figure, rosenbaum()),
    (marginal_sensitivity_figure, marginal()),
    (assumption_bounds_figure, assumed()),
    (oster_delta_figure, oster()),
]


def test_the_p_value_and_the_effect_share_gamma_and_the_turn() -> None:
    chart = rosenbaum_bounds_figure(rosenbaum())
    assert (
        chart.title
        == "Matched rows would have to differ 1.5-fold in their odds of treatment before the conclusion turns"
    )
    p_panel, effect = chart.panels
    assert [mark.at for panel in chart.panels for mark in panel.marks if isinstance(mark, VLine)] == [1.5, 1.5]
    assert p_panel.x == effect.x
    drawn = {tuple(mark.y) for mark in effect.marks if isinstance(mark, Curve)}
    assert {tuple(rosenbaum().evidence[name]) for name in ("low", "high", "ci_low", "ci_high")} <= drawn
    assert "Γ = 1.50, p at most 0.025, effect 0.500 to 1.50" in chart.alt


def test_a_yes_or_no_outcome_has_the_p_value_only_and_other_turns_have_other_titles() -> None:
    assert len(rosenbaum_bounds_figure(rosenbaum(effect=False)).panels) == 1
    assert "even without" in rosenbaum_bounds_figure(rosenbaum(None, p=0.2)).title
    assert rosenbaum_bounds_figure(rosenbaum(None)).title == "No hidden confounding turns the conclusion"


def test_bounds_over_lambda_say_where_the_interval_meets_zero() -> None:
    chart = marginal_sensitivity_figure(marginal())
    assert "changes the odds of treatment 1.4-fold" in chart.title
    assert "Λ = 1.40, 0.500 to 1.60" in chart.alt
    assert "up to Λ = 2" in marginal_sensitivity_figure(marginal(None)).title
    assert "even without" in marginal_sensitivity_figure(marginal(1.0)).title


def test_each_assumption_has_a_row_with_its_set_and_its_interval() -> None:
    chart = assumption_bounds_figure(assumed())
    assert [(row.label, row.value) for row in chart.panels[0].rows] == [
        ("Nothing", "−0.500 to 0.500"),
        ("Both", "0.100"),
    ]
    assert chart.title == "1 of 2 assumptions settles the sign of the effect; the first is 'Both'"
    segments = [mark.segments[0] for mark in chart.panels[0].marks if isinstance(mark, Interval)]
    assert segments == [(-0.55, 0.55), (-0.5, 0.5), (0.05, 0.15), (0.1, 0.1)]
    open_ended = replace(
        assumed(), evidence=Table({name: column[:1] for name, column in assumed().evidence.columns.items()})
    )
    assert assumption_bounds_figure(open_ended).title.startswith("None of 1")


def test_selection_is_held_against_that_on_the_covariates() -> None:
    chart = oster_delta_figure(oster())
    assert chart.title.startswith("Hidden selection 1.5 times that on the covariates")
    assert [mark.at for mark in chart.panels[0].marks if isinstance(mark, VLine)] == [1.0, 1.5]
    assert "No selection" in oster_delta_figure(oster(None)).title
    assert "own direction" in oster_delta_figure(oster(-2.0)).title


@pytest.mark.parametrize(("low", "high"), [(-0.5, 2.3), (0.0, 1e-6), (-4e6, 3e6), (0.03, 0.09)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    places = [place for place, _ in round_ticks(low, high)]
    assert 2 <= len(places) <= 8
    assert low - 1e-12 <= min(places)
    assert max(places) <= high + 1e-9 * abs(high)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(("draw", "finding"), DRAWN)
def test_they_render_wide_and_narrow_the_same_each_time(draw, finding: Finding, width: float) -> None:
    assert to_svg(draw(finding), width) == to_svg(draw(finding), width)
    assert to_png(draw(finding), width=width)[:4] == b"\x89PNG"
    assert draw(finding).table is finding.evidence


@pytest.mark.parametrize("draw", [draw for draw, _ in DRAWN])
@pytest.mark.parametrize("evidence", [None, Table({}), Table({"other": [1]})])
def test_a_finding_without_evidence_is_refused(draw, evidence) -> None:
    with pytest.raises(UnsupportedError, match="nothing to draw"):
        draw(made.finding("x", "y", Grade.NOTE, "m", evidence=evidence))
