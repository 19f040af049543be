"""Compare like with like within strata, then average."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner
from estimand.core.method import Detail, Method, method
from estimand.core.nuisances import FoldPlan
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal
from estimand.errors import Code, DataError, DesignError, IdentificationError, UnsupportedError
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.sampling import refuse_observation
from estimand.methods.adjustment.separation import refuse_separated
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.glm import fit_glm
from estimand.stats.strata import Cells, Grouping, cell_moments, quantile_strata, stratified, within_effects


@method(
    "stratification",
    designs=(Observational, Experiment),
    references=("Cochran 1968, doi:10.2307/2528036", "Rosenbaum & Rubin 1984, doi:10.2307/2288398"),
    inference="resampling",
    why_not="It already refits propensity strata in every draw of its own option `draws`: leave `resample` out.",
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "arm_swap",
        "duplicated_rows",
    ),
    details=(
        Detail("table", "by stratum", "rows and outcome"),
        Detail("weights", "(n,)", "weight of each row, mean one in each arm"),
    ),
)  # fmt: skip
class Stratification(Method):
    r"""Stratum-specific differences, averaged over the target.

    Estimand: Σ w_s Δ_s with w_s the stratum's share of everyone (ATE) or of those treated (ATT).

    Given strata (``strata`` names covariates): differences in means; nothing else is adjusted for. Propensity strata
    (``strata`` is a number): quantiles of a logistic propensity, of everyone's for ATE and of the treated's for ATT;
    within each, least squares on the arm and the propensity's covariates, or differences in means.

    Assumes no unmeasured confounding given the strata; propensity strata leave imbalance within, which the balance
    check shows, and ``within="regression"`` (default) reduces.

    Variance: given strata Σ w_s²(s²₁/n₁ + s²₀/n₀) + Σ w_s(Δ_s - Δ)²/n. Propensity strata: a bootstrap that refits the
    propensity, the cuts and the regressions in every draw.

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
        sample = case.sample()
        refuse_observation(self.spec.key, case)
        _refuse(sample)
        refuse_separated(case)
        if isinstance(self.strata, tuple):
            return self._given(case, sample, self.strata)
        return self._by_propensity(case, sample, self.strata)

    def _given(self, case: Case, sample: Sample, names: tuple[str, ...]) -> Estimate:
        labels, codes = _combinations(sample, names)
        cells = cell_moments(case.values(), sample.arm, codes, len(labels))
        usable = self._usable(cells)
        result = stratified(cells, usable, self.target)
        uncertainty = Normal(np.array([[result.variance]]), None, "identity", "stratified")
        weights = _stratum_weights(sample, codes, usable, self.target)
        return self._made(case, result.value, uncertainty, (labels, cells, usable), weights)

    def _by_propensity(self, case: Case, sample: Sample, strata: int) -> Estimate:
        fit = case.fitted().propensity(Learner("logistic"), FoldPlan(1))
        grouping = Grouping(strata, self.target, self.within)
        values, features = case.values(), sample.features.values
        codes = quantile_strata(fit.prediction[:, 1], sample.arm, grouping)
        cells = cell_moments(values, sample.arm, codes, strata)
        usable = self._usable(cells)
        value = within_effects(values, features, sample.arm, codes, grouping)
        draws = case.run.map(
            lambda draw: _redrawn(values, features, sample, grouping, case.run.rng("stratification", draw)),
            range(self.draws),
            "stratification: bootstrap",
        )
        kept = np.array([draw for draw in draws if draw is not None])
        if kept.shape[0] < 0.9 * self.draws:
            raise IdentificationError(
                f"Only {kept.shape[0]} of {self.draws} bootstrap draws have both arms in every stratum.",
                remedy="Use fewer strata.",
                code=Code.INSUFFICIENT_OVERLAP,
            )
        labels = [f"propensity stratum {s + 1}" for s in range(strata)]
        weights = _stratum_weights(sample, codes, usable, self.target)
        return self._made(case, value, Draws(kept[:, None], "bootstrap"), (labels, cells, usable), weights)

    def _usable(self, cells: Cells) -> Bools:
        """Strata with both arms; some cell of each arm needs two rows, for a variance."""
        both = np.asarray((cells.count >= 1).all(axis=1))
        if not (cells.count[both] >= 2).any(axis=0).all():
            raise IdentificationError(
                "The strata with both arms hold single rows of an arm, so nothing is known of its noise.",
                remedy="Use fewer, or coarser, strata.",
                code=Code.INSUFFICIENT_OVERLAP,
            )
        return both

    def _made(
        self,
        case: Case,
        value: float,
        uncertainty: Normal | Draws,
        strata: tuple[list[str], Cells, Bools],
        weights: Floats,
    ) -> Estimate:
        labels, cells, usable = strata
        sample = case.sample()
        findings = (*_one_armed(labels, cells, usable, self.target), *_single(labels, cells, usable))
        about = cells.count[usable, 1:] if self.target is Target.ATT else cells.count[usable]
        left = int(about.sum())
        rule = "strata with both arms" if _lost(cells, usable, self.target).any() else None
        table = Table(
            {
                "stratum": labels,
                "control": cells.count[:, 0].astype(int).tolist(),
                "treated": cells.count[:, 1].astype(int).tolist(),
                "difference": [float(d) if ok else None for d, ok in zip(cells.difference, usable, strict=True)],
            }
        )
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=self.target,
            population=population(case, self.target, rule, n=left),
            terms=case.arm_terms(),
            value=np.array([value]),
            uncertainty=uncertainty,
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap({"table": table.to_dict(), "weights": weights}),
            findings=findings,
        )


