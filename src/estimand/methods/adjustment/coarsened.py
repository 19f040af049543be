"""Coarsened exact matching: rows that agree in every coarsened covariate are compared, all others are left out."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.nearest import did_you_mean
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.errors import Code, DesignError, IdentificationError
from estimand.methods.adjustment.matching_report import account, by_arm
from estimand.methods.adjustment.matching_space import strata_of
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.sampling import refuse_observation
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.stratification_given import Compared, compared
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.coarsening import cut_bins, even_bins, imbalance, scott_bins, sturges_bins
from estimand.stats.neighbours_cloud import twin_codes

Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Bins: TypeAlias = Annotated[int, Field(ge=1, le=1000)]
Cuts: TypeAlias = Annotated[tuple[float, ...], Field(min_length=1)]


@method(
    "coarsened_matching",
    designs=(Observational, Experiment),
    references=(
        "Iacus, King & Porro 2012, doi:10.1093/pan/mpr013",
        "Iacus, King & Porro 2011, doi:10.1198/jasa.2011.tm09599",
    ),
    inference="matching",
    why_not="Which strata hold both arms is taken as given, and a draw would change it: leave `resample` out, for its "
    "own variance; or use 'ipw' or 'aipw'.",
    invariances=("row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows"),
    details=(
        Detail("strata", "by kind", "strata with rows, and those matched"),
        Detail("matched", "by arm", "rows with weight"),
        Detail("dropped", "by arm", "rows in strata that lack an arm"),
        Detail("balance", "by covariate", "difference [standard deviations] before and after"),
        Detail("l1", "before and after", "distance of the arms' multivariate histograms, 0 to 1"),
        Detail("bins", "by covariate", "number of bins"),
        Detail("stratum", "(n,)", "code of each row's stratum"),
        Detail("weights", "(n,)", "weight for the first term, mean one in each arm"),
    ),
)
class CoarsenedMatching(Method):
    r"""Exact matching on coarsened covariates, weighted by stratum.

    Estimand: E[Y(1) - Y(0)] over the treated (ATT), the untreated (ATC) or everyone (ATE). Rows of the target in a
    stratum without the other arm are left out; the estimate is then over those matched (ATM), and the population says
    so. With several arms each is compared with control, for ATE and ATC in strata that hold every arm.

    Numbers are cut into bins, categories and marks of missing values must agree exactly. Within strata means are
    compared, and the strata averaged by their share of the target: the difference of means under the weights
    ``(n₀/n₁)(n₁ₛ/n₀ₛ)`` of controls. What differs within bins is not adjusted for: finer bins leave less of it and
    fewer rows. Assumes no unmeasured confounding given the bins.

    Imbalance is told by the L1 distance of the arms' histograms over all covariates together, before and after, in bins
    of their own by Scott's rule: in the bins matched on it would be zero by construction. In many covariates nearly
    every row has a cell to itself, and it is near one whatever was matched.

    Variance: ``Σ (w_s² - w_s/n) v_s + Σ w_s (Δ_s - Δ)²/n`` with v_s = s²₁/n₁ + s²₀/n₀ for strata of share w_s; the
    strata, and who is matched, are taken as given. The first sum lacks ``w_s/n`` because the second has it: Δ_s strays
    from Δ by its own noise too, as in Abadie & Imbens (2006), and strata here may be pairs. A cell of one row borrows
    the variance of its arm's other cells. Sampling weights enter means, shares and variances; with clusters the rows'
    parts are summed within them, and t(G - 1) is used.

    Parameters
    ----------
    target : "ATT" | "ATE" | "ATC"
    bins : int or mapping of covariate to (int or list of cut points), optional
        Bins of equal width over the range, for all numeric covariates or by covariate, or the cuts between them (a
        value on a cut belongs below it). Default, also for covariates not named: Sturges' number ⌈log₂ n + 1⌉.
    exact : tuple of str
        Numeric covariates that must agree exactly; the design's ``roles.exact`` by default.
    """

    target: Literal[Target.ATT, Target.ATE, Target.ATC] = Target.ATT
    bins: Bins | dict[str, Bins | Cuts] | None = None
    exact: Names = ()

    def estimate(self, case: Case) -> Estimate:
        """Coarsen, match exactly, weigh and compare."""
        sample = case.sample()
        refuse_observation(self.spec.key, case)
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        codes, counts = self._strata(case)
        size = int(codes.max()) + 1
        both = _refuse_nobody(sample, codes, size)
        found = compared(case, codes, size, self.target, net=True)
        kept = _kept(sample, found, self.target)
        told = account(case, self.spec.key, kept, found.weights(sample, self.target), self.target)
        lost = told.dropped_rows > 0
        rule = "those matched within coarsened strata" if lost else None
        matched = np.asarray(found.usable.any(axis=1))
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.ATM if lost else self.target,
            population=population(case, self.target, rule, n=told.used),
            terms=case.arm_terms(),
            value=found.made.value,
            uncertainty=found.uncertainty,
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap(
                {
                    "strata": FrozenMap({"all": both.shape[0], "matched": int(matched.sum())}),
                    "matched": by_arm(sample, matched[codes]),
                    "dropped": by_arm(sample, ~matched[codes]),
                    "balance": told.balance,
                    "l1": _l1(sample, told.weights),
                    "bins": counts,
                    "stratum": codes,
                    "weights": told.weights,
                }
            ),
            findings=told.findings,
        )

    def _strata(self, case: Case) -> tuple[Ints, FrozenMap[int]]:
        """Code of each row's stratum, and the number of bins of each numeric covariate that is cut."""
        sample = case.sample()
        exact = self.exact or case.design.roles.exact
        given = self.bins if isinstance(self.bins, dict) else {}
        _refuse_unknown(sample, tuple(given))
        default = self.bins if isinstance(self.bins, int) else sturges_bins(sample.n)
        columns, counts = [], {}
        for values, feature in zip(sample.features.values.T, sample.features.features, strict=True):
            if feature.name != feature.source or feature.source in exact:
                columns.append(values)
                continue
            bins = given.get(feature.source, default)
            cut = cut_bins(values, np.array(bins)) if isinstance(bins, tuple) else even_bins(values, bins)
            columns.append(cut.astype(float))
            counts[feature.source] = len(bins) + 1 if isinstance(bins, tuple) else bins
        apart = strata_of(sample, exact)
        kinds = np.zeros(sample.n, dtype=np.int64) if apart is None else apart
        table = np.column_stack(columns) if columns else np.zeros((sample.n, 0))
        return twin_codes(table, kinds), FrozenMap(counts)


