"""Can the heterogeneity that is reported be used?"""

from estimand.checks.heterogeneity.answers import answered_by_arm, arm_labels, reporting
from estimand.checks.heterogeneity.held_out import Part, among, in_turn
from estimand.checks.heterogeneity.tests_in_turn import calibration_slope, rank_weighted
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.sequential import Combined

NAMES = {"autoc": "AUTOC", "calibration": "calibration slope"}


@check(
    "heterogeneity.usable",
    question="Can the heterogeneity that is reported be used?",
    references=(
        "Wager 2024, doi:10.48550/arXiv.2405.05534",
        "Yadlowsky, Fleming, Shah, Brunskill & Wager 2025, doi:10.1080/01621459.2024.2393466",
        "Chernozhukov, Demirer, Duflo & Fernández-Val 2025, doi:10.3982/ECTA19303",
    ),
)
class UsableHeterogeneity(Check):
    """Read two tests together: is the ranking, or the size, of predicted effects borne out on rows not learned from?

    Usable where the area under the targeting curve or the calibration slope lies above zero by a one-sided test at
    half of one less the level, divided by the number of arms (Bonferroni): where effects do not vary, one study in
    twenty at most says otherwise. It says plainly when there is none; that is a note and no more, as the average
    effect stands whatever the answer.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row."""
        return bool(reporting(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm in a sentence."""
        return answered_by_arm(self.spec.key, case, estimates, in_turn, self._arm)

    def _arm(self, case: Case, estimate: Estimate, label: str, parts: tuple[Part, ...]) -> Finding:
        found = {"autoc": rank_weighted(parts, "autoc"), "calibration": calibration_slope(parts)}
        tests = {name: test for name, test in found.items() if test is not None}
        if not tests:
            return Finding(self.spec.key, estimate.id, Grade.NOTE, label, ALL_ALIKE, REMEDY)
        times = len(found) * len(arm_labels(case))
        adjusted = {name: min(1.0, times * test.p_value) for name, test in tests.items()}
        least = min(adjusted.values())
        usable = least <= 1.0 - case.level
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if usable else Grade.NOTE,
            subject=label,
            statistic=least,
            threshold=1.0 - case.level,
            message=_words(tests, usable, times, case.level) + among(case),
            remedy=None if usable else REMEDY,
            evidence=_evidence(tests, adjusted, case.level),
        )


REMEDY = "Rest decisions on the average effect; do not choose whom to treat by these predictions."
ALL_ALIKE = "No usable heterogeneity: everyone is predicted the same effect on rows that it was not learned from."


def _evidence(tests: dict[str, Combined], adjusted: dict[str, float], level: float) -> Table:
    return Table(
        {
            "test": list(tests),
            "value": [test.value for test in tests.values()],
            "low": [test.interval(level)[0] for test in tests.values()],
            "high": [test.interval(level)[1] for test in tests.values()],
            "p_value": [test.p_value for test in tests.values()],
            "adjusted": [adjusted[name] for name in tests],
        }
    )


def _words(tests: dict[str, Combined], usable: bool, times: int, level: float) -> str:
    told = " and ".join(
        f"{NAMES[name]} {format_number(test.value)} ({level:.0%} interval {format_interval(test.interval(level))})"
        for name, test in tests.items()
    )
    line = f"of {times} one-sided tests at {(1.0 - level) / times:.2g} each"
    if usable:
        return (
            f"Usable heterogeneity: predicted differences in effect are borne out on rows that they were not learned "
            f"from, {told}, by at least one {line}."
        )
    return (
        f"No usable heterogeneity: on rows that they were not learned from, predicted differences in effect cannot be "
        f"told from noise, {told}, by none {line}."
    )
