"""How often do sequential readings find an effect that is not there?

Draws experiments without an effect, looks at them as declared, and counts those in which any look excludes zero::

    python simulations/sequential_size.py

writes ``sequential_size.csv`` beside this file. Units come one by one and are assigned by a coin; every look reads the
difference of the arms' means with Welch's standard error, from moments, as ``sequential`` does. Looks are every 50
units ("every_50"), or 20 or 5 at equal shares of the planned 10,000; those before the burn-in are not taken. A look at
which an arm has fewer than two units, or nothing varies, finds nothing.

Columns: ``error`` is the share of experiments with a finding, nominal 0.05 over all looks, with its Monte-Carlo error.
"fixed" reads the interval that holds once, at every look.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimand.stats.always_valid import mixture_radius, tightest_ratio
from estimand.stats.group_sequential import spending_limits
from estimand.stats.spending import obrien_fleming_spent, pocock_spent

UNITS, BLOCK, ALPHA = 10_000, 50, 0.05
RUNS, BATCH, FIRST_SEED = 10_000, 250, 7_000
BLOCKS = UNITS // BLOCK
BURN_INS = (50, 100, 500, 1_000, 2_000)
EXPECTED_SD = 0.1
RESULT = Path(__file__).with_suffix(".csv")

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
DATA: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 1.0),
    "lognormal_sd_1": (lambda rng, shape: rng.lognormal(0.0, 1.0, shape), float(np.sqrt((np.e - 1.0) * np.e))),
    "lognormal_sd_2": (lambda rng, shape: rng.lognormal(0.0, 2.0, shape), float(np.sqrt(np.expm1(4.0) * np.exp(4.0)))),
    "proportion_5_percent": (lambda rng, shape: (rng.random(shape) < 0.05).astype(float), float(np.sqrt(0.05 * 0.95))),
    "proportion_0.5_percent": (
        lambda rng, shape: (rng.random(shape) < 0.005).astype(float),
        float(np.sqrt(0.005 * 0.995)),
    ),
}
TREATED = (0.5, 0.1)
GRIDS = {"every_50": np.arange(BLOCKS), "20": np.arange(9, BLOCKS, 10), "5": np.arange(39, BLOCKS, 40)}


@dataclass(frozen=True)
class Seen:
    """Difference and standard error after every block, shape (runs, blocks); NaN where there is none."""

    gap: np.ndarray
    error: np.ndarray


def drawn(draw: Draw, treated: float, seed: int) -> Seen:
    """Draw a batch of experiments."""
    rng = np.random.Generator(np.random.Philox(seed))
    value = draw(rng, (BATCH, UNITS))
    one = rng.random((BATCH, UNITS)) < treated

    def upto(numbers: np.ndarray) -> np.ndarray:
        return numbers.reshape(BATCH, BLOCKS, BLOCK).sum(axis=2).cumsum(axis=1)

    means, errors = [], []
    for mine in (~one, one):
        n, total, squares = upto(mine.astype(float)), upto(mine * value), upto(mine * np.square(value))
        enough = np.where(n >= 2.0, n, np.nan)
        mean = total / enough
        means.append(mean)
        errors.append(np.maximum(squares - enough * np.square(mean), 0.0) / (enough - 1.0) / enough)
    error = np.sqrt(errors[0] + errors[1])
    return Seen(means[1] - means[0], np.where(error > 0.0, error, np.nan))


def procedures(sd: float) -> Iterator[tuple[str, str, int, Callable[[np.ndarray], np.ndarray]]]:
    """Name, grid, burn-in, and half widths (runs, looks) from standard errors (runs, looks)."""
    fixed = 1.959963984540054
    for grid, at in GRIDS.items():
        share = (at + 1.0) / BLOCKS
        for burn_in in BURN_INS if grid == "every_50" else (500,):
            ratio = tightest_ratio(ALPHA) * share[share * UNITS >= burn_in]
            yield "confidence_sequence", grid, burn_in, lambda se, r=ratio: mixture_radius(se, r[None], ALPHA)
            yield "msprt", grid, burn_in, lambda se: mixture_radius(se, np.square(EXPECTED_SD * sd / se), ALPHA)
        yield "fixed", grid, 500, lambda se: fixed * se
    for grid in ("20", "5"):
        share = (GRIDS[grid] + 1.0) / BLOCKS
        for name, spent in (("obrien_fleming", obrien_fleming_spent), ("pocock", pocock_spent)):
            limits = spending_limits(share, 2.0 * spent(share, ALPHA / 2.0))
            yield f"group_sequential, {name}", grid, 0, lambda se, c=limits: se * c[None]


def errors(name: str, treated: float) -> list[dict[str, object]]:
    """Rows of the table for one kind of data."""
    draw, sd = DATA[name]
    plans = list(procedures(sd))
    found = np.zeros(len(plans))
    for batch in range(RUNS // BATCH):
        seen = drawn(draw, treated, FIRST_SEED + batch)
        for j, (_, grid, burn_in, radius) in enumerate(plans):
            at = GRIDS[grid][(GRIDS[grid] + 1) * BLOCK >= burn_in]
            with np.errstate(invalid="ignore"):
                found[j] += (np.abs(seen.gap[:, at]) > radius(seen.error[:, at])).any(axis=1).sum()
    rate = found / RUNS
    return [
        {
            "data": name,
            "treated": treated,
            "procedure": procedure,
            "looks": grid,
            "burn_in": burn_in,
            "runs": RUNS,
            "error": round(float(rate[j]), 5),
            "error_mc": round(float(np.sqrt(rate[j] * (1.0 - rate[j]) / RUNS)), 5),
        }
        for j, (procedure, grid, burn_in, _) in enumerate(plans)
    ]


def main() -> None:
    """Run every kind of data and write the table."""
    rows = [row for name in DATA for treated in TREATED for row in errors(name, treated)]
    with RESULT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
