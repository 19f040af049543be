"""Audit a table against a design, before any estimate."""

import platform
import time
from importlib.metadata import version
from typing import Any

from estimand.core.audit import AuditRecord, judge_audit
from estimand.core.case import Case
from estimand.core.catalog import keys, resolve
from estimand.core.check import Check
from estimand.core.design import Design, as_design
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding
from estimand.core.frozen import FrozenMap
from estimand.core.gates import GatePolicy
from estimand.core.record import SampleFlow
from estimand.core.resampling import Resampling
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.errors import EstimandError, UnsupportedError
from estimand.models.bank import Cache, NuisanceBank
from estimand.study.examine import not_run
from estimand.study.opening import open_source
from estimand.study.threads import single_threaded

PACKAGES = ("estimand", "numpy", "scipy")


def audit(
    data: Any,
    design: Any,
    *,
    seed: int = 0,
    gates: GatePolicy | None = None,
    level: float = 0.95,
    threads: int = 1,
) -> AuditRecord:
    """Ask of a table and a design what could spoil an estimate, before there is one.

    Every row that the design could use is audited, those without an outcome too. The checks are those of
    the catalog ``estimand.audits``; one that cannot be computed answers "not run".

    Parameters
    ----------
    data : str, Path or table
        A path, a bundled dataset's name, or a table in memory.
    design : mapping or Design
    seed : int
    gates : GatePolicy, optional
        The lines that findings are held to.
    level : float
        Confidence level.
    threads : int
        Batches side by side; the answer does not depend on it.

    Raises
    ------
    EstimandError
        If the data or the design cannot be used at all; the message says what to do.

    Examples
    --------
    >>> import estimand as es
    >>> design = {"kind": "observational", "treatment": "outreach", "outcome": "churn",
    ...           "covariates": ["health_score", "prior_tickets", "usage_score", "tenure_months"]}
    >>> es.audit("outreach", design).of("audit.balance")[0].subject
    'health_score'
    """
    started = time.perf_counter()
    drawn = as_design(design)
    name, sample = open_source(data, drawn, build_sample)
    policy = GatePolicy() if gates is None else gates
    found = list(sample.findings)
    with single_threaded():
        for case in _cases(drawn, sample, Run(seed, threads), (level, policy)):
            found.extend(_examined(case))
    ordered = tuple(sorted(_distinct(found), key=lambda finding: -finding.grade.severity))
    return AuditRecord(
        design=drawn,
        data=name,
        seed=seed,
        level=level,
        sample=SampleFlow(sample.rows_read, sample.n, sample.drops, FrozenMap(sample.arm_counts()), sample.fingerprint),
        findings=ordered,
        verdict=judge_audit(ordered),
        run=FrozenMap(
            {
                "seconds": round(time.perf_counter() - started, 3),
                "python": platform.python_version(),
                "versions": FrozenMap({package: version(package) for package in PACKAGES}),
            }
        ),
    )


def _cases(design: Design, sample: Sample, run: Run, context: tuple[float, GatePolicy]) -> list[Case]:
    """One case per outcome, each on every row; the propensity is fitted once for all."""
    level, gates = context
    cache = Cache()
    return [
        Case(design, sample, outcome, sample.arms, level, NuisanceBank(sample, outcome, run, cache), run, gates)
        for outcome in design.outcome
    ]


def _examined(case: Case) -> list[Finding]:
    """Answer every audit that applies; one that cannot be computed says why."""
    findings: list[Finding] = []
    for key in keys("audits"):
        check: Check = resolve("audits", key)()
        try:
            if isinstance(case.design, check.spec.designs) and check.applies(case, ()):
                findings.extend(check.examine(case, (), _refuse_refit))
        except EstimandError as error:
            findings.append(not_run(key, STUDY, error))
    return findings


def _refuse_refit(estimate: Estimate, case: Case, resample: Resampling | None = None) -> Estimate:
    raise UnsupportedError("An audit comes before any estimate, so it has none to refit.", remedy="Run the study.")


def _distinct(findings: list[Finding]) -> list[Finding]:
    """Leave out repeats: checks of the study answer alike for every outcome."""
    seen: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.check, finding.about, finding.subject, finding.message), finding)
    return list(seen.values())