def _refuse(sample: Sample) -> None:
    if len(sample.arms) > 2:
        raise UnsupportedError(
            f"Method 'stratification' takes two arms, and there are {len(sample.arms)}.",
            remedy="Use 'regression', 'ipw' or 'aipw', which take several.",
        )
    if sample.weights is not None or sample.cluster is not None:
        raise UnsupportedError(
            "Method 'stratification' takes neither weights nor clusters.",
            remedy="Use 'regression', 'ipw' or 'aipw', which take both.",
        )


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


def _redrawn(
    values: Floats, features: Floats, sample: Sample, grouping: Grouping, rng: np.random.Generator
) -> float | None:
    """One bootstrap draw: propensity, cuts and effects anew; None where a stratum lacks an arm."""
    rows = rng.integers(0, sample.n, sample.n)
    x, d, y = features[rows], sample.arm[rows], values[rows]
    fit = fit_glm(x, d.astype(float), "logistic")
    codes = quantile_strata(fit.mean, d, grouping)
    counts = cell_moments(y, d, codes, grouping.strata).count
    if not fit.converged or (counts < 1).any():
        return None
    return within_effects(y, x, d, codes, grouping)


def _stratum_weights(sample: Sample, codes: Ints, usable: Bools, target: Target) -> Floats:
    """Weight of each row in the averaged difference, mean one in each arm, zero in unusable strata."""
    out = np.zeros(sample.n)
    kept = usable[codes]
    goal = kept & (sample.arm == 1) if target is Target.ATT else kept
    wanted = np.bincount(codes[goal], minlength=usable.shape[0]).astype(float)
    for a in (0, 1):
        member = kept & (sample.arm == a)
        have = np.bincount(codes[member], minlength=usable.shape[0])
        out[member] = wanted[codes[member]] / have[codes[member]]
        out[member] /= out[member].mean()
    return out


def _one_armed(labels: list[str], cells: Cells, usable: Bools, target: Target) -> tuple[Finding, ...]:
    """Report strata that cannot be compared: a veto for ATE; for ATT only those with treated rows count."""
    lost = _lost(cells, usable, target)
    if not lost.any():
        return ()
    rows = cells.count[:, 1] if target is Target.ATT else cells.count.sum(axis=1)
    share = float(rows[lost].sum() / rows.sum())
    names = ", ".join(label for label, gone in zip(labels, lost, strict=True) if gone)
    return (
        Finding(
            check="stratification.one_armed",
            about="stratification",
            grade=Grade.VETO if target is Target.ATE else Grade.WARN,
            subject=next(label for label, gone in zip(labels, lost, strict=True) if gone),
            statistic=float(share),
            threshold=0.0,
            message=f"{int(lost.sum())} strata lack an arm ({share:.1%} of the target's rows) and were left out: "
            f"{names[:200]}.",
            remedy="Use coarser strata, or say that the answer is about the others.",
        ),
    )


def _lost(cells: Cells, usable: Bools, target: Target) -> Bools:
    """Strata whose loss changes whom the answer is about; one without treated rows says nothing of the treated."""
    return ~usable if target is Target.ATE else ~usable & (cells.count[:, 1] > 0)


def _single(labels: list[str], cells: Cells, usable: Bools) -> tuple[Finding, ...]:
    """Report cells of one row, whose variance is borrowed from the arm's other strata."""
    alone = usable & (cells.count == 1).any(axis=1)
    if not alone.any():
        return ()
    return (
        Finding(
            check="stratification.single_row",
            about="stratification",
            grade=Grade.NOTE,
            subject=labels[int(alone.argmax())],
            statistic=float(alone.sum()),
            message="One row is all of an arm in these strata, and its variance is taken from the others: "
            f"{', '.join(label for label, single in zip(labels, alone, strict=True) if single)[:200]}.",
            remedy="Use coarser strata.",
        ),
    )
