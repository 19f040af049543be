"""The answer in one plain sentence."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
import study_records as made

from estimand.core.design import Observational
from estimand.core.question import Question, Target
from estimand.core.uncertainty import Normal, Regions, Unknown
from estimand.report import words
from estimand.report.words import answer_parts, answer_sentence, design_sentence

INF = float("inf")


def study(value=1214.3, error=100.0, *, uncertainty=None, target=Target.ATT, unit="dollars", **more):
    one = made.estimate("aipw", (value,), (error,), target=target, unit=unit, uncertainty=uncertainty)
    return made.record((one,), **more)


def test_docstring_examples_run():
    assert doctest.testmod(words).failed == 0


def test_a_clear_rise():
    assert answer_sentence(study()) == (
        "Training raised re78 by about 1,214 dollars among those treated (95% interval 1,018 to 1,410)."
    )


def test_an_interval_that_includes_zero_leaves_the_direction_open():
    assert answer_sentence(made.lalonde()) == (
        "Training may have raised re78 by about 1,214 dollars among those treated, but the change could be "
        "anything from −330 to 2,759 (95% interval): the data do not settle the direction."
    )


def test_a_fall_of_a_share_is_told_in_percentage_points():
    assert answer_sentence(made.churn()) == (
        "Outreach lowered churn by about 4.71 percentage points on average over everyone "
        "(95% interval of the change −6.81 to −2.61)."
    )


def test_arms_with_names_are_named():
    assert answer_sentence(made.experiment()) == (
        "Variant B raised revenue by about 2.13 pounds on average over everyone, compared with A "
        "(95% interval 0.934 to 3.33)."
    )


def test_a_vetoed_number_is_not_to_be_relied_on():
    assert answer_sentence(made.vetoed()) == (
        "The estimate that training raised re78 by about 1,214 dollars among those treated "
        "(95% interval −330 to 2,759) is not to be relied on."
    )
    assert [part.text for part in answer_parts(made.vetoed()) if part.number] == ["1,214 dollars", "−330 to 2,759"]


def test_a_veto_on_another_estimate_does_not_block_the_answer():
    record = made.vetoed()
    moved = tuple(replace(item, about="ipw") for item in record.findings)
    assert "not to be relied on" not in answer_sentence(replace(record, findings=moved))


def test_nothing_answers_the_question():
    assert answer_sentence(made.unanswered()) == (
        "There is no answer: no estimate is of the target asked for (average effect on those treated)."
    )


@pytest.mark.parametrize(
    ("segments", "tail"),
    [
        (
            ((-INF, 2.0),),
            ", but the change could be anything below 2.00 (95% interval): the data do not settle the direction.",
        ),
        (
            ((-3.0, INF),),
            ", but the change could be anything above −3.00 (95% interval): the data do not settle the direction.",
        ),
        (
            ((-INF, INF),),
            ", but the 95% interval has no ends: the data settle neither size nor direction.",
        ),
        (((0.5, INF),), " (95% interval 0.500 to ∞)."),
        ((), ", but no value is compatible with the data at its 95% interval."),
    ],
)
def test_sets_without_ends(segments, tail):
    sentence = answer_sentence(study(1.0, uncertainty=Regions({"0.95": (segments,)}, "Fieller")))
    assert sentence.endswith(f"by about 1.00 dollars among those treated{tail}")


def test_no_interval_is_said():
    sentence = answer_sentence(study(uncertainty=Unknown("it was a guess.")))
    assert sentence.endswith("among those treated, and how uncertain this is, is not known.")


def test_no_effect_at_all_and_no_number_at_all():
    assert answer_sentence(study(0.0, 2.0)) == (
        "Training left re78 as it was among those treated (95% interval −3.92 to 3.92)."
    )
    assert answer_sentence(study(np.nan, uncertainty=Unknown("no overlap."))) == (
        "There is no answer: 'aipw' could not work out a number."
    )


@pytest.mark.parametrize("target", [target for target in Target if target is not Target.ASSOCIATION])
def test_every_target_is_said(target):
    sentence = answer_sentence(study(target=target))
    said = words.WHOM.get(target, target.words).strip()
    assert said in sentence
    assert sentence.count(".") == sentence.count(". ") + 1


def test_level_unit_and_names_come_from_the_record():
    one = replace(made.estimate("aipw", (2.0,), unit=None, uncertainty=Normal(np.eye(1) * 0.01)), level=0.9)
    design = Observational(treatment="treat", outcome=("tasks_done",))
    record = made.record(
        (replace(one, outcome="tasks_done"),), design=design, question=Question(text="?", unit="tasks")
    )
    assert answer_sentence(record) == (
        "The treatment raised tasks done by about 2.00 tasks among those treated (90% interval 1.84 to 2.16)."
    )


def test_the_unit_of_the_question_is_not_lent_to_another_outcome():
    other = made.estimate("other", (1.0,), (0.1,), outcome="visits", unit=None)
    assert words.unit_of(study(), other) is None


def test_designs_in_words():
    assert design_sentence(made.lalonde()).startswith("Observational: nobody controlled who was treated")
    assert design_sentence(made.experiment()).startswith("Experiment: treatment was assigned at random")
