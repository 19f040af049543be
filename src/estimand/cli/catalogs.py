"""Commands that list what there is, and that write simulated data."""

from inspect import cleandoc
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.cli.output import print_json
from estimand.cli.show import terminal
from estimand.core.calibration import card
from estimand.core.catalog import resolve
from estimand.core.experiment_rates import rates_of
from estimand.core.method import Method
from estimand.study import catalog
from estimand.study.single import methods as method_table


def methods(key: str | None, json: bool) -> int:
    """List the methods, or print one's manual."""
    if key is not None:
        return _manual(resolve("methods", key), json)
    listed = method_table()
    if json:
        return _print_json([dict(row) for row in listed.rows()])
    _print_rows([dict(row) for row in listed.rows()], ("key", "targets", "designs", "inference", "summary"))
    return 0


def datasets(json: bool) -> int:
    """List the bundled datasets."""
    cards = [card.to_dict() for card in catalog.dataset_cards()]
    if json:
        return _print_json(cards)
    _print_rows(cards, ("name", "rows", "title", "needs"))
    return 0


def generate(name: str, rows: int | None, seed: int | None, out: Path) -> int:
    """Simulate a dataset into a file."""
    frame = catalog.write_generated(name, rows, seed, out)
    Console(stderr=True).print(Text(f"{len(frame):,} rows of '{name}' written to {out}"), soft_wrap=True)
    return 0


def _manual(method: type[Method], json: bool) -> int:
    spec = method.spec
    options = {name: str(field.default) for name, field in method.model_fields.items()}
    manual = cleandoc(method.__doc__ or "")
    found, rates = card(spec.key), rates_of(spec.key)
    if json:
        return _print_json(
            {
                "key": spec.key,
                "manual": manual,
                "options": options,
                "inference": spec.inference,
                "designs": [design.model_fields["kind"].default for design in spec.designs],
                "details": [{"name": d.name, "shape": d.shape, "unit": d.unit} for d in spec.details],
                "references": list(spec.references),
                "measured": [] if found is None else list(found.lines()),
                "measured_in_experiments": [rate.line() for rate in rates],
            }
        )
    console = terminal()
    console.print(Text(spec.key, style="bold"))
    console.print(Text(manual))
    console.print(Text("\nDefaults", style="bold"))
    for name, default in options.items():
        console.print(Text(f"  {name} = {default}"))
    console.print(Text("References", style="bold"))
    for reference in spec.references:
        console.print(Text(f"  {reference}"))
    if found is not None:
        console.print(Text("Measured: share of 95% intervals that cover the truth of a simulated world", style="bold"))
        for line in found.lines():
            console.print(Text(f"  {line}"))
        console.print(Text(f"  by: {found.command}", style="dim"))
    if rates:
        console.print(Text("Measured in simulated experiments", style="bold"))
        for rate in rates:
            console.print(Text(f"  {rate.line()}"))
        console.print(Text(f"  by: {rates[0].command}", style="dim"))
    return 0


def _print_json(value: Any) -> int:
    print_json(value)
    return 0


def _print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table(*columns, box=SIMPLE_HEAD, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if row[name] is None else str(row[name])) for name in columns))
    terminal().print(table)
