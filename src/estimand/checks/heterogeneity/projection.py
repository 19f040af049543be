"""With which covariates does the effect rise or fall?"""

import numpy as np

from estimand.checks.heterogeneity.answers import answered, arm_labels, reporting
from estimand.checks.heterogeneity.scores import effect_scores
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.row_weights import given_weights
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.effect_groups import linear_projection
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.multiplicity import holm

NAMED = 3
ROWS_IN_A_SLOPE = 5


@check(
    "heterogeneity.projection",
    question="With which covariates does the effect rise or fall?",
    references=("Semenova & Chernozhukov 2021, doi:10.1093/ectj/utaa027", "MacKinnon & White 1985", "Holm 1979"),
)
class EffectProjection(Check):
    """Regress doubly robust scores on the covariates: the best linear approximation of the effect.

    It owes nothing to predicted effects, so it needs no held-out rows: errors are HC3, or by cluster, and p-values
    Holm's over the covariates. A slope of nothing may hide an effect that bends. There is no line to pass: always a
    note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row, of a sample with covariates."""
        return bool(reporting(case, estimates)) and bool(case.sample().features.features)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with a table of slopes."""

        def one(estimate: Estimate) -> list[Finding]:
            scores = effect_scores(case, estimate)
            return [self._arm(case, estimate, label, scores[:, j]) for j, label in enumerate(arm_labels(case))]

        return answered(self.spec.key, case, estimates, one)

    def _arm(self, case: Case, estimate: Estimate, label: str, scores: Floats) -> Finding:
        encoded = case.sample().features
        if scores.shape[0] < ROWS_IN_A_SLOPE * (encoded.values.shape[1] + 1):
            message = f"There are fewer than {ROWS_IN_A_SLOPE} rows for every slope."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Name fewer covariates.")
        table = _table(case, scores)
        apart = [row for row in table.rows() if row["adjusted"] <= 1.0 - case.level]
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=float(len(apart)),
            message=_words(apart, len(table)),
            evidence=table,
        )


def _table(case: Case, scores: Floats) -> Table:
    """Slopes of the columns that no others span and that have an error."""
    sample = case.sample()
    encoded = sample.features
    found = linear_projection(scores, encoded.values, given_weights(sample), sample.units)
    kept = np.flatnonzero(found.kept & (np.nan_to_num(found.std_error) > 0.0))
    slope, error, spread = found.slope[kept], found.std_error[kept], encoded.values[:, kept].std(axis=0)
    reach = float(critical_value(case.level, None, 1)[0]) * error
    p_value = two_sided_p(slope / error, None)
    return Table(
        {
            "covariate": [encoded.names[j] for j in kept],
            "slope": slope.tolist(),
            "std_error": error.tolist(),
            "low": (slope - reach).tolist(),
            "high": (slope + reach).tolist(),
            "standardised": (slope * spread).tolist(),
            "p_value": p_value.tolist(),
            "adjusted": holm(p_value).tolist(),
        }
    )


def _words(apart: list[dict[str, float | str]], tried: int) -> str:
    if not apart:
        return f"The effect rises or falls with none of {tried} covariates beyond chance (Holm)."
    most = sorted(apart, key=lambda row: -abs(float(row["standardised"])))[:NAMED]
    told = ", ".join(f"{row['covariate']} by {format_number(float(row['standardised']))}" for row in most)
    return (
        f"The effect moves with {len(apart)} of {tried} covariates (Holm); per standard deviation, most with: {told}."
    )
