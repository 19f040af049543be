"""How often sequential readings find an effect that is not there, over all looks of an experiment.

Units come one by one and are assigned by a coin. Every look reads the difference of the arms' means with Welch's
standard error, from moments, by the limits that ``sequential`` has. Looks are every 50 units, or 20 or 5 at equal
shares of the planned 10,000; those before the burn-in are not taken. A look at which an arm has fewer than two units,
or nothing varies, finds nothing. "Fixed" reads the interval that holds once, at every look.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from estimand.core.experiment_rates import Rate
from estimand.core.frozen import FrozenMap
from estimand.core.run import Run
from estimand.laboratory.experiments.rules import Share
from estimand.laboratory.experiments.tally import Part, Tally
from estimand.stats.always_valid import mixture_radius, tightest_ratio
from estimand.stats.arrays import Floats, Ints
from estimand.stats.group_sequential import spending_limits
from estimand.stats.spending import obrien_fleming_spent, pocock_spent

UNITS, BLOCK, ALPHA = 10_000, 50, 0.05
BATCH, BATCHES = 250, 40
BLOCKS = UNITS // BLOCK
BURN_INS = (50, 100, 500, 1_000, 2_000)
BURN_IN, EXPECTED_SD, ONCE = 500, 0.1, 1.959963984540054
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
Radius = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Data:
    """How values are spread.

    Attributes
    ----------
    draw : callable
    sd : float
    """

    draw: Draw
    sd: float


def _events(share: float) -> Data:
    return Data(
        lambda rng, shape: (rng.random(shape) < share).astype(float),
        float(np.sqrt(share * (1.0 - share))),
    )


def _lognormal(sd: float) -> Data:
    own = float(np.sqrt(np.expm1(sd**2) * np.exp(sd**2)))
    return Data(lambda rng, shape: rng.lognormal(0.0, sd, shape), own)


DATA: Mapping[str, Data] = {
    "normal": Data(lambda rng, shape: rng.standard_normal(shape), 1.0),
    "lognormal, sd of the logarithm 1": _lognormal(1.0),
    "lognormal, sd of the logarithm 2": _lognormal(2.0),
    "5 % with the event": _events(0.05),
    "0.5 % with the event": _events(0.005),
}
TREATED = {"half treated": 0.5, "one in ten treated": 0.1}
GRIDS: Mapping[str, Ints] = {
    "every 50 units": np.arange(BLOCKS),
    "20 looks": np.arange(9, BLOCKS, 10),
    "5 looks": np.arange(39, BLOCKS, 40),
}


@dataclass(frozen=True, slots=True)
class Procedure:
    """A way to read an experiment more than once.

    Attributes
    ----------
    key : str
    grid : str
    burn_in : int
    radius : callable
        From standard errors (runs, looks) to half widths.
    options : mapping
        Of the method ``sequential``; empty for one that is not its own.
    """

    key: str
    grid: str
    burn_in: int
    radius: Radius
    options: Mapping[str, object]

    @property
    def name(self) -> str:
        """Row of the table: how, how often, from when on."""
        start = f", from {self.burn_in:,} units" if self.burn_in else ""
        return f"{self.key}, {self.grid}{start}"

    @property
    def at(self) -> Ints:
        """Blocks after which it looks."""
        grid = GRIDS[self.grid]
        return grid[(grid + 1) * BLOCK >= self.burn_in]


@cache
def procedures(sd: float) -> tuple[Procedure, ...]:
    """Every procedure, for data with a standard deviation."""
    return tuple(_procedures(sd))


def _procedures(sd: float) -> Iterator[Procedure]:
    for grid, at in GRIDS.items():
        share = (at + 1.0) / BLOCKS
        for burn_in in BURN_INS if grid == "every 50 units" else (BURN_IN,):
            ratio = tightest_ratio(ALPHA) * share[share * UNITS >= burn_in]
            yield Procedure("confidence_sequence", grid, burn_in, partial(_sequence, ratio), _options(burn_in))
            mixed = partial(_mixture, EXPECTED_SD * sd)
            yield Procedure("msprt", grid, burn_in, mixed, _options(burn_in) | {"kind": "msprt"})
        yield Procedure("fixed", grid, BURN_IN, partial(np.multiply, ONCE), {})
    for grid in ("20 looks", "5 looks"):
        share = (GRIDS[grid] + 1.0) / BLOCKS
        for name, spent in _spending(share).items():
            limits = spending_limits(share, spent)
            options = {"kind": "group_sequential", "spending": name, "looks": share.shape[0], "units": UNITS}
            yield Procedure(f"group_sequential, {name}", grid, 0, partial(np.multiply, limits[None]), options)


def _options(burn_in: int) -> dict[str, object]:
    return {"kind": "confidence_sequence", "burn_in": burn_in, "units": UNITS}


def _sequence(ratio: Floats, std_error: Floats) -> Floats:
    return mixture_radius(std_error, ratio[None], ALPHA)


def _mixture(effect_sd: float, std_error: Floats) -> Floats:
    return mixture_radius(std_error, np.square(effect_sd / std_error), ALPHA)


def _spending(share: Floats) -> dict[str, Floats]:
    """Two-sided error spent by each look."""
    return {
        "obrien_fleming": 2.0 * obrien_fleming_spent(share, ALPHA / 2.0),
        "pocock": 2.0 * pocock_spent(share, ALPHA / 2.0),
        "lan_demets": obrien_fleming_spent(share, ALPHA),
    }


def parts() -> tuple[Part, ...]:
    """One part for each kind of data and allocation."""
    return tuple(_part(data, half) for data in DATA for half in TREATED)


def _part(data: str, half: str) -> Part:
    work = (partial(measured, data, half), partial(rates, data, half))
    return Part(f"looks, {data}, {half}", BATCHES, BATCHES, *work, mark)


def mark(seed: int) -> str:
    """What decides the numbers."""
    return f"{UNITS} {BLOCK} {BATCH} {BURN_INS} {EXPECTED_SD}"


def measured(data: str, half: str, seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch: experiments, and those with a finding at any look."""
    rng = Run(seed).rng("looks", data, half, batch)
    gap, error = drawn(DATA[data].draw, TREATED[half], rng)
    out: Tally = {}
    for procedure in procedures(DATA[data].sd):
        at = procedure.at
        with np.errstate(invalid="ignore"):
            found = (np.abs(gap[:, at]) > procedure.radius(error[:, at])).any(axis=1)
        out[procedure.name] = (float(BATCH), float(found.sum()))
    return out


