"""Records of studies that never ran, made by hand from the nouns, for figures and reports."""

from dataclasses import replace
from typing import Any

import numpy as np

from estimand.core.design import DesignFields, Experiment, Observational
from estimand.core.estimate import Estimate, Population, Term
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.question import Benchmark, Question, Target
from estimand.core.record import SampleFlow, StudyRecord
from estimand.core.sample import Drop
from estimand.core.table import Table
from estimand.core.uncertainty import Normal, Regions, Uncertainty, Unknown
from estimand.core.verdict import judge

HOSTILE = '<script>alert("x")</script>'
LONG = "number_of_support_tickets_opened_by_the_account_owner_in_the_ninety_days_before_outreach_started"
COVARIATES = ("age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75")
RUN = {
    "seconds": 0.41,
    "versions": {"estimand": "0.1.0", "numpy": "2.3.1", "scipy": "1.16.0"},
    "python": "3.11.9",
    "machine": "Linux x86_64",
}


def estimate(
    key: str,
    values: tuple[float, ...],
    errors: tuple[float, ...] = (),
    *,
    outcome: str = "re78",
    target: Target = Target.ATT,
    arms: tuple[str, ...] = ("1",),
    unit: str | None = "dollars",
    uncertainty: Uncertainty | None = None,
    rule: str | None = None,
    **more: Any,
) -> Estimate:
    """Return an estimate with a normal interval, unless another uncertainty is given."""
    terms = tuple(Term(arm, FrozenMap({"arm": arm}), unit) for arm in arms)
    return Estimate(
        id=key,
        method=more.pop("method", key),
        options=FrozenMap(more.pop("options", {"target": str(target)})),
        outcome=outcome,
        target=target,
        population=Population("the treated", 185, 0.3, rule),
        terms=terms,
        value=np.array(values),
        uncertainty=uncertainty or Normal(np.diag(np.square(errors))),
        n_obs=more.pop("n_obs", 614),
        inference=more.pop("inference", "influence"),
        **more,
    )


def finding(check: str, about: str, grade: Grade, message: str, **more: Any) -> Finding:
    """Return a finding; the subject is the check's own last word unless given."""
    subject = more.pop("subject", check.rpartition(".")[2])
    return Finding(check=check, about=about, grade=grade, subject=subject, message=message, **more)


def record(
    estimates: tuple[Estimate, ...],
    findings: tuple[Finding, ...] = (),
    *,
    question: Question | None = None,
    design: DesignFields | None = None,
    headline: str | None = "aipw",
    arms: dict[str, int] | None = None,
    drops: tuple[Drop, ...] = (),
    data: str = "lalonde",
) -> StudyRecord:
    """Return a record with the verdict its findings give."""
    arms = {"0": 429, "1": 185} if arms is None else arms
    used = sum(arms.values())
    worst_first = tuple(sorted(findings, key=lambda item: -item.grade.severity))
    lead = next((item for item in estimates if item.id == headline), None)
    return StudyRecord(
        question=question or Question(text="Did training raise earnings?", target=Target.ATT, unit="dollars"),
        design=design or Observational(treatment="training", outcome=("re78",), covariates=COVARIATES),
        data=data,
        headline=headline,
        seed=7,
        sample=SampleFlow(used + sum(drop.rows for drop in drops), used, drops, FrozenMap(arms), "9f2c61d0" * 8),
        estimates=estimates,
        findings=worst_first,
        verdict=judge(worst_first, headline, None if lead is None else lead.outcome),
        reproducible=True,
        run=FrozenMap(RUN),
    )


def balance(about: str, features: tuple[str, ...] = COVARIATES, grade: Grade = Grade.NOTE) -> Finding:
    """Return a finding of covariate balance, its first feature the worst after adjustment."""
    k = len(features)
    before = [(-1.0) ** j * (1.2 - 1.1 * j / k) for j in range(k)]
    after = [0.18, *(x * 0.04 for x in before[1:])]
    return finding(
        "balance.smd",
        about,
        grade,
        f"After adjustment 1 of {k} covariates and categories still differ by more than 0.1 standard "
        f"deviations, most of all '{features[0]}' (+0.18).",
        subject=features[0],
        statistic=0.18,
        threshold=0.1,
        remedy="Add its square or interactions, use a flexible learner, or target ATO.",
        evidence=Table({"feature": features, "before": before, "after": after}),
    )


