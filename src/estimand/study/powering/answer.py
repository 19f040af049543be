"""What planning answers: size, effect and power, what they rest on, and the curve around them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from estimand.core.display import format_number, html_table, markdown_table, markdown_text
from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json, encode, number
from estimand.core.table import Table
from estimand.study.powering.simulate import Simulated


@dataclass(frozen=True, slots=True, eq=False)
class PowerAnalysis(Frozen):
    """Size, effect and power of an experiment on one metric.

    Attributes
    ----------
    metric : str
    solved : "units" | "effect" | "power"
        Which followed from the other two.
    units : float
        Over all arms, not rounded.
    arms : mapping of str to int
        Units of each, rounded up.
    days : float or None
    effect : float
        In the metric's unit, above 0; of a guardrail with a margin, that margin.
    relative : float or None
        As a share of the level; None where the level is zero.
    power : float
    alpha : float
        Two-sided, of one comparison.
    level : float
        Of the metric in control.
    std_error, df : float
        Of the least precise comparison.
    details : mapping of str to float
        What the precision is made of: the ``variance`` of one unit, the ``residual`` share that history leaves, the
        ``design_effect`` of clusters.
    inflation : float
        Units over those of the same test without looks.
    expected_units : float or None
        Gathered on average, where looks may stop the experiment.
    curve : Table
        Columns ``units``, ``days``, ``power`` at the effect, ``effect`` found with the power wanted, ``relative``.
    assumptions : tuple of str
    simulated : Simulated or None
    margin : bool
        Whether the effect is a margin, within which a metric is to be shown.
    """

    metric: str
    solved: Literal["units", "effect", "power"]
    units: float
    arms: Mapping[str, int]
    days: float | None
    effect: float
    relative: float | None
    power: float
    alpha: float
    level: float
    std_error: float
    df: float
    details: Mapping[str, float]
    inflation: float
    expected_units: float | None
    curve: Table
    assumptions: tuple[str, ...]
    simulated: Simulated | None = None
    margin: bool = False

    def sentence(self) -> str:
        """Say the answer in a sentence."""
        share = "" if self.relative is None else f" ({100.0 * self.relative:.3g} % of {format_number(self.level)})"
        days = "" if self.days is None else f", {self.days:,.3g} days"
        what = (
            f"that {self.metric} is within a margin of {format_number(self.effect)}{share} is shown"
            if self.margin
            else f"an effect on {self.metric} of {format_number(self.effect)}{share} is found"
        )
        chance = f"with power {self.power:.3g} at a two-sided error of {self.alpha:.3g}"
        return f"{sum(self.arms.values()):,} units{days}: {what} {chance}."

    def shown(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the curve as a reader sees it."""
        header = ["units", "days", "power", "effect found", "share"]
        rows = [
            [
                f"{row['units']:,.0f}",
                "" if row["days"] is None else f"{row['days']:,.3g}",
                f"{row['power']:.3f}",
                "" if row["effect"] is None else format_number(row["effect"]),
                "" if row["relative"] is None else f"{100.0 * row['relative']:.3g} %",
            ]
            for row in self.curve.rows()
        ]
        return header, rows

    def _repr_html_(self) -> str:
        return html_table(self.sentence(), *self.shown())

    def _repr_markdown_(self) -> str:
        return f"{markdown_text(self.sentence())}\n\n{markdown_table(*self.shown())}"

    def to_dict(self) -> dict[str, Json]:
        """Return the answer as JSON; infinite degrees of freedom are null."""
        plain = ("units", "days", "effect", "relative", "power", "alpha", "level", "std_error", "df")
        rest = ("inflation", "expected_units")
        return {
            "metric": self.metric,
            "solved": self.solved,
            "margin": self.margin,
            **{name: number(getattr(self, name)) for name in (*plain, *rest)},
            "details": encode(self.details),
            "arms": encode(self.arms),
            "curve": self.curve.to_dict(),
            "assumptions": list(self.assumptions),
            "simulated": None if self.simulated is None else self.simulated.to_dict(),
        }
