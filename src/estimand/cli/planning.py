"""What the command line takes to plan an experiment: its arguments and options."""

from pathlib import Path
from typing import Annotated

import typer

from estimand.cli import perform

Unit = Annotated[str | None, typer.Option("--unit", help="Column that identifies a row.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random stream.")]
History = Annotated[str | None, typer.Argument(metavar="[HISTORY]", help="A table of the past, one row a unit.")]
Mde = Annotated[float | None, typer.Option("--mde", min=0, help="Effect that is to be found.")]
Relative = Annotated[bool, typer.Option("--relative", help="It is a share of the metric's level.")]
Daily = Annotated[float | None, typer.Option("--daily", min=0, help="Units that arrive in a day, over all arms.")]
Units = Annotated[int | None, typer.Option("--units", min=4, help="Units over all arms.")]
Days = Annotated[float | None, typer.Option("--days", min=0, help="Duration.")]
Alpha = Annotated[float, typer.Option("--alpha", help="Two-sided error of all comparisons together.")]
Power = Annotated[float, typer.Option("--power", help="Power wanted.")]
Arms = Annotated[str, typer.Option("--arms", help="Labels, control first; with shares: A=0.8,B=0.2.")]
Correction = Annotated[str, typer.Option("--correction", help="none, holm, bh or romano_wolf.")]
Looks = Annotated[int, typer.Option("--looks", min=1, help="Looks at the data.")]
Sequential = Annotated[
    str, typer.Option("--sequential", help="How looks are paid for: group_sequential, confidence_sequence or msprt.")
]
Spending = Annotated[str, typer.Option("--spending", help="obrien_fleming, pocock or lan_demets.")]

Guardrails = Annotated[
    str, typer.Option("--guardrails", help="As metrics, with how far they may move: latency:decrease:2%.")
]
Secondary = Annotated[str, typer.Option("--secondary", help="Metrics that decide nothing.")]
Strata = Annotated[str, typer.Option("--strata", help="Of an experiment: columns that form the strata.")]
Segments = Annotated[str, typer.Option("--segments", help="Columns of the groups to report by.")]
Exposed = Annotated[str | None, typer.Option("--exposed", help="Column of when the unit was first exposed.")]
Day = Annotated[str | None, typer.Option("--day", help="Column of the day since exposure of a row.")]
Triggered = Annotated[str | None, typer.Option("--triggered", help="Column true where the change could be seen.")]
Took = Annotated[str | None, typer.Option("--took", help="Column of 1 where the unit took its arm's treatment.")]
Figure = Annotated[Path | None, typer.Option("--figure", metavar="FILE", help="Draw it there: .svg or .png.")]


def power(
    history: History = None,
    metric: Annotated[
        str, typer.Option("--metric", help="column[/denominator][:kind][:direction][:margin]; a margin as 2% or 0.1.")
    ] = "",
    covariate: Annotated[str | None, typer.Option("--covariate", help="The same before, in the history.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="mean, proportion, count, ratio, quantile, …")] = None,
    quantile: Annotated[float | None, typer.Option("--quantile", help="Of a quantile metric.")] = None,
    mde: Mde = None,
    relative: Relative = False,
    units: Units = None,
    daily: Daily = None,
    days: Days = None,
    baseline: Annotated[float | None, typer.Option("--baseline", help="Without a history: the level.")] = None,
    sd: Annotated[float | None, typer.Option("--sd", help="Without a history: of a unit's value.")] = None,
    correlation: Annotated[float | None, typer.Option("--correlation", help="Of value and covariate.")] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Of the history: what is assigned.")] = None,
    icc: Annotated[float | None, typer.Option("--icc", help="Without a history: within clusters.")] = None,
    cluster_size: Annotated[float | None, typer.Option("--cluster-size", help="Mean units of a cluster.")] = None,
    target_power: Power = 0.8,
    alpha: Alpha = 0.05,
    arms: Arms = "",
    correction: Correction = "none",
    primaries: Annotated[int, typer.Option("--primaries", min=1, help="Metrics that are corrected together.")] = 1,
    looks: Looks = 1,
    sequential: Sequential = "none",
    spending: Spending = "obrien_fleming",
    simulate: Annotated[int | None, typer.Option("--simulate", min=50, help="Experiments to simulate.")] = None,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON on standard output.")] = False,
    figure: Figure = None,
) -> None:
    """Plan an experiment's size: give two of effect, units and power, and read the third."""
    asked: dict[str, object] = {
        "mde": mde,
        "relative": relative,
        "units": units,
        "daily": daily,
        "baseline": baseline,
        "sd": sd,
    }
    asked |= {"correlation": correlation, "cluster": cluster, "icc": icc, "cluster_size": cluster_size}
    asked |= {"primaries": primaries, "simulate": simulate, "seed": seed}
    planned: dict[str, object] = {
        "power": target_power,
        "alpha": alpha,
        "correction": correction,
        "days": days,
        "looks": looks,
    }
    planned |= {"sequential": sequential, "spending": spending, "allocation": arms}
    words = {"metric": metric, "covariate": covariate, "kind": kind, "quantile": quantile}
    given = {"words": words, "asked": asked, "planned": planned}
    perform("powering", "power", history=history, given=given, json=json, figure=figure)


def plan(
    history: History = None,
    question: Annotated[str, typer.Option("--question", help="What the experiment is to answer.")] = "",
    treatment: Annotated[str, typer.Option("--treatment", help="The arm column that the data will have.")] = "variant",
    primary: Annotated[
        str,
        typer.Option(
            "--primary", help="Metrics: column[/denominator][@covariate][:kind][:direction], comma-separated."
        ),
    ] = "",
    guardrails: Guardrails = "",
    secondary: Secondary = "",
    strata: Strata = "",
    segments: Segments = "",
    exposed: Exposed = None,
    day: Day = None,
    mde: Mde = None,
    relative: Relative = False,
    units: Units = None,
    daily: Daily = None,
    days: Days = None,
    unit: Unit = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Column within which rows depend.")] = None,
    target_power: Power = 0.8,
    alpha: Alpha = 0.05,
    arms: Arms = "",
    correction: Correction = "none",
    looks: Looks = 1,
    sequential: Sequential = "none",
    spending: Spending = "obrien_fleming",
    data: Annotated[str, typer.Option("--data", help="Where the experiment's data will be.")] = "experiment.parquet",
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON on standard output.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Study file to write.")] = None,
) -> None:
    """Plan an experiment, and write the study file to register before its data come."""
    planned: dict[str, object] = {
        "units": units,
        "days": days,
        "power": target_power,
        "alpha": alpha,
        "correction": correction,
    }
    planned |= {"looks": looks, "sequential": sequential, "spending": spending, "allocation": arms}
    roles = {"primary": primary, "guardrail": guardrails, "secondary": secondary}
    design: dict[str, object] = {"treatment": treatment, "unit": unit, "cluster": cluster}
    design |= {"strata": strata, "segments": segments, "exposed": exposed, "day": day}
    draft: dict[str, object] = {
        "question": question,
        "mde": mde,
        "relative": relative,
        "daily": daily,
        "data": data,
        "seed": seed,
    }
    given = {"draft": draft, "design": design, "roles": roles, "planned": planned}
    perform("powering", "plan", history=history, given=given, json=json, out=out)
