"""Conduct a planned study: read, estimate, examine, judge, record."""

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from os import cpu_count
from typing import Any

from estimand.checks.experiment.together import adjusted_together
from estimand.core.case import Case, Stress
from estimand.core.decision import Decision
from estimand.core.design import Design, DesignFields, Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.gates import GatePolicy
from estimand.core.learner import Learner
from estimand.core.metric_moments import MetricMoments
from estimand.core.multiplicity import Multiplicity
from estimand.core.nearest import did_you_mean
from estimand.core.question import Question, Target
from estimand.core.record import SampleFlow, StudyRecord
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.verdict import judge
from estimand.data.build import build_sample
from estimand.errors import DesignError, EstimandError
from estimand.models.bank import Cache
from estimand.study.case import case_of, missing_outcome
from estimand.study.decision import decide, decision_findings
from estimand.study.examine import examine, not_run, run_method
from estimand.study.family import family_findings
from estimand.study.metrics import Taken, case_for, design_of_metrics, read_metrics, refuse_kind_of_metric
from estimand.study.opening import open_source
from estimand.study.plan import Planned
from estimand.study.registered import registered_findings, registration
from estimand.study.threads import single_threaded

PACKAGES = ("estimand", "numpy", "scipy", "lightgbm", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Conduct:
    """A study with everything settled but the numbers."""

    data: Any
    design: Design
    question: Question
    planned: tuple[Planned, ...]
    headline: str | None
    seed: int
    level: float
    gates: GatePolicy
    stress: Stress = "quick"
    multiplicity: Multiplicity | None = None
    registered: Mapping[str, str] | None = None

    def record(self, threads: int | None, report: Callable[[str, int, int], None] | None) -> StudyRecord:
        """Run the study and return its record."""
        started = time.perf_counter()
        self._refuse_unknown_headline()
        count = (cpu_count() or 1) if threads is None else threads
        run = Run(self.seed, count) if report is None else Run(self.seed, count, report)
        run.report("reading", 0, 1)
        measured = design_of_metrics(self.design)
        if measured is None:
            taken, estimates, findings = self._outcomes(run)
        else:
            taken, estimates, findings = self._metrics(measured, run)
        return self._assembled(taken, tuple(estimates), findings, started)

    def _outcomes(self, run: Run) -> tuple[Taken, list[Estimate], list[Finding]]:
        """Estimate and examine every outcome, from rows."""
        run.report("reading", 0, 1)
        name, sample = open_source(self.data, self.design, build_sample)
        run.report("reading", 1, 1)
        cache = Cache()
        drops, estimates, findings = list(sample.drops), list[Estimate](), list(sample.findings)
        with single_threaded():
            weighted = self.design.missing_outcome == "weight"
            for outcome in self.design.outcome:
                lost, noticed = missing_outcome(sample, outcome, weighted)
                if len(self.design.outcome) == 1:
                    drops.extend(lost)
                made, found = self._outcome((self._case(sample, outcome, run, cache),), outcome, run)
                estimates.extend(made)
                findings.extend([*noticed, *found])
        used = _arms_used(sample, self.design)
        return Taken(name, sample.rows_read, tuple(drops), used, sample.fingerprint), estimates, findings

    def _metrics(self, design: Experiment, run: Run) -> tuple[Taken, list[Estimate], list[Finding]]:
        """Estimate and examine every metric, from moments; from rows besides where something needs them."""
        run.report("reading", 0, 1)
        reading = read_metrics(self.data, design, self.planned, self._correction(), run)
        run.report("reading", 1, 1)
        cache = Cache()
        estimates, findings = list[Estimate](), list(reading.findings)
        with single_threaded():
            for outcome in design.outcome:
                cases = tuple(self._case(source, outcome, run, cache) for source in reading.sources(outcome))
                if reading.moments is not None:
                    cases = (replace(cases[0], days=reading.days_of(outcome)), *cases[1:])
                made, found = self._outcome(cases, outcome, run)
                estimates.extend(made)
                findings.extend(found)
        return reading.taken, estimates, list(adjusted_together(findings))

    def _case(self, source: Sample | MetricMoments, outcome: str, run: Run, cache: Cache) -> Case:
        case = case_of(self.design, source, outcome, run, cache, (self.level, self.gates, self.question.unit))
        return replace(case, stress=self.stress)

    def _outcome(self, cases: tuple[Case, ...], outcome: str, run: Run) -> tuple[list[Estimate], list[Finding]]:
        """Estimate and examine one outcome; a method that cannot answer is reported, unless it is all there is.

        Where there are several cases, the first holds moments and the second rows: a method takes the first it can.
        """
        estimates: list[Estimate] = []
        findings: list[Finding] = []
        failures: list[EstimandError] = []
        by_id: dict[str, Planned] = {}
        for j, planned in enumerate(self.planned):
            name = self._estimate_id(planned.id, outcome)
            run.report(f"estimating {name}", j, len(self.planned))
            by_id[name] = planned
            try:
                refuse_kind_of_metric(planned.method, cases[0].metric)
                estimates.append(
                    run_method(planned, case_for(planned, cases, self._correction()), name, planned.resample)
                )
            except EstimandError as error:
                leads = planned.id == self.headline and outcome == self.design.outcome[0]
                if leads or len(self.planned) == 1:
                    raise
                failures.append(error)
                findings.append(not_run(f"{planned.method.spec.key}.failed", name, error))
        if not estimates:
            raise failures[0]
        run.report("checking", 0, 1)
        findings.extend(finding for estimate in estimates for finding in estimate.findings)
        for j, case in enumerate(cases):
            findings.extend(examine(case, tuple(estimates), by_id, beside_moments=j > 0))
        run.report("checking", 1, 1)
        return estimates, findings

    def _correction(self) -> Multiplicity | None:
        """How p-values are adjusted: as the study says, else as the experiment's plan does."""
        plan = self.design.planned if isinstance(self.design, Experiment) else None
        return self.multiplicity or (None if plan is None else plan.multiplicity)

    def _assembled(
        self,
        taken: Taken,
        estimates: tuple[Estimate, ...],
        findings: list[Finding],
        started: float,
    ) -> StudyRecord:
        headline = self._headline(estimates)
        findings.extend(registered_findings(self.registered, self.registration()))
        findings.extend(_target_finding(headline, self.question))
        findings.extend(self._passed_over(headline, estimates))
        findings.extend(family_findings(headline, estimates, self._correction(), self.seed))
        decision = self._decision(headline, estimates, findings)
        findings.extend(decision_findings(decision))
        ordered = tuple(sorted(_distinct(findings), key=lambda finding: -finding.grade.severity))
        flow = SampleFlow(taken.rows_read, taken.used, taken.drops, FrozenMap(taken.arms), taken.fingerprint)
        about = None if headline is None else headline.id
        return StudyRecord(
            question=self.question,
            design=self.design,
            data=taken.name,
            headline=about,
            seed=self.seed,
            sample=flow,
            estimates=estimates,
            findings=ordered,
            verdict=judge(ordered, about, None if headline is None else headline.outcome),
            reproducible=isinstance(self.data, str | Mapping) and all(_from_file(item) for item in self.planned),
            run=FrozenMap(_environment(started)),
            plan=FrozenMap(self._plan()),
            decision=decision,
        )

    def _decision(
        self, headline: Estimate | None, estimates: tuple[Estimate, ...], findings: list[Finding]
    ) -> Decision | None:
        """What the rules of the experiment's plan say."""
        design = design_of_metrics(self.design)
        return None if design is None else decide(design, headline, estimates, findings, self.seed)

    def registration(self) -> dict[str, str]:
        """Hashes of what was to be set before the data came."""
        analysis = {
            "headline": self.headline,
            "level": self.level,
            "gates": self.gates.model_dump(mode="json", exclude_defaults=True),
            "multiplicity": self.multiplicity,
            "seed": self.seed,
        }
        return registration(self.question, self.design, self.planned, analysis)

    def _plan(self) -> dict[str, Any]:
        """What else a study file would say."""
        query = {"sql": self.data["sql"]} if isinstance(self.data, Mapping) and "sql" in self.data else {}
        return (
            query
            | {
                "methods": [planned.declared() for planned in self.planned],
                "headline": self.headline,
                "level": self.level,
                "gates": self.gates.model_dump(mode="json", exclude_defaults=True),
                "stress": self.stress,
                "multiplicity": self.multiplicity,
            }
            | ({} if self.registered is None else {"registered": dict(self.registered)})
        )

    def _estimate_id(self, name: str, outcome: str) -> str:
        return name if len(self.design.outcome) == 1 else f"{name}:{outcome}"

    def _refuse_unknown_headline(self) -> None:
        ids = [planned.id for planned in self.planned]
        if self.headline is not None and self.headline not in ids:
            raise DesignError(
                f"The headline '{self.headline}' is not among the methods.",
                remedy=did_you_mean(self.headline, ids),
                found=self.headline,
            )

    def _passed_over(self, headline: Estimate | None, estimates: tuple[Estimate, ...]) -> tuple[Finding, ...]:
        """Say so where the method that was to lead could not answer, and another leads."""
        if headline is None or self.headline is not None:
            return ()
        made = {estimate.id for estimate in estimates}
        for planned in self.planned:
            name = self._estimate_id(planned.id, headline.outcome)
            if name == headline.id:
                return ()
            if name not in made and getattr(planned.method, "target", None) is self.question.target:
                return (
                    Finding(
                        check="design.headline",
                        about=headline.id,
                        grade=Grade.WARN,
                        subject=name,
                        message=f"'{name}' was to lead and could not be computed; '{headline.id}' leads instead.",
                        remedy="See why it failed, or declare the headline.",
                    ),
                )
        return ()

    def _headline(self, estimates: tuple[Estimate, ...]) -> Estimate | None:
        """The declared headline, or the first estimate whose target is the question's."""
        if self.headline is None:
            wanted_target = self.question.target
            fitting = (e for e in estimates if e.target is wanted_target and e.target is not Target.ASSOCIATION)
            return next(fitting, None)
        wanted = self._estimate_id(self.headline, self.design.outcome[0])
        chosen = next(estimate for estimate in estimates if estimate.id == wanted)
        if chosen.target is Target.ASSOCIATION:
            raise DesignError(
                f"'{self.headline}' is an association, which answers no causal question, so it cannot be the headline.",
                remedy="Choose a method that adjusts, or declare an experiment if treatment was random.",
                found=self.headline,
            )
        return chosen


def _target_finding(headline: Estimate | None, question: Question) -> tuple[Finding, ...]:
    if headline is None or headline.target is question.target:
        return ()
    return (
        Finding(
            check="design.target",
            about=headline.id,
            grade=Grade.WARN,
            subject=str(headline.target),
            message=f"The question asks for {question.target}, and the headline estimates {headline.target}: "
            f"{headline.target.words}.",
            remedy="Choose another headline, or ask for this target.",
        ),
    )


def _distinct(findings: list[Finding]) -> list[Finding]:
    """Leave out repeats, as when two outcomes share a sample."""
    seen: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.check, finding.about, finding.subject, finding.message), finding)
    return list(seen.values())


def _arms_used(sample: Sample, design: DesignFields) -> dict[str, int]:
    if len(design.outcome) > 1 or design.missing_outcome == "weight":
        return sample.arm_counts()
    return sample.take(sample.present[design.outcome[0]].nonzero()[0]).arm_counts()


def _from_file(planned: Planned) -> bool:
    options = [getattr(planned.method, name) for name in type(planned.method).model_fields]
    return all(option.reproducible for option in options if isinstance(option, Learner))


def _environment(started: float) -> dict[str, Any]:
    return {
        "seconds": round(time.perf_counter() - started, 3),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": _versions(),
    }


@cache
def _versions() -> FrozenMap[str]:
    return FrozenMap({package: version(package) for package in PACKAGES})
