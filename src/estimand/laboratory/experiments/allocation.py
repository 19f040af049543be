"""How often the tests of allocation raise an alarm: where units fall as planned, and where some are lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from estimand.core.experiment_rates import Rate, Rule
from estimand.core.gates import GatePolicy
from estimand.core.run import Run
from estimand.laboratory.experiments.rules import Share, keeps_size, ruled
from estimand.laboratory.experiments.tally import Part, Tally
from estimand.stats.allocation import allocation_p_value, sequential_allocation
from estimand.stats.arrays import Floats

BATCH, BATCHES, AGAIN = 1_000, 50, 200
LOOKS = 100
AT_END, RUNNING = "at the planned end, χ²", f"while running, at {LOOKS} looks"


@dataclass(frozen=True, slots=True)
class Split:
    """How units are planned to fall, and how they do.

    Attributes
    ----------
    planned, true : tuple of float
    units : int
    """

    planned: tuple[float, ...]
    true: tuple[float, ...]
    units: int

    @property
    def as_planned(self) -> bool:
        """Whether an alarm is false."""
        return self.planned == self.true


HALVES, THIRDS, TENTH = (0.5, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.9, 0.1)
SPLITS: Mapping[str, Split] = {
    "50 : 50, 10,000 units": Split(HALVES, HALVES, 10_000),
    "50 : 50, 100,000 units": Split(HALVES, HALVES, 100_000),
    "50 : 50, 1,000,000 units": Split(HALVES, HALVES, 1_000_000),
    "90 : 10, 100,000 units": Split(TENTH, TENTH, 100_000),
    "three arms, 100,000 units": Split(THIRDS, THIRDS, 100_000),
    "51 : 49 for 50 : 50, 10,000 units": Split(HALVES, (0.51, 0.49), 10_000),
    "51 : 49 for 50 : 50, 100,000 units": Split(HALVES, (0.51, 0.49), 100_000),
    "50.5 : 49.5 for 50 : 50, 100,000 units": Split(HALVES, (0.505, 0.495), 100_000),
    "50.5 : 49.5 for 50 : 50, 1,000,000 units": Split(HALVES, (0.505, 0.495), 1_000_000),
    "50.2 : 49.8 for 50 : 50, 1,000,000 units": Split(HALVES, (0.502, 0.498), 1_000_000),
}


def parts() -> tuple[Part, ...]:
    """One part for each way that units fall; fewer batches where an alarm is no rare thing."""
    return tuple(
        Part(
            f"allocation, {key}",
            BATCHES if split.as_planned else BATCHES // 10,
            AGAIN if split.as_planned else BATCHES // 10,
            partial(measured, key),
            partial(rates, key),
            mark,
        )
        for key, split in SPLITS.items()
    )


def mark(seed: int) -> str:
    """What decides the numbers."""
    return f"{BATCH} {LOOKS}"


def measured(split: str, seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch: experiments, and alarms of either test."""
    held = SPLITS[split]
    planned, line = np.array(held.planned), GatePolicy().allocation
    step = held.units // LOOKS
    counts = Run(seed).rng("allocation", split, batch).multinomial(step, held.true, (BATCH, LOOKS)).cumsum(axis=1)
    known: Floats = counts.astype(float)
    at_end = sum(allocation_p_value(one[-1], planned) < line for one in known)
    running = sum(float(sequential_allocation(one, planned)[-1]) < line for one in known)
    return {AT_END: (float(BATCH), float(at_end)), RUNNING: (float(BATCH), float(running))}


def rates(split: str, tally: Tally) -> tuple[Rate, ...]:
    """A row for either test."""
    rules: tuple[tuple[str, Rule], ...] = ((AT_END, "exact"), (RUNNING, "conservative"))
    return tuple(_rate(split, test, rule, tally[test]) for test, rule in rules if test in tally)


def _rate(split: str, test: str, rule: Rule, sums: tuple[float, ...]) -> Rate:
    tables, found = sums
    share, line = Share(found, tables), GatePolicy().allocation
    false = SPLITS[split].as_planned
    return Rate(
        part="allocation",
        situation=split,
        setting=test,
        tables=int(tables),
        expected=line if false else None,
        measured=share.value,
        error=share.error,
        rule=rule if false else "published",
        ruling=ruled(keeps_size(rule, share, line), "") if false else "published",
    )
