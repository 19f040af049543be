"""The page of results, written from the two tables and nothing else."""

from collections.abc import Callable, Iterable, Sequence

from estimand.core.calibration import Cell, CheckCell, Measured, read_cells, read_checks
from estimand.laboratory.judge import CONSERVATIVE
from estimand.laboratory.picture import rows_of
from estimand.laboratory.troubles import trouble
from estimand.laboratory.worlds.catalog import WORLDS

NONE = "–"
FELT = 0.05
MARKS = {"pass": "", "fail": "**", "known": "*", "refused": ""}
OPENING = """We measure our own error rates and publish them, the bad ones first. In each of these worlds the truth is
known; every method of the catalog is run in every one of them."""
PICTURE = "![Coverage of 95 % intervals by method and world](calibration.svg)"
MADE = """## How this was made

`{command}`, with {version}. The command goes on where it stopped, and gives the same numbers, but for the
seconds, with any number of workers.

* **Tables.** {drawn} a cell; all methods see the same tables. The stream of each is decided by seed, world and
  repetition, fixed before the run.
* **Truth.** That of the population which the estimate's label names, by quadrature over the covariates that decide;
  for a target that depends on whom the method matched (ATM), the mean effect on the rows matched, table by table.
* **The line.** With 1,000 tables coverage must lie within 92.9-97.1 %; a cell that does not is measured again with
  10,000, and must then lie within 93.5-96.5 %. With fewer than 1,000, within 3.05 Monte-Carlo errors of 95 %. Held to
  the lower line only, as too wide by their own account: {conservative}.
* **Numbers.** Bias, root mean square error, ratio of the root-mean-square standard error to the spread of the errors,
  coverage, share of tests at 5 % that reject (size where nothing is true, power elsewhere), mean length of the
  interval, share of tables without an estimate, each ± its Monte-Carlo standard error (Morris, White & Crowther 2019,
  doi:10.1002/sim.8086). Seconds are the median on the machine of the run; the first method that asks for a shared
  nuisance pays for it.
* **Checks.** Run as in a study that lists every setting, on the first {tables} tables of each world; errors are over
  tables, since the answers about one table go together.
* **Files.** [methods.csv](../src/estimand/measured/methods.csv), [checks.csv](../src/estimand/measured/checks.csv): one
  row a cell, with the command that made it."""


