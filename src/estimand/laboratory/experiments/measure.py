"""The measuring of experiments: what is still to do, in batches that a later run takes up, and table and page."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from estimand.core.experiment_rates import RATES_FILE, Rate, measured_rates
from estimand.errors import Code, DesignError
from estimand.laboratory.engine import Report, performed
from estimand.laboratory.experiments import allocation, families, history, looks, planning, sizes
from estimand.laboratory.experiments.tally import Part, Tally, added
from estimand.laboratory.page import packaged_page
from estimand.laboratory.store import Shelf
from estimand.study.threads import single_threaded

PAGE_FILE = "calibration.md"
FIELDS = (
    "part", "situation", "metric", "setting", "method", "options", "tables", "expected", "measured", "error",
    "coverage", "coverage_error", "failed", "rule", "ruling", "reason", "command",
)  # fmt: skip
NUMBERS = {"expected": 6, "measured": 5, "error": 2, "coverage": 5, "coverage_error": 2, "failed": 4}


def every_part() -> tuple[Part, ...]:
    """All that is measured of experiments, in the order of the page."""
    makers = (sizes, families, looks, allocation, history, planning)
    return tuple(part for maker in makers for part in maker.parts())


@dataclass(frozen=True, slots=True)
class Task:
    """A batch of a part, small enough to send to a process.

    Attributes
    ----------
    seed : int
    world : str
        Key of the part.
    batch : int
    cells : frozenset of str
        Only these; all if empty.
    """

    seed: int
    world: str
    batch: int
    cells: frozenset[str] = frozenset()


def perform(task: Task) -> Tally:
    """Do one batch."""
    (part,) = (part for part in every_part() if part.key == task.world)
    with single_threaded():
        return part.measure(task.seed, task.batch, task.cells)


@dataclass(frozen=True, slots=True)
class Measuring:
    """What to measure of experiments, and where to keep it.

    Attributes
    ----------
    out : Path
    seed : int
    parts : tuple of str
        Beginnings of the parts' keys; all parts if empty.
    workers : int
    share : float
        Of the batches of every part, for a first impression.
    rerun : bool
        Whether what misses its line is measured again with four times the tables.
    """

    out: Path
    seed: int = 0
    parts: tuple[str, ...] = ()
    workers: int = 1
    share: float = 1.0
    rerun: bool = False

    def run(self, report: Report) -> None:
        """Do what is still to do, and write table and page."""
        chosen = self.chosen()
        self._do([task for part in chosen for task in self.lacking(part)], report)
        if self.rerun:
            self._do([task for part in chosen for task in self._again(part)], report)
        self.render()

    def render(self) -> None:
        """Write table and page from what has been measured."""
        self.out.mkdir(parents=True, exist_ok=True)
        text = rates_text(self.rates(), f"estimand {version('estimand')}; {self.command()}")
        (self.out / RATES_FILE).write_text(text, encoding="utf-8")
        (self.out / PAGE_FILE).write_text(packaged_page(text), encoding="utf-8")

    def rates(self) -> tuple[Rate, ...]:
        """Every rate measured here, whatever was asked for; of parts that were not, what the package holds."""
        found: list[Rate] = []
        for part in every_part():
            own = f'--part "{part.key}"'
            command = f"estimand calibrate --experiments {own} --seed {self.seed}"
            made = part.rates(self.tally(part))
            kept = () if made else tuple(rate for rate in measured_rates() if own in rate.command)
            found.extend((*(replace(rate, command=command) for rate in made), *kept))
        return tuple(found)

    def tally(self, part: Part) -> Tally:
        """Sums of the batches done, in their order."""
        out: Tally = {}
        for line in sorted(self.shelf(part).lines(), key=lambda line: int(line["batch"])):
            out = added(out, {cell: tuple(sums) for cell, sums in line["sums"].items()})
        return out

    def command(self) -> str:
        """Command line that measures this anew, whatever the machine."""
        named = "".join(f' --part "{part}"' for part in self.parts)
        return f"estimand calibrate --experiments{named} --seed {self.seed}" + (" --rerun" if self.rerun else "")

    def chosen(self) -> tuple[Part, ...]:
        """Return the parts asked for.

        Raises
        ------
        DesignError
            If there is none of such a name.
        """
        parts = every_part()
        for asked in self.parts:
            if not any(part.key.startswith(asked) for part in parts):
                raise DesignError(
                    f"Nothing that is measured of experiments is called '{asked}'.",
                    remedy=f"Use one of: {', '.join(dict.fromkeys(p.key.partition(',')[0] for p in parts))}.",
                    code=Code.UNSUPPORTED,
                    found=asked,
                )
        return tuple(part for part in parts if not self.parts or part.key.startswith(self.parts))

    def lacking(self, part: Part) -> list[Task]:
        """Batches not done, and of those done the cells that have joined since."""
        done = self._done(part)
        upto = max(1, round(part.batches * self.share))
        tasks = []
        for batch in range(upto):
            missing = part.cells - done.get(batch, frozenset())
            if batch not in done:
                tasks.append(Task(self.seed, part.key, batch))
            elif missing:
                tasks.append(Task(self.seed, part.key, batch, missing))
        return tasks

    def _again(self, part: Part) -> list[Task]:
        """Further batches of the cells that miss their line."""
        tally = self.tally(part)
        missing = frozenset(
            cell for cell, sums in tally.items() if any(r.ruling == "fail" for r in part.rates({cell: sums}))
        )
        if not missing:
            return []
        done = self._done(part)
        return [Task(self.seed, part.key, b, missing) for b in range(part.batches, part.again) if b not in done]

    def _done(self, part: Part) -> dict[int, frozenset[str]]:
        """Cells of every batch done."""
        found: dict[int, frozenset[str]] = {}
        for line in self.shelf(part).lines():
            found[int(line["batch"])] = found.get(int(line["batch"]), frozenset()) | frozenset(line["sums"])
        return found

    def _do(self, tasks: list[Task], report: Report) -> None:
        shelves = {part.key: self.shelf(part) for part in self.chosen()}
        for task, sums in performed(tasks, perform, self.workers, report):
            shelves[task.world].add({"batch": task.batch, "sums": sums})

    def shelf(self, part: Part) -> Shelf:
        """Where the sums of a part are kept."""
        name = part.key.replace(" ", "_").replace(",", "").replace(":", "").replace("%", "percent")
        heading = {
            "estimand": version("estimand"),
            "seed": self.seed,
            "part": part.key,
            "mark": part.mark(self.seed),
        }
        return Shelf(self.out / "raw" / f"seed-{self.seed}" / "experiments" / f"{name}.jsonl", heading)


def rates_text(rates: Sequence[Rate], heading: str) -> str:
    """Write rates as a table."""
    out = io.StringIO()
    out.write(f"# {heading}\n")
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for rate in rates:
        plain = {name: getattr(rate, name) for name in FIELDS}
        numbers = {name: _short(getattr(rate, name), digits) for name, digits in NUMBERS.items()}
        writer.writerow(plain | numbers | {"options": json.dumps(dict(rate.options)) if rate.options else ""})
    return out.getvalue()


def _short(number: float | None, digits: int) -> str:
    return "" if number is None else f"{number:.{digits}g}"
