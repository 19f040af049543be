"""Who are those predicted to gain most, and least?"""

from functools import partial

import numpy as np

from estimand.checks.heterogeneity.answers import answered_by_arm, reporting
from estimand.checks.heterogeneity.groups import ROWS_IN_A_GROUP, SPLITS, group_count, ranked
from estimand.checks.heterogeneity.held_out import Part, among, by_halves
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.row_weights import row_weights
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.group_contrast import contrast_of_means
from estimand.stats.multiplicity import holm
from estimand.stats.split_medians import split_median, split_p_value

NAMED = 3


@check(
    "heterogeneity.profile",
    question="Who are those predicted to gain most, and least?",
    references=("Chernozhukov, Demirer, Duflo & Fernández-Val 2025, doi:10.3982/ECTA19303", "Holm 1979"),
)
class GroupProfile(Check):
    """Means of the covariates in the most and the least affected group, in halves that the rule was not learned from.

    Medians over splits, as for the groups' effects; p-values are Holm's over all covariates that vary. It describes
    whom the rule picks, also where what it predicts is noise: it is read after the tests. Always a note.

    Parameters
    ----------
    groups : int
        Of which the first and the last are compared.
    splits : int
    """

    groups: int = 5
    splits: int = SPLITS

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row."""
        return bool(reporting(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with a table of the covariates."""
        return answered_by_arm(self.spec.key, case, estimates, partial(by_halves, splits=self.splits), self._arm)

    def _arm(self, case: Case, estimate: Estimate, label: str, parts: tuple[Part, ...]) -> Finding:
        count, spread = group_count(parts, self.groups), _spread(case)
        if count < 2 or not spread.any():
            message = f"Halves have fewer than {2 * ROWS_IN_A_GROUP} rows, or no covariate varies."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Gather more rows.")
        table = self._table(case, parts, count, spread)
        apart = [row for row in table.rows() if row["adjusted"] <= 1.0 - case.level]
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=float(len(apart)),
            message=_words(apart, len(table), self.splits) + among(case),
            remedy="Read it as whom the rule picks, not as why they gain.",
            evidence=table,
        )

    def _table(self, case: Case, parts: tuple[Part, ...], count: int, spread: Floats) -> Table:
        encoded = case.sample().features
        vary = np.flatnonzero(spread > 0.0)
        made = np.stack([_contrast(encoded.values[part.rows][:, vary], part, count) for part in parts])
        difference, error = made[:, 2], made[:, 3]
        middle = split_median(difference, error, case.level)
        p_value = split_p_value(difference, error, two_sided=True)
        adjusted, scaled = holm(p_value), middle.value / spread[vary]
        order = np.lexsort((-np.abs(scaled), adjusted))
        columns = {
            "least": np.median(made[:, 1], axis=0),
            "most": np.median(made[:, 0], axis=0),
            "difference": middle.value,
            "low": middle.low,
            "high": middle.high,
            "standardised": scaled,
            "p_value": p_value,
            "adjusted": adjusted,
        }
        names = [encoded.names[vary[j]] for j in order]
        held = {name: values[order].tolist() for name, values in columns.items()}
        return Table({"covariate": names, **held, "splits": [self.splits] * len(names)})


def _contrast(columns: Floats, part: Part, count: int) -> Floats:
    group = ranked(part, count)
    return contrast_of_means(columns, (group == count - 1, group == 0), part.weights, part.units)


def _spread(case: Case) -> Floats:
    """Standard deviation of every covariate over all rows; exactly zero where it is the same in all."""
    values, weights = case.sample().features.values, row_weights(case.sample())
    centred = values - np.average(values, axis=0, weights=weights)
    spread = np.sqrt(np.average(np.square(centred), axis=0, weights=weights))
    return np.where(np.ptp(values, axis=0) > 0.0, spread, 0.0)


def _words(apart: list[dict[str, float | str]], tried: int, splits: int) -> str:
    if not apart:
        return (
            f"Those predicted to gain most and least differ in none of {tried} covariates beyond chance (Holm; medians "
            f"over {splits} splits)."
        )
    most = sorted(apart, key=lambda row: -abs(float(row["standardised"])))[:NAMED]
    told = ", ".join(f"{row['covariate']} {format_number(float(row['standardised']))} SD" for row in most)
    return (
        f"Those predicted to gain most differ from those predicted to gain least in {len(apart)} of {tried} covariates "
        f"(Holm; medians over {splits} splits), most in: {told}."
    )
