"""Grades and the verdict on the headline."""

import pytest

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.verdict import concerning, judge


def finding(grade: str, about: str = "aipw", message: str = "It is so.") -> Finding:
    return Finding("check", about, Grade(grade), "subject", message)


def test_grades_go_from_pass_to_veto_by_severity() -> None:
    order = [Grade.PASS, Grade.NOTE, Grade.WARN, Grade.VETO]
    assert sorted(order, key=lambda grade: grade.severity) == order
    assert len({grade.severity for grade in order}) == 4
    assert Grade.NOT_RUN.severity > Grade.PASS.severity


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        (["pass"], "pass"),
        (["pass", "note"], "note"),
        (["note", "warn", "pass"], "warn"),
        (["warn", "veto", "note"], "veto"),
        (["not_run"], "note"),
        (["pass", "not_run"], "note"),
        (["not_run", "warn"], "warn"),
    ],
)
def test_the_verdict_is_the_worst_that_concerns_the_headline(grades: list[str], expected: str) -> None:
    verdict = judge(tuple(finding(grade) for grade in grades), "aipw", "churn")
    assert verdict.grade == expected


@pytest.mark.parametrize("about", ["ipw", "other outcome", "aipw-ipw"])
def test_a_veto_about_another_estimate_does_not_block_the_headline(about: str) -> None:
    verdict = judge((finding("pass"), finding("veto", about)), "aipw", "churn")
    assert verdict.grade is Grade.PASS


@pytest.mark.parametrize("about", ["aipw", "churn", STUDY])
def test_a_veto_about_the_headline_its_outcome_or_the_study_blocks_it(about: str) -> None:
    verdict = judge((finding("pass"), finding("veto", about, "Arms do not overlap.")), "aipw", "churn")
    assert verdict.grade is Grade.VETO
    assert verdict.summary == "Not to be relied on: Arms do not overlap."


def test_a_veto_on_the_study_is_told_before_one_on_the_headline():
    early, lost = finding("veto", "aipw", "Read early."), finding("veto", STUDY, "Units are lost.")
    assert judge((early, lost), "aipw", "churn").summary == "Not to be relied on: Units are lost."


def test_a_check_that_could_not_be_run_never_reads_as_a_pass() -> None:
    alone = judge((finding("not_run"),), "aipw", "churn")
    assert alone.grade is Grade.NOTE
    assert "1 check could not be run" in alone.summary
    beside = judge((finding("warn"), finding("not_run"), finding("not_run")), "aipw", "churn")
    assert "2 checks could not be run" in beside.summary


def test_notes_alone_speak_of_the_headline_as_others_may_have_warnings() -> None:
    verdict = judge((finding("note"), finding("warn", "ipw"), finding("note", STUDY)), "aipw", "churn")
    assert verdict.summary == "No warning for the headline; 2 notes to read."


def test_without_a_headline_there_is_nothing_to_rely_on() -> None:
    verdict = judge((finding("pass"),), None, None)
    assert verdict.to_dict() == {
        "grade": "veto",
        "summary": "No estimate answers the question: none has the target asked for.",
    }


def test_findings_keep_their_order_among_those_that_concern_the_headline() -> None:
    made = (finding("note", "ipw"), finding("warn", STUDY), finding("pass", "churn"), finding("veto"))
    assert concerning(made, "aipw", "churn") == made[1:]
