"""What the estimates of a rollout are called: their terms, whom they are about, the table of all cells."""

from collections.abc import Mapping

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Population, Term
from estimand.core.frozen import FrozenMap
from estimand.core.table import Table
from estimand.methods.panel.staggered_cells import Identified
from estimand.stats.did_aggregation import Aggregate

WHO: Mapping[Aggregate, str] = {
    "simple": "treated unit-periods",
    "group": "treated cohorts, each over its treated periods alike",
    "event": "treated cohorts, over event times from 0 on alike",
    "calendar": "treated cohorts, over periods alike",
    "group_time": "treated cohorts in each period",
}


def terms_of(case: Case, found: Identified) -> tuple[Term, ...]:
    """The overall, then the terms it is made of; cells alone where they are asked for."""
    labels, unit, cells = case.timeline().labels, case.unit, found.cells
    places = found.aggregation.places
    if found.plan.aggregate == "group_time":
        return tuple(
            Term(
                f"cohort {labels[g]} in {labels[t]}",
                FrozenMap({"cohort": labels[g], "period": labels[t]}),
                unit,
            )
            for g, t in zip(cells.cohort, cells.period, strict=True)
        )
    head = Term("treated", FrozenMap({}), unit)
    if found.plan.aggregate == "event":
        return (head, *(Term(f"event time {k}", FrozenMap({"event_time": int(k)}), unit) for k in places))
    name = "cohort" if found.plan.aggregate == "group" else "period"
    return (head, *(Term(f"{name} {labels[p]}", FrozenMap({name: labels[p]}), unit) for p in places))


def population_of(case: Case, found: Identified) -> Population:
    """Treated rows behind the headline; of cells alone, behind those after treatment."""
    sample, timeline, cells = case.sample(), case.timeline(), found.cells
    head = cells.post if found.plan.aggregate == "group_time" else found.averaged.weights[0] != 0.0
    counted = np.zeros((timeline.periods + 1, timeline.periods), dtype=np.bool_)
    counted[cells.cohort[head], cells.period[head]] = True
    used = int(np.count_nonzero(counted[timeline.cohort, timeline.period]))
    rules = [*(["complete cases"] if sample.n < sample.rows_read else []), *found.lost]
    if found.plan.balance is not None:
        rules.append(f"cohorts seen {found.plan.balance} steps after treatment starts")
    who = WHO[found.plan.aggregate]
    label = f"{who} ({', '.join(rules)})" if rules else who
    return Population(label, used, used / sample.rows_read, "; ".join(rules) or None)


def group_time_table(case: Case, found: Identified) -> Table:
    """Every cell: its cohort, period, base period and event time, the effect, its error by ψ, and how many made it."""
    timeline, cells, effects = case.timeline(), found.cells, found.averaged.effects
    labels = timeline.labels
    return Table(
        {
            "cohort": [labels[g] for g in cells.cohort],
            "period": [labels[t] for t in cells.period],
            "base": [labels[b] for b in cells.base],
            "event_time": (timeline.clock[cells.period] - timeline.clock[cells.cohort]).tolist(),
            "value": effects.value.tolist(),
            "std_error": np.sqrt(effects.variance).tolist(),
            "treated": effects.counts[:, 0].tolist(),
            "compared": effects.counts[:, 1].tolist(),
        }
    )
