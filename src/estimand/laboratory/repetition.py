"""One repetition: draw a table, run every setting on it through one bank of nuisances, and keep the numbers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.gates import GatePolicy
from estimand.core.question import Target
from estimand.core.run import Run
from estimand.core.uncertainty import Regions, Unknown, hull
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.errors import EstimandError
from estimand.laboratory.cells import Setting
from estimand.laboratory.worlds.panel import Rollout
from estimand.laboratory.worlds.panel_truth import rollout_truth
from estimand.laboratory.worlds.place import Place
from estimand.laboratory.worlds.truth import truth
from estimand.laboratory.worlds.world import Draw
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.examine import run_method
from estimand.study.plan import Planned, plan_methods

CRASHED = "CRASHED"
# A refusal is a ValueError; the others are what a number out of range trips over, and count as crashes.
FAILURES = (ArithmeticError, LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one setting made of one table.

    Attributes
    ----------
    value, std_error, low, high, p_value, truth : float or None
        None where there is none, or where it failed; ends may be infinite.
    target : str
    seconds : float
        The first setting that asks for a shared nuisance pays for it.
    code, message : str
        Why it failed; empty where it did not.
    """

    value: float | None = None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    truth: float | None = None
    target: str = ""
    seconds: float = 0.0
    code: str = ""
    message: str = ""


def stream(seed: int, world: Place, repetition: int) -> np.random.Generator:
    """Random stream of a table: decided by seed, world and repetition, never by who asks first."""
    return Run(seed).rng("world", world.key, repetition)


def drawn_case(seed: int, world: Place, repetition: int) -> tuple[Draw, Case]:
    """Draw a table and read it as a study would.

    Raises
    ------
    EstimandError
        If the design refuses it.
    """
    draw = world.draw(stream(seed, world, repetition))
    design = world.declared()
    sample = build_sample(read_table(pd.DataFrame(draw.table), design.columns()), design)
    run = Run(Run(seed).seed_for("run", world.key, repetition))
    return draw, case_of(design, sample, design.outcome[0], run, Cache(), (0.95, GatePolicy(), None))


def trials(seed: int, world: Place, repetition: int, settings: Sequence[Setting]) -> tuple[Trial, ...]:
    """Run the settings on one table; a refusal is a result."""
    try:
        draw, case = drawn_case(seed, world, repetition)
    except EstimandError as error:
        return tuple(_failed(error) for _ in settings)
    return tuple(_trial(world, draw, case, setting) for setting in settings)


def estimated(case: Case, settings: Sequence[Setting]) -> Iterator[tuple[Planned, Estimate]]:
    """Run the settings, leaving out those that fail."""
    for setting in settings:
        try:
            (planned,) = plan_methods([setting.planned()], {}, None, case.design)
            yield planned, run_method(planned, case, setting.key)
        except FAILURES:
            continue


def _trial(world: Place, draw: Draw, case: Case, setting: Setting) -> Trial:
    started = time.perf_counter()
    try:
        (planned,) = plan_methods([setting.planned()], {}, None, case.design)
        estimate = run_method(planned, case, setting.key)
        seconds = time.perf_counter() - started
        return _measured(world, draw, case, estimate, seconds)
    except FAILURES as error:
        return _failed(error)


def _failed(error: Exception) -> Trial:
    """Keep a refusal with its code; anything else that a number can trip over counts as a crash."""
    if isinstance(error, EstimandError):
        return Trial(code=str(error.code), message=error.message)
    return Trial(code=CRASHED, message=f"{type(error).__name__}: {error}")


def _measured(world: Place, draw: Draw, case: Case, estimate: Estimate, seconds: float) -> Trial:
    errors = estimate.uncertainty.std_error(estimate.value)
    p_values = estimate.uncertainty.p_value(estimate.value)
    low, high = _ends(estimate)
    return Trial(
        value=float(estimate.value[0]),
        std_error=None if errors is None else float(errors[0]),
        low=low,
        high=high,
        p_value=None if p_values is None else float(p_values[0]),
        truth=true_value(world, draw, case, estimate),
        target=str(estimate.target),
        seconds=seconds,
    )


def _ends(estimate: Estimate) -> tuple[float | None, float | None]:
    """Ends of the first term's 95 % interval; None where none is claimed, or the set is empty."""
    if isinstance(estimate.uncertainty, Unknown):
        return None, None
    if isinstance(estimate.uncertainty, Regions):
        ends = hull(estimate.uncertainty.at(0.95)[0])
        return (None, None) if ends is None else (float(ends[0]), float(ends[1]))
    low, high = estimate.interval(0.95)[0]
    return float(low), float(high)


def true_value(world: Place, draw: Draw, case: Case, estimate: Estimate) -> float | None:
    """Truth of the estimate's first term.

    That of the population; of the treated rows of the table in a rollout; for the matched, of those matched.
    """
    if isinstance(world, Rollout):
        sample = case.sample()
        return rollout_truth(draw.effect[sample.index], sample, case.timeline(), estimate)
    if estimate.target is Target.ATM:
        return _among_matched(draw, case, estimate)
    quantile = estimate.terms[0].at.get("quantile", 0.5)
    return truth(world, estimate.target, str(estimate.options.get("contrast", "difference")), float(quantile))


def _among_matched(draw: Draw, case: Case, estimate: Estimate) -> float | None:
    """Mean effect on the rows of the arm asked for that found a match."""
    weights = estimate.details.get("weights")
    asked = {"ATT": 1, "ATC": 0}.get(str(estimate.options.get("target")))
    if not isinstance(weights, np.ndarray) or asked is None:
        return None
    sample = case.sample()
    kept = (weights > 0.0) & (sample.arm == asked)
    return float(draw.effect[sample.index[kept]].mean())
