"""The parts of the report that are worked out from the record: sizes, raw counts, assumptions."""

import doctest
from dataclasses import replace

import numpy as np
import study_records as made

from estimand.core.estimate import Baseline
from estimand.core.finding import STUDY, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.uncertainty import Normal
from estimand.report import sizes
from estimand.report.assumptions import assumptions
from estimand.report.counts import raw_counts
from estimand.report.page import html
from estimand.report.sizes import effect_sizes
from estimand.report.words import estimand_sentence


def with_level(record, key, level, error=0.01):
    """The record with an untreated level behind one estimate."""
    base = Baseline(np.array([level]), np.array([[error**2]]), np.array([[0.0]]))
    changed = tuple(replace(e, baseline=base) if e.id == key else e for e in record.estimates)
    return replace(record, estimates=changed)


def test_docstring_examples_run():
    assert doctest.testmod(sizes).failed == 0


def test_sizes_are_absolute_relative_and_naive_with_units():
    absolute, relative, naive = effect_sizes(with_level(made.churn(), "aipw", 0.471))
    assert (absolute.value, absolute.unit, absolute.interval) == (
        "−4.71", "percentage points", "95% interval −6.81 to −2.61",
    )  # fmt: skip
    assert (relative.value, relative.note) == ("−10.0%", "of the untreated level, 47.1%")
    assert relative.interval == "95% interval −14.5 to −5.53%"
    assert (naive.label, naive.value, naive.standing) == ("Unadjusted difference", "+8.12", "naive")


def test_among_several_arms_the_size_names_its_own():
    assert effect_sizes(made.experiment())[0].note == "B, by difference"
    assert effect_sizes(made.churn())[0].note == "by aipw"


def test_a_relative_effect_that_cannot_be_formed_says_why():
    absent = effect_sizes(made.lalonde())[1]
    assert (absent.standing, absent.note) == ("absent", "'aipw' has no untreated level, so no relative effect.")
    near_zero = effect_sizes(with_level(made.lalonde(), "aipw", 10.0, 50.0))[1]
    assert "cannot be told from zero" in near_zero.note


def test_a_veto_greys_every_size_of_the_headline():
    standings = [size.standing for size in effect_sizes(with_level(made.vetoed(), "aipw", 5000.0))]
    assert standings == ["vetoed", "vetoed", "naive"]
    assert effect_sizes(made.unanswered()) == ()


def test_raw_counts_take_means_from_the_unadjusted_comparison():
    counts = raw_counts(with_level(made.churn(), "difference", 0.4))
    assert counts.header == ("Arm", "Rows", "Share", "Mean of churn")
    assert counts.rows == (
        ("outreach = 0 (control)", "3,400", "56.7%", "40.0%"),
        ("outreach = 1", "2,600", "43.3%", "48.1%"),
    )
    assert counts.note == ""


def test_raw_counts_without_means_say_so():
    counts = raw_counts(made.lalonde())
    assert [row[1] for row in counts.rows] == ["429", "185"]
    assert "did not run 'difference'" in counts.note


def standings(record):
    return {item.name: item.status for item in assumptions(record)}


def test_assumptions_of_an_observational_study_are_judged_by_the_findings_on_the_headline():
    assert standings(made.lalonde()) == {
        "No hidden cause": "untestable",
        "Covariates come first": "untested",
        "Overlap": "doubtful",
        "The models fit": "tested",
        "Rows left out are like the rest": "untested",
        "No interference": "untestable",
        "Independence": "untestable",
    }
    assert standings(made.vetoed())["Covariates come first"] == "violated"
    (overlap,) = (item for item in assumptions(made.lalonde()) if item.name == "Overlap")
    assert overlap.checks == ("weights.effective_n", "overlap.propensity", "weights.max_share")


def test_assumptions_of_an_experiment_begin_with_chance():
    first, *others = assumptions(made.experiment())
    assert (first.name, first.status) == ("Random assignment", "untested")
    assert "No hidden cause" not in [item.name for item in others]
    kept = next(item for item in others if item.name.startswith("Rows left out"))
    assert (kept.status, kept.checks) == ("tested", ("sample flow",))


def test_what_did_not_run_tests_nothing_and_what_was_probed_stays_untestable():
    probes = (
        made.finding("stress.e_value", "aipw", Grade.NOTE, "A cause would need a risk ratio of 1.4."),
        made.finding("nuisance.quality", STUDY, Grade.NOT_RUN, "Nothing to look at."),
    )
    plain = made.churn()
    record = replace(plain, findings=probes)
    assert standings(record)["The models fit"] == "untested"
    hidden = assumptions(record)[0]
    assert (hidden.status, hidden.checks) == ("untestable", ("stress.e_value",))


def test_the_estimand_is_said_in_words():
    assert estimand_sentence(made.churn()) == (
        "How churn would differ on average over everyone between outreach = 1 and outreach = 0 "
        "(ATE: average effect over everyone)."
    )
    assert "variant = B or C and variant = A" in estimand_sentence(made.experiment())
    trimmed = made.record((made.estimate("aipw", (1.0,), (0.1,), rule="trimmed at 0.1"),))
    assert estimand_sentence(trimmed).endswith("It is about the treated (185 rows): trimmed at 0.1.")
    assert "treated and" in estimand_sentence(
        replace(made.unanswered(), sample=replace(made.unanswered().sample, arms=FrozenMap({})))
    )


def test_how_it_was_done_names_the_covariance_that_was_used() -> None:
    one = made.estimate("aipw", (1.0,), uncertainty=Normal(np.eye(1), correction="HC3"))
    assert "covariance used HC3" in html(made.record((one,)))
    assert "covariance used" not in html(made.record((made.estimate("aipw", (1.0,), (0.1,)),)))
