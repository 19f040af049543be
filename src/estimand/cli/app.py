"""What the command line takes: commands, arguments and options."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from estimand.cli import perform
from estimand.cli.planning import (
    Day,
    Exposed,
    Figure,
    Guardrails,
    Secondary,
    Segments,
    Strata,
    Took,
    Triggered,
    plan,
    power,
)

app = typer.Typer(
    name="estimand",
    help="From a question and a table of data to a causal answer someone can defend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"estimand {version('estimand')}")
        raise typer.Exit


@app.callback()
def estimand(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version, and stop.")
    ] = False,
) -> None:
    """From a question and a table of data to a causal answer someone can defend."""


Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON on standard output.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write record, arrays and report there.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random stream.")]
Stress = Annotated[
    str | None, typer.Option("--stress", help="quick keeps stress tests within a cost; full runs all. Default quick.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Batches side by side; default all processors.")]

Treatment = Annotated[
    str | None,
    typer.Option("--treatment", "--variant", help="The arm column; of a panel, 1 in treated rows."),
]
Metrics = Annotated[
    str,
    typer.Option(
        "--metrics",
        help="Of an experiment, for --outcome: column[/denominator][@covariate][:kind][:direction], comma-separated.",
    ),
]
Unit = Annotated[str | None, typer.Option("--unit", help="Column that identifies a row, or a unit over time.")]
Time = Annotated[str | None, typer.Option("--time", help="Period column: the table is a panel.")]
Cohort = Annotated[str | None, typer.Option("--cohort", help="First treated period: the table is a panel.")]
NegativeControls = Annotated[str, typer.Option("--negative-controls", help="Outcomes treatment cannot have changed.")]
NegativeExposures = Annotated[
    str, typer.Option("--negative-exposures", help="Columns that cannot have changed the outcome.")
]
MissingOutcome = Annotated[
    str | None, typer.Option("--missing-outcome", help="Rows without it: complete_case (left out) or weight.")
]
Absorb = Annotated[str, typer.Option("--absorb", help="Further columns with levels of their own, in a panel.")]
Window = Annotated[str | None, typer.Option("--window", help="First and last period to use, such as 2004,2007.")]
Kind = Annotated[
    str | None,
    typer.Option("--design", help="observational, experiment or panel; experiment with --metrics, else observational."),
]


@app.command()
def demo(
    name: Annotated[str, typer.Argument(metavar="[lalonde|outreach]")] = "lalonde",
    out: Out = None,
) -> None:
    """Run the main job on bundled data, print the table, write the report."""
    perform("studies", "demo", name=name, out=out)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")],
    data: Annotated[str | None, typer.Option("--data", help="Other data than the file's, under the same plan.")] = None,
    stress: Stress = None,
    json: Json = False,
    out: Out = None,
    threads: Threads = None,
) -> None:
    """Run a study from its file."""
    perform("studies", "run", study=study, other={"data": data, "stress": stress}, json=json, out=out, threads=threads)


@app.command()
def analyze(
    data: Annotated[str, typer.Argument(metavar="DATA", help="CSV or Parquet file, or a bundled dataset.")],
    outcome: Annotated[str, typer.Option("--outcome", help="The outcome column, or several, comma-separated.")] = "",
    treatment: Treatment = None,
    metrics: Metrics = "",
    guardrails: Guardrails = "",
    secondary: Secondary = "",
    strata: Strata = "",
    segments: Segments = "",
    exposed: Exposed = None,
    day: Day = None,
    triggered: Triggered = None,
    took: Took = None,
    covariates: Annotated[str, typer.Option("--covariates", help="Comma-separated columns.")] = "",
    methods: Annotated[str, typer.Option("--methods", help="Comma-separated keys, or: all.")] = "all",
    target: Annotated[str | None, typer.Option("--target", help="For the methods that offer it.")] = None,
    control: Annotated[str | None, typer.Option("--control", help="Label of the control arm.")] = None,
    unit: Unit = None,
    time: Time = None,
    cohort: Cohort = None,
    absorb: Absorb = "",
    window: Window = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Column within which rows depend.")] = None,
    post_treatment: Annotated[str, typer.Option("--post-treatment", help="Columns treatment may have changed.")] = "",
    negative_controls: NegativeControls = "",
    negative_exposures: NegativeExposures = "",
    missing_outcome: MissingOutcome = None,
    kind: Kind = None,
    headline: Annotated[str | None, typer.Option("--headline", help="Method to lead with.")] = None,
    resample: Annotated[str | None, typer.Option("--resample", help="Draw again: pairs, cluster, …")] = None,
    draws: Annotated[int | None, typer.Option("--draws", min=100, help="Draws of --resample.")] = None,
    question: Annotated[str, typer.Option("--question", help="The question, for the report.")] = "",
    stress: Stress = None,
    seed: Seed = 0,
    threads: Threads = None,
    json: Json = False,
    out: Out = None,
) -> None:
    """Analyse a table without writing a study file."""
    measured = {"primary": metrics, "guardrail": guardrails, "secondary": secondary}
    kind = kind or ("experiment" if any(measured.values()) else None)
    parts = _parts(post_treatment, negative_controls, negative_exposures)
    mapping = (
        _arisen(kind, treatment, time, cohort)
        | _periods(absorb, window)
        | _within(strata, exposed=exposed, day=day, triggered=triggered, took=took)
        | {"covariates": _split(covariates), "control": control, "unit": unit, "cluster": cluster}
        | {"roles": parts | ({"segments": _split(segments)} if segments else {}), "missing_outcome": missing_outcome}
        | ({"outcome": _split(outcome)} if outcome or not any(measured.values()) else {})
    )
    design = {name: value for name, value in mapping.items() if value is not None}
    study: dict[str, object] = {"data": data, "question": question, "design": design, "headline": headline}
    study |= {"methods": methods if methods == "all" else _split(methods), "target": target, "stress": stress}
    study |= {"seed": seed, "resample": _scheme(resample, draws)}
    perform("studies", "analyze", study=study, measured=measured, json=json, out=out, threads=threads)


@app.command()
def inspect(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file, a bundled dataset, or duckdb://FILE?table=T.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    study: Annotated[bool, typer.Option("--study", help="Print a study file to edit, and nothing else.")] = False,
) -> None:
    """Look at a table: what each column holds, and which role it may play."""
    perform("inspection", "inspect", data=data, json=json, study=study)


@app.command()
def audit(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file, or a bundled dataset.")],
    outcome: Annotated[str, typer.Option("--outcome", help="The outcome column, or several, comma-separated.")],
    treatment: Treatment = None,
    covariates: Annotated[str, typer.Option("--covariates", help="Comma-separated columns.")] = "",
    control: Annotated[str | None, typer.Option("--control", help="Label of the control arm.")] = None,
    unit: Unit = None,
    time: Time = None,
    cohort: Cohort = None,
    absorb: Absorb = "",
    window: Window = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Column within which rows depend.")] = None,
    post_treatment: Annotated[str, typer.Option("--post-treatment", help="Columns treatment may have changed.")] = "",
    timestamp: Annotated[str | None, typer.Option("--timestamp", help="When the row was recorded.")] = None,
    kind: Kind = None,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON on standard output.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write audit.json and page there.")] = None,
) -> None:
    """Ask what could spoil an estimate, before there is one; exit 3 when a veto is found."""
    design = (
        _arisen(kind, treatment, time, cohort)
        | _periods(absorb, window)
        | {
            "outcome": _split(outcome),
            "covariates": _split(covariates),
            "control": control,
            "unit": unit,
            "cluster": cluster,
            "roles": {"post_treatment": _split(post_treatment), "timestamp": timestamp},
        }
    )
    given = {name: value for name, value in design.items() if value is not None}
    perform("auditing", "audit", data=data, design=given, seed=seed, json=json, out=out)


@app.command()
def aa(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file, a bundled dataset, or a study file (YAML).")],
    treatment: Treatment = None,
    metrics: Metrics = "",
    strata: Strata = "",
    exposed: Exposed = None,
    control: Annotated[str | None, typer.Option("--control", help="Label of the control arm.")] = None,
    unit: Unit = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Column that arms were assigned by.")] = None,
    methods: Annotated[str, typer.Option("--methods", help="Comma-separated keys.")] = "difference,cuped",
    reps: Annotated[int, typer.Option("--reps", min=100, help="How often the arms are assigned anew.")] = 1_000,
    alpha: Annotated[float | None, typer.Option("--alpha", help="Two-sided size; default the plan's, or 0.05.")] = None,
    seed: Seed = 0,
    threads: Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print the test as JSON on standard output.")] = False,
    figure: Figure = None,
) -> None:
    """Assign the arms of your own data anew, many times, and count how often an effect is found."""
    named = {"treatment": treatment, "control": control, "unit": unit, "cluster": cluster}
    design = (
        {"kind": "experiment"} | _within(strata, exposed=exposed) | {k: v for k, v in named.items() if v is not None}
    )
    asked = {"methods": _split(methods), "repetitions": reps, "alpha": alpha, "seed": seed, "threads": threads or 1}
    perform("assigning", "aa", data=data, design=design, metrics=metrics, asked=asked, json=json, figure=figure)


app.command()(power)
app.command()(plan)


@app.command()
def methods(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="A method, for its manual.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the methods, or print one's manual."""
    perform("catalogs", "methods", key=key, json=json)