def drawn(draw: Draw, treated: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a batch: difference and standard error after every block, (runs, blocks); not-a-number where none is."""
    value = draw(rng, (BATCH, UNITS))
    one = rng.random((BATCH, UNITS)) < treated

    def upto(numbers: Floats) -> Floats:
        return np.asarray(numbers.reshape(BATCH, BLOCKS, BLOCK).sum(axis=2).cumsum(axis=1))

    means, errors = [], []
    for mine in ((~one).astype(float), one.astype(float)):
        n, total, squares = upto(mine), upto(mine * value), upto(mine * np.square(value))
        enough = np.where(n >= 2.0, n, np.nan)
        mean = total / enough
        means.append(mean)
        errors.append(np.maximum(squares - enough * np.square(mean), 0.0) / (enough - 1.0) / enough)
    error = np.sqrt(errors[0] + errors[1])
    return means[1] - means[0], np.where(error > 0.0, error, np.nan)


def rates(data: str, half: str, tally: Tally) -> tuple[Rate, ...]:
    """A row for every procedure, published as it is."""
    return tuple(
        _rate(f"{data}, {half}", procedure, tally[procedure.name])
        for procedure in procedures(DATA[data].sd)
        if procedure.name in tally
    )


def _rate(situation: str, procedure: Procedure, sums: tuple[float, ...]) -> Rate:
    tables, found = sums
    share = Share(found, tables)
    return Rate(
        part="looks",
        situation=situation,
        setting=procedure.name,
        method="sequential" if procedure.options else "difference",
        options=FrozenMap(procedure.options),
        tables=int(tables),
        expected=ALPHA,
        measured=share.value,
        error=share.error,
        rule="published",
        ruling="published",
    )
