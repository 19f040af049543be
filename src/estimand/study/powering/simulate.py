"""Power by simulation: draw the experiment, read it by the real method, count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from estimand.core.catalog import keys
from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import MetricRows
from estimand.core.run import Run
from estimand.errors import UnsupportedError
from estimand.stats.arrays import AnyArray
from estimand.stats.looks import Looks
from estimand.stats.noninferiority import equivalence_p, noninferiority_p
from estimand.study.powering.model import Drawn
from estimand.study.powering.solve import Solver
from estimand.study.single import estimate


@dataclass(frozen=True, slots=True, eq=False)
class Simulated(Frozen):
    """Share of simulated experiments that found the effect.

    Attributes
    ----------
    power, mc_error : float
    experiments : int
    method : str
        That read them.
    """

    power: float
    mc_error: float
    experiments: int
    method: str

    def to_dict(self) -> dict[str, Json]:
        """Return the count as JSON."""
        return {
            "power": self.power,
            "mc_error": self.mc_error,
            "experiments": self.experiments,
            "method": self.method,
        }


def simulate(solver: Solver, units: int, size: float, experiments: int, seed: int) -> Simulated:
    """Simulate experiments with an effect of a size; for a margin, with none.

    Raises
    ------
    UnsupportedError
        If no method reads such a metric, or data cannot be drawn.
    """
    asked = solver.asked
    effect = 0.0 if asked.is_margin else solver.signed(size)
    looks = _looks(solver, units, size)
    run, method, found = Run(seed), "", 0
    for j in range(experiments):
        drawn = solver.model.draw(units, effect, run.rng("power", j))
        method = "sequential" if looks is not None else drawn.method
        if j == 0:
            _refuse_unread(method)
        found += _finds(solver, drawn, size) if looks is None else _crosses(solver, drawn, looks)
    share = found / experiments
    return Simulated(share, float(np.sqrt(share * (1.0 - share) / experiments)), experiments, method)


def _looks(solver: Solver, units: int, size: float) -> Looks | None:
    if not solver.sequential or solver.asked.is_margin:
        return None
    std_error, _ = solver.model.precision(units, solver.signed(size)).worst()
    return solver.looks(units, std_error, size)


def _refuse_unread(method: str) -> None:
    if method not in keys("methods"):
        raise UnsupportedError(
            f"No method '{method}' is there to read simulated experiments.", remedy="Leave simulate out."
        )


def _finds(solver: Solver, drawn: Drawn, size: float) -> bool:
    """Whether the test rejects, or shows that the effect is within the margin."""
    asked = solver.asked
    made = estimate(_source(drawn, drawn.columns, asked.arms), drawn.design, drawn.method)
    if not asked.is_margin:
        return bool(made.p_value[drawn.term] <= asked.alpha)
    df = getattr(made.uncertainty, "df", None)
    free = np.inf if df is None else float(df[drawn.term])
    read = float(solver.signed(float(made.value[drawn.term]))), float(made.std_error[drawn.term]), free, size
    if asked.metric.direction == "none":
        return equivalence_p(*read) <= asked.alpha
    return noninferiority_p(*read) <= asked.alpha / 2.0


def _crosses(solver: Solver, drawn: Drawn, looks: Looks) -> bool:
    """Whether the set of the plan's sequential test leaves no effect out at some look."""
    n = next(iter(drawn.columns.values())).shape[0]
    plan = solver.asked.planned.model_copy(
        update={"units": n, "looks": tuple(looks.share.tolist()), "allocation": {}, "finished": None}
    )
    design = drawn.design.model_copy(update={"planned": plan})
    options: dict[str, Any] = (
        {} if plan.sequential != "msprt" else {"effect_sd": solver.asked.effect_sd or solver.asked.mde}
    )
    for share, limit in zip(looks.share, looks.limit, strict=True):
        if np.isinf(limit):
            continue
        now = {name: column[: round(share * n)] for name, column in drawn.columns.items()}
        source = _source(drawn, now, solver.asked.arms)
        made = estimate(source, design, "sequential", level=1.0 - solver.asked.alpha, **options)
        low, high = made.interval()[drawn.term]
        if low > 0.0 or high < 0.0:
            return True
    return False


def _source(drawn: Drawn, columns: Mapping[str, AnyArray], arms: tuple[str, ...]) -> MetricMoments | pa.Table:
    """Moments of what was drawn, which is all that a mean or ratio is read from; for a quantile, the rows."""
    (metric,) = drawn.design.metrics
    if metric.kind == "quantile":
        return pa.table(dict(columns))
    labels = columns[drawn.design.treatment]
    arm = np.select([labels == label for label in arms[1:]], list(range(1, len(arms))), 0)
    values = [columns[name] for name in metric.columns()]
    cluster = None if drawn.design.cluster is None else columns[drawn.design.cluster]
    return MetricRows(metric, values, arm, arms, cluster=cluster).summed(Run(0))
