"""The answer in one plain sentence."""

import doctest
import re
from dataclasses import replace

import numpy as np
import pytest
import study_records as made

from estimand.core.design import Observational
from estimand.core.finding import Grade
from estimand.core.question import Question, Target
from estimand.core.uncertainty import Normal, Regions, Unknown
from estimand.report import words
from estimand.report.sizes import effect_sizes
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
        "(95% interval 0.934 to 3.33). 1 other comparison below."
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


def several(arms=("a", "b", "c"), treatment="a", target=Target.ATE, **more):
    others = arms[1:]
    count = len(others)
    one = made.estimate("aipw", (1214.3, -5.0, 7.0)[:count], (100.0,) * count, target=target, arms=others, outcome="y")
    design = Observational(treatment=treatment, outcome=("y",))
    return made.record((one,), design=design, arms=dict.fromkeys(arms, 50), **more)


def test_of_more_than_two_arms_the_sentence_names_the_one_it_is_about():
    assert answer_sentence(several(("0", "1", "2"))) == (
        "A = 1 raised y by about 1,214 dollars on average over everyone, compared with 0 "
        "(95% interval 1,018 to 1,410). 1 other comparison below."
    )
    four = answer_sentence(several(("0", "1", "2", "3"), treatment="dose"))
    assert four.startswith("Dose = 1 raised y")
    assert four.endswith("2 other comparisons below.")


@pytest.mark.parametrize("arms", [("0", "1"), ("A", "B"), ("0", "1", "2")])
@pytest.mark.parametrize("grade", [None, Grade.VETO])
def test_a_comparison_that_adjusts_for_nothing_never_sounds_causal(arms, grade):
    findings = () if grade is None else (made.finding("overlap.propensity", "aipw", grade, "Far apart."),)
    record = several(arms, treatment="dose", target=Target.ASSOCIATION, findings=findings)
    said = f"y differs by about 1,214 dollars between the arms (dose = {arms[1]} less dose = {arms[0]}), not adjusted"
    assert said.lower() in answer_sentence(record).lower()
    everything = [answer_sentence(record), words.estimand_sentence(record), *(s.label for s in effect_sizes(record))]
    assert not [text for text in everything if re.search(r"raised|lowered|would|effect|left y", text)]


def test_an_unadjusted_difference_that_may_be_nothing_says_so():
    one = made.estimate("aipw", (-1.0,), (2.0,), target=Target.ASSOCIATION)
    assert answer_sentence(made.record((one,))) == (
        "Re78 differs by about −1.00 dollars between the arms (training = 1 less training = 0), not adjusted, "
        "but the difference could be anything from −4.92 to 2.92 (95% interval): the data do not settle the direction."
    )
