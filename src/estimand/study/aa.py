"""A/A: assign the arms of the user's own data anew, many times, and count how often a method finds an effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, as_design
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.frozen import Frozen
from estimand.core.gates import GatePolicy
from estimand.core.jsonable import Json
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.data.build import build_sample
from estimand.errors import DesignError, EstimandError
from estimand.models.bank import Cache
from estimand.stats.arrays import Floats
from estimand.stats.rates import wilson_interval
from estimand.stats.reassignment import shuffled, uniform_p_value
from estimand.study.aa_units import Units, metric_blocks, units_of
from estimand.study.case import case_of
from estimand.study.examine import not_run
from estimand.study.metrics import refuse_kind_of_metric
from estimand.study.opening import open_source
from estimand.study.plan import Planned, plan_methods
from estimand.study.single import check_settings
from estimand.study.threads import single_threaded

BATCH = 20
BINS = 20
FEWEST = 100
# Over all rows of the table, the chance of calling a sound method into question.
ALARM = 0.01
# By metric, method and arm, of shape (repetitions,).
PValues: TypeAlias = dict[tuple[str, str, str], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class AATest(Frozen):
    """How often methods find an effect where arms are assigned anew, and nothing is.

    Attributes
    ----------
    data : str
    units : int
        That were assigned: rows, or clusters.
    repetitions, seed : int
    alpha : float
        Two-sided size that the false positives are held to.
    table : Table
        A row for every metric, method and arm: ``rate`` of p-values below alpha with its interval ``low``, ``high``,
        the Kolmogorov-Smirnov ``distance`` of the p-values from uniform and its p-value ``uniform``, and ``failed``.
    p_values : ndarray of shape (rows of the table, repetitions)
        Not-a-number where the method refused an assignment.
    findings : tuple of Finding
    """

    data: str
    units: int
    repetitions: int
    seed: int
    alpha: float
    table: Table
    p_values: Floats
    findings: tuple[Finding, ...]

    def of(self, check: str) -> tuple[Finding, ...]:
        """Findings of one check: ``aa.size``, ``aa.failed``."""
        return tuple(finding for finding in self.findings if finding.check == check)

    def to_dict(self) -> dict[str, Json]:
        """Return the test as JSON; of p-values, the histogram that stands in the finding ``aa.size``."""
        return {
            "data": self.data,
            "units": self.units,
            "repetitions": self.repetitions,
            "seed": self.seed,
            "alpha": self.alpha,
            "table": list(self.table.rows()),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def aa(
    data: Any,
    design: Any,
    methods: Sequence[Any] = ("difference", "cuped"),
    *,
    repetitions: int = 1_000,
    alpha: float | None = None,
    seed: int = 0,
    threads: int = 1,
) -> AATest:
    """Assign the arms of an experiment's data anew, many times, and count how often methods find an effect.

    Units, or clusters, keep their values; arms are dealt anew within strata, as often as they are there. Every method
    is run on the moments of every metric. With no effect anywhere, p-values are uniform and a share alpha of them is
    below alpha: where it is not, what the method assumes does not hold for these data.

    Parameters
    ----------
    data : str, Path or table
    design : mapping or Experiment
        With metrics.
    methods : sequence
        Keys, or mappings ``{method, id, …options}``, of methods that read moments.
    repetitions : int
    alpha : float, optional
        By default that of the plan, else 0.05.
    seed : int
    threads : int
        Batches side by side; the answer does not depend on it.

    Raises
    ------
    DesignError
        If the design names no metrics, a method needs rows, or a setting makes no sense.
    EstimandError
        If the data cannot be used.
    """
    drawn = as_design(design)
    if not isinstance(drawn, Experiment) or not drawn.metrics:
        raise DesignError(
            "An A/A test is of the metrics of an experiment, and the design names none.",
            remedy="Use kind: experiment with metrics: [column, …].",
        )
    planned = plan_methods(list(methods), {}, None, drawn)
    _refuse_settings(planned, repetitions)
    check_settings(seed, 0.95, threads)
    size = alpha if alpha is not None else 0.05 if drawn.planned is None else drawn.planned.alpha
    run = Run(seed, threads)
    name, sample = open_source(data, drawn, build_sample)
    with single_threaded():
        units = units_of(sample)
        found = [_of_metric(drawn, sample, units, planned, (metric.name, repetitions, run)) for metric in drawn.metrics]
    p_values = {key: values for made, _ in found for key, values in made.items()}
    failed = [finding for _, findings in found for finding in findings]
    if not p_values:
        raise DesignError(
            "No method can be run on any of the metrics.",
            remedy=failed[0].remedy or "Choose other methods.",
            found=failed[0].message,
        )
    table = _table(p_values, size)
    findings = (_sized(table, p_values, size), *failed)
    held = np.stack(list(p_values.values()))
    return AATest(name, units.arm.shape[0], repetitions, seed, size, table, held, findings)


def _refuse_settings(planned: tuple[Planned, ...], repetitions: int) -> None:
    for item in planned:
        if not item.method.spec.reads_moments or item.resample is not None:
            raise DesignError(
                f"Method '{item.id}' needs rows, and an A/A test runs methods on moments.",
                remedy="Use difference, cuped or poststratification, without resampling.",
                found=item.id,
            )
    if repetitions < FEWEST:
        raise DesignError(
            f"{repetitions} repetitions tell nothing of a rate.", remedy=f"Give at least {FEWEST}.", found=repetitions
        )


def _of_metric(
    design: Experiment, sample: Sample, units: Units, planned: tuple[Planned, ...], asked: tuple[str, int, Run]
) -> tuple[PValues, list[Finding]]:
    """P-values of every method and arm for one metric; not-a-number where one could not be had."""
    name, repetitions, run = asked
    metric = next(metric for metric in design.metrics if metric.name == name)
    blocks = metric_blocks(sample, metric, units)
    context = (1.0 - GatePolicy().before, GatePolicy(), None)

    def case_for(assigned: Any) -> list[Case]:
        made = blocks.moments(assigned, sample.arms)
        return [case_of(design, moments, name, run, Cache(), context) for moments in made]

    usable, findings = [], []
    (first,) = case_for(units.arm[None].astype(np.int8))
    for item in planned:
        try:
            refuse_kind_of_metric(item.method, metric)
            _ = item.method.estimate(first).p_value
            usable.append(item)
        except EstimandError as error:
            findings.append(not_run("aa.failed", f"{item.id}:{name}", error))

    def batch(start: int) -> Floats:
        count = min(BATCH, repetitions - start)
        cases = case_for(shuffled(units.arm, units.stratum, count, run.rng("aa", start)))
        return np.array([[_p_values(item, case) for item in usable] for case in cases])

    if not usable:
        return {}, findings
    drawn = np.concatenate(run.map(batch, range(0, repetitions, BATCH), f"assigning anew for {name}"))
    keys = [(item.id, arm) for item in usable for arm in sample.arms[1:]]
    columns = drawn.reshape(repetitions, -1)
    return {(name, *key): columns[:, j] for j, key in enumerate(keys)}, findings


def _p_values(planned: Planned, case: Case) -> Floats:
    """P-values of a method; not-a-number where it refuses an assignment, which is counted."""
    try:
        return planned.method.estimate(case).p_value
    except EstimandError:
        return np.full(len(case.arms) - 1, np.nan)


def _table(p_values: PValues, alpha: float) -> Table:
    rows = []
    for (metric, method, arm), values in p_values.items():
        known = values[~np.isnan(values)]
        share = float((known < alpha).mean()) if known.size else float("nan")
        low, high = wilson_interval(np.array([share]), np.array([max(known.size, 1.0)]), 0.95)[0]
        distance, uniform = uniform_p_value(known) if known.size else (float("nan"), float("nan"))
        rows.append(
            {
                "metric": metric,
                "method": method,
                "arm": arm,
                "rate": share,
                "low": float(low),
                "high": float(high),
                "distance": distance,
                "uniform": uniform,
                "failed": int(values.size - known.size),
            }
        )
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _sized(table: Table, p_values: PValues, alpha: float) -> Finding:
    """Say whether all rates are what they should be, with the histograms as evidence."""
    level = 1.0 - ALARM / (2 * len(table))
    off = []
    for row, values in zip(table.rows(), p_values.values(), strict=True):
        known = values[~np.isnan(values)]
        low, high = wilson_interval(np.array([row["rate"]]), np.array([float(max(known.size, 1))]), level)[0]
        if not low <= alpha <= high or row["uniform"] < 1.0 - level:
            off.append(row)
    far = max(table.rows(), key=lambda row: abs(row["rate"] - alpha))
    words = (
        f"'{far['method']}' of '{far['metric']}', arm '{far['arm']}', is farthest: {far['rate']:.1%} of its p-values "
        f"are below {alpha:g} (95% interval {far['low']:.1%} to {far['high']:.1%}; uniform: p = {far['uniform']:.2g})."
    )
    lead = f"{len(off)} of {len(table)} false positive rates are off" if off else "False positive rates are as stated"
    return Finding(
        check="aa.size",
        about=STUDY,
        grade=Grade.WARN if off else Grade.PASS,
        subject=f"{far['method']}:{far['metric']}",
        statistic=float(far["rate"]),
        threshold=alpha,
        message=f"{lead}. {words}",
        remedy="Do not read this method for this metric as it is: cut the largest values (winsor), name as cluster "
        "what was assigned, or wait for more units."
        if off
        else None,
        evidence=_histograms(table, p_values),
    )


def _histograms(table: Table, p_values: PValues) -> Table:
    edges = np.linspace(0.0, 1.0, BINS + 1)
    columns: dict[str, list[Any]] = {name: [] for name in (*table.columns, "bin_low", "bin_high", "count")}
    for row, values in zip(table.rows(), p_values.values(), strict=True):
        counts = np.histogram(values[~np.isnan(values)], edges)[0]
        for j, count in enumerate(counts):
            placed = row | {"bin_low": float(edges[j]), "bin_high": float(edges[j + 1]), "count": int(count)}
            for name, held in columns.items():
                held.append(placed[name])
    return Table(columns)
