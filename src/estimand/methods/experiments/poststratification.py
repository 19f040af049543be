"""Difference of means or ratios within strata, averaged over them."""

from typing import Any

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.metric_estimate import Beside, Comparison, metric_estimate
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.methods.experiments.cells import strata_cells


@method(
    "poststratification",
    designs=(Experiment,),
    references=("Miratrix, Sekhon & Yu 2013, doi:10.1111/j.1467-9868.2012.01048.x",),
    inference="small_sample",
    variance_factor=2.0,
    invariances=IN_EVERY_WAY,
    reads_moments=True,
    needs_metrics=True,
    metrics=(*MEANS, "ratio"),
    details=(Detail("table", "(strata,)", "units of each arm"),),
    why_not="Moments hold no rows to draw from; draw for stratification or regression.",
)
class Poststratification(Method):
    r"""Difference of each arm's level from control's within strata, weighted by the strata's share of units.

    Estimand: E[Y(a)] - E[Y(0)], or of ratios of means. Right for units that were assigned within the strata, and
    sharper for units that were not.

    Variance: Σ W² (s²_a/n_a + s²_0/n_0) within strata of share W, and Σ W (Δ - effect)²/n for the shares, with Welch
    degrees of freedom. A ratio averages numerator and denominator both, and is linearised. Reads moments: no rows are
    needed.
    """

    def estimate(self, case: Case) -> Estimate:
        """Estimate from the moments of the case's metric."""
        moments = case.metric_moments()
        if moments.strata == ("",):
            raise UnsupportedError(
                "The design names no strata.",
                remedy="Add strata: [column, …] to the design, or use method: difference.",
            )
        places = strata_cells(moments).kept
        compared = Comparison.of(moments, places, history=False)
        levels = compared.levels(moments)
        labels: dict[str, Any] = {"stratum": [moments.strata[moments.stratum[at[0]]] for at in places]}
        units = {arm: [int(part.units[a]) for part in compared.parts] for a, arm in enumerate(moments.arms)}
        details = {"table": Table(labels | units).to_dict()}
        return metric_estimate(case, self, compared, levels, "post-stratified", Beside(details))
