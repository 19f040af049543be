"""Sums over repetitions that add up in any order, and what is measured in batches of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from estimand.core.experiment_rates import Rate

# By cell: sums whose places mean what the part says.
Tally: TypeAlias = dict[str, tuple[float, ...]]


def added(one: Mapping[str, tuple[float, ...]], other: Mapping[str, tuple[float, ...]]) -> Tally:
    """Add two tallies, cell by cell; a cell that only one has is kept."""
    out = dict(one)
    for cell, sums in other.items():
        held = out.get(cell, (0.0,) * len(sums))
        out[cell] = tuple(a + b for a, b in zip(held, sums, strict=True))
    return out


@dataclass(frozen=True, slots=True)
class Part:
    """Something measured in batches.

    Attributes
    ----------
    key : str
        Name of its file.
    batches, again : int
        Batches to measure, and those that cells are taken to which miss their line.
    measure : callable (seed, batch, cells) -> Tally
        Of the cells named; of all where none is.
    rates : callable (tally) -> tuple of Rate
    mark : callable (seed) -> str
        What decides the numbers, beside the version: numbers of another mark are begun anew.
    cells : frozenset of str
        Those that can be measured alone, so that one which joins is; empty where all are measured together.
    """

    key: str
    batches: int
    again: int
    measure: Callable[[int, int, frozenset[str]], Tally]
    rates: Callable[[Tally], tuple[Rate, ...]]
    mark: Callable[[int], str]
    cells: frozenset[str] = frozenset()
