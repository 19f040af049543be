"""How often methods find an effect in an arm like control, and cover the effect of the treated arm."""

from collections.abc import Mapping
from functools import cache, partial

import pyarrow as pa

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.experiment_rates import SIZES, Rate
from estimand.core.run import Run
from estimand.errors import EstimandError
from estimand.laboratory.experiments.readings import READINGS, Reading
from estimand.laboratory.experiments.rules import Share, keeps_coverage, keeps_size, ruled
from estimand.laboratory.experiments.tally import Part, Tally, added
from estimand.laboratory.experiments.worlds import EXPERIMENT_WORLDS, ExperimentWorld
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.examine import run_method
from estimand.study.metrics import case_for, read_metrics
from estimand.study.plan import Planned, plan_methods

ALPHA, LEVEL = 0.05, 0.95
BATCH, BATCHES, AGAIN = 100, 100, 400
BY_KEY: Mapping[str, ExperimentWorld] = {world.key: world for world in EXPERIMENT_WORLDS}


def parts() -> tuple[Part, ...]:
    """One part for each simulated experiment."""
    return tuple(_part(key) for key in READINGS)


def _part(key: str) -> Part:
    cells = frozenset(cell(metric, reading) for reading in READINGS[key] for metric in reading.metrics)
    work = (partial(measured, key), partial(rates, key), BY_KEY[key].mark)
    return Part(f"sizes, {key}", BATCHES, AGAIN, *work, cells)


def measured(world: str, seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch of experiments: tables, refusals, tests, rejections, intervals and those that cover."""
    out: Tally = {}
    for repetition in range(batch * BATCH, (batch + 1) * BATCH):
        out = added(out, _one(BY_KEY[world], seed, repetition, cells))
    return out


def cell(metric: str, reading: Reading) -> str:
    """Name a cell of the tally."""
    return f"{metric}|{reading.key}"


def _one(world: ExperimentWorld, seed: int, repetition: int, cells: frozenset[str]) -> Tally:
    """Draw one experiment and read it by every method, as a study would."""
    wanted = {
        (metric, reading.key)
        for reading in READINGS[world.key]
        for metric in reading.metrics
        if not cells or cell(metric, reading) in cells
    }
    used = frozenset(key for _, key in wanted)
    planned = tuple(item for item in _planned(world.key) if item.id in used)
    table = pa.table(dict(world.draw(Run(seed).rng("experiment", world.key, repetition))))
    run = Run(Run(seed).seed_for("reading", world.key, repetition))
    read = read_metrics(table, world.design, planned, None, run)
    out: Tally = {}
    for metric in world.design.outcome:
        here = [item for item in planned if (metric, item.id) in wanted]
        cases = tuple(case_of(world.design, source, metric, run, Cache()) for source in read.sources(metric))
        for item in here:
            out[f"{metric}|{item.id}"] = _counted(world, item, case_for(item, cases, None))
    return out


@cache
def _planned(world: str) -> tuple[Planned, ...]:
    entries = [reading.planned() for reading in READINGS[world]]
    return plan_methods(entries, {}, None, BY_KEY[world].design)


def _counted(world: ExperimentWorld, planned: Planned, case: Case) -> tuple[float, ...]:
    try:
        estimate = run_method(planned, case, planned.id)
        ends = estimate.interval(LEVEL)
    except EstimandError:
        return (1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    truth = world.truth(estimate)
    low, high = (float(end) for end in ends[-1])
    judged = 0.0 if truth is None else 1.0
    covers = 0.0 if truth is None else float(low <= truth <= high)
    return (1.0, 0.0, 1.0, float(_rejects(estimate)), judged, covers)


def _rejects(estimate: Estimate) -> bool:
    """Whether the arm like control is told from it: by the p-value, or of a posterior by the interval."""
    found = estimate.uncertainty.p_value(estimate.value)
    if found is not None:
        return bool(found[0] <= ALPHA)
    low, high = estimate.interval(LEVEL)[0]
    return bool(low > 0.0 or high < 0.0)


def rates(world: str, tally: Tally) -> tuple[Rate, ...]:
    """Rows of one simulated experiment, in the order of its readings."""
    design = BY_KEY[world].design
    kinds = {metric.name: metric.kind for metric in design.metrics}
    return tuple(
        _rate(world, f"{kinds[metric]}: {metric}", reading, tally[cell(metric, reading)])
        for reading in READINGS[world]
        for metric in reading.metrics
        if cell(metric, reading) in tally
    )


def _rate(world: str, metric: str, reading: Reading, sums: tuple[float, ...]) -> Rate:
    tables, refused, tested, rejected, judged, covering = sums
    size, covers = Share(rejected, tested), Share(covering, judged)
    keeps = keeps_size(reading.rule, size, ALPHA) and keeps_coverage(reading.rule, covers)
    ruling = ruled(keeps, reading.limit)
    return Rate(
        part=SIZES,
        situation=world,
        metric=metric,
        setting=reading.key,
        method=reading.method,
        options=reading.options,
        tables=int(tables),
        expected=ALPHA,
        measured=size.value,
        error=size.error,
        coverage=covers.value,
        coverage_error=covers.error,
        failed=refused / tables,
        rule=reading.rule,
        ruling=ruling,
        reason=reading.limit if ruling == "known" else "",
    )
