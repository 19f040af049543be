"""The answer in words, from the record alone."""

from dataclasses import dataclass
from typing import Any

from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.core.uncertainty import Regions
from estimand.figures.numbers import (
    NONE,
    aligned,
    format_count,
    format_interval,
    format_number,
    format_p,
    format_share,
    spoken_unit,
)
from estimand.figures.standing import headline_of, is_naive, is_timed, ratio_of, unit_of, vetoes
from estimand.report.effects_words import heterogeneity_sentence
from estimand.report.panel_words import by_time, panel_design, panel_estimand, panel_of, treatment_name

__all__ = [
    "NONE",
    "Part",
    "aligned",
    "answer_parts",
    "answer_sentence",
    "design_sentence",
    "estimand_sentence",
    "format_count",
    "format_interval",
    "format_number",
    "format_p",
    "format_share",
    "histories",
    "level_words",
]

UNTREATED = ("0", "0.0", "false", "no", "control", "untreated")
TREATED = ("1", "1.0", "true", "yes", "treated", "treatment")
GENERIC = ("treatment", "treated", "treat", "trt", "w", "d", "t", "z")

WHOM = {
    Target.ATE: " on average over everyone",
    Target.ATT: " among those treated",
    Target.ATC: " among those not treated",
    Target.ATM: " among the matched",
    Target.ATO: " where both arms are common",
    Target.LATE: " among compliers",
    Target.VARIANCE_WEIGHTED: " in a variance-weighted average, not the average over everyone",
}
DESIGNS = {
    "observational": "Observational: nobody controlled who was treated, so the covariates are to make the arms "
    "comparable. The answer holds if nothing else that matters differs between the arms.",
    "experiment": "Experiment: treatment was assigned at random, so the arms are comparable by design; covariates "
    "only sharpen the answer.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence, and whether it is a number that a veto greys."""

    text: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class _Effect:
    """The headline's first term in the words and unit of a sentence."""

    subject: str
    versus: str
    outcome: str
    whom: str
    value: float
    ci: list[float | None] | None
    unit: str
    interval: str
    empty: bool
    naive: bool
    others: int
    ratio: str | None = None

    @property
    def fell(self) -> bool:
        """Whether the value lies below no effect."""
        return self.value < self.null

    @property
    def null(self) -> float:
        """The value that means no effect."""
        return 0.0 if self.ratio is None else 1.0

    @property
    def amount(self) -> Part:
        """Size of the effect with its unit."""
        size = self.value if self.naive or self.ratio else abs(self.value)
        return Part(format_number(size) + self.unit, number=True)

    def claim(self, raised: str, lowered: str) -> list[Part]:
        """Subject, verb, outcome and amount; of a comparison that adjusts for nothing, only that the arms differ."""
        kind = f"{'an' if self.ratio[0] in 'aeiou' else 'a'} {self.ratio} of " if self.ratio else ""
        if self.naive:
            return [Part(f"{self.outcome} differs by {kind}about "), self.amount, Part(self.whom)]
        verb = lowered if self.fell else raised
        start = f"{self.subject} {verb} {self.outcome}{':' if kind else ' by'} {kind}about "
        return [Part(start), self.amount, Part(self.whom + self.versus)]


def answer_sentence(record: StudyRecord) -> str:
    """Answer the question in one plain sentence, with its interval and unit.

    It says when the interval leaves the direction open, when there is no interval, and when the
    number is not to be relied on. A share is told in percentage points.
    """
    return "".join(part.text for part in answer_parts(record))


def answer_parts(record: StudyRecord) -> tuple[Part, ...]:
    """Return the answer in pieces, its numbers apart."""
    headline = headline_of(record)
    if headline is None:
        wanted = record.question.target
        return (Part(f"There is no answer: no estimate is of the target asked for ({wanted.words})."),)
    effect = _effect(record, headline)
    if effect is None:
        return (Part(f"There is no answer: '{headline.id}' could not work out a number."),)
    parts = _vetoed(effect) if vetoes(record, headline) else _standing(effect)
    if effect.others:
        parts.append(Part(f" {effect.others} other comparison{'s' if effect.others > 1 else ''} below."))
    times = by_time(headline)
    if times is not None:
        parts.append(Part(f" Effects by {times} are below."))
    if not vetoes(record, headline):
        parts.append(Part(heterogeneity_sentence(record, headline)))
    return (Part(_capital(parts[0].text), parts[0].number), *(part for part in parts[1:] if part.text))


def _vetoed(effect: _Effect) -> list[Part]:
    claim = effect.claim("raised", "lowered")
    interval = [] if effect.ci is None else [*_between(effect), Part(")")]
    return [Part("the estimate that "), *claim, *interval, Part(" is not to be relied on.")]


def _standing(effect: _Effect) -> list[Part]:
    if effect.value == effect.null and not effect.naive:
        nothing = Part(f"{effect.subject} left {effect.outcome} as it was{effect.whom}{effect.versus}")
        return [nothing, *_bracket(effect)]
    if effect.ci is None or not _includes(effect.ci, effect.null):
        return [*effect.claim("raised", "lowered"), *_bracket(effect)]
    claim = effect.claim("may have raised", "may have lowered")
    if effect.ci == [None, None]:
        tail = Part(f", but the {effect.interval} has no ends: the data settle neither size nor direction.")
        return [*claim, tail]
    return [
        *claim,
        Part(f", but the {'ratio' if effect.ratio else 'difference' if effect.naive else 'change'} could be anything "),
        Part(_range(effect.ci), number=True),
        Part(f" ({effect.interval}): the data do not settle the direction."),
    ]


def _bracket(effect: _Effect) -> list[Part]:
    if effect.empty:
        return [Part(f", but no value is compatible with the data at its {effect.interval}.")]
    if effect.ci is None:
        return [Part(", and how uncertain this is, is not known.")]
    return [*_between(effect), Part(").")]


def _between(effect: _Effect) -> list[Part]:
    change = " of the change" if effect.value < 0 and not effect.naive and not effect.ratio else ""
    return [Part(f" ({effect.interval}{change} "), Part(format_interval(effect.ci), number=True)]


def _range(ci: list[float | None]) -> str:
    low, high = ci
    if low is None:
        return f"below {format_number(high)}"
    if high is None:
        return f"above {format_number(low)}"
    return f"from {format_number(low)} to {format_number(high)}"


def _includes(ci: list[float | None], null: float) -> bool:
    low, high = ci
    return (low is None or low <= null) and (high is None or high >= null)


def _effect(record: StudyRecord, headline: Estimate) -> _Effect | None:
    row = headline.summary()[0]
    if row["value"] is None:
        return None
    ratio = ratio_of(headline)
    factor, unit = spoken_unit(unit_of(record, headline) if ratio is None else None)
    ci = None if row["ci"] is None else [None if end is None else factor * end for end in row["ci"]]
    subject, versus = _arms(record, row)
    naive = is_naive(headline)
    return _Effect(
        subject=subject,
        versus=versus,
        outcome=record.question.called(headline.outcome),
        whom=_apart(record, row) if naive else _whom(headline, row),
        value=factor * row["value"],
        ci=ci,
        unit=unit,
        interval=level_words(headline.level),
        empty=ci is None and isinstance(headline.uncertainty, Regions),
        naive=naive,
        others=sum(not is_timed(term) for term in headline.terms[1:]),
        ratio=ratio,
    )


def _whom(estimate: Estimate, row: dict[str, Any]) -> str:
    """Say over whom an effect is, or at which quantile of whose outcome."""
    level = row["at"].get("quantile")
    if level is None:
        return _averaged(estimate)
    named = "at the median" if level == 0.5 else f"at the quantile {level:g}"
    return f" {named} of its distribution{' among those treated' if estimate.target is Target.QTT else ''}"


def _averaged(estimate: Estimate) -> str:
    """Say whom an effect is averaged over; what narrowed everyone to others, such as the triggered, names them."""
    about = estimate.population
    if estimate.target is Target.ATE and about.rule is not None and not about.label.startswith("everyone"):
        return f" on average over {about.label}"
    return WHOM.get(estimate.target, f" ({estimate.target.words})")


def _arms(record: StudyRecord, row: dict[str, Any]) -> tuple[str, str]:
    """Name the arm of a term, and what it is compared with unless that is plainly no treatment.

    Only of two arms can one stand for the treatment; of more, the sentence names the one it is about.
    """
    arm, control = _compared(record, row)
    column, two = record.design.treatment, len(record.sample.arms) == 2
    versus = f", compared with {control}" if control else ""
    if two and (arm.lower() in TREATED or arm == column):
        plain = column.lower() in GENERIC and column not in record.question.labels
        name = "the treatment" if plain else treatment_name(record)
        return name, "" if control.lower() in UNTREATED else versus
    coded = arm.lower() in (*TREATED, *UNTREATED) or arm.replace(".", "").isdigit()
    return f"{record.question.called(column)} {'= ' if coded else ''}{arm}", versus


def _compared(record: StudyRecord, row: dict[str, Any]) -> tuple[str, str]:
    """Return the labels of the arm a term is about, and of the control."""
    arms = list(record.sample.arms)
    arm = row["at"].get("arm", arms[-1] if len(arms) == 2 else row["label"])
    return str(arm), arms[0] if arms else ""


def _apart(record: StudyRecord, row: dict[str, Any]) -> str:
    """Say between which arms a number that adjusts for nothing was taken, and in which order."""
    arm, control = _compared(record, row)
    name = record.question.called(record.design.treatment)
    return f" between the arms ({name} = {arm} less {name} = {control}), not adjusted"


def level_words(level: float) -> str:
    """Name the interval of a level.

    Examples
    --------
    >>> level_words(0.95)
    '95% interval'
    """
    return f"{100 * level:g}% interval"


def design_sentence(record: StudyRecord) -> str:
    """Say how treatment arose, and what the answer rests on."""
    if panel_of(record) is not None:
        return panel_design(record)
    kind = str(record.design.to_dict()["kind"])
    return DESIGNS.get(kind, _capital(spaced(kind)) + ".")


def histories(record: StudyRecord) -> tuple[str, ...]:
    """Columns of the metrics before an experiment, which sharpen its answer."""
    design = record.design
    metrics = design.metrics if isinstance(design, Experiment) else ()
    return tuple(dict.fromkeys(metric.covariate for metric in metrics if metric.covariate is not None))


def estimand_sentence(record: StudyRecord) -> str:
    """Say what the number is: of what, between which arms, averaged over whom."""
    headline = headline_of(record)
    target = record.question.target if headline is None else headline.target
    arms = list(record.sample.arms)
    control, others = (arms[0], arms[1:]) if arms else ("control", [])
    column = record.design.treatment
    between = f"{column} = {' or '.join(others) or 'treated'} and {column} = {control}"
    outcome = record.question.called(record.design.outcome[0] if headline is None else headline.outcome)
    if target is Target.ASSOCIATION:
        return f"How {outcome} differs between {between} ({target}: {target.words})."
    whom = WHOM.get(target, f" ({target.words})") if headline is None else _averaged(headline)
    said = f"How {outcome} would differ{whom} between {between} ({target}: {target.words})."
    if panel_of(record) is not None:
        said = panel_estimand(record, target, outcome)
    population = None if headline is None else headline.population
    if population is None or population.rule is None:
        return said
    return f"{said} It is about {population.label} ({format_count(population.n)} rows): {population.rule}."


def spaced(name: str) -> str:
    """Write a column's name as words.

    Examples
    --------
    >>> spaced("task_completed")
    'task completed'
    """
    return " ".join(name.replace("_", " ").split()) or name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
