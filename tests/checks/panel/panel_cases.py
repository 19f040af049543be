"""Rollouts whose truth is known, and cases of them, for the checks of panels."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from estimand.core.case import Case
from estimand.core.check import Refit
from estimand.core.design import as_design
from estimand.core.estimate import Estimate, Population, Term
from estimand.core.frozen import FrozenMap
from estimand.core.question import Target
from estimand.core.run import Run
from estimand.core.uncertainty import Normal
from estimand.data.build import build_sample
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.examine import _as_asked
from estimand.study.opening import open_source
from estimand.study.plan import plan_methods

PANEL = {"kind": "panel", "unit": "unit", "time": "year", "outcome": "y", "treatment": "d"}
FIRST_YEAR = 2000
Path = Callable[[np.ndarray], np.ndarray]


def _none(event: np.ndarray) -> np.ndarray:
    return np.zeros_like(event)


def rollout(
    cohorts: Mapping[int, int],
    never: int,
    periods: int = 8,
    seed: int = 0,
    *,
    path: Path = _none,
    effect: float = 1.0,
    noise: float = 1.0,
) -> pd.DataFrame:
    """A balanced panel: ``cohorts`` are units by position of the first treated period.

    ``path`` adds to treated units what depends on the event time, before treatment as after.
    """
    rng = np.random.default_rng(seed)
    start = np.concatenate([np.full(size, g) for g, size in cohorts.items()] + [np.full(never, 10_000)])
    unit, period = np.divmod(np.arange(start.size * periods), periods)
    event = (period - start[unit]).astype(float)
    treated = start[unit] < 10_000
    moved = np.where(treated, path(np.where(treated, event, 0.0)), 0.0)
    on = treated & (event >= 0)
    y = rng.normal(size=start.size)[unit] + 0.2 * period + effect * on + moved + noise * rng.normal(size=unit.size)
    return pd.DataFrame({"unit": unit, "year": FIRST_YEAR + period, "d": on.astype(int), "y": y})


def case_for(frame: pd.DataFrame, **design: Any) -> Case:
    """The case of a frame."""
    given = {name: value for name, value in {**PANEL, **design}.items() if value is not None}
    drawn = as_design(given)
    sample = open_source(frame, drawn, build_sample)[1]
    return case_of(drawn, sample, "y", Run(0), Cache())


def estimated(case: Case, *methods: Any) -> tuple[tuple[Estimate, ...], Refit]:
    """Estimates of methods, and a refit that runs them again on another case, with other options where named."""
    planned = {item.id: item for item in plan_methods(list(methods), {}, None, case.design)}

    def refit(estimate: Estimate, changed: Case, resample: Any = None) -> Estimate:
        made = _as_asked(planned[estimate.id], estimate).method.estimate(changed)
        return replace(made, id=estimate.id)

    return tuple(replace(item.method.estimate(case), id=item.id) for item in planned.values()), refit


def events(
    value: np.ndarray, vcov: np.ndarray, time: np.ndarray, *, df: np.ndarray | None = None, **options: Any
) -> Estimate:
    """An event study made by hand."""
    after = (time >= 0) / (time >= 0).sum()
    load = np.vstack([after, np.eye(time.size)])
    places = tuple(Term(f"{t:+d}", FrozenMap({"event_time": int(t)})) for t in time)
    return Estimate(
        id="event_study",
        method="event_study",
        options=FrozenMap(options),
        outcome="y",
        target=Target.ATT,
        population=Population("the treated", 100, 1.0),
        terms=(Term("treated"), *places),
        value=load @ value,
        uncertainty=Normal(load @ vcov @ load.T, df, "identity", "CR1"),
        n_obs=1_000,
        inference="small_sample",
    )


def never(estimate: Estimate, case: Case, resample: Any = None) -> Estimate:
    """A refit for checks that should need none."""
    raise AssertionError("no refit was needed")
