"""Difference in means."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Method, method
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import DataError
from estimand.methods.adjustment.population import population
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
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "arm_swap",
        "duplicated_rows",
    ),
    adjusts=False,
    reads_moments=True,
)  # fmt: skip
class Difference(Method):
    r"""Difference in mean outcome between each arm and control, by Welch.

    Estimand: E[Y | A = a] - E[Y | A = 0]. Under random assignment that is the average effect (ATE);
    otherwise it is an ASSOCIATION, and is shown as such.

    Variance: s²_a / n_a + s²_0 / n_0, with Welch-Satterthwaite degrees of freedom; terms share the control
    arm, hence covary by s²_0 / n_0. With clusters, the cluster-robust covariance of least squares on the
    arms. Reads moments: no rows are needed.
    """

    def estimate(self, case: Case) -> Estimate:
        """Estimate from rows or from moments."""
        source = case.source
        moments = source if isinstance(source, Moments) else Moments.from_sample(source, (case.outcome,))
        _refuse_small(moments)
        mean, variance = moments.mean(case.outcome), moments.variance(case.outcome)
        share = variance / moments.units
        treated = np.arange(1, len(case.arms))
        vcov = np.diag(share[treated]) + share[0]
        pairs = np.stack([np.broadcast_to(variance[0], treated.shape), variance[treated]])
        sizes = np.stack([np.broadcast_to(moments.units[0], treated.shape), moments.units[treated]])
        uncertainty = Normal(vcov, welch_df(pairs, sizes), "identity", "Welch")
        rows = source if isinstance(source, Sample) else None
        if rows is not None and rows.cluster is not None:
            uncertainty = _clustered(case, rows)
        k = treated.shape[0]
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.ATE if case.randomised else Target.ASSOCIATION,
            population=_population(case, moments),
            terms=case.arm_terms(),
            value=mean[treated] - mean[0],
            uncertainty=uncertainty,
            n_obs=int(moments.units.sum()),
            inference=self.spec.inference,
            level=case.level,
            baseline=Baseline(np.full(k, mean[0]), np.full((k, k), share[0]), np.full((k, k), -share[0])),
            influence=None if rows is None else _influence(rows, case.outcome, mean),
        )


def _refuse_small(moments: Moments) -> None:
    if (moments.units < 2).any():
        arm = moments.arms[int(moments.units.argmin())]
        raise DataError(
            f"Arm '{arm}' has {int(moments.units.min())} units; a variance needs two.",
            remedy="Gather more data, or leave the arm out.",
        )


def _population(case: Case, moments: Moments) -> Population:
    if isinstance(case.source, Moments):
        return Population("everyone", int(moments.units.sum()), 1.0)
    return population(case, Target.ATE if case.randomised else Target.ASSOCIATION)


def _influence(sample: Sample, outcome: str, mean: Floats) -> Influence:
    """ψ of mean differences: n/n_a (y - mean_a) in the arm, minus the same in control; built when asked."""
    values, arm, n = sample.outcomes[outcome], sample.arm, sample.n

    def build() -> Floats:
        counts = np.bincount(arm, minlength=mean.shape[0])
        deviation = (values - mean[arm]) * (n / counts[arm])
        psi = deviation[:, None] * (arm[:, None] == np.arange(1, mean.shape[0]))
        return np.asarray(psi - (deviation * (arm == 0))[:, None])

    return Influence(build, sample.units, n, sample.root)


def _clustered(case: Case, sample: Sample) -> Normal:
    dummies = (sample.arm[:, None] == np.arange(1, len(case.arms))).astype(float)
    fit = least_squares(dummies, case.values())
    functionals = np.stack([fit.basis.slope(j) for j in range(dummies.shape[1])])
    spread = clustered_spread([Block(fit, np.arange(sample.n), functionals)], sample, None)
    return Normal(spread.vcov, spread.df, "identity", spread.correction)
