"""How many units an experiment needs, what it can find, and how likely."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from estimand.core.frozen import FrozenMap
from estimand.core.nearest import did_you_mean
from estimand.core.table import Table
from estimand.errors import DesignError
from estimand.study.powering.answer import PowerAnalysis
from estimand.study.powering.experiment import experiment_power
from estimand.study.powering.model import PowerModel
from estimand.study.powering.question import PowerQuestion
from estimand.study.powering.simulate import simulate
from estimand.study.powering.solve import Solver
from estimand.study.threads import single_threaded

# What makes a design's power model, by the kind of design; others join by a line.
POWER_MODELS: Mapping[str, Callable[[Any, PowerQuestion], PowerModel]] = {"experiment": experiment_power}
# Sizes of the curve, as multiples of the answer's.
CURVE = np.geomspace(0.25, 4.0, 17)


def power(history: Any = None, **asked: Any) -> PowerAnalysis:
    """Plan an experiment on one metric: sample size, minimum detectable effect or power, whichever is left open.

    Parameters
    ----------
    history : str, Path, mapping or table, optional
        A table of the past, one row a unit, from which level, variance, history and clusters are taken.
    **asked
        Fields of :class:`~estimand.study.powering.question.PowerQuestion`: ``metric``, and two of ``mde`` (with
        ``relative``), ``units`` (or ``daily`` and the plan's ``days``) and the plan's ``power``; ``planned``,
        ``baseline`` and ``sd`` without a history, ``simulate``.

    Raises
    ------
    EstimandError
        If the question or the history cannot be used; the message says what to do.

    Examples
    --------
    >>> import estimand as es
    >>> metric = {"column": "converted", "kind": "proportion"}
    >>> es.power(metric=metric, baseline=0.10, mde=0.02, planned={"power": 0.9}).arms["treated"]
    5138
    """
    question = PowerQuestion(**asked)
    with single_threaded():
        return _answered(Solver(question, _builder(question.design)(history, question)))


def _builder(kind: str) -> Callable[[Any, PowerQuestion], PowerModel]:
    if kind not in POWER_MODELS:
        raise DesignError(
            f"Designs of kind '{kind}' cannot be planned.", remedy=did_you_mean(kind, list(POWER_MODELS)), found=kind
        )
    return POWER_MODELS[kind]


def _answered(solver: Solver) -> PowerAnalysis:
    asked, model = solver.asked, solver.model
    size, units, solved = _solved(solver)
    true = 0.0 if asked.is_margin else solver.signed(size)
    std_error, df = model.precision(units, true).worst()
    per_arm = model.groups(units)
    counted = None
    if asked.simulate is not None:
        counted = simulate(solver, sum(per_arm.values()), size, asked.simulate, asked.seed)
    return PowerAnalysis(
        metric=asked.metric.name,
        solved=solved,
        units=units,
        arms=FrozenMap(per_arm),
        days=None if asked.daily is None else units / asked.daily,
        effect=size,
        relative=None if model.level == 0.0 else size / abs(model.level),
        power=solver.power(units, size),
        alpha=asked.alpha,
        level=model.level,
        std_error=std_error,
        df=df,
        details=FrozenMap(model.details),
        inflation=_inflation(solver, size, units),
        expected_units=solver.expected_units(units, size),
        curve=_curve(solver, units, size),
        assumptions=(*model.assumptions, *_about_looks(solver)),
        simulated=counted,
        margin=asked.is_margin,
    )


def _solved(solver: Solver) -> tuple[float, float, Literal["units", "effect", "power"]]:
    """Effect or margin, units over all arms, and which of the three numbers was left open."""
    asked = solver.asked
    size = _size(solver)
    if size is None:
        units = asked.size or 0.0
        return solver.effect(units), units, "effect"
    if asked.size is None:
        return size, solver.units(size), "units"
    if asked.size <= solver.model.least_units:
        solver.effect(asked.size)
    return size, asked.size, "power"


def _size(solver: Solver) -> float | None:
    """The effect that is to be found, or the margin, in the metric's unit; None where it is asked for."""
    asked, level = solver.asked, abs(solver.model.level)
    share = asked.metric.margin_kind == "relative" if asked.is_margin else asked.relative
    given = asked.metric.margin if asked.is_margin else asked.mde
    if given is None:
        return None
    if share and level == 0.0:
        raise DesignError(
            f"Metric '{asked.metric.name}' has a level of zero, of which there are no shares.",
            remedy="Give the effect in the metric's unit.",
        )
    if given == 0.0:
        raise DesignError(
            f"The margin of '{asked.metric.name}' is zero, which no number of units can show.",
            remedy="Give a margin above 0.",
        )
    return given * level if share else given


def _inflation(solver: Solver, size: float, units: float) -> float:
    """Units with looks over those without, at the power they have."""
    if not solver.sequential or solver.asked.is_margin:
        return 1.0
    reached = solver.power(units, size)
    plain = solver.asked.planned.model_copy(update={"sequential": "none", "looks": 1, "power": reached})
    once = Solver(solver.asked.model_copy(update={"planned": plain}), solver.model)
    return units / once.units(size) if plain.alpha < reached < 1.0 - 1e-9 else 1.0


def _curve(solver: Solver, units: float, size: float) -> Table:
    grid = [float(x) for x in units * CURVE if x > solver.model.least_units]
    found = [_effect_or_none(solver, x) for x in grid]
    level, daily = abs(solver.model.level), solver.asked.daily
    return Table(
        {
            "units": grid,
            "days": [None if daily is None else x / daily for x in grid],
            "power": [solver.power(x, size) for x in grid],
            "effect": found,
            "relative": [None if effect is None or level == 0.0 else effect / level for effect in found],
        }
    )


def _effect_or_none(solver: Solver, units: float) -> float | None:
    """The effect found with so many units; None where the metric cannot move so far."""
    try:
        return solver.effect(units)
    except DesignError:
        return None


def _about_looks(solver: Solver) -> tuple[str, ...]:
    plan = solver.asked.planned
    if solver.asked.is_margin:
        sides = "on both sides" if solver.asked.metric.direction == "none" else "on one side"
        return (f"There is no effect, and that it is within the margin {sides} is to be shown.",)
    if not solver.sequential:
        return ()
    how = plan.spending if plan.sequential == "group_sequential" else "always valid"
    return (f"Looks are paid for: {plan.sequential}, {how}; their limits take the estimate as normal.",)
