"""What the answer rests on: each assumption of the design, and whether anything tested it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.core.verdict import concerning
from estimand.figures.standing import headline_of, leading_outcome
from estimand.report.panel_words import treatment_name

Status = Literal["tested", "doubtful", "violated", "untestable", "untested"]
STATUS: Mapping[Status, str] = {
    "tested": "Tested, nothing against it",
    "doubtful": "Tested, in doubt",
    "violated": "Violated",
    "untestable": "Untestable",
    "untested": "Not tested",
}


@dataclass(frozen=True, slots=True)
class Assumption:
    """One assumption, how it stands, and the checks that speak to it."""

    name: str
    words: str
    status: Status
    checks: tuple[str, ...]

    @property
    def standing(self) -> str:
        """Status in words."""
        return STATUS[self.status]


@dataclass(frozen=True, slots=True)
class _Rule:
    """An assumption, and how the keys begin of the checks that speak to it."""

    name: str
    words: str
    checks: tuple[str, ...]
    testable: bool = True


HIDDEN = _Rule(
    "No hidden cause",
    "Nothing outside the covariates drives both {treatment} and {outcome}. Checks can say how strong such a cause "
    "would have to be, not that there is none.",
    ("stress.omitted", "stress.e_value", "stress.negative"),
    testable=False,
)
RANDOM = _Rule(
    "Random assignment",
    "Chance alone decided who was in which arm.",
    ("experiment.srm", "experiment.triggering", "experiment.pre_exposure", "balance.before", "audit.balance"),
)
FIRST = _Rule("Covariates come first", "Treatment changed none of the covariates.", ("design.post_treatment",))
OVERLAP = _Rule("Overlap", "Rows of every kind could have been in either arm.", ("overlap.", "weights."))
MODELS = _Rule(
    "The models fit",
    "The models of treatment and outcome are good enough to leave the arms alike.",
    (
        "balance.smd",
        "balance.variance",
        "nuisance.",
        "comparison.",
        "stress.placebo",
        "stress.split",
        "stress.seed",
        "stress.random",
        "stress.subset",
    ),
)
KEPT = _Rule(
    "Rows left out are like the rest",
    "Whether a row could be used has nothing to do with its effect.",
    ("sample.", "audit.missing", "audit.attrition"),
)
MEASURED = _Rule(
    "Missing at random",
    "Among rows of one arm with like covariates, whether {outcome} is there has nothing to do with what it is.",
    ("observation.",),
    testable=False,
)
APART = _Rule(
    "No interference",
    "One row's treatment does not change another row's outcome, and treatment means the same for all who have it.",
    (),
    testable=False,
)
INDEPENDENT = _Rule(
    "Independence",
    "Rows, or the clusters the design names, tell nothing about each other.",
    ("inference.clusters", "panel.few_clusters", "panel.cluster_level"),
    testable=False,
)
TRENDS = _Rule(
    "Parallel trends",
    "Without {treatment}, {outcome} of those treated would have changed over time as that of those they are compared "
    "with. Checks look at the time before treatment; of the time after it, nothing can be seen.",
    ("panel.pretrends", "panel.pretrend_power", "panel.honest_did", "panel.placebo_date"),
    testable=False,
)
UNAWARE = _Rule(
    "No anticipation",
    "Nothing changed before {treatment} began because it was to come.",
    ("panel.anticipation",),
)
UNTREATED = _Rule(
    "Compared with the untreated",
    "Those compared with are not under {treatment} themselves.",
    ("panel.staggered_twfe", "panel.bacon", "panel.negative_weights", "panel.comparison"),
)
STAYING = _Rule(
    "Treatment stays",
    "Once begun, {treatment} goes on, or what it did lasts.",
    ("panel.reversal", "panel.switched_off"),
)
SAME = _Rule(
    "The same units before and after",
    "Who is seen in a period has nothing to do with {treatment}.",
    ("panel.composition", "panel.unbalanced"),
)
RULES = {
    "observational": (HIDDEN, FIRST, OVERLAP, MODELS, KEPT, APART, INDEPENDENT),
    "experiment": (RANDOM, FIRST, KEPT, APART, INDEPENDENT),
    "panel": (TRENDS, UNAWARE, UNTREATED, STAYING, SAME, KEPT, APART, INDEPENDENT),
}


def assumptions(record: StudyRecord) -> tuple[Assumption, ...]:
    """Assumptions of the record's design, judged by the findings that concern its headline."""
    kind = str(record.design.to_dict()["kind"])
    headline = headline_of(record)
    near = concerning(record.findings, record.headline, None if headline is None else headline.outcome)
    names = {
        "treatment": treatment_name(record),
        "outcome": record.question.called(leading_outcome(record)),
    }
    weighted = any(finding.check.startswith(MEASURED.checks) for finding in near)
    rules = (*RULES.get(kind, (APART, INDEPENDENT)), *((MEASURED,) if weighted else ()))
    return tuple(_judged(rule, near, names, record) for rule in rules)


def _judged(rule: _Rule, findings: tuple[Finding, ...], names: dict[str, str], record: StudyRecord) -> Assumption:
    relevant = [finding for finding in findings if rule.checks and finding.check.startswith(rule.checks)]
    ran = [finding for finding in relevant if finding.grade is not Grade.NOT_RUN]
    complete = rule is KEPT and record.sample.rows_used == record.sample.rows_read
    words = rule.words.format_map(names)
    return Assumption(
        rule.name,
        f"{words} No row was left out." if complete else words,
        "tested" if complete and not ran else _status(rule, {finding.grade for finding in ran}),
        tuple(dict.fromkeys(finding.check for finding in ran)) or (("sample flow",) if complete else ()),
    )


def _status(rule: _Rule, grades: set[Grade]) -> Status:
    if Grade.VETO in grades:
        return "violated"
    if Grade.WARN in grades:
        return "doubtful"
    if not rule.testable:
        return "untestable"
    return "tested" if grades else "untested"
