"""Which comparisons a two-way regression averages, and which effects it takes off."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.jsonable import number
from estimand.core.panel import Panel
from estimand.core.row_weights import given_weights
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.absorb import absorber
from estimand.stats.arrays import Floats, Ints
from estimand.stats.bacon import TwoByTwo, bacon_decomposition
from estimand.stats.negative_weights import CellWeights, cell_weights

TWO_WAY = "did"
ENOUGH = 0.8
MUCH = 0.1
SAME = 1e-6
CURE = "Use 'staggered_did', which compares with units not treated and averages with weights that are stated."


@dataclass(frozen=True, slots=True, eq=False)
class Balanced:
    """Units seen in every period: outcomes (u, T), cohorts, weights, and how many units there were."""

    outcome: Floats
    cohort: Ints
    weights: Floats | None
    units: int


def two_way(case: Case, estimates: tuple[Estimate, ...]) -> list[Estimate]:
    """Linear two-way regressions of a panel in which units were treated at different times, or always."""
    timeline = case.timeline()
    cohorts = np.unique(timeline.cohort[~timeline.never])
    if cohorts.shape[0] < 2:
        return []
    return [
        estimate
        for estimate in estimates
        if estimate.method == TWO_WAY and estimate.scale == "identity" and _both_ways(estimate)
    ]


def _both_ways(estimate: Estimate) -> bool:
    return bool(estimate.options.get("effects", "two_way") == "two_way")


@check(
    "panel.bacon",
    question="Which comparisons does the two-way regression average?",
    references=("Goodman-Bacon 2021, doi:10.1016/j.jeconom.2021.03.014",),
    designs=(Panel,),
)
class BaconDecomposition(Check):
    """Every comparison of two cohorts behind a two-way coefficient, and the weight of those with units already treated.

    The decomposition is of the regression without covariates, of units seen in every period. It warns where more than
    a tenth of the weight is on comparisons with units that are treated already.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to two-way regressions with several cohorts of followed units."""
        return bool(two_way(case, estimates)) and case.timeline().unit is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Decompose once, and answer for each."""
        timeline = case.timeline()
        found = two_way(case, estimates)
        if timeline.switched_off.any():
            why = "Treatment ends in some units, and the decomposition is of treatment that stays on."
            return tuple(self._not_run(e, why, "Read panel.negative_weights, which allows for it.") for e in found)
        held = _balanced(case, timeline, _units(timeline))
        if isinstance(held, str):
            return tuple(self._not_run(e, held, "Read panel.negative_weights, which needs no balance.") for e in found)
        pairs = bacon_decomposition(held.outcome, held.cohort, held.weights)
        return tuple(self._one(estimate, timeline, held, pairs) for estimate in found)

    def _not_run(self, estimate: Estimate, why: str, remedy: str) -> Finding:
        return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, "comparisons", why, remedy)

    def _one(self, estimate: Estimate, timeline: Timeline, held: Balanced, pairs: tuple[TwoByTwo, ...]) -> Finding:
        bad = [pair for pair in pairs if pair.forbidden]
        share = sum(pair.weight for pair in bad)
        total = sum(pair.weight * pair.estimate for pair in pairs)
        words = f"{len(pairs)} comparisons of two cohorts make {format_number(total)}. {_share(bad, share)}"
        good = 1.0 - share
        if bad and good > SAME:
            rest = sum(pair.weight * pair.estimate for pair in pairs if not pair.forbidden) / good
            words += f" The others alone average {format_number(rest)}."
        own = float(estimate.value[0])
        if abs(total - own) > SAME * max(abs(own), float(estimate.std_error[0]) if _has_error(estimate) else 0.0):
            words += (
                f" They are of the regression without covariates or further effects, on the {held.cohort.shape[0]:,} "
                f"of {held.units:,} units seen in every period; the estimate is {format_number(own)}."
            )
        warned = share > MUCH
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if warned else Grade.NOTE,
            subject="comparisons",
            statistic=share,
            threshold=MUCH,
            message=words,
            remedy=CURE,
            evidence=_pair_table(pairs, timeline),
        )


def _has_error(estimate: Estimate) -> bool:
    return estimate.uncertainty.std_error(estimate.value) is not None


def _share(bad: list[TwoByTwo], share: float) -> str:
    if not bad:
        return "None is with units that are treated already."
    value = sum(pair.weight * pair.estimate for pair in bad) / share
    return (
        f"{share:.1%} of the weight is on {len(bad)} with units that are treated already, which average "
        f"{format_number(value)}: there a growing effect counts with the wrong sign."
    )


