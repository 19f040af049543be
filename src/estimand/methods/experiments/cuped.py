"""Difference of means or ratios, sharpened by what users did before the experiment."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.method import Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.metric_estimate import Beside, Comparison, metric_estimate
from estimand.core.metric_moments import MetricMoments
from estimand.errors import UnsupportedError
from estimand.stats.metric_moments import Slopes

FEWEST = 2


@method(
    "cuped",
    designs=(Experiment,),
    references=(
        "Deng, Xu, Kohavi & Walker 2013, doi:10.1145/2433396.2433413",
        "Lin 2013, doi:10.1214/12-AOAS583",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=(
        "row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "arm_swap",
        "duplicated_rows",
    ),
    reads_moments=True,
    needs_metrics=True,
    metrics=(*MEANS, "ratio"),
    details=(
        Detail("variance_reduction", "(k,)", "share of the unadjusted variance"),
        Detail("without_history", "()", "share of units"),
    ),
    why_not="Moments hold no rows to draw from; draw for regression, which adjusts by the same lines.",
)  # fmt: skip
class Cuped(Method):
    r"""Difference of each arm's level from control's, adjusted for the metric before the experiment.

    Estimand: E[Y(a)] - E[Y(0)], or of ratios of means; assignment is random, so adjusting changes the precision and
    not the target.

    A line in each arm on the covariate, compared at everyone's average (Lin). Users without history are a stratum of
    their own, unadjusted. A ratio adjusts numerator and denominator both, and is linearised.

    Variance: residual variance over n in each arm, with n - 2 degrees of freedom and the covariate's leverage; the
    spread of (b_a - b_0) x over users; and that of the effect between users with and without history. Welch
    degrees of freedom. With clusters, of sums within them. Reads moments: no rows are needed.

    Parameters
    ----------
    slopes : "arm" | "pooled"
        Of each arm, or one of all users taken for known, as Deng and others have it.
    """

    slopes: Slopes = "arm"

    def estimate(self, case: Case) -> Estimate:
        """Estimate from the moments of the case's metric."""
        moments = case.metric_moments()
        held, bare = self._by_history(moments)
        q = len(moments.outcome_columns)
        k = len(moments.parts[held[0]].columns) - q
        places, left_out = [held], tuple[Finding, ...]()
        if bare:
            few = np.sum([moments.parts[j].units for j in bare], axis=0).min() < FEWEST
            places, left_out = ([held], _too_few(self.spec.key, moments, bare)) if few else ([held, bare], ())
        compared = Comparison.of(moments, places, history=True)
        levels = compared.levels(moments, self.slopes)
        plain = Comparison.of(moments, [[j for at in places for j in at]], history=False).levels(moments)
        share = sum(float(moments.parts[j].units.sum()) for j in bare) / float(moments.units.sum())
        details = {
            "variance_reduction": 1.0 - np.diag(levels.effect_vcov) / np.diag(plain.effect_vcov),
            "without_history": share,
        }
        name = "Lin" if self.slopes == "arm" else "CUPED, slope taken for known"
        flat = _flat(self.spec.key, moments, held, k)
        return metric_estimate(case, self, compared, levels, name, Beside(details, (*left_out, *flat)))

    def _by_history(self, moments: MetricMoments) -> tuple[list[int], list[int]]:
        """Parts with history, and without."""
        widest = max(len(part.columns) for part in moments.parts)
        if widest == len(moments.outcome_columns):
            raise UnsupportedError(
                f"Metric '{moments.metric}' has no covariate to adjust for.",
                remedy="Name the same metric before the experiment as its covariate, or use method: difference.",
            )
        held = [j for j, part in enumerate(moments.parts) if len(part.columns) == widest]
        return held, [j for j in range(len(moments.parts)) if j not in held]


def _too_few(key: str, moments: MetricMoments, bare: list[int]) -> tuple[Finding, ...]:
    units = int(sum(moments.parts[j].units.sum() for j in bare))
    return (
        Finding(
            check="cuped.without_history",
            about=key,
            grade=Grade.WARN,
            subject=moments.metric,
            statistic=float(units),
            threshold=float(FEWEST),
            message=f"{units:,} units without history are fewer than {FEWEST} in some arm and were left out.",
            remedy="Count them as zero before the experiment, if that is what they did.",
        ),
    )


def _flat(key: str, moments: MetricMoments, held: list[int], covariates: int) -> tuple[Finding, ...]:
    """Say so where the covariate does not vary in some arm."""
    spread = np.sum([np.diagonal(moments.parts[j].cross, axis1=1, axis2=2) for j in held], axis=0)[:, -covariates:]
    if (spread[:, 0] > 0.0).all():
        return ()
    return (
        Finding(
            check="cuped.constant_covariate",
            about=key,
            grade=Grade.WARN,
            subject=moments.metric,
            message=f"The covariate of metric '{moments.metric}' is one number throughout some arm, so it explains "
            "nothing there.",
            remedy="Check which column is the metric before the experiment.",
        ),
    )
