"""Were the arms recorded over the same time?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.screening import area_under_curve, average_ranks, chance_multiple, null_std_error, quantile_bins

BINS = 12
CHANCE = 0.001
NOTED, WARNED = 0.05, 0.15
COMMON = 0.5


@check("audit.timing", question="Were the arms recorded over the same time?")
class RecordingTime(Check):
    """Whether the arms' times overlap, and whether the share of an arm drifts over time.

    Which of treatment and covariate came first cannot be seen from one timestamp a row; only that the arms
    were recorded side by side.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names a timestamp."""
        return isinstance(case.source, Sample) and case.design.roles.timestamp is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare each arm with control.

        Raises
        ------
        DataError
            If the timestamp is text.
        """
        sample, column = case.sample(), str(case.design.roles.timestamp)
        if "timestamp" not in sample.roles:
            raise DataError(
                f"Timestamp '{column}' holds text that is no time.",
                remedy="Write it as 2024-05-31 or 2024-05-31 12:00, or as a number.",
                code=Code.INVALID_MAPPING,
                found=column,
            )
        times = sample.roles["timestamp"].values[:, 0]
        known = np.flatnonzero(~np.isnan(times))
        if np.unique(sample.arm[known]).shape[0] < len(sample.arms):
            raise DataError(
                f"An arm has no row with timestamp '{column}'.",
                remedy="Fill it in, or leave the timestamp out of the design.",
                found=column,
            )
        rows = sample.take(known)
        ranks = average_ranks(times[known])
        return tuple(self._one(case, rows, ranks, a, column) for a in range(1, len(sample.arms)))

    def _one(self, case: Case, sample: Sample, ranks: Floats, a: int, column: str) -> Finding:
        treated, control = sample.arm == a, sample.arm == 0
        pair = treated | control
        drift = area_under_curve(average_ranks(ranks[pair]), treated[pair]) - 0.5
        scale = null_std_error(ranks[:, None], treated, pair.astype(float), sample.cluster)
        error = float(scale[0]) / sample.n
        beyond = abs(drift) > chance_multiple(CHANCE, len(sample.arms) - 1) * error
        low, high = (max(ranks[g].min() for g in (treated, control)), min(ranks[g].max() for g in (treated, control)))
        common = float(((ranks[pair] >= low) & (ranks[pair] <= high)).mean())
        apart = low > high or abs(drift) >= 0.5
        grade = _grade(apart, common, abs(drift) if beyond else 0.0)
        evidence = _over_time(sample, ranks)
        label, share = sample.arms[a], evidence[f"share {sample.arms[a]}"]
        words = (
            f"Arm '{label}' and control were never recorded at the same time: '{column}' alone tells them apart."
            if apart
            else f"Over the span of '{column}', {common:.0%} of the rows of arm '{label}' and control lie in the time "
            f"both share; the share of '{label}' goes from {share[0]:.0%} in the first twelfth of the rows to "
            f"{share[-1]:.0%} in the last."
        )
        return Finding(
            check=self.spec.key,
            about=STUDY,
            grade=grade,
            subject=column,
            statistic=abs(drift),
            threshold=NOTED,
            message=words,
            remedy=_remedy(grade, case.randomised),
            evidence=evidence,
        )


def _grade(apart: bool, common: float, drift: float) -> Grade:
    if apart:
        return Grade.VETO
    if common < COMMON or drift > WARNED:
        return Grade.WARN
    return Grade.NOTE if drift > NOTED else Grade.PASS


def _over_time(sample: Sample, ranks: Floats) -> Table:
    bins = quantile_bins(ranks, BINS)
    sizes = np.bincount(bins, minlength=1)
    used = np.flatnonzero(sizes)
    shares = {
        f"share {label}": (_counts(bins, sample, a, sizes.size)[used] / sizes[used]).tolist()
        for a, label in enumerate(sample.arms)
    }
    return Table({"part": (np.arange(used.size) + 1).tolist(), "rows": sizes[used].tolist(), **shares})


def _counts(bins: Ints, sample: Sample, arm: int, size: int) -> Ints:
    return np.asarray(np.bincount(bins[sample.arm == arm], minlength=size))


def _remedy(grade: Grade, randomised: bool) -> str | None:
    if grade is Grade.PASS:
        return None
    if grade is Grade.VETO:
        return "Compare rows of the same time; before against after is another design."
    return (
        "Random assignment does not drift unless its shares were changed: compare within periods."
        if randomised
        else "Add time, or the period, to the covariates, and look whether the outcome drifts too."
    )
