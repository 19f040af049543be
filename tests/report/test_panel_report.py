"""The report of a panel: its own words, cohorts in place of arms, and effects by time apart."""

from dataclasses import replace

import pytest

import estimand as es
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.record import StudyRecord
from estimand.data import datasets
from estimand.figures.comparison import estimate_comparison_figure
from estimand.report.assumptions import assumptions
from estimand.report.counts import raw_counts
from estimand.report.memo import memo
from estimand.report.page import html
from estimand.report.rows import estimate_tables
from estimand.report.words import answer_sentence, design_sentence, estimand_sentence


@pytest.fixture(scope="module")
def record() -> StudyRecord:
    frame = datasets.generate("tutoring", rows=900, seed=4)
    methods = ["did", {"method": "imputation_did", "aggregate": "event"}]
    study = {"data": frame, "design": frame.attrs["design"], "question": frame.attrs["question"], "methods": methods}
    return es.run(study, threads=1)


def test_the_answer_is_of_the_treated_and_points_to_effects_by_time(record: StudyRecord) -> None:
    assert record.headline == "imputation_did"
    said = answer_sentence(record)
    assert said.startswith("Tutoring raised the score by about ")
    assert "points among those treated" in said
    assert said.endswith(" Effects by time since treatment began are below.")
    assert "other comparison" not in said


def test_design_and_estimand_are_in_words(record: StudyRecord) -> None:
    assert design_sentence(record).startswith("Panel: treatment began at different times, or never")
    assert design_sentence(record).endswith("without treatment, among those alike in the covariates.")
    assert "How the score of those treated differs on average, from when tutoring began" in estimand_sentence(record)


def test_a_cohort_column_that_nobody_named_is_no_name_for_treatment(record: StudyRecord) -> None:
    design = record.design.model_copy(update={"treatment": "first_term"})
    told = answer_sentence(replace(record, design=design))
    assert told.startswith("The treatment raised the score")
    question = record.question.model_copy(update={"labels": {**record.question.labels, "first_term": "the programme"}})
    assert answer_sentence(replace(record, design=design, question=question)).startswith("The programme raised")


def test_cohorts_are_counted_in_place_of_arms(record: StudyRecord) -> None:
    counts = raw_counts(record)
    assert counts.header == ("First treated", "Units", "Rows", "Share of units")
    assert [row[0] for row in counts.rows] == ["3", "5", "7", "9", "never treated"]
    assert sum(int(row[1]) for row in counts.rows) == 90
    assert sum(int(row[2]) for row in counts.rows) == 900


def test_effects_by_time_stand_apart(record: StudyRecord) -> None:
    (table,) = estimate_tables(record)
    assert [(row.method, row.arm) for row in table.rows[:2]] == [("did", ""), ("imputation_did", "")]
    assert [row.arm for row in table.timed] == [f"event time {k}" for k in range(8)]
    assert {row.standing for row in table.timed} == {"plain"}
    shown = estimate_comparison_figure(record).table
    assert not any("event time" in str(cell) for row in shown.rows() for cell in row.values())
    assert "8 effects by time since treatment, cohort or period" in memo(record)
    assert "event time 3" not in memo(record)
    assert "event time 3" in html(record)


def test_the_assumptions_are_those_of_a_panel(record: StudyRecord) -> None:
    found = {item.name: item for item in assumptions(record)}
    assert list(found)[:3] == ["Parallel trends", "No anticipation", "Compared with the untreated"]
    assert found["Parallel trends"].status in {"untestable", "doubtful"}
    assert found["Treatment stays"].status in {"tested", "untested"}
    assert "tutoring" in found["No anticipation"].words
    off = Finding("panel.switched_off", "study", Grade.WARN, "treatment", "Units were treated and later were not.")
    doubted = {item.name: item.status for item in assumptions(replace(record, findings=(*record.findings, off)))}
    assert doubted["Treatment stays"] == "doubtful"


def test_the_page_asks_about_trends_and_not_about_hidden_causes(record: StudyRecord) -> None:
    page = html(record)
    assert "hidden cause would have to be" not in page
    plain = replace(record, findings=tuple(f for f in record.findings if not f.check.startswith("panel.")))
    assert "No check asked how far trends would have to part to overturn this answer." in html(plain)
    assert "tutored = 1" in html(plain)


def test_a_table_of_cells_alone_leads_with_its_first(record: StudyRecord) -> None:
    estimate = record.estimate("imputation_did")
    terms = tuple(
        replace(term, label=f"cell {j}", at=FrozenMap({"cohort": "3", "period": str(3 + j)}))
        for j, term in enumerate(estimate.terms)
    )
    cells = replace(record, estimates=(replace(estimate, terms=terms),))
    (table,) = estimate_tables(cells)
    assert table.rows[0].arm == "cell 0"
    assert len(table.timed) == len(terms) - 1
    assert answer_sentence(cells).endswith(" Effects by cohort and period are below.")
