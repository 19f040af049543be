"""Which values are missing, and does it depend on the arm?"""

from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.intervals import two_sided_p
from estimand.stats.screening import chance_multiple, null_std_error

CHANCE = 0.001
SURE = 0.01


@check(
    "audit.missing",
    question="Which values are missing, and does it depend on the arm?",
    references=("Rubin 1976, doi:10.1093/biomet/63.3.581",),
    designs=(*ARMS, Panel),
)
class MissingValues(Check):
    """Share missing of every column, by arm, before any row is left out; outcomes have a check of their own."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the reader counted what is missing."""
        return isinstance(case.source, Sample) and case.source.missing is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the column that matters most, and all columns as evidence."""
        sample = case.sample()
        if sample.missing is None:
            return ()
        rows = [_shares(row, sample.arms) for row in sample.missing.rows()]
        evidence = Table({name: [row[name] for row in rows] for name in rows[0]})
        graded = [(self._grade(case, row, sample), row) for row in rows if row["part"] != "outcome"]
        grade, worst = max(graded, key=lambda pair: (pair[0].severity, pair[1]["missing"]))
        lacking = sum(row["missing"] > 0.0 for row in rows)
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=worst["column"],
                statistic=worst["missing"],
                threshold=case.gates.missing_share,
                message=_message(worst, lacking, len(rows), sample.arms),
                remedy=None if grade is Grade.PASS else _remedy(grade, case),
                evidence=evidence,
            ),
        )

    def _grade(self, case: Case, row: dict[str, Any], sample: Sample) -> Grade:
        gates = case.gates
        if row["part"] == "covariate" and row["gap"] > gates.missing_gap and row["beyond_chance"]:
            return Grade.WARN
        return Grade.NOTE if row["missing"] > gates.missing_share else Grade.PASS


def _shares(row: dict[str, Any], arms: tuple[str, ...]) -> dict[str, Any]:
    """One row of counts as shares, with the largest gap between arms and whether chance explains it."""
    known = [arm for arm in arms if row[f"rows {arm}"]]
    shares = {arm: row[f"missing {arm}"] / row[f"rows {arm}"] for arm in known}
    low, high = min(known, key=lambda arm: shares[arm]), max(known, key=lambda arm: shares[arm])
    gap = shares[high] - shares[low]
    pooled = sum(row[f"missing {arm}"] for arm in known) / sum(row[f"rows {arm}"] for arm in known)
    error = float(np.sqrt(pooled * (1.0 - pooled) * (1.0 / row[f"rows {low}"] + 1.0 / row[f"rows {high}"])))
    pairs = len(known) * (len(known) - 1) // 2
    return {
        "column": row["column"],
        "part": row["part"],
        "missing": row["missing"] / row["rows"],
        "gap": gap,
        "beyond_chance": gap > chance_multiple(CHANCE, pairs) * error if gap else False,
        **{f"arm {arm}": shares.get(arm) for arm in arms},
    }


def _message(row: dict[str, Any], lacking: int, columns: int, arms: tuple[str, ...]) -> str:
    if not lacking:
        return f"No value is missing in any of {columns} columns."
    by_arm = ", ".join(f"{row[f'arm {arm}']:.1%} in arm '{arm}'" for arm in arms if row[f"arm {arm}"] is not None)
    split = "" if row["part"] == "treatment" else f" ({by_arm})"
    return (
        f"{lacking} of {columns} columns lack values; '{row['column']}' ({row['part']}) lacks "
        f"{row['missing']:.1%}{split}."
    )


def _remedy(grade: Grade, case: Case) -> str:
    if grade is Grade.WARN and not case.randomised:
        return (
            "Ask why it is missing more often in one arm; compare missing: complete_case with "
            "missing: impute+indicator, and do not rely on an answer that turns on the choice."
        )
    return "Say why values are missing, and whom the rows that are left stand for."


@check(
    "audit.attrition",
    question="Is the outcome missing more often in one arm?",
    references=("Lee 2009, doi:10.1111/j.1467-937X.2009.00536.x",),
    designs=(*ARMS, Panel),
)
class Attrition(Check):
    """Share of rows without the outcome by arm, the gap, and a test that knows of clusters."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every outcome."""
        return isinstance(case.source, Sample)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare each arm with control, and answer with the widest gap."""
        sample = case.sample()
        absent = ~sample.present[case.outcome]
        counts = {label: int(absent[sample.arm == a].sum()) for a, label in enumerate(sample.arms)}
        shares = {label: counts[label] / size for label, size in sample.arm_counts().items()}
        empty = [label for label, size in sample.arm_counts().items() if size - counts[label] < 2]
        arm, gap, p_value = _widest_gap(sample, absent.astype(np.float64))
        evidence = Table(
            {
                "arm": sample.arms,
                "rows": list(sample.arm_counts().values()),
                "without_outcome": list(counts.values()),
                "share": list(shares.values()),
            }
        )
        grade, words = self._judged(case, float(absent.mean()), (gap, p_value), empty)
        if grade is not Grade.PASS:
            words += f" By arm: {', '.join(f'{share:.1%} in {label!r}' for label, share in shares.items())}"
            words += f"; '{arm}' differs from '{sample.arms[0]}' by {100 * gap:+.1f} points (p = {p_value:.2g})."
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=grade,
                subject=case.outcome,
                statistic=abs(gap),
                threshold=case.gates.attrition_gap,
                message=words,
                remedy=_attrition_remedy(grade),
                evidence=evidence,
            ),
        )

    def _judged(self, case: Case, share: float, gap: tuple[float, float], empty: list[str]) -> tuple[Grade, str]:
        if empty:
            return Grade.VETO, f"Arm '{empty[0]}' has fewer than two rows with outcome '{case.outcome}'."
        if not share:
            return Grade.PASS, f"Every row has outcome '{case.outcome}'."
        size, p_value = abs(gap[0]), gap[1]
        uneven = size > case.gates.attrition_gap and p_value < SURE
        lead = f"{share:.1%} of the rows lack outcome '{case.outcome}'" + (", unevenly." if uneven else ".")
        return (Grade.WARN if uneven else Grade.NOTE), lead


def _widest_gap(sample: Sample, absent: Floats) -> tuple[str, float, float]:
    """Arm whose share missing is least like control's, the gap, and its p-value allowing for the number of arms."""
    units = None if sample.cluster is None else sample.cluster
    control = sample.arm == 0
    found = []
    for a in range(1, len(sample.arms)):
        treated = sample.arm == a
        gap = float(absent[treated].mean() - absent[control].mean())
        error = float(null_std_error(absent[:, None], treated, (treated | control).astype(float), units)[0])
        p_value = float(two_sided_p(np.array([gap / error]), None)[0]) if error > 0.0 else 1.0
        found.append((sample.arms[a], gap, min(1.0, p_value * (len(sample.arms) - 1))))
    return max(found, key=lambda item: abs(item[1]))


def _attrition_remedy(grade: Grade) -> str | None:
    if grade is Grade.VETO:
        return "Find out why nobody in that arm was measured, or leave the arm or the outcome out."
    if grade is Grade.WARN:
        return (
            "Ask what decides who is measured: if treatment does, the rows left are no longer comparable; bound the "
            "effect, or, where arm and covariates decide, weight for it (missing_outcome: weight)."
        )
    return "The answer will be about those measured; say who they are." if grade is Grade.NOTE else None