def _refuse_unknown(sample: Sample, names: tuple[str, ...]) -> None:
    numeric = [feature.source for feature in sample.features.features if feature.name == feature.source]
    for name in names:
        if name not in numeric:
            raise DesignError(
                f"There is no numeric covariate '{name}' to cut into bins; categories are matched exactly.",
                remedy=did_you_mean(name, numeric),
                found=name,
            )


def _refuse_nobody(sample: Sample, codes: Ints, size: int) -> Bools:
    """Which strata hold control and another arm; refuse where none does."""
    cells = np.bincount(codes * len(sample.arms) + sample.arm, minlength=size * len(sample.arms))
    there = cells.reshape(size, -1).astype(bool)
    both = np.asarray(there[:, 0] & there[:, 1:].any(axis=1))
    if not both.any():
        raise IdentificationError(
            "No coarsened stratum holds both arms.",
            remedy="Use fewer bins, for instance bins: 3; or match on fewer covariates.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    return both


def _kept(sample: Sample, found: Compared, target: Target) -> Bools:
    """Target rows whose stratum is used."""
    arm, usable = sample.arm, found.usable[found.codes]
    if target is Target.ATT:
        own = np.take_along_axis(usable, np.maximum(arm - 1, 0)[:, None], axis=1)[:, 0]
        return np.asarray((arm > 0) & own)
    return np.asarray(usable.all(axis=1) & ((arm == 0) if target is Target.ATC else True))


def _l1(sample: Sample, weights: Floats) -> FrozenMap[float]:
    """Imbalance of the first arm and control before and after matching, in bins by Scott's rule."""
    columns = [
        even_bins(values, scott_bins(values)).astype(float) if feature.name == feature.source else values
        for values, feature in zip(sample.features.values.T, sample.features.features, strict=True)
    ]
    table = np.column_stack(columns) if columns else np.zeros((sample.n, 0))
    cells, design = twin_codes(table, np.zeros(sample.n, dtype=np.int64)), row_weights(sample)
    one, zero = (sample.arm == 1).astype(float), (sample.arm == 0).astype(float)
    return FrozenMap(
        {
            "before": imbalance(cells, one * design, zero * design),
            "after": imbalance(cells, one * weights, zero * weights),
        }
    )
