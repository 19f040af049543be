"""One estimate, or one catalog, without a study around it."""

from dataclasses import replace
from typing import Any

import numpy as np

from estimand.core.catalog import keys, resolve
from estimand.core.design import Design, Experiment, as_design
from estimand.core.estimate import Estimate
from estimand.core.gates import GatePolicy
from estimand.core.method import Method
from estimand.core.metric_moments import MetricMoments
from estimand.core.moments import Moments
from estimand.core.nearest import did_you_mean
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.data.build import build_sample
from estimand.data.metric_skewness import with_skewness
from estimand.data.moments_of_design import moments_of_design
from estimand.errors import DesignError
from estimand.models.bank import Cache
from estimand.study.case import case_of, metric_of
from estimand.study.metrics import refuse_kind_of_metric, summed_alone
from estimand.study.noise import no_noise
from estimand.study.observation import refuse_uncarried
from estimand.study.opening import open_source
from estimand.study.plan import Planned, offered_targets, plan_methods
from estimand.study.resample import resampled
from estimand.study.threads import single_threaded
from estimand.study.triggered import of_triggered


def estimate(
    data: Any,
    design: Any,
    method: str,
    *,
    outcome: str | None = None,
    seed: int = 0,
    level: float = 0.95,
    threads: int = 1,
    **options: Any,
) -> Estimate:
    """Estimate one outcome by one method.

    Parameters
    ----------
    data : str, Path, table, Sample, Moments or MetricMoments
        A path, a bundled dataset's name, a table in memory, or what was already built from one.
    design : mapping or Design
    method : str
        Key of the method catalog.
    outcome : str, optional
        One of the design's outcomes; the first by default.
    seed : int
    level : float
        Confidence level.
    threads : int
        Batches side by side; the answer does not depend on it.
    **options
        The method's options; and ``resample``, how to find the uncertainty by drawing again: a kind, such as
        "pairs", or ``{"kind": "pairs", "draws": 1000}`` (see :class:`~estimand.core.resampling.Resampling`).

    Raises
    ------
    EstimandError
        If the data, design, method or options cannot be used; the message says what to do.

    Examples
    --------
    >>> import estimand as es
    >>> design = {"kind": "observational", "treatment": "outreach", "outcome": "churn",
    ...           "covariates": ["health_score", "prior_tickets", "usage_score", "tenure_months"]}
    >>> es.estimate("outreach", design, "ipw", target="ATT").target
    <Target.ATT: 'ATT'>
    """
    check_settings(seed, level, threads)
    drawn = as_design(design)
    name = drawn.outcome[0] if outcome is None else outcome
    if not isinstance(name, str) or name not in drawn.outcome:
        raise DesignError(
            f"The design has no outcome '{name}'.", remedy=did_you_mean(str(name), drawn.outcome), found=name
        )
    (planned,) = plan_methods([{"method": method, **options}], {}, None, drawn)
    refuse_kind_of_metric(planned.method, metric_of(drawn, name))
    source = _source(data, drawn, name, planned, Run(seed, threads))
    with single_threaded():
        case = case_of(drawn, source, name, Run(seed, threads), Cache(), (level, GatePolicy(), None))
        scheme = planned.resample
        made = planned.method.estimate(case) if scheme is None else resampled(planned.method, case, scheme)
    refuse_uncarried(made, case)
    made = of_triggered(made, case)
    return replace(made, findings=(*made.findings, *no_noise(made, case)), binary=case.binary)


def _source(data: Any, design: Design, outcome: str, planned: Planned, run: Run) -> Sample | Moments | MetricMoments:
    """Rows, or the moments of a metric where the method needs no more."""
    if isinstance(data, Sample | Moments | MetricMoments):
        return data
    metric = metric_of(design, outcome)
    moments = planned.method.spec.reads_moments and planned.resample is None and summed_alone(design)
    if metric is None or not moments or not isinstance(design, Experiment):
        return open_source(data, design, build_sample)[1]
    alone = design.model_copy(update={"metrics": (metric,), "outcome": (outcome,)})
    found = moments_of_design(data, alone, run)
    return (with_skewness(found, data, alone) if planned.method.reads_skewness else found).metrics[outcome]


def check_settings(seed: object, level: object, threads: object) -> None:
    """Refuse a seed, level or number of threads that cannot be one.

    Raises
    ------
    DesignError
        Naming the setting.
    """
    whole = (int, np.integer)
    sound = {
        "seed": (seed, isinstance(seed, whole) and not isinstance(seed, bool) and seed >= 0, "a whole number from 0"),
        "level": (level, isinstance(level, float) and 0.0 < level < 1.0, "a number between 0 and 1, such as 0.95"),
        "threads": (threads, isinstance(threads, whole) and threads >= 1, "a whole number from 1"),
    }
    for name, (value, fine, expected) in sound.items():
        if not fine:
            raise DesignError(f"'{name}' is {value!r}.", remedy=f"Give {expected}.", found=value, expected=expected)


def methods() -> Table:
    """List the catalog: key, targets, designs, inference, what each method is."""
    rows: list[type[Method]] = [resolve("methods", key) for key in keys("methods")]
    return Table(
        {
            "key": [row.spec.key for row in rows],
            "summary": [first_line(row) for row in rows],
            "targets": [", ".join(map(str, offered_targets(row))) or "its own" for row in rows],
            "designs": [", ".join(d.model_fields["kind"].default for d in row.spec.designs) for row in rows],
            "inference": [row.spec.inference for row in rows],
            "options": [", ".join(row.model_fields) for row in rows],
        }
    )


def first_line(method: type[Method]) -> str:
    """First line of a method's manual."""
    return (method.__doc__ or "").strip().splitlines()[0]
