"""Compare like with like within strata, then average."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate, Population
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.question import Target
from estimand.core.row_weights import mean_one_by_arm, refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal
from estimand.errors import Code, DataError, DesignError, IdentificationError
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.sampling import refuse_observation
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.stratification_given import (
    compared,
    lost_strata,
    one_armed,
    refuse_thin,
    single_rows,
    stratum_table,
)
from estimand.methods.adjustment.stratification_scores import Cut, bootstrap, cuts, effects, refuse_saturated, scored
from estimand.stats.arrays import Floats, Ints
from estimand.stats.strata import Cells, Grouping, cell_moments, comparable, target_totals


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What strata say beside their numbers."""

    table: Table
    weights: Floats
    population: Population
    findings: tuple[Finding, ...]


@method(
    "stratification",
    designs=(Observational, Experiment),
    references=(
        "Cochran 1968, doi:10.2307/2528036",
        "Rosenbaum & Rubin 1984, doi:10.2307/2288398",
        "Yang, Imbens, Cui, Faries & Kadziola 2016, doi:10.1111/biom.12505",
    ),
    inference="resampling",
    why_not="It already refits propensity strata in every draw of its own option `draws`: leave `resample` out.",
    invariances=IN_EVERY_WAY,
    details=(
        Detail("table", "by stratum", "rows and outcome"),
        Detail("weights", "(n,)", "weight of each row in the first term, mean one in each arm"),
    ),
)
class Stratification(Method):
    r"""Stratum-specific differences, averaged over the target.

    Estimand: Σ w_s Δ_s with w_s the stratum's share of everyone (ATE) or of those treated (ATT).

    Given strata (``strata`` names covariates): differences in means; nothing else is adjusted for. Propensity strata
    (``strata`` is a number): quantiles of a logistic propensity, of everyone's for ATE and of the treated's for ATT;
    within each, least squares on the arm and the propensity's covariates, or differences in means.

    Assumes no unmeasured confounding given the strata; propensity strata leave imbalance within, which the balance
    check shows, and ``within="regression"`` (default) reduces.

    Several arms: each against control. In given strata those for everyone are the strata with every arm. By propensity,
    ATT takes the rows of the arm and of control and a propensity fitted to them; ATE finds everyone's mean under each
    arm in strata of that arm's own probability, by its mean there or its regression at everyone's average covariates.
    Sampling weights enter every mean, share, cut and fit.

    Variance: given strata Σ w_s²(s²₁/n₁ + s²₀/n₀) + Σ w_s(Δ_s - Δ)²/n; with weights those of weighted means, and Σ ω²
    in place of w_s/n, the squared shares of the rows. With clusters each row's part, its deviation from its cell's mean
    and its share of Δ_s - Δ, is summed within them, times G/(G - 1), with t(G - 1). Propensity strata: a bootstrap of
    rows, or of clusters, that refits the propensity, the cuts and the regressions in every draw.
    Strata with no more different rows than coefficients are refused, in the sample or in over a tenth of the draws.

    Parameters
    ----------
    target : "ATE" | "ATT"
    strata : int or tuple of str
        Number of propensity strata, or the covariates whose combinations are the strata.
    within : "regression" | "means"
        For propensity strata.
    draws : int
        Bootstrap draws for propensity strata.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    strata: Annotated[int, Field(ge=2, le=100)] | tuple[str, ...] = 5
    within: Literal["regression", "means"] = "regression"
    draws: Annotated[int, Field(ge=50)] = 200

    def estimate(self, case: Case) -> Estimate:
        """Cut, compare within, average."""
        refuse_observation(self.spec.key, case)
        refuse_precision(self.spec.key, case.sample())
        refuse_separated(case)
        if isinstance(self.strata, tuple):
            return self._given(case, self.strata)
        return self._by_propensity(case, Grouping(self.strata, self.target, self.within))

    def _given(self, case: Case, names: tuple[str, ...]) -> Estimate:
        sample = case.sample()
        labels, codes = _combinations(sample, names)
        found = compared(case, codes, len(labels), self.target)
        cells, usable = found.cells, found.usable
        findings = (
            *one_armed(self.spec.key, labels, cells, usable, self.target),
            *single_rows(self.spec.key, labels, cells, usable),
        )
        lost = lost_strata(cells, usable, self.target).any()
        about = target_totals(cells.count, self.target) * usable
        n = int(about.sum() if self.target is Target.ATT else about[:, 0].sum())
        told = Told(
            stratum_table(sample, labels, cells, usable),
            found.weights(sample, self.target),
            population(case, self.target, "strata with both arms" if lost else None, n=n),
            findings,
        )
        return self._made(case, found.made.value, found.uncertainty, told)

    def _by_propensity(self, case: Case, grouping: Grouping) -> Estimate:
        found, rows = cuts(case, grouping), scored(case)
        arms = len(case.arms)
        weights = np.ones(rows.arm.shape[0]) if rows.weights is None else rows.weights
        every = []
        for cut in found:
            cells = cell_moments(rows.values[cut.rows], cut.arm, cut.codes, (grouping.strata, 2), weights[cut.rows])
            refuse_thin(cells, comparable(cells, self.target))
            every.append(cells)
        refuse_saturated(rows, found, grouping, arms)
        value = effects(rows, found, grouping, arms)
        if value is None:
            raise IdentificationError(
                "Some stratum of an arm's propensity has no row of that arm.",
                remedy="Use fewer strata.",
                code=Code.INSUFFICIENT_OVERLAP,
            )
        draws = Draws(bootstrap(case, grouping, self.draws), "bootstrap")
        findings: tuple[Finding, ...] = ()
        names = [""] if arms == 2 else [f"of {arm} " for arm in (case.arms if len(found) == arms else case.arms[1:])]
        for name, cells in zip(names, every, strict=True):
            labels = [f"propensity {name}stratum {s + 1}" for s in range(grouping.strata)]
            usable = comparable(cells, self.target)
            findings += one_armed(self.spec.key, labels, cells, usable, self.target)
        lost = any(lost_strata(cells, comparable(cells, self.target), self.target).any() for cells in every)
        told = Told(
            _cut_table(names, every, self.target, everyone=len(found) == arms),
            _cut_weights(case.sample(), found, every, self.target),
            population(case, self.target, "strata with both arms" if lost else None, n=_about(every, self.target)),
            findings,
        )
        return self._made(case, value, draws, told)

    def _made(self, case: Case, value: Floats, uncertainty: Normal | Draws, told: Told) -> Estimate:
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=self.target,
            population=told.population,
            terms=case.arm_terms(),
            value=value,
            uncertainty=uncertainty,
            n_obs=case.sample().n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap({"table": told.table.to_dict(), "weights": told.weights}),
            findings=told.findings,
        )


def _about(every: list[Cells], target: Target) -> int:
    """Rows of the target in strata that have both arms."""
    if target is Target.ATE:
        return int((target_totals(every[0].count, target) * comparable(every[0], target)).sum())
    return int(sum((cells.count[:, 1] * comparable(cells, target)[:, 0]).sum() for cells in every))


def _cut_table(names: list[str], every: list[Cells], target: Target, *, everyone: bool) -> Table:
    """Rows of every propensity stratum, and its difference where it compares an arm with control."""
    rows: list[tuple[str, int, int, float | None]] = []
    for name, cells in zip(names, every, strict=True):
        usable = comparable(cells, target)[:, 0]
        for s, count in enumerate(cells.count.astype(int).tolist()):
            gap = None if everyone or not usable[s] else float(cells.difference[s, 0])
            rows.append((f"propensity {name}stratum {s + 1}", *count, gap))
    others = ("others", "of the arm") if everyone else ("control", "treated")
    return Table(dict(zip(("stratum", *others, "difference"), map(list, zip(*rows, strict=True)), strict=True)))


def _cut_weights(sample: Sample, found: list[Cut], every: list[Cells], target: Target) -> Floats:
    """Weight of each row in the first term, mean one in each arm that has any, zero in unusable strata."""
    out, own = np.zeros(sample.n), row_weights(sample)
    several = target is Target.ATE and len(sample.arms) > 2
    for a in (0, 1) if several else (0,):
        cut, cells = found[a], every[a]
        wanted = np.where(comparable(cells, target), target_totals(cells.weight, target), 0.0)[:, 0]
        share = wanted[cut.codes] / np.where(cells.weight > 0.0, cells.weight, 1.0)[cut.codes, cut.arm]
        member = sample.arm == a if several else np.ones(cut.rows.shape[0], dtype=bool)
        out[cut.rows[member]] = (own[cut.rows] * share)[member]
    return mean_one_by_arm(out, sample)


def _combinations(sample: Sample, names: tuple[str, ...]) -> tuple[list[str], Ints]:
    """Label and code every combination of the named covariates' values."""
    columns, parts = [], []
    for name in names:
        own = [j for j, feature in enumerate(sample.features.features) if feature.source == name]
        if not own:
            raise DesignError(
                f"'{name}' is in strata and not among the covariates.", remedy="Add it to the covariates.", found=name
            )
        columns += own
        parts.append((name, own))
    values = sample.features.values[:, columns]
    unique, codes = np.unique(values, axis=0, return_inverse=True)
    if unique.shape[0] > sample.n / 4:
        raise DataError(
            f"The strata have {unique.shape[0]:,} combinations for {sample.n:,} rows.",
            remedy="Coarsen the columns, or use propensity strata: strata: 5.",
        )
    named = [sample.features.features[j] for j in columns]
    labels = [
        ", ".join(
            feature.name if feature.level else f"{feature.source} = {value:g}"
            for feature, value in zip(named, row, strict=True)
            if feature.level is None or value
        )
        for row in unique
    ]
    return labels, codes.reshape(-1)
