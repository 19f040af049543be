"""The section on effects that vary: it says for whom the effect is large, or plainly that this cannot be told."""

import re

import study_records as made
import varying_records as varying

from estimand.report.memo import memo
from estimand.report.page import html
from estimand.report.varying_words import gains


def section(record):
    page = html(record)
    if 'id="gains"' not in page:
        return ""
    start = page.index('<section aria-labelledby="gains">')
    return page[start : page.index("</section>", start)]


def text(markup):
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", markup, flags=re.DOTALL).split())


def test_it_says_how_large_the_effect_is_in_the_groups_at_both_ends():
    found = gains(varying.every())
    assert found.usable
    assert found.lead == "Usable heterogeneity: it is borne out."
    first, second = found.sentences
    assert first.startswith(
        "The effect on renewal is 20.0 percentage points (15.0 to 25.0) in the fifth with the largest "
    )
    assert "and −8.00 percentage points (−13.0 to −3.00) in the fifth with the least" in first
    assert first.endswith("they differ by 28.0 percentage points (18.0 to 38.0).")
    assert second == "In the fifth with the least predicted effects, treatment lowers renewal."


def test_a_group_whose_interval_holds_zero_is_said_to_be_open():
    record = varying.record(varying.usable(True), varying.groups((-0.01, 0.03, 0.05, 0.1, 0.2)))
    assert gains(record).sentences[1:] == (
        "Whether there is any effect in the fifth with the least predicted effects is open.",
    )


def test_who_they_are_is_a_table_of_what_clearly_differs():
    (table,) = gains(varying.every()).tables
    assert table.caption == "Who they are: means in the two groups (6 more covariates differ less)"
    assert table.rows[0] == ("months of tenure", "33.0", "10.0", "−1.50", "< 0.001")
    assert table.rows[1] == ("plan = basic", "40.0%", "80.0%", "+0.800", "< 0.001")
    assert len(table.rows) == 3


def test_no_usable_heterogeneity_is_said_and_its_figures_are_folded_away():
    record = varying.every(told=False)
    found = gains(record)
    assert not found.usable
    assert found.lead == "No usable heterogeneity: it cannot be told from noise."
    assert found.sentences == found.tables == ()
    shown = section(record)
    assert "No usable heterogeneity" in text(shown)
    assert "5 figures on which nothing should rest" in text(shown)
    before, folded = shown.split("What the estimate predicts all the same", 1)
    assert 'id="effect_groups"' in before
    assert 'id="effect_by_pair"' not in before
    assert 'id="effect_by_pair"' in folded
    assert "No usable heterogeneity" in memo(record)


def test_what_was_asked_for_beforehand_stands_in_any_case():
    segments = varying.found(
        "segments",
        {"segment": ["plan"], "level": ["basic"], "rows": [600], "value": [0.12], "std_error": [0.02], "low": [0.08],
         "high": [0.16], "difference": [0.15], "difference_low": [0.1], "difference_high": [0.2], "p_value": [0.001],
         "adjusted": [0.002]},
    )  # fmt: skip
    (table,) = gains(varying.record(varying.usable(False), segments)).tables
    assert table.rows == (("plan = basic", "600", "0.120", "0.0800 to 0.160", "+0.150", "0.002"),)


def test_findings_of_the_section_are_not_doubts_about_the_average():
    page = html(varying.every(told=False))
    doubts = page[page.index('id="doubts"') : page.index('id="evidence"')]
    assert "heterogeneity." not in doubts
    assert "heterogeneity.groups" in section(varying.every())
    told = memo(varying.every(told=False))
    assert "heterogeneity" not in told[told.index("## What could be wrong") :]


def test_a_record_nobody_asked_says_so_and_one_of_averages_has_no_section():
    assert "No check asked" in gains(varying.record()).lead
    assert gains(made.lalonde()) is None
    assert section(made.lalonde()) == ""
    assert "For whom" not in memo(made.lalonde())


def test_several_arms_are_named():
    arms = ("low", "high")
    findings = [make(arm=arm) for arm in arms for make in (varying.groups, varying.profile)]
    record = varying.record(varying.usable(True, "low"), varying.usable(False, "high"), *findings, arms=arms)
    found = gains(record)
    assert found.lead.startswith("low: Usable")
    assert all(sentence.startswith(("low: ", "In the fifth")) for sentence in found.sentences)
    assert [table.caption[:5] for table in found.tables] == ["low: "]


def test_the_page_escapes_what_the_data_name():
    finding = varying.profile()
    columns = dict(finding.evidence.columns)
    columns["covariate"] = (made.HOSTILE, *columns["covariate"][1:])
    record = varying.record(varying.usable(True), varying.found("profile", columns))
    assert made.HOSTILE not in html(record)
