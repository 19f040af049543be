"""Difference in means."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import IN_EVERY_WAY, Method, method
from estimand.core.metric import MEANS
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.row_weights import given_weights, row_weights
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import DataError, UnsupportedError
from estimand.methods.adjustment.contrast import rows_of
from estimand.methods.adjustment.difference_metric import metric_difference
from estimand.methods.adjustment.difference_ratio import Ratio, outcome_of_moments
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast
from estimand.methods.adjustment.robust import clustered_spread
from estimand.stats.arrays import Floats
from estimand.stats.cluster import Block
from estimand.stats.intervals import welch_df
from estimand.stats.linear import least_squares


@method(
    "difference",
    designs=(Observational, Experiment),
    references=("Welch 1947, doi:10.1093/biomet/34.1-2.28",),
    inference="small_sample",
    resampling=("pairs", "cluster", "bayesian", "multiplier", "wild_cluster", "randomisation"),
    variance_factor=2.0,
    invariances=IN_EVERY_WAY,
    adjusts=False,
    reads_moments=True,
    metrics=(*MEANS, "ratio"),
)
class Difference(Method):
    r"""Difference in mean outcome between each arm and control, by Welch.

    Estimand: E[Y | A = a] - E[Y | A = 0]. Under random assignment that is the average effect (ATE);
    otherwise it is an ASSOCIATION, and is shown as such.

    Variance: s²_a / n_a + s²_0 / n_0, with Welch-Satterthwaite degrees of freedom; terms share the control
    arm, hence covary by s²_0 / n_0. With clusters, the cluster-robust covariance of least squares on the
    arms. With weights, weighted means and Σw²(y - ȳ)²/(Σw)² n/(n - 1); weights that stand for rows without the
    outcome bring what their model takes off. Reads moments: no rows are needed.

    Ratios and odds ratios are t on the log scale, by the delta method on the same variances: s²_a / (n_a ȳ_a²) for a
    ratio, with Welch-Satterthwaite degrees of freedom of those terms. From moments an odds ratio needs an outcome of
    zeros and ones.

    Parameters
    ----------
    contrast : "difference" | "ratio" | "odds_ratio"
        Of the two means.
    """

    contrast: Contrast = "difference"

    def estimate(self, case: Case) -> Estimate:
        """Estimate from rows or from moments."""
        if case.metric is not None:
            return metric_difference(case, self, self.contrast)
        source = case.source
        facts = (
            _from_moments(source, case.outcome)
            if isinstance(source, Moments)
            else _from_rows(case.sample(), case.outcome)
        )
        _refuse_small(facts, case.arms)
        treated = np.arange(1, len(case.arms))
        k = treated.shape[0]
        ratio = None if self.contrast == "difference" else _ratio(case, self.contrast, facts)
        vcov = np.diag(facts.error[treated]) + facts.error[0]
        uncertainty = Normal(vcov, _welch(facts, np.ones(k + 1)), "identity", "Welch")
        rows = source if isinstance(source, Sample) else None
        base, error = facts.mean[0], facts.error[0]
        baseline = Baseline(np.full(k, base), np.full((k, k), error), np.full((k, k), -error))
        if rows is not None and rows.cluster is not None:
            uncertainty, baseline = _clustered(case, rows, base)
        influence = None if rows is None else _influence(rows, case.outcome, facts.mean, ratio)
        if case.observing() is not None:
            uncertainty, baseline, influence = _standing_for_all(case, facts.mean, (uncertainty, baseline), ratio)
        made = Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.ATE if case.randomised else Target.ASSOCIATION,
            population=_population(case, facts),
            terms=case.arm_terms(),
            value=facts.mean[treated] - base,
            uncertainty=uncertainty,
            n_obs=int(facts.units.sum()),
            inference=self.spec.inference,
            level=case.level,
            baseline=baseline,
            influence=influence,
        )
        if ratio is None:
            return made
        clustered = rows is not None and rows.cluster is not None
        df = uncertainty.df if clustered else _welch(facts, ratio.slopes)
        return ratio.turn(made, uncertainty, baseline, df)

    def blocks(self, case: Case) -> tuple[Block, ...]:
        """Least squares on the arms, and its slopes."""
        self._refuse_ratio()
        sample = case.sample()
        dummies = (sample.arm[:, None] == np.arange(1, len(sample.arms))).astype(float)
        fit = least_squares(dummies, case.values(), given_weights(sample))
        return (Block(fit, np.arange(sample.n), np.stack([fit.basis.slope(j) for j in range(dummies.shape[1])])),)

    def arm_basis(self, case: Case) -> Floats:
        """Ones: the line of an arm is its mean."""
        self._refuse_ratio()
        return np.ones((case.sample().n, 1))

    def _refuse_ratio(self) -> None:
        """Refuse to test a ratio by least squares, or by assignments under a constant difference."""
        if self.contrast != "difference":
            raise UnsupportedError(
                "Wild cluster and randomisation tests are of a difference, and this is a ratio.",
                remedy="Use contrast: difference, or kind: pairs or cluster.",
                found=self.contrast,
            )


@dataclass(frozen=True, slots=True, eq=False)
class ArmFacts:
    """What the difference needs of each arm: units, mean, and the squared error of the mean, shape (arms,)."""

    units: Floats
    mean: Floats
    error: Floats


def _from_moments(moments: Moments, outcome: str) -> ArmFacts:
    return ArmFacts(moments.units, moments.mean(outcome), moments.variance(outcome) / moments.units)


def _from_rows(sample: Sample, outcome: str) -> ArmFacts:
    """Moments of the arms; with weights, weighted means and their linearised error."""
    if sample.weights is None:
        return _from_moments(Moments.from_sample(sample, (outcome,)), outcome)
    weights, values = row_weights(sample), sample.outcomes[outcome]
    units = np.bincount(sample.arm, minlength=len(sample.arms)).astype(float)
    total = np.bincount(sample.arm, weights=weights)
    mean = np.bincount(sample.arm, weights=weights * values) / total
    squares = np.bincount(sample.arm, weights=np.square(weights * (values - mean[sample.arm])))
    return ArmFacts(units, mean, squares / np.square(total) * units / np.maximum(units - 1.0, 1.0))


def _refuse_small(facts: ArmFacts, arms: tuple[str, ...]) -> None:
    if (facts.units < 2).any():
        arm = arms[int(facts.units.argmin())]
        raise DataError(
            f"Arm '{arm}' has {int(facts.units.min())} units; a variance needs two.",
            remedy="Gather more data, or leave the arm out.",
        )


def _population(case: Case, facts: ArmFacts) -> Population:
    if isinstance(case.source, Moments):
        return Population("everyone", int(facts.units.sum()), 1.0)
    return population(case, Target.ATE if case.randomised else Target.ASSOCIATION)


def _ratio(case: Case, kind: Contrast, facts: ArmFacts) -> Ratio:
    """Ratios of the arm means, or a refusal."""
    if isinstance(case.source, Sample):
        return Ratio.of(kind, facts.mean, case.values())
    scatter = facts.error * (facts.units - 1.0)
    return Ratio.of(kind, facts.mean, outcome_of_moments(kind, facts.mean, scatter))


def _welch(facts: ArmFacts, slopes: Floats) -> Floats:
    """Degrees of freedom of every arm against control, each mean's error scaled by a slope, shape (k,)."""
    variance, k = facts.error * facts.units * np.square(slopes), facts.mean.shape[0] - 1
    pairs = [np.stack([np.broadcast_to(part[0], k), part[1:]]) for part in (variance, facts.units)]
    return welch_df(pairs[0], pairs[1])


