"""One run: its random streams, its threads, its progress."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from operator import index
from threading import Event
from typing import TypeVar

import numpy as np

from estimand.errors import Code, EstimandError

T = TypeVar("T")
R = TypeVar("R")


def _silent(label: str, done: int, total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """What work needs from its surroundings.

    Parameters
    ----------
    seed : int
        With a key, decides every random stream; call order never does.
    threads : int
        How many batches run side by side; the answer does not depend on it.
    report : callable (label, done, total)
        Hears of progress.
    cancelled : threading.Event
        Set it to stop after the batches under way.
    """

    seed: int = 0
    threads: int = 1
    report: Callable[[str, int, int], None] = _silent
    cancelled: Event = field(default_factory=Event)

    def rng(self, *key: str | int) -> np.random.Generator:
        """Random stream of a key, the same whenever it is asked for."""
        plain = tuple(str(part) if isinstance(part, str) else index(part) for part in key)
        digest = hashlib.sha256(repr((index(self.seed), plain)).encode()).digest()
        return np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))

    def seed_for(self, *key: str | int) -> int:
        """Seed in [0, 2^31) for a library that wants a number."""
        return int(self.rng(*key).integers(0, 2**31))

    def map(self, function: Callable[[T], R], batches: Iterable[T], label: str = "") -> list[R]:
        """Apply a function to batches side by side; results come in the order of the batches.

        Raises
        ------
        EstimandError
            If the run was cancelled.
        """
        items = list(batches)
        counter = count(1)

        def step(item: T) -> R:
            if self.cancelled.is_set():
                raise EstimandError("The run was cancelled.", remedy="Start it again.", code=Code.UNSUPPORTED)
            result = function(item)
            self.report(label, next(counter), len(items))
            return result

        if self.threads == 1 or len(items) < 2:
            return [step(item) for item in items]
        with ThreadPoolExecutor(max_workers=self.threads) as pool:
            futures = [pool.submit(step, item) for item in items]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
