"""Does the effect vary with the covariates, where the regression has one for all?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.absorb import absorber
from estimand.stats.arrays import Bools
from estimand.stats.effect_slopes import EffectSlopes, RolloutRows, effect_slopes

ONE_EFFECT = ("did", "event_study", "sun_abraham")
SURELY = 0.01
FELT = 0.25
CURE = "Use extended_twfe, staggered_did or imputation_did, which average effects that vary over those treated."


@check(
    "panel.varying_effects",
    question="Does the effect vary with the covariates, where the regression has one for all who are alike in time?",
    references=(
        "Wooldridge 2021, doi:10.2139/ssrn.3906345",
        "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
    ),
    designs=(Panel,),
)
class VaryingEffects(Check):
    """Covariates held against the effect of each cohort in each period, and what they would change.

    A regression beside covariates that gives all treated rows of a cohort and period one effect weighs them by how
    well the covariates leave them to compare: where the effect varies with the covariates, that is not the average
    over those treated. The check adds the treated rows' covariates, centred in each cohort and period, and tests them
    jointly with a covariance robust to clusters. It warns where p < 0.01 and the average effect they give differs by
    more than a quarter of the estimate's standard error; variation that is sure and changes less is a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to averages over those treated by a regression with covariates and one effect by cohort and period."""
        sample = case.source
        if not isinstance(sample, Sample) or sample.timeline is None or not sample.features.features:
            return False
        return not sample.timeline.switched_off.any() and any(_concerns(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Test once, and answer for each such estimate."""
        kept, rows = _rows(case)
        features = case.sample().features.values[kept]
        slopes = effect_slopes(rows, features, _drifting(case)) if (rows.cell >= 0).any() else None
        return tuple(self._one(case, estimate, slopes) for estimate in estimates if _concerns(estimate))

    def _one(self, case: Case, estimate: Estimate, slopes: EffectSlopes | None) -> Finding:
        if slopes is None:
            return Finding(
                check=self.spec.key,
                about=estimate.id,
                grade=Grade.NOT_RUN,
                subject="covariates",
                message="Nothing tells whether the effect varies with the covariates: they are as many as the clusters "
                "can bear, or do not vary among those treated.",
                remedy=f"Use fewer covariates. {CURE}",
            )
        names = case.sample().features.names
        known = np.isfinite(slopes.slope) & (slopes.std_error > 0.0)
        size = np.abs(np.divide(slopes.slope, slopes.std_error, out=np.zeros(known.size), where=known))
        moved = _in_errors(estimate, slopes.moved)
        sure = slopes.p_value < SURELY
        grade = Grade.PASS if not sure else Grade.WARN if moved is None or abs(moved) > FELT else Grade.NOTE
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=names[int(size.argmax())],
            statistic=slopes.p_value,
            threshold=SURELY,
            message=_words(slopes, moved, sure=sure),
            remedy=CURE if grade is Grade.WARN else None,
            evidence=Table(
                {"term": list(names), "slope": slopes.slope.tolist(), "std_error": slopes.std_error.tolist()}
            ),
        )


def _concerns(estimate: Estimate) -> bool:
    return estimate.method in ONE_EFFECT and estimate.target is Target.ATT and estimate.scale == "identity"


def _rows(case: Case) -> tuple[Bools, RolloutRows]:
    """Rows of units that have a period before treatment, and which these are."""
    sample, timeline = case.sample(), case.timeline()
    kept = ~timeline.always
    cohort, period = timeline.cohort[kept], timeline.period[kept]
    treated = np.flatnonzero(period >= cohort)
    cell = np.full(cohort.shape, -1, dtype=np.int64)
    cell[treated] = np.unique(cohort[treated] * timeline.periods + period[treated], return_inverse=True)[1]
    held = None if sample.weights is None else sample.weights[kept]
    weights = None if held is None else np.asarray(held / held.mean())
    return kept, RolloutRows(
        outcome=case.values()[kept],
        group=cohort if timeline.unit is None else timeline.unit[kept],
        period=period,
        cell=cell,
        cluster=None if sample.cluster is None else sample.cluster[kept],
        weights=weights,
        mass=np.ones(period.shape) if weights is None or sample.weight_kind == "precision" else weights,
        absorbed=tuple(codes[kept] for codes in timeline.absorbed.values()),
    )


def _drifting(case: Case) -> Bools:
    """Covariates that untreated outcomes may drift with, shape (p,): constant within units, or of cross-sections."""
    features, unit = case.sample().features, case.timeline().unit
    if unit is None:
        return np.ones(features.values.shape[1], dtype=np.bool_)
    units = absorber([unit])
    return np.array([units.nested_in(column)[0] for column in features.values.T], dtype=np.bool_)


def _in_errors(estimate: Estimate, moved: float) -> float | None:
    """A change in standard errors of the headline; None where it has none."""
    errors = estimate.uncertainty.std_error(estimate.value)
    if errors is None or not (np.isfinite(errors[0]) and errors[0] > 0.0):
        return None
    return float(moved / errors[0])


def _words(slopes: EffectSlopes, moved: float | None, *, sure: bool) -> str:
    size = f", {abs(moved):.2f} of its standard error" if moved is not None else ""
    return (
        f"The effect {'varies' if sure else 'does not vary'} with the covariates at {SURELY:g} "
        f"(F({slopes.rank}, {slopes.df:.0f}) = {slopes.statistic:.2f}, p = {slopes.p_value:.2g}). Letting it "
        f"vary would move the average over those treated by {format_number(slopes.moved)}{size}."
    )
