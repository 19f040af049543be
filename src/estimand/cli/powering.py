"""Commands that plan an experiment."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.cli.drawing import draw, drawable
from estimand.cli.metric_words import read_arms, read_columns, read_metric, read_metrics
from estimand.cli.output import print_json, tell_places, writing
from estimand.cli.show import terminal
from estimand.errors import DesignError
from estimand.study.power import power as answered
from estimand.study.powering.answer import PowerAnalysis
from estimand.study.pre_register import plan as drafted


def power(history: str | None, given: Mapping[str, Mapping[str, Any]], json: bool, figure: Path | None) -> int:
    """Answer what size, effect or power is left open, with the curve around it."""
    words, asked, planned, place = given["words"], given["asked"], given["planned"], drawable(figure)
    metric = read_metric(words["metric"]) | _given({name: words[name] for name in ("covariate", "kind", "quantile")})
    metric |= {"role": "guardrail"} if "margin" in metric else {}
    found = answered(history, metric=metric, planned=_plan(planned), **_given(asked))
    if json:
        print_json(found.to_dict())
    else:
        _show(found, terminal())
    draw(place, "power_curve", found.curve, found.metric, found.units, planned["power"])
    return 0


def plan(history: str | None, given: Mapping[str, Mapping[str, Any]], json: bool, out: Path | None) -> int:
    """Print the study file of a planned experiment, or write it."""
    metrics = [metric for role, text in given["roles"].items() for metric in read_metrics(text, role)]
    if not given["draft"]["question"]:
        raise DesignError("A plan starts from its question.", remedy='Add --question "Does it pay?".')
    if not given["roles"]["primary"]:
        raise DesignError("No metric is named that decides.", remedy="Name one: --primary spend@spend_before.")
    named = dict(given["design"])
    columns = {name: read_columns(named.pop(name)) for name in ("strata", "segments")}
    design = {"kind": "experiment", "metrics": metrics, "planned": _plan(given["planned"])} | _given(named)
    # The first arm is control here, and in data the first label in order is.
    arms = list(design["planned"]["allocation"])
    design |= {"control": arms[0]} if arms else {}
    design |= {"strata": columns["strata"], "roles": {"segments": columns["segments"]}}
    made = drafted(history, design=design, **_given(given["draft"]))
    if out is not None:
        with writing(out):
            made.write(out)
        tell_places(plan=out)
    if json:
        print_json(made.to_dict())
    elif out is None:
        sys.stdout.write(made.text)
    else:
        console = terminal()
        for item in made.power:
            console.print(Text(item.sentence()))
        console.print(Text(f"Digest: {made.digest}. Note it where the file is not.", style="bold"))
    return 0


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plan(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a plan, its arms read from words."""
    return _given(fields) | {"allocation": read_arms(fields["allocation"])}


def _show(found: PowerAnalysis, console: Console) -> None:
    console.print(Text(found.sentence(), style="bold"))
    arms = ", ".join(f"{arm} {units:,}" for arm, units in found.arms.items())
    console.print(Text(f"By arm: {arms}.", style="dim"))
    if found.expected_units is not None:
        saved = f"{found.expected_units:,.0f} on average, where an experiment stops early"
        console.print(Text(f"Looks take {found.inflation:.3g} times the units of one look; {saved}."))
    if found.simulated is not None:
        counted = found.simulated
        told = (
            f"{counted.power:.3f} ± {counted.mc_error:.3f} in {counted.experiments:,} experiments by {counted.method}"
        )
        console.print(Text(f"Simulated power: {told}."))
    header, rows = found.shown()
    shown = [j for j, name in enumerate(header) if any(row[j] for row in rows)]
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for j in shown:
        table.add_column(header[j], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[j] for j in shown))
    console.print(table)
    for line in found.assumptions:
        console.print(Text(line, style="dim"))
