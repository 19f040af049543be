"""Does a covariate give treatment or outcome away, or merely name the row?"""

import re
from dataclasses import replace

import numpy as np

from estimand.checks.audit.covariates import Covariate, covariates_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats
from estimand.stats.screening import area_under_curve, average_ranks, correlation, level_area, level_correlation

FEWEST_ROWS, FEWEST_EACH = 20, 10
EXACT = 1e-9
NAMED = re.compile(r"(^|_)(id|uuid|guid|key|index|idx|row)(_|$)", re.IGNORECASE)
NEARLY_ALL, DENSE, MANY_LEVELS, ROWS_A_LEVEL = 0.95, 1.5, 20, 5.0


def _has_covariates(case: Case) -> bool:
    return isinstance(case.source, Sample) and bool(case.source.features.features)


def _separation(covariate: Covariate, positive: Bools) -> float:
    """How well one covariate alone tells the positive rows, from 0.5 to 1; 0.5 where there are too few."""
    ones = int(np.count_nonzero(positive))
    if min(ones, positive.size - ones) < FEWEST_EACH:
        return 0.5
    by_level = level_area(covariate.cells, positive)
    if covariate.levels:
        return by_level
    by_rank = area_under_curve(covariate.ranks, positive)
    return max(by_level, by_rank, 1.0 - by_rank)


