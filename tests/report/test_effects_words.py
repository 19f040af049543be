"""Whether differences in effect can be used is said beside the average, in the report and on the terminal."""

import io
from dataclasses import replace

import pytest
import study_records as made
from rich.console import Console

from estimand.cli.show import show_record
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.report.effects_words import heterogeneity_note, heterogeneity_sentence
from estimand.report.words import answer_sentence

KEY = "heterogeneity.usable"


def study(*grades: Grade) -> StudyRecord:
    """A study of one estimate, read as given for each of its arms."""
    one = made.estimate("aipw", (1.0,) * len(grades), (0.1,) * len(grades))
    read = tuple(
        Finding(KEY, one.id, grade, term.label, "Read.") for term, grade in zip(one.terms, grades, strict=True)
    )
    return replace(made.record((one,)), findings=read)


@pytest.mark.parametrize(
    ("grade", "note"), [(Grade.NOTE, "no usable heterogeneity"), (Grade.PASS, "usable heterogeneity")]
)
def test_the_answer_and_the_terminal_say_it(grade: Grade, note: str) -> None:
    record = study(grade)
    assert heterogeneity_note(record, record.estimates[0]) == note
    assert f"There is {note}: " in answer_sentence(record)
    out = Console(file=io.StringIO(), width=200)
    show_record(record, out)
    written = out.file.getvalue() if isinstance(out.file, io.StringIO) else ""
    assert f"headline, {note}" in written


def test_nothing_is_said_where_it_was_not_read() -> None:
    record = study(Grade.NOT_RUN)
    assert heterogeneity_note(record, record.estimates[0]) is None
    assert heterogeneity_sentence(record, record.estimates[0]) == ""
    assert "heterogeneity" not in answer_sentence(record)