def _influence(sample: Sample, outcome: str, mean: Floats, ratio: Ratio | None) -> Influence:
    """ψ of mean differences: n w/Σw (y - mean) in the arm, minus the same in control; built when asked."""

    def build() -> Floats:
        psi = _mean_influence(sample, outcome, mean)
        return np.asarray(psi[:, 1:] - psi[:, [0]]) if ratio is None else ratio.influence(psi)

    return Influence(build, sample.units, sample.n, sample.root)


def _mean_influence(sample: Sample, outcome: str, mean: Floats) -> Floats:
    """ψ of every arm's mean, shape (n, arms)."""
    weights, arm = row_weights(sample), sample.arm
    total = np.bincount(arm, weights=weights, minlength=mean.shape[0])
    deviation = weights * (sample.outcomes[outcome] - mean[arm]) * (sample.n / total[arm])
    return np.asarray(deviation[:, None] * (arm[:, None] == np.arange(mean.shape[0])))


def _standing_for_all(
    case: Case, mean: Floats, alone: tuple[Normal, Baseline], ratio: Ratio | None
) -> tuple[Normal, Baseline, Influence]:
    """Add what the model of the weights brings, over the rows they stand for too."""
    uncertainty, baseline = alone
    psi, rows = _mean_influence(case.sample(), case.outcome, mean), rows_of(case)
    differences, k = psi[:, 1:] - psi[:, [0]], mean.shape[0] - 1
    more = rows.inherited(np.hstack([differences, np.repeat(psi[:, [0]], k, axis=1)]))
    level = Baseline(baseline.value, baseline.vcov + more[k:, k:], baseline.cross + more[:k, k:])
    influence = rows.influence(differences if ratio is None else ratio.influence(psi))
    return replace(uncertainty, vcov=uncertainty.vcov + more[:k, :k]), level, influence


def _clustered(case: Case, sample: Sample, base: float) -> tuple[Normal, Baseline]:
    """Cluster-robust covariance of the differences, and of control's mean beside them."""
    dummies = (sample.arm[:, None] == np.arange(1, len(case.arms))).astype(float)
    fit = least_squares(dummies, case.values(), given_weights(sample))
    k = dummies.shape[1]
    control = fit.basis.point(np.zeros(k))
    functionals = np.stack([*(fit.basis.slope(j) for j in range(k)), control])
    spread = clustered_spread([Block(fit, np.arange(sample.n), functionals)], sample, None)
    df = None if spread.df is None else spread.df[:k]
    level, mixed = spread.vcov[k, k], spread.vcov[:k, [k]]
    baseline = Baseline(np.full(k, base), np.full((k, k), level), np.repeat(mixed, k, axis=1))
    return Normal(spread.vcov[:k, :k], df, "identity", spread.correction), baseline