def _pair_table(pairs: tuple[TwoByTwo, ...], timeline: Timeline) -> Table:
    return Table(
        {
            "treated": [_named(pair.treated, timeline) for pair in pairs],
            "control": [_named(pair.control, timeline) for pair in pairs],
            "kind": [pair.kind for pair in pairs],
            "weight": [pair.weight for pair in pairs],
            "estimate": [pair.estimate for pair in pairs],
            "forbidden": [int(pair.forbidden) for pair in pairs],
        }
    )


def _named(cohort: int, timeline: Timeline) -> str:
    if cohort == timeline.periods:
        return "never"
    return "always" if cohort == 0 else timeline.labels[cohort]


def _units(timeline: Timeline) -> Ints:
    """Unit of each row, from 0."""
    followed = timeline.cohort if timeline.unit is None else timeline.unit
    return np.unique(followed, return_inverse=True)[1]


def _balanced(case: Case, timeline: Timeline, unit: Ints) -> Balanced | str:
    """Units seen in every period, or why there are too few."""
    sample, values = case.sample(), case.values()
    count, periods = int(unit.max()) + 1, timeline.periods
    full = np.bincount(unit, minlength=count) == periods
    if full.sum() < ENOUGH * count:
        return f"Only {int(full.sum()):,} of {count:,} units are seen in every period."
    rows = np.flatnonzero(full[unit])
    order = rows[np.lexsort((timeline.period[rows], unit[rows]))]
    weights = None if sample.weights is None else sample.weights[order].reshape(-1, periods)
    if weights is not None and (weights != weights[:, :1]).any():
        return "The weights of a unit change over time, and the decomposition is of weights that do not."
    outcome, cohort = values[order].reshape(-1, periods), timeline.cohort[order].reshape(-1, periods)[:, 0]
    return Balanced(outcome, cohort, None if weights is None else weights[:, 0], count)


@check(
    "panel.negative_weights",
    question="Does the two-way regression count some effects with the wrong sign?",
    references=("de Chaisemartin & D'Haultfoeuille 2020, doi:10.1257/aer.20181169",),
    designs=(Panel,),
)
class NegativeWeights(Check):
    """Weights of the treated cells' effects in a two-way coefficient, and how unequal effects would overturn it.

    Cells are cohorts in periods; covariates are left out. It warns where the negative weights sum to more than a tenth.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to two-way regressions with several cohorts."""
        return bool(two_way(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Weigh once, and answer for each."""
        timeline, sample = case.timeline(), case.sample()
        weights = given_weights(sample)
        levels = absorber([_units(timeline), timeline.period, *timeline.absorbed.values()], weights)
        treated = sample.arm == 1
        cells = cell_weights(levels.residualise(treated.astype(float)), treated, _cells(timeline), weights)
        return tuple(self._one(estimate, timeline, sample, cells) for estimate in two_way(case, estimates))

    def _one(self, estimate: Estimate, timeline: Timeline, sample: Sample, cells: CellWeights) -> Finding:
        value = float(estimate.value[0])
        zero, turned = cells.spread_hiding_zero(value), cells.spread_turning_sign(value)
        total = cells.negative_sum
        words = (
            f"Of {cells.cell.shape[0]} treated cohorts in periods, {cells.negative_count} have a negative weight: "
            f"{total:.3g} in all, where the weights sum to one. Effects that differ between them with a standard "
            f"deviation of {format_number(zero)} could average zero and give this coefficient of {format_number(value)}"
        )
        words += (
            f"; with one of {format_number(turned)} all could be of the other sign." if np.isfinite(turned) else "."
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if total < -MUCH else Grade.NOTE,
            subject="weights",
            statistic=total,
            threshold=-MUCH,
            message=words,
            remedy=CURE,
            evidence=_cell_table(cells, timeline, zero, turned),
        )


def _cells(timeline: Timeline) -> Ints:
    return timeline.cohort * timeline.periods + timeline.period


def _cell_table(cells: CellWeights, timeline: Timeline, zero: float, turned: float) -> Table:
    cohort, period = np.divmod(cells.cell, timeline.periods)
    size = cells.cell.shape[0]
    return Table(
        {
            "cohort": [_named(g, timeline) for g in cohort.tolist()],
            "period": [timeline.labels[t] for t in period.tolist()],
            "weight": cells.weight.tolist(),
            "share": cells.share.tolist(),
            "spread_hiding_zero": [number(zero)] * size,
            "spread_turning_sign": [number(turned)] * size,
        }
    )
