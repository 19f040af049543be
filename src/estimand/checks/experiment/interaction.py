"""Does another experiment that ran on the same units change the answer?"""

from dataclasses import dataclass, replace

import numpy as np

from estimand.checks.experiment.assigned import Assigned, samples
from estimand.checks.experiment.worst import told_by, worst_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.metric import MEANS
from estimand.core.metric_rows import metric_column
from estimand.core.sample import OTHER_ROLE, Sample
from estimand.core.table import Table
from estimand.stats.allocation import homogeneity_p_value
from estimand.stats.arrays import Floats, Ints
from estimand.stats.interaction import interaction
from estimand.stats.multiplicity import holm

INTERACTION = "experiment.interaction"


@check(
    INTERACTION,
    question="Does another experiment that ran on the same units change the effect?",
    references=("Kohavi, Tang & Xu 2020, doi:10.1017/9781108653985", "Holm 1979, doi:10.2307/4615733"),
    designs=(Experiment,),
)
class Interaction(Check):
    """Test whether each arm's effect is the same in every arm of the design's ``other_experiments``.

    Wald's test of differences of differences, over units or clusters; a ratio is linearised. P-values are Holm's over
    the other experiments, and over all metrics of a study. An interaction is a warning: the effect is then an average
    over how many units the other experiment gave to each of its arms.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to metrics whose level is a mean or a ratio, where the design names other experiments."""
        kinds = {*MEANS, "ratio"}
        return case.metric is not None and case.metric.kind in kinds and OTHER_ROLE in case.sample().roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for the metric, with every other experiment as evidence."""
        sample = case.sample()
        rows = [found for other in _others((sample,)) if (found := _row(case, sample, other)) is not None]
        if not rows:
            words = "No other experiment has two units of each of its arms in every arm of this one, with the metric."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, "Join rare arms."),)
        adjusted = holm(np.array([row["p_value"] for row in rows]))
        table = Table({name: [row[name] for row in rows] for name in rows[0]} | {"adjusted": adjusted.tolist()})
        plain = Finding(
            self.spec.key, case.outcome, Grade.PASS, "", "", threshold=case.gates.interaction, evidence=table
        )
        return (interaction_told(plain, adjusted, len(rows)),)


def interaction_told(finding: Finding, adjusted: Floats, tests: int) -> Finding:
    """Say what the adjusted p-values of a metric's rows of evidence say."""
    worst = worst_of(finding, adjusted)
    if worst is None:
        return finding
    row = worst.row
    words = (
        f"The effect on '{finding.about}' {'differs' if worst.differs else 'is not seen to differ'} by the arm of "
        f"'{row['experiment']}': of arm '{row['arm']}' by {format_number(float(row['difference']))} (standard error "
        f"{format_number(float(row['std_error']))}) where it was '{row['level']}' (joint p = "
        f"{format_number(worst.p_value)}, adjusted for {tests} tests)."
    )
    remedy = "Read the effect in each arm of the other experiment, and decide on the two together."
    return told_by(worst, replace(finding, subject=str(row["experiment"])), adjusted, words, remedy)


@check(
    "experiment.joint_assignment",
    question="Was another experiment assigned independently of this one?",
    references=("Fabijan et al. 2019, doi:10.1145/3292500.3330722", "Holm 1979, doi:10.2307/4615733"),
    designs=(Experiment,),
)
class JointAssignment(Check):
    """Test that the arms of each of the design's ``other_experiments`` have the same shares in every arm: χ², Holm."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names other experiments."""
        return OTHER_ROLE in case.sample().roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for all of them with the units of every pair of arms as evidence."""
        assigned = Assigned.of(case)
        tested: list[tuple[_Other, Floats, float]] = []
        for other in _others(samples(case)):
            counts = np.stack([assigned.counts(other.level == j) for j in range(len(other.levels))])
            p_value = homogeneity_p_value(counts)
            if p_value is not None:
                tested.append((other, counts, p_value))
        if not tested:
            words = "No other experiment has units of two arms."
            return (Finding(self.spec.key, STUDY, Grade.NOT_RUN, case.design.treatment, words, "Check the columns."),)
        adjusted = holm(np.array([p_value for _, _, p_value in tested]))
        worst = int(np.argmin(adjusted))
        off = bool(adjusted[worst] < case.gates.allocation)
        name = tested[worst][0].column
        words = (
            f"The arms of '{name}' {'do not have' if off else 'have'} the same shares in every arm of "
            f"'{case.design.treatment}', but for chance: p = {format_number(float(adjusted[worst]))}"
            f"{f', the least of {len(tested)} (Holm)' if len(tested) > 1 else ''}."
        )
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.WARN if off else Grade.PASS,
                subject=name,
                statistic=float(adjusted[worst]),
                threshold=case.gates.allocation,
                message=words,
                remedy="Find what makes one assignment depend on the other: a shared hash, or who is let into each. "
                "Else the effect of one is mixed with that of the other."
                if off
                else None,
                evidence=_joint(case.arms, tested, adjusted),
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Other:
    """Another experiment: its column, its arms, and the arm of every row, below zero where it has none."""

    column: str
    levels: tuple[str, ...]
    level: Ints


def _others(parts: tuple[Sample, ...]) -> list[_Other]:
    features = parts[0].roles[OTHER_ROLE].features
    values = np.concatenate([part.roles[OTHER_ROLE].values for part in parts])
    found = []
    for column in dict.fromkeys(feature.source for feature in features):
        at = [j for j, feature in enumerate(features) if feature.source == column]
        held = values[:, at] == 1.0
        level = np.where(held.any(axis=1), held.argmax(axis=1), -1)
        found.append(_Other(column, tuple(str(features[j].level) for j in at), level))
    return found


def _row(case: Case, sample: Sample, other: _Other) -> dict[str, object] | None:
    """The test of one other experiment, and the difference of differences that is furthest from zero."""
    values, metric = case.values(), case.metric
    named = metric is not None and metric.denominator is not None
    below = metric_column(sample, str(metric.denominator)) if named and metric is not None else np.ones(sample.n)
    rows = np.flatnonzero((other.level >= 0) & ~np.isnan(values) & ~np.isnan(below))
    kept = [j for j in range(len(other.levels)) if (other.level[rows] == j).any()]
    if len(kept) < 2:
        return None
    code = np.full(len(other.levels), -1)
    code[kept] = np.arange(len(kept))
    cell = sample.arm[rows].astype(np.int64) * len(kept) + code[other.level[rows]]
    shape = (len(case.arms), len(kept))
    tested = interaction((values[rows], below[rows]), cell, shape, sample.units[rows])
    if tested is None:
        return None
    a, j = np.unravel_index(int(np.abs(tested.value / tested.std_error).argmax()), tested.value.shape)
    return {
        "experiment": other.column,
        "arm": case.arms[int(a) + 1],
        "level": other.levels[kept[int(j) + 1]],
        "against": other.levels[kept[0]],
        "difference": float(tested.value[a, j]),
        "std_error": float(tested.std_error[a, j]),
        "p_value": tested.p_value,
    }


def _joint(arms: tuple[str, ...], tested: list[tuple[_Other, Floats, float]], adjusted: Floats) -> Table:
    rows = [
        (other.column, level, *counts[j].tolist(), p_value, float(corrected))
        for (other, counts, p_value), corrected in zip(tested, adjusted, strict=True)
        for j, level in enumerate(other.levels)
    ]
    names = ("experiment", "level", *(f"units {arm}" for arm in arms), "p_value", "adjusted")
    return Table({name: [row[k] for row in rows] for k, name in enumerate(names)})