@app.command()
def datasets(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the bundled datasets."""
    perform("catalogs", "datasets", json=json)


@app.command()
def generate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A simulated dataset.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV or Parquet file to write.")],
    rows: Annotated[int | None, typer.Option("--rows", help="Rows; default the dataset's own.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed; default the bundled draw's.")] = None,
) -> None:
    """Simulate a bundled dataset, its truth kept beside it."""
    perform("catalogs", "generate", name=name, rows=rows, seed=seed, out=out)


@app.command()
def warmup(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Compile the fast loops once, ahead of the first study that needs them."""
    perform("warming", "warmup", json=json)


@app.command()
def calibrate(
    method: Annotated[str, typer.Option("--method", help="Comma-separated keys; alone, no check is run.")] = "",
    check: Annotated[str, typer.Option("--check", help="Comma-separated keys; alone, no method is.")] = "",
    design: Annotated[str, typer.Option("--design", help="Comma-separated simulated designs; default all.")] = "",
    reps: Annotated[int, typer.Option("--reps", min=2, help="Tables for each method and design.")] = 1_000,
    tables: Annotated[int, typer.Option("--tables", min=2, help="Tables on which the checks are run.")] = 40,
    seed: Seed = 0,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default all processors.")] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Measure what fails again, with more tables.")] = False,
    experiments: Annotated[bool, typer.Option("--experiments", help="What is measured of experiments.")] = False,
    part: Annotated[str, typer.Option("--part", help="Of experiments: only the part of this name.")] = "",
    render: Annotated[bool, typer.Option("--render", help="Simulate nothing: tables and page anew.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Also write them into this checkout.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where numbers are kept.")] = None,
) -> None:
    """Measure the catalog's own error rates in simulated worlds with known truth; goes on where it stopped."""
    if experiments:
        own = {"parts": (part,) if part else (), "seed": seed, "workers": workers, "rerun": rerun}
        perform("calibrating", "calibrate_experiments", given=own, render=render, publish=publish, out=out)
        return
    asked = {"methods": tuple(_split(method)), "checks": tuple(_split(check)), "worlds": tuple(_split(design))}
    size = {"repetitions": reps, "tables": tables, "seed": seed, "workers": workers, "rerun": rerun}
    perform("calibrating", "calibrate", given=asked | size, render=render, publish=publish, out=out)


