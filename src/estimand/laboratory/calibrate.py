"""A calibration: what is asked for, what is still to do, and the tables and the page it ends with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from estimand.core.calibration import CHECKS_FILE, METHODS_FILE, Cell, CheckCell, read_cells
from estimand.core.catalog import keys
from estimand.core.experiment_rates import packaged_rates
from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError
from estimand.laboratory.cells import Setting, options_of, settings_of
from estimand.laboratory.engine import FINDINGS, Batch, Report, batched, perform, performed
from estimand.laboratory.findings import TABLES, Told
from estimand.laboratory.judge import RERUN
from estimand.laboratory.page import page
from estimand.laboratory.picture import picture
from estimand.laboratory.store import Shelf, unpack
from estimand.laboratory.tables import cell, cells_text, check_cell, checks_text
from estimand.laboratory.worlds.catalog import WORLDS, world
from estimand.laboratory.worlds.place import Place

PAGE_FILE, PICTURE_FILE = "calibration.md", "calibration.svg"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What to measure, and where to keep it.

    Attributes
    ----------
    out : Path
    seed, repetitions, tables : int
        ``tables`` are those on which the checks are run.
    methods, checks, worlds : tuple of str
        Only these; all if empty. Methods alone leave the checks out, checks alone the methods.
    workers : int
    rerun : bool
        Whether a cell that fails at fewer is measured again at 10,000.
    """

    out: Path
    seed: int = 0
    repetitions: int = 1_000
    tables: int = TABLES
    methods: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    worlds: tuple[str, ...] = ()
    workers: int = 1
    rerun: bool = False

    def refuse_unknown(self) -> None:
        """Refuse a method, check or world that there is not.

        Raises
        ------
        DesignError
        """
        for noun, asked, known in (
            ("method", self.methods, keys("methods")),
            ("check", self.checks, (*keys("checks"), *keys("audits"))),
        ):
            for key in asked:
                if key not in known:
                    raise DesignError(
                        f"There is no {noun} '{key}'.",
                        remedy=did_you_mean(key, known),
                        code=Code.UNSUPPORTED,
                        found=key,
                    )
        for key in self.worlds:
            world(key)

    def run(self, report: Report) -> None:
        """Do what is still to do, and write tables and page."""
        self.refuse_unknown()
        self._do(self._lacking(), report)
        if self.rerun:
            self._do(self._again(), report)
        self.render()

    def render(self) -> None:
        """Write tables and page from what has been measured; of experiments, from the package's table."""
        cells, checks = self.cells(), self.check_cells()
        heading = f"estimand {version('estimand')}; {self.command()}"
        self.out.mkdir(parents=True, exist_ok=True)
        methods_text, answers_text = cells_text(cells, heading), checks_text(checks, heading)
        (self.out / METHODS_FILE).write_text(methods_text, encoding="utf-8")
        (self.out / CHECKS_FILE).write_text(answers_text, encoding="utf-8")
        text = page(methods_text, answers_text, packaged_rates())
        (self.out / PAGE_FILE).write_text(text, encoding="utf-8")
        (self.out / PICTURE_FILE).write_text(picture(read_cells(methods_text)), encoding="utf-8")

    def command(self) -> str:
        """Command line that measures this anew, whatever the machine."""
        parts = [
            "estimand calibrate",
            *(
                f"--{option} {','.join(asked)}"
                for option, asked in (("method", self.methods), ("check", self.checks), ("design", self.worlds))
                if asked
            ),
            f"--reps {self.repetitions}",
            f"--tables {self.tables}",
            f"--seed {self.seed}",
            *(["--rerun"] if self.rerun else []),
        ]
        return " ".join(parts)

    def cells(self) -> tuple[Cell, ...]:
        """Every cell asked for that has been measured, by world and setting."""
        heard = {place.key: self._heard(place) for place in self._worlds()}
        made = (self._cell(place, setting, heard[place.key]) for place, setting in self._cells())
        return tuple(found for found in made if found is not None)

    def check_cells(self) -> tuple[CheckCell, ...]:
        """Every check that spoke, by check and world."""
        wanted = self.checks or (*keys("checks"), *keys("audits"))
        heard = {place.key: self._heard(place) for place in self._worlds()}
        made = (
            check_cell(key, WORLDS[name], told, self.seed) for key in wanted for name, told in heard.items() if told
        )
        return tuple(item for item in made if item is not None)

    def _cell(self, place: Place, setting: Setting, heard: list[list[Told]]) -> Cell | None:
        found = unpack(self._shelf(place, setting.key).lines(), max(self.repetitions, RERUN))
        beyond = len(found) >= RERUN
        trials = [t for r, t in found.items() if beyond or r < self.repetitions]
        return cell(place, setting, trials, heard, self.seed) if trials else None

    def _heard(self, place: Place) -> list[list[Told]]:
        lines = self._shelf(place, FINDINGS).lines()
        found = {
            r: [Told(*item) for item in line["told"][j]] for line in lines for j, r in enumerate(line["repetitions"])
        }
        return [found[r] for r in sorted(found) if r < self.tables]

    def _worlds(self) -> Sequence[Place]:
        return [place for key, place in WORLDS.items() if not self.worlds or key in self.worlds]

    def _cells(self) -> Iterator[tuple[Place, Setting]]:
        if self.checks and not self.methods:
            return
        for place in self._worlds():
            if not place.for_checks:
                yield from ((place, setting) for setting in settings_of(place, self.methods))

    def _lacking(self) -> list[Batch]:
        """Batches of what is asked for and not yet there."""
        todo: dict[str, dict[int, tuple[str, ...]]] = {}
        for place, setting in self._cells():
            self._note(todo, place, setting.key, self.repetitions)
        batches = [batch for name, own in todo.items() for batch in batched(self.seed, name, own)]
        if self.checks or not self.methods:
            for place in self._worlds():
                there = {r for line in self._shelf(place, FINDINGS).lines() for r in line["repetitions"]}
                lacking: dict[int, tuple[str, ...]] = {r: (FINDINGS,) for r in range(self.tables) if r not in there}
                batches.extend(batched(self.seed, place.key, lacking))
        return batches

    def _again(self) -> list[Batch]:
        """Batches that take each failing cell to 10,000."""
        todo: dict[str, dict[int, tuple[str, ...]]] = {}
        by_key = {(place.key, setting.key): place for place, setting in self._cells()}
        for found in self.cells():
            if found.ruling == "fail":
                self._note(todo, by_key[found.world, found.setting], found.setting, RERUN)
        return [batch for name, own in todo.items() for batch in batched(self.seed, name, own)]

    def _note(self, todo: dict[str, dict[int, tuple[str, ...]]], place: Place, setting: str, until: int) -> None:
        there = {r for line in self._shelf(place, setting).lines() for r in line["repetitions"]}
        own = todo.setdefault(place.key, {})
        for repetition in range(until):
            if repetition not in there:
                own[repetition] = (*own.get(repetition, ()), setting)

    def _do(self, batches: list[Batch], report: Report) -> None:
        for batch, lines in performed(batches, perform, self.workers, report):
            for name, line in lines.items():
                self._shelf(WORLDS[batch.world], name).add(line)

    def _shelf(self, place: Place, name: str) -> Shelf:
        return Shelf(self.out / "raw" / f"seed-{self.seed}" / place.key / f"{name}.jsonl", self._heading(place, name))

    def _heading(self, place: Place, name: str) -> dict[str, object]:
        return {
            "estimand": version("estimand"),
            "seed": self.seed,
            "world": place.key,
            "table": place.mark(self.seed),
            "options": {} if name == FINDINGS else options_of(name),
        }