def overlap(about: str, arms: dict[str, int], grade: Grade = Grade.PASS) -> Finding:
    """Return a finding of overlap with forty bins whose counts sum to the arms'."""
    edges = np.linspace(0.0, 1.0, 41)
    middles = (edges[:-1] + edges[1:]) / 2
    counts = {}
    for j, (label, rows) in enumerate(arms.items()):
        shape = middles ** (1 + 1.2 * j) * (1 - middles) ** (2.6 - j if j < 2 else 1.2)
        cumulated = np.round(rows * np.cumsum(shape) / shape.sum())
        counts[f"arm {label}"] = np.diff(cumulated, prepend=0.0).astype(int).tolist()
    return finding(
        "overlap.propensity",
        about,
        grade,
        "1.2% of the treated have a propensity above 0.95, where controls are rare.",
        subject="propensity",
        statistic=0.012,
        threshold=0.05,
        evidence=Table({"low": edges[:-1], "high": edges[1:], "edge": [0.05] * 40} | counts),
    )


def lalonde(**change: Any) -> StudyRecord:
    """Return a study whose headline's interval includes zero, with benchmarks and a naive number."""
    estimates = (
        estimate("difference", (-635.0,), (657.1,), target=Target.ASSOCIATION, inference="small_sample"),
        estimate("regression", (1548.2,), (749.9,), inference="small_sample", options={"covariance": "HC3"}),
        estimate("ipw", (1214.1,), (798.4,), options={"target": "ATT", "trim": None, "clip": 0.01}),
        estimate("aipw", (1214.3,), (788.0,), options={"target": "ATT", "folds": 5, "learner": "boosting"}),
    )
    findings = (
        balance("aipw"),
        balance("ipw", grade=Grade.WARN),
        overlap("aipw", {"0": 429, "1": 185}),
        finding(
            "weights.effective_n",
            "aipw",
            Grade.WARN,
            "The weighted controls are worth 98 rows, 23% of the 429 there are.",
            statistic=98.0,
            threshold=92.5,
            remedy="Read the interval as that of a study of this size, or trim.",
        ),
        finding("weights.max_share", "aipw", Grade.PASS, "No row holds more than 2.1% of its arm's weight."),
        finding("ipw.clip", "ipw", Grade.NOTE, "12 propensities were moved to 0.01.", remedy="Trim instead."),
        finding(
            "inference.clusters",
            STUDY,
            Grade.NOT_RUN,
            "The design names no clusters.",
            remedy="Name the cluster column if rows depend on each other.",
        ),
    )
    question = Question(
        text="Did training raise the 1978 earnings of those trained?",
        target=Target.ATT,
        unit="dollars",
        benchmarks=(Benchmark(label="randomised experiment", value=1794.3, std_error=633.0),),
    )
    drops = (Drop("outcome is missing", "re78", 12), Drop("covariate is missing", "re74", 3))
    return record(estimates, findings, **({"question": question, "drops": drops} | change))


def churn() -> StudyRecord:
    """Return a study with a clear answer, as a share, and every check passed."""
    shared: dict[str, Any] = {"outcome": "churn", "target": Target.ATE, "unit": "share", "n_obs": 6000}
    estimates = (
        estimate("difference", (0.0812,), (0.0098,), **(shared | {"target": Target.ASSOCIATION})),
        estimate("regression", (-0.0441,), (0.0108,), **shared),
        estimate("aipw", (-0.0471,), (0.0107,), **shared),
    )
    return record(
        estimates,
        (overlap("aipw", {"0": 3400, "1": 2600}), balance("aipw", ("health_score", "tickets"), Grade.PASS)),
        question=Question(
            text="Did proactive outreach reduce churn?",
            unit="share",
            benchmarks=(Benchmark(label="true effect", value=-0.046),),
        ),
        design=Observational(treatment="outreach", outcome=("churn",), covariates=("health_score", "tickets")),
        arms={"0": 3400, "1": 2600},
        data="outreach",
    )


