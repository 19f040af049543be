"""Difference of means or ratios, sharpened by what users did before the experiment, within strata."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.metric_estimate import Beside, Comparison, metric_estimate
from estimand.core.metric_moments import MetricMoments
from estimand.errors import DataError, UnsupportedError
from estimand.methods.experiments.cells import FEWEST, history_cells
from estimand.stats.metric_moments import Slopes


@method(
    "cuped",
    designs=(Experiment,),
    references=(
        "Deng, Xu, Kohavi & Walker 2013, doi:10.1145/2433396.2433413",
        "Lin 2013, doi:10.1214/12-AOAS583",
    ),
    inference="small_sample",
    variance_factor=2.0,
    invariances=IN_EVERY_WAY,
    reads_moments=True,
    needs_metrics=True,
    metrics=(*MEANS, "ratio"),
    details=(
        Detail("variance_reduction", "(k,)", "share of the unadjusted variance"),
        Detail("without_history", "()", "share of units"),
    ),
    why_not="Moments hold no rows to draw from; draw for regression, which adjusts by the same lines.",
)
class Cuped(Method):
    r"""Difference of each arm's level from control's, adjusted for the metric before the experiment.

    Estimand: E[Y(a)] - E[Y(0)], or of ratios of means; assignment is random, so adjusting changes the precision and
    not the target.

    A line in each arm on the covariate, compared at everyone's average (Lin). Users without history are a stratum of
    their own, unadjusted. Where the design names strata, arms are compared within them, weighted by the strata's share
    of units: lines have an intercept in every stratum and a slope in common, which is the regression on history and
    strata interacted with the arms. A ratio adjusts numerator and denominator both, and is linearised.

    Variance: residual variance over n in each stratum and arm, with the covariate's leverage, a degree of freedom a
    stratum and slope; the spread of (b_a - b_0) x over users; and that of the effect between strata, and between users
    with and without history. Welch degrees of freedom. As arms are random, it holds also where residuals spread
    unevenly along the line; HC2 and HC3, which look at every residual, need rows: use regression. With clusters, of
    sums within them. Reads moments: no rows are needed.

    Parameters
    ----------
    slopes : "arm" | "pooled" | "stratum"
        Of each arm over its strata; or one of all users taken for known, as Deng and others have it; or of each
        stratum and arm.
    stratified : bool
        Whether arms are compared within the design's strata, where it names any.
    """

    slopes: Slopes = "arm"
    stratified: bool = True

    def estimate(self, case: Case) -> Estimate:
        """Estimate from the moments of the case's metric."""
        moments = case.metric_moments()
        within = self.stratified and moments.strata != ("",)
        _refuse_without_history(moments)
        cells = history_cells(moments, stratified=within)
        held, bare = cells.of(moments, history=True), cells.of(moments, history=False)
        if not held:
            raise DataError(
                f"No stratum has enough users with history of metric '{moments.metric}'.",
                remedy="Use method: poststratification, or stratified: false.",
            )
        compared = Comparison.of(moments, cells.kept, history=True)
        levels = compared.levels(moments, self.slopes)
        plain = Comparison.of(moments, [[*held, *bare]], history=False).levels(moments)
        absent = [j for j in range(len(moments.parts)) if not moments.covariates(j)]
        details = {
            "variance_reduction": 1.0 - np.diag(levels.effect_vcov) / np.diag(plain.effect_vcov),
            "without_history": sum(float(moments.parts[j].units.sum()) for j in absent) / float(moments.units.sum()),
        }
        line = "CUPED, slope taken for known" if self.slopes == "pooled" else "Lin"
        name = f"{line}, within strata" if within else line
        found = (*_too_few(self.spec.key, moments, cells.left_out), *_flat(self.spec.key, moments, held))
        return metric_estimate(case, self, compared, levels, name, Beside(details, found))


def _refuse_without_history(moments: MetricMoments) -> None:
    if not any(moments.covariates(j) for j in range(len(moments.parts))):
        raise UnsupportedError(
            f"Metric '{moments.metric}' has no covariate to adjust for.",
            remedy="Name the same metric before the experiment as its covariate, or use method: difference, or "
            "poststratification where there are strata.",
        )


def _too_few(key: str, moments: MetricMoments, left_out: tuple[int, ...]) -> tuple[Finding, ...]:
    """Say who was left out, having too few alike in some arm."""
    out = []
    for history in (False, True):
        units = int(sum(moments.parts[j].units.sum() for j in left_out if bool(moments.covariates(j)) == history))
        if not units:
            continue
        word, where = "with" if history else "without", " of a stratum" if moments.strata != ("",) else ""
        out.append(
            Finding(
                check=f"cuped.{word}_history",
                about=key,
                grade=Grade.WARN,
                subject=moments.metric,
                statistic=float(units),
                threshold=float(FEWEST),
                message=f"{units:,} units {word} history are fewer than {FEWEST} in some arm{where} and were left out.",
                remedy="Count them as zero before the experiment, if that is what they did."
                if not history
                else "Join small strata.",
            )
        )
    return tuple(out)


def _flat(key: str, moments: MetricMoments, held: tuple[int, ...]) -> tuple[Finding, ...]:
    """Say so where the covariate does not vary in some arm."""
    first = len(moments.outcome_columns)
    spread = np.sum([moments.parts[j].cross[:, first, first] for j in held], axis=0)
    if (spread > 0.0).all():
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