@check("audit.treatment_leak", question="Does a covariate almost determine treatment?")
class TreatmentLeak(Check):
    """Area under the curve of each covariate alone for each arm; where it is 1 nothing can be compared."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates."""
        return _has_covariates(case)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each suspect, or once for all where there is none."""
        sample, line = case.sample(), case.gates.leak
        scores = {c.name: self._score(c, sample) for c in covariates_of(sample)}
        evidence = _ranked(scores, "area")
        found = [self._suspect(name, score, case) for name, score in scores.items() if score > line]
        if found:
            return (replace(found[0], evidence=evidence), *found[1:])
        name = max(scores, key=lambda key: scores[key])
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.PASS,
                subject=name,
                statistic=scores[name],
                threshold=line,
                message=f"No covariate alone determines treatment; '{name}' comes nearest, with an area under the "
                f"curve of {scores[name]:.2f}.",
                evidence=evidence,
            ),
        )

    def _score(self, covariate: Covariate, sample: Sample) -> float:
        arm = sample.arm[covariate.present]
        pairs = range(1, len(sample.arms)) if len(sample.arms) == 2 else range(len(sample.arms))
        return max(_separation(covariate, arm == a) for a in pairs)

    def _suspect(self, name: str, score: float, case: Case) -> Finding:
        perfect = score >= 1.0 - EXACT
        treatment = case.design.treatment
        return Finding(
            check=self.spec.key,
            about=STUDY,
            grade=Grade.VETO if perfect else Grade.WARN,
            subject=name,
            statistic=score,
            threshold=case.gates.leak,
            message=f"Covariate '{name}' determines '{treatment}': no value of it is found in both arms."
            if perfect
            else f"Covariate '{name}' alone almost determines '{treatment}' (area under the curve {score:.3f}).",
            remedy=f"If '{name}' restates or follows from treatment, leave it out; if it decided treatment, the arms "
            "cannot be compared by adjustment: use a cutoff or an instrument.",
        )


@check("audit.outcome_leak", question="Is a covariate a function of the outcome?", designs=(*ARMS, Panel))
class OutcomeLeak(Check):
    """Association of each covariate alone with the outcome: linear, by ranks, and by level or bin."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates and enough outcomes."""
        return _has_covariates(case) and int(case.sample().present[case.outcome].sum()) >= FEWEST_ROWS

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each suspect, or once for all where there is none."""
        sample, line = case.sample(), case.gates.leak
        known = sample.present[case.outcome]
        values = sample.outcomes[case.outcome]
        low, high = np.nanmin(values), np.nanmax(values)
        binary = bool(((values == low) | (values == high))[known].all())
        scores = {}
        for covariate in covariates_of(sample.take(np.flatnonzero(known))):
            own = values[known][covariate.present]
            scores[covariate.name] = _separation(covariate, own == high) if binary else _association(covariate, own)
        evidence = _ranked(scores, "area" if binary else "correlation")
        found = [self._suspect(name, score, case, binary) for name, score in scores.items() if score > line]
        if found:
            return (replace(found[0], evidence=evidence), *found[1:])
        name = max(scores, key=lambda key: scores[key])
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.PASS,
                subject=name,
                statistic=scores[name],
                threshold=line,
                message=f"No covariate restates '{case.outcome}'; '{name}' comes nearest, with {_measure(binary)} "
                f"of {scores[name]:.2f}.",
                evidence=evidence,
            ),
        )

    def _suspect(self, name: str, score: float, case: Case, binary: bool) -> Finding:
        exact = score >= 1.0 - EXACT
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.VETO if exact else Grade.WARN,
            subject=name,
            statistic=score,
            threshold=case.gates.leak,
            message=f"Covariate '{name}' determines outcome '{case.outcome}': adjusting for it takes the effect away."
            if exact
            else f"Covariate '{name}' nearly restates outcome '{case.outcome}' ({_measure(binary)} of {score:.3f}): it "
            "may have been measured with it, or computed from it.",
            remedy=f"Leave '{name}' out unless its value was fixed before treatment.",
        )


def _association(covariate: Covariate, outcome: Floats) -> float:
    if outcome.size < FEWEST_ROWS:
        return 0.0
    by_level = level_correlation(covariate.cells, outcome)
    if covariate.levels:
        return by_level
    linear = abs(correlation(covariate.values, outcome))
    if linear < 0.5 and by_level < 0.5:
        return max(linear, by_level)
    return max(linear, by_level, abs(correlation(covariate.ranks, average_ranks(outcome))))


def _measure(binary: bool) -> str:
    return "an area under the curve" if binary else "an absolute correlation"


def _ranked(scores: dict[str, float], measure: str) -> Table:
    names = sorted(scores, key=lambda name: -scores[name])
    return Table({"covariate": names, measure: [scores[name] for name in names]})


@check("audit.identifier", question="Is a covariate only a name for the row?")
class IdentifierCovariate(Check):
    """Whole numbers that are all distinct and run on, or are named as an identifier; categories of few rows."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are covariates and rows enough to tell."""
        return _has_covariates(case) and case.sample().n >= FEWEST_ROWS

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each suspect, or once for all where there is none."""
        reasons = {c.name: _why_identifier(c) for c in covariates_of(case.sample())}
        found = [self._suspect(name, why) for name, why in reasons.items() if why]
        if found:
            return tuple(found)
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.PASS,
                subject="covariates",
                message="No covariate looks like an identifier.",
            ),
        )

    def _suspect(self, name: str, why: str) -> Finding:
        return Finding(
            check=self.spec.key,
            about=STUDY,
            grade=Grade.WARN,
            subject=name,
            message=f"Covariate '{name}' looks like an identifier: {why}.",
            remedy=f"Leave '{name}' out, or name it as unit or cluster.",
        )


def _why_identifier(covariate: Covariate) -> str:
    n = covariate.values.size
    if covariate.levels:
        few = len(covariate.levels) >= MANY_LEVELS and n / len(covariate.levels) < ROWS_A_LEVEL
        return f"its {len(covariate.levels)} categories have {n / len(covariate.levels):.1f} rows each" if few else ""
    values = covariate.values
    distinct = np.unique(values).size if n >= FEWEST_ROWS and (values == np.round(values)).all() else 0
    if distinct < NEARLY_ALL * n or not distinct:
        return ""
    if values.max() - values.min() < DENSE * n:
        return f"{distinct:,} distinct whole numbers in {n:,} rows, without large gaps"
    steps = np.diff(values)
    if (steps > 0.0).all() or (steps < 0.0).all():
        return "distinct whole numbers in the order of the rows"
    return "distinct whole numbers under such a name" if NAMED.search(covariate.name) else ""