def experiment() -> StudyRecord:
    """Return an experiment of two outcomes and three arms, one interval unbounded and one set empty."""
    arms = ("B", "C")
    money: dict[str, Any] = {"outcome": "revenue", "target": Target.ATE, "arms": arms, "unit": "pounds"}
    done: dict[str, Any] = {"outcome": "task_done", "target": Target.ATE, "arms": arms, "unit": "share"}
    inf = float("inf")
    sets = Regions({"0.95": (((-inf, 0.8),), ())}, "Fieller")
    pieces = Regions({"0.95": (((-0.02, 0.01), (0.03, 0.06)), ((-inf, inf),))}, "Anderson-Rubin")
    estimates = (
        estimate("difference", (2.13, -0.42), (0.61, 0.66), n_obs=9000, **money),
        estimate("regression", (2.05, -0.31), (0.55, 0.58), n_obs=9000, **money),
        estimate("ratio", (0.21, 0.4), uncertainty=sets, n_obs=9000, **money),
        estimate("difference_done", (0.031, 0.012), (0.011, 0.011), method="difference", n_obs=8990, **done),
        estimate("instrument_done", (0.02, 0.01), uncertainty=pieces, n_obs=8990, **done),
        estimate("guess_done", (0.05, 0.06), uncertainty=Unknown("it was a guess."), n_obs=8990, **done),
    )
    findings = (
        finding("inference.defined", "ratio", Grade.WARN, "The Fieller set for 'C' is empty.", subject="C"),
        finding("srm.planned", "task_done", Grade.NOTE, "The arms are as large as planned.", subject="variant"),
        overlap("regression", {"A": 3000, "B": 3010, "C": 2990}),
    )
    return record(
        estimates,
        findings,
        question=Question(text="Which onboarding earns more?", unit="pounds"),
        design=Experiment(treatment="variant", outcome=("revenue", "task_done"), covariates=("tenure",)),
        headline="difference",
        arms={"A": 3000, "B": 3010, "C": 2990},
        data="onboarding.parquet",
    )


def vetoed() -> StudyRecord:
    """Return a study whose headline adjusts for a post-treatment column."""
    plain = lalonde()
    veto = finding(
        "design.post_treatment",
        "aipw",
        Grade.VETO,
        "It adjusts for 'engagement_after', which treatment may have changed.",
        subject="engagement_after",
        remedy="Remove 'engagement_after' from the covariates.",
    )
    findings = (veto, *plain.findings)
    return replace(plain, findings=findings, verdict=judge(findings, "aipw", "re78"))


def hostile() -> StudyRecord:
    """Return a study whose names try to break the page, or run past its edge."""
    names = (f"{HOSTILE} again", f"{LONG}_too", "price_$_a$", "年齢と性別と地域と収入の詳しい区分", "tab\tand\x07bell")
    estimates = (
        estimate("aipw", (3.0,), (1.0,), outcome=HOSTILE, unit="<b>units</b>"),
        estimate(f"ipw {LONG}", (2.0,), (1.0,), outcome=HOSTILE, unit="<b>units</b>", method="ipw", rule=LONG),
    )
    arms = {f"control <i>{LONG}": 40, "treated & </svg>": 41}
    return record(
        estimates,
        (
            balance("aipw", names),
            overlap("aipw", arms),
            finding(f"odd.{HOSTILE}", "aipw", Grade.WARN, f"{HOSTILE} {LONG}", remedy=HOSTILE),
        ),
        question=Question(
            text=f"Does {HOSTILE} work?",
            target=Target.ATT,
            benchmarks=(Benchmark(label=HOSTILE, value=2.5),),
        ),
        design=Observational(treatment=LONG, outcome=(HOSTILE,), covariates=names),
        arms=arms,
        drops=(Drop(f"{LONG} is <missing>", HOSTILE, 5),),
        data=f"{HOSTILE}.csv",
    )


def unanswered() -> StudyRecord:
    """Return a study that has only a naive number, so nothing answers the question."""
    naive = estimate("difference", (-635.0,), (657.1,), target=Target.ASSOCIATION)
    return record((naive,), headline=None)
