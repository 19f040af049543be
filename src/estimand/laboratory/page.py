"""The page of results, written from the two tables and nothing else."""

from collections.abc import Callable, Sequence

from estimand.core.calibration import (
    CHECKS_FILE,
    METHODS_FILE,
    Cell,
    CheckCell,
    packaged,
    read_cells,
    read_checks,
)
from estimand.laboratory.judge import CONSERVATIVE
from estimand.laboratory.markdown import MARKS, NONE, coverage_table, number, percent, share, table
from estimand.laboratory.page_checks import EXPLAINED, checks_table
from estimand.laboratory.page_experiments import answer
from estimand.laboratory.page_experiments import experiments as section
from estimand.laboratory.page_rollouts import is_panel_check, rollouts
from estimand.laboratory.picture import rows_of
from estimand.laboratory.worlds.catalog import ROLLOUT_KEYS, WORLDS

OPENING = """We measure our own error rates and publish them, the bad ones first. In each of these worlds the truth is
known; every method of the catalog is run in every one of a design that it takes."""
PICTURE = "![Coverage of 95 % intervals by method and world](calibration.svg)"
MADE = """## How this was made

`{command}`, with {version}. The command goes on where it stopped, and gives the same numbers, but for the
seconds, with any number of workers.

* **Tables.** {drawn} a cell; all methods see the same tables. The stream of each is decided by seed, world and
  repetition, fixed before the run.
* **Truth.** That of the population which the estimate's label names, by quadrature over the covariates that decide;
  for a target that depends on whom the method matched (ATM), the mean effect on the rows matched, table by table. In
  rollouts, the mean effect on the treated rows of each table; for an answer weighted by variance, with its weights.
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


def packaged_page(experiments: str) -> str:
    """Write the page from the package's tables of methods and checks, and one of experiments."""
    return page(packaged(METHODS_FILE), packaged(CHECKS_FILE), experiments)


def page(methods: str, checks: str, experiments: str = "") -> str:
    """Write the page from the texts of its tables."""
    cells, asked = read_cells(methods), read_checks(checks)
    parts = (
        "# Calibration",
        _answer(cells, asked, answer(experiments)),
        PICTURE if cells else "",
        _failing(cells),
        _matrix([cell for cell in cells if cell.world not in ROLLOUT_KEYS]),
        rollouts(
            [cell for cell in cells if cell.world in ROLLOUT_KEYS],
            [cell for cell in asked if is_panel_check(cell.check)],
        ),
        _by_world(cells),
        _checks([cell for cell in asked if not is_panel_check(cell.check)]),
        section(experiments),
        _made(methods, cells, asked),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _answer(cells: Sequence[Cell], asked: Sequence[CheckCell], of_experiments: str) -> str:
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
    if of_experiments:
        lines.append(of_experiments)
    return "\n\n".join(lines)


def _alarm_words(asked: Sequence[CheckCell]) -> str:
    def mean(role: str) -> tuple[float, int]:
        rates = [cell.rate.value for cell in asked if cell.role == role and cell.rate.value is not None]
        return (sum(rates) / len(rates) if rates else 0.0), len(rates)

    (false, quiet), (found, loud) = mean("absent"), mean("present")
    words = (
        f"Checks raise a false alarm in {percent(false)} of answers on average over {quiet} pairs of check and world"
    )
    return f"{words}, and see the trouble in {percent(found)} over {loud}." if loud else f"{words}."


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
            share(cell.numbers["coverage"]),
            number(cell.numbers["bias"]),
            cell.reason or NONE,
            _heard(cell),
        )
        for cell in failing
    ]
    return "## Where coverage does not reach the band\n\n" + table(header, rows)


def _heard(cell: Cell) -> str:
    if not cell.told:
        return "not looked at yet"
    return "; ".join(f"{h.grade} `{h.check}` {percent(h.share)}" for h in cell.heard) or "**nothing: a gap**"


def _matrix(cells: Sequence[Cell]) -> str:
    """Coverage of every setting in every world of two arms."""
    worlds = {cell.world: cell.place for cell in cells}
    return (
        "## By method: coverage of 95 % intervals, in per cent\n\n"
        "**Bold** fails; *italics* miss as declared beforehand; a word is the code of a refusal.\n\n"
        + coverage_table(cells, rows_of(cells), worlds)
    )


def _by_world(cells: Sequence[Cell]) -> str:
    worlds = dict.fromkeys(cell.world for cell in cells)
    return "\n\n".join(["## By world", *(_world(key, [c for c in cells if c.world == key]) for key in worlds)])


def _world(key: str, cells: Sequence[Cell]) -> str:
    columns: tuple[tuple[str, Callable[[Cell], str]], ...] = (
        ("Target", lambda c: c.target or NONE),
        ("Truth", lambda c: NONE if c.truth is None else f"{c.truth:.4g}"),
        ("Bias", lambda c: number(c.numbers["bias"])),
        ("RMSE", lambda c: number(c.numbers["rmse"])),
        ("SE ratio", lambda c: number(c.numbers["se_ratio"])),
        ("Coverage %", lambda c: share(c.numbers["coverage"])),
        ("Size %", lambda c: share(c.numbers["size"])),
        ("Power %", lambda c: share(c.numbers["power"])),
        ("Length", lambda c: number(c.numbers["length"])),
        ("Failed %", lambda c: share(c.numbers["failed"])),
        ("Tables", lambda c: f"{c.repetitions:,}"),
        ("Seconds", lambda c: NONE if c.seconds is None else f"{c.seconds:.2g}"),
    )
    shown = [(n, f) for n, f in columns if n not in {"Size %", "Power %"} or any(f(c) != NONE for c in cells)]
    rows = [(f"`{cell.setting}`", *(show(cell) for _, show in shown)) for cell in cells if cell.target]
    refused = [f"* `{cell.setting}`: {cell.code}. {cell.reason}" for cell in cells if not cell.target]
    place = WORLDS[key]
    parts = [f"### {key.replace('_', ' ').capitalize()}", f"{place.says} {place.rows:,} rows."]
    parts += [table(("Method", *(name for name, _ in shown)), rows, len(shown))] if rows else []
    parts += ["Refused:\n\n" + "\n".join(refused)] if refused else []
    return "\n\n".join(parts)


def _checks(asked: Sequence[CheckCell]) -> str:
    if not asked:
        return ""
    return f"## Checks: false alarms and detections\n\n{EXPLAINED}\n\n{checks_table(asked)}"


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