def page(methods: str, checks: str) -> str:
    """Write the page from the text of both tables."""
    cells, asked = read_cells(methods), read_checks(checks)
    parts = (
        "# Calibration",
        _answer(cells, asked),
        PICTURE if cells else "",
        _failing(cells),
        _matrix(cells),
        _by_world(cells),
        _checks(asked),
        _made(methods, cells, asked),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _answer(cells: Sequence[Cell], asked: Sequence[CheckCell]) -> str:
    """What there is to know, before any table."""
    judged = [cell for cell in cells if cell.ruling != "refused"]
    count = {ruling: sum(cell.ruling == ruling for cell in cells) for ruling in MARKS}
    failing = [cell for cell in judged if cell.ruling != "pass"]
    silent = [cell for cell in failing if cell.told and not cell.heard]
    worlds = len({cell.world for cell in cells})
    passing = (
        f"**{count['pass']} of {len(judged)} cells pass**: their 95 % intervals cover the truth as often as they say "
        f"({worlds} worlds, {len({cell.setting for cell in cells})} settings). {count['fail']} fail, "
        f"{count['known']} miss as was declared beforehand, and {count['refused']} are refused with a reason."
    )
    lines = [OPENING, passing]
    if failing:
        told = sum(bool(cell.heard) for cell in failing)
        unseen = sum(not cell.told for cell in failing)
        rest = f" In {unseen} the checks have not been run yet." if unseen else ""
        lines.append(
            f"Of the {len(failing)} that do not reach the band, {told} come with a warning or a veto that a user there "
            f"sees, and {len(silent)} come with none, which is a gap.{rest}"
        )
    if any(cell.role == "absent" for cell in asked):
        lines.append(_alarm_words(asked))
    return "\n\n".join(lines)


def _alarm_words(asked: Sequence[CheckCell]) -> str:
    def mean(role: str) -> tuple[float, int]:
        rates = [cell.rate.value for cell in asked if cell.role == role and cell.rate.value is not None]
        return (sum(rates) / len(rates) if rates else 0.0), len(rates)

    (false, quiet), (found, loud) = mean("absent"), mean("present")
    words = (
        f"Checks raise a false alarm in {_percent(false)} of answers on average over {quiet} pairs of check and world"
    )
    return f"{words}, and see the trouble in {_percent(found)} over {loud}." if loud else f"{words}."


def _failing(cells: Sequence[Cell]) -> str:
    failing = sorted(
        (cell for cell in cells if cell.ruling in {"fail", "known"}),
        key=lambda cell: (cell.ruling, cell.coverage or 0.0),
    )
    if not failing:
        return ""
    header = ("Method", "World", "Covers", "Bias", "Declared beforehand", "What a user there sees (share of tables)")
    rows = [
        (
            f"`{cell.setting}`",
            cell.place,
            _share(cell.numbers["coverage"]),
            _number(cell.numbers["bias"]),
            cell.reason or NONE,
            _heard(cell),
        )
        for cell in failing
    ]
    return "## Where coverage does not reach the band\n\n" + _table(header, rows)


def _heard(cell: Cell) -> str:
    if not cell.told:
        return "not looked at yet"
    return "; ".join(f"{h.grade} `{h.check}` {_percent(h.share)}" for h in cell.heard) or "**nothing: a gap**"


def _matrix(cells: Sequence[Cell]) -> str:
    """Coverage of every setting in every world."""
    worlds = list(dict.fromkeys(cell.world for cell in cells))
    by_place = {(cell.setting, cell.world): cell for cell in cells}
    rows = [
        (f"`{setting}`", *(_coverage(by_place.get((setting, world))) for world in worlds)) for setting in rows_of(cells)
    ]
    names = [world.replace("_", " ") for world in worlds]
    return (
        "## By method: coverage of 95 % intervals, in per cent\n\n"
        "**Bold** fails; *italics* miss as declared beforehand; a word is the code of a refusal.\n\n"
        + _table(("Method", *names), rows, len(worlds))
    )


def _coverage(cell: Cell | None) -> str:
    if cell is None:
        return NONE
    if cell.coverage is None:
        return cell.code.lower().replace("_", " ") or "no interval"
    mark, failed = MARKS[cell.ruling], cell.numbers["failed"].value or 0.0
    refused = f" ({_percent(failed)} refused)" if failed > FELT else ""
    return f"{mark}{100 * cell.coverage:.1f}{mark}{refused}"


def _by_world(cells: Sequence[Cell]) -> str:
    worlds = dict.fromkeys(cell.world for cell in cells)
    return "\n\n".join(["## By world", *(_world(key, [c for c in cells if c.world == key]) for key in worlds)])


def _world(key: str, cells: Sequence[Cell]) -> str:
    columns: tuple[tuple[str, Callable[[Cell], str]], ...] = (
        ("Target", lambda c: c.target or NONE),
        ("Truth", lambda c: NONE if c.truth is None else f"{c.truth:.4g}"),
        ("Bias", lambda c: _number(c.numbers["bias"])),
        ("RMSE", lambda c: _number(c.numbers["rmse"])),
        ("SE ratio", lambda c: _number(c.numbers["se_ratio"])),
        ("Coverage %", lambda c: _share(c.numbers["coverage"])),
        ("Size %", lambda c: _share(c.numbers["size"])),
        ("Power %", lambda c: _share(c.numbers["power"])),
        ("Length", lambda c: _number(c.numbers["length"])),
        ("Failed %", lambda c: _share(c.numbers["failed"])),
        ("Tables", lambda c: f"{c.repetitions:,}"),
        ("Seconds", lambda c: NONE if c.seconds is None else f"{c.seconds:.2g}"),
    )
    shown = [(n, f) for n, f in columns if n not in {"Size %", "Power %"} or any(f(c) != NONE for c in cells)]
    rows = [(f"`{cell.setting}`", *(show(cell) for _, show in shown)) for cell in cells if cell.target]
    refused = [f"* `{cell.setting}`: {cell.code}. {cell.reason}" for cell in cells if not cell.target]
    place = WORLDS[key]
    parts = [f"### {key.replace('_', ' ').capitalize()}", f"{place.says} {place.rows:,} rows."]
    parts += [_table(("Method", *(name for name, _ in shown)), rows, len(shown))] if rows else []
    parts += ["Refused:\n\n" + "\n".join(refused)] if refused else []
    return "\n\n".join(parts)


def _checks(asked: Sequence[CheckCell]) -> str:
    if not asked:
        return ""
    header = ("Check", "Looks for", "Alarm", "False alarms", "Detections")
    rows = []
    for key in dict.fromkeys(cell.check for cell in asked):
        own = [cell for cell in asked if cell.check == key]
        held = trouble(key)
        rows.append(
            (
                f"`{key}`",
                held.what,
                NONE if held.alarm is None else str(held.alarm),
                _pooled([cell for cell in own if cell.role == "absent"]) if held.alarm else "descriptive",
                _rates(own, "present") if held.alarm else "descriptive",
            )
        )
    return (
        "## Checks: false alarms and detections\n\n"
        "Share of answers, in per cent with its Monte-Carlo standard error, at the alarm grade or above: in worlds "
        "where the trouble is absent, and where it is present. Where all tables answered alike, the rule of three "
        "bounds the error. A dash: no world of the laboratory is of that kind.\n\n" + _table(header, rows)
    )


def _pooled(own: Sequence[CheckCell]) -> str:
    """One rate over worlds, every table alike, and the worst world beside it."""
    if not own:
        return NONE
    tables, places = sum(cell.tables for cell in own), f"{len(own)} world{'s' if len(own) > 1 else ''}"
    rate = sum((cell.rate.value or 0.0) * cell.tables for cell in own) / tables
    if rate == 0.0:
        return f"0 (within {300 / max(tables, 3):.0f}) in {places}"
    error = sum(((cell.rate.error or 0.0) * cell.tables) ** 2 for cell in own) ** 0.5 / tables
    worst = max(own, key=lambda cell: cell.rate.value or 0.0)
    beside = f"; worst: {worst.world.replace('_', ' ')} {_rate(worst)}" if len(own) > 1 else ""
    return f"{_share(Measured(rate, error))} in {places}{beside}"


def _rates(own: Iterable[CheckCell], role: str) -> str:
    chosen = [cell for cell in own if cell.role == role]
    return "; ".join(f"{cell.world.replace('_', ' ')} {_rate(cell)}" for cell in chosen) or NONE


def _rate(cell: CheckCell) -> str:
    """A rate with its error; where every table answered alike, how far off it may be (the rule of three)."""
    if cell.rate.value in {0.0, 1.0}:
        return f"{100 * cell.rate.value:.0f} (within {300 / max(cell.tables, 3):.0f})"
    return _share(cell.rate)


def _made(methods: str, cells: Sequence[Cell], asked: Sequence[CheckCell]) -> str:
    heading = methods.partition("\n")[0].removeprefix("# ")
    version, _, command = heading.partition("; ")
    counts = sorted({cell.repetitions for cell in cells})
    return MADE.format(
        command=command,
        version=version,
        drawn=" to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1]))) if counts else "No",
        conservative="; ".join(f"`{key}`, since {why}" for key, why in CONSERVATIVE.items()),
        tables=max((cell.tables for cell in asked), default=0),
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """Lay out a Markdown table; its last ``numbers`` columns stand to the right."""
    rule = ["---"] * (len(header) - numbers) + ["--:"] * numbers
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def _number(measured: Measured) -> str:
    if measured.value is None:
        return NONE
    error = "" if measured.error is None else f" ± {measured.error:.1g}"
    return f"{measured.value:.3g}{error}".replace("-", "−")


def _share(measured: Measured) -> str:
    if measured.value is None:
        return NONE
    error = "" if measured.error is None else f" ± {100 * measured.error:.1f}"
    return f"{100 * measured.value:.1f}{error}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
