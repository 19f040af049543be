"""Batches of repetitions, in as many processes as asked for; the numbers do not depend on how many.

A batch is some repetitions of one world with the settings that still lack them, so that each table is drawn once and
its nuisances are fitted once for all of them. Tables and seeds come from (seed, world, repetition). Processes are
started afresh (spawn), each with linear algebra on one thread.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from estimand.laboratory.cells import Setting, settings
from estimand.laboratory.findings import told
from estimand.laboratory.repetition import trials
from estimand.laboratory.store import pack
from estimand.laboratory.worlds.catalog import WORLDS
from estimand.study.threads import single_threaded

BATCH, FEW = 25, 5
FINDINGS = "findings"
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """A unit of work, small enough to send to a process.

    Attributes
    ----------
    seed : int
    world : str
    repetitions : tuple of int
    settings : tuple of str
        Keys of the settings to run; ``("findings",)`` to run every setting and examine the estimates.
    """

    seed: int
    world: str
    repetitions: tuple[int, ...]
    settings: tuple[str, ...]


def perform(batch: Batch) -> dict[str, dict[str, Any]]:
    """Do one batch; return a line for each of its settings."""
    world = WORLDS[batch.world]
    with single_threaded():
        if batch.settings == (FINDINGS,):
            heard = [[[t.check, t.about, t.grade] for t in told(batch.seed, world, r)] for r in batch.repetitions]
            return {FINDINGS: {"repetitions": list(batch.repetitions), "told": heard}}
        chosen = _settings(batch.settings)
        rows = [trials(batch.seed, world, repetition, chosen) for repetition in batch.repetitions]
    return {s.key: pack(batch.repetitions, [row[j] for row in rows]) for j, s in enumerate(chosen)}


class Work(Protocol):
    """A unit of work of some world."""

    @property
    def world(self) -> str:
        """What to tell of it while it is done."""


W = TypeVar("W", bound=Work)
R = TypeVar("R")


def performed(batches: list[W], work: Callable[[W], R], workers: int, report: Report) -> Iterator[tuple[W, R]]:
    """Do batches side by side; yield each with its result as it finishes."""
    if workers == 1:
        for done, batch in enumerate(batches):
            report(batch.world, done, len(batches))
            yield batch, work(batch)
        return
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[R], W] = {pool.submit(work, b): b for b in batches}
        try:
            for done, future in enumerate(as_completed(waiting)):
                report(waiting[future].world, done, len(batches))
                yield waiting[future], future.result()
        finally:
            for future in waiting:
                future.cancel()


def batched(seed: int, world: str, lacking: dict[int, tuple[str, ...]]) -> Iterator[Batch]:
    """Group repetitions into batches: fixed blocks of them, and within a block those that lack the same settings.

    Blocks are smaller where every check is run, which takes seconds a table.
    """
    groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for repetition, wanted in sorted(lacking.items()):
        if wanted:
            size = FEW if wanted == (FINDINGS,) else BATCH
            groups.setdefault((repetition // size, wanted), []).append(repetition)
    for (_, wanted), repetitions in groups.items():
        yield Batch(seed, world, tuple(repetitions), wanted)


def _settings(chosen: tuple[str, ...]) -> tuple[Setting, ...]:
    by_key = {setting.key: setting for setting in settings()}
    return tuple(by_key[key] for key in chosen)