def _arisen(kind: str | None, treatment: str | None, time: str | None, cohort: str | None) -> dict[str, object]:
    """How treatment arose; a time or a cohort makes it a panel where nothing else is said."""
    panel = time is not None or cohort is not None
    named: dict[str, object] = {"kind": kind or ("panel" if panel else "observational")}
    given = {"treatment": treatment, "time": time, "cohort": cohort}
    return named | {name: value for name, value in given.items() if value is not None}


def _within(strata: str, **named: str | None) -> dict[str, object]:
    """What of an experiment stands beside its metrics: strata, and columns that each play one part."""
    given: dict[str, object] = {"strata": _split(strata)} if strata else {}
    return given | {name: value for name, value in named.items() if value is not None}


def _periods(absorb: str, window: str | None) -> dict[str, object]:
    """What only a panel has: further levels, and the periods to use; an end left empty is open."""
    ends = {} if window is None else {"window": [end.strip() or None for end in window.split(",")]}
    return ends | ({"absorb": _split(absorb)} if absorb else {})


def _parts(post_treatment: str, negative_controls: str, negative_exposures: str) -> dict[str, object]:
    """Columns that play a part without being covariates."""
    return {
        "post_treatment": _split(post_treatment),
        "negative_controls": _split(negative_controls),
        "negative_exposures": _split(negative_exposures),
    }


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _scheme(kind: str | None, draws: int | None) -> dict[str, object] | None:
    """Scheme of drawing again; draws without a kind are of pairs."""
    if kind is None and draws is None:
        return None
    return {"kind": kind or "pairs"} | ({} if draws is None else {"draws": draws})
