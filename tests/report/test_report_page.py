"""The page: complete, self-contained, and closed to what users write."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
import study_records as made

from estimand.core.finding import Grade
from estimand.figures.wrapping import plain
from estimand.report.page import html, write_report
from estimand.report.rows import estimate_tables, finding_rows, plain_pairs
from estimand.report.words import answer_sentence

RECORDS = (made.lalonde, made.churn, made.experiment, made.vetoed, made.hostile, made.unanswered)


class Page(HTMLParser):
    """Tags, attributes and text of a page, and whether its tags nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.pieces = Counter(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in {"dt", "dd", "td", "th"}:
            self.pieces.append(" ")

    def handle_data(self, data):
        self.pieces.append(data)

    @property
    def text(self):
        return " ".join("".join(self.pieces).replace("\u00a0", " ").split())


@cache
def page_of(make):
    return html(make())


@pytest.fixture(params=RECORDS, ids=lambda make: make.__name__)
def make(request):
    return request.param


def test_the_page_nests_and_needs_nothing_from_elsewhere(make):
    text = page_of(make)
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "iframe", "img", "object", "embed", "base", "form", "i", "b"} & set(page.tags)
    names = {name for _, name, _ in page.attributes}
    assert not {"src", "href", "srcset"} & names
    assert not [name for name in names if name.startswith("on")]
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert {value[0] for _, name, value in page.attributes if name == "xlink:href"} <= {"#"}


def test_ids_are_unique(make):
    ids = Counter(value for _, name, value in Page(page_of(make)).attributes if name == "id")
    assert [name for name, count in ids.items() if count > 1] == []


def test_the_answer_leads(make):
    text = page_of(make)
    heading = Page(re.search(r"<h1.*?</h1>", text, re.DOTALL)[0]).text
    assert heading == " ".join(answer_sentence(make()).split())
    assert text.index("<h1") < text.index("What could be wrong") < text.index("The evidence") < text.index("How it was")


def test_the_gate_stands_above_the_numbers_and_every_part_has_its_heading(make):
    text = page_of(make)
    assert text.index('class="gate') < text.index("<h1")
    for heading in (
        "What is estimated",
        "What could be wrong",
        "The evidence",
        "The rows behind it",
        "How wrong could it be?",
        "What it assumes",
        "How it was done",
        "Where it comes from",
    ):
        assert heading in text
    record = make()
    assert record.digest() in text
    assert record.sample.fingerprint in text


def test_what_stress_checks_say_stands_in_its_own_section():
    plain = made.lalonde()
    probe = made.finding("stress.e_value", "aipw", Grade.NOTE, "A cause would need a risk ratio of 1.4.")
    text = html(replace(plain, findings=(*plain.findings, probe)))
    assert text.count("A cause would need") == 1
    assert text.index("How wrong could it be?") < text.index("A cause would need") < text.index("What it assumes")
    assert "No check asked how strong" in page_of(made.lalonde)


def test_every_figure_has_alt_text_a_caption_and_its_data(make):
    page = Page(page_of(make))
    figures = page.tags["figure"]
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == 2 * figures == page.tags["svg"]
    assert all(len(label) > 20 for label in labels)
    data = [value for tag, name, value in page.attributes if (tag, name, value) == ("details", "class", "data")]
    assert len(data) == page.tags["figcaption"] == figures


def test_two_pages_of_one_record_are_the_same(make):
    assert html(make()) == page_of(make)


def test_lalonde_shows_what_was_found_and_done():
    text = Page(page_of(made.lalonde)).text
    for said in (
        "Warning weights.effective_n The weighted controls are worth 98 rows",
        "Not run inference.clusters",
        "2 checks passed",
        "2 findings about the other estimates",
        "Estimate (dollars)",
        "naive: not adjusted",
        "randomised experiment",
        "left out: outcome is missing (re78)",
        "age, education, black, hispanic",
        "covariance HC3",
        "9f2c61d0" * 8,
        "versions: numpy 2.3.1",
        "seed 7",
    ):
        assert said in text, said


def test_a_veto_greys_the_number_and_leads_the_findings():
    text = page_of(made.vetoed)
    assert '<h1 class="doubted">' in text
    assert '<span class="number whole">1,214 dollars</span>' in text
    assert text.index("design.post_treatment") < text.index("weights.effective_n")
    assert '<tr class="vetoed">' in text
    assert '<div class="vetoed">' in text
    assert 'class="doubted"' not in page_of(made.lalonde)


def test_hostile_names_are_words():
    text = page_of(made.hostile)
    assert "<script" not in text.lower()
    assert "&lt;script&gt;alert(" in text
    assert "\x07" not in text
    shown = Page(text).text
    assert 'Does <script>alert("x")</script> work?' in shown
    assert plain(made.LONG) in shown


def test_two_outcomes_have_two_tables_in_their_own_units():
    tables = estimate_tables(made.experiment())
    assert [(table.outcome, table.unit, len(table.rows)) for table in tables] == [
        ("revenue", "pounds", 6),
        ("task_done", "share", 6),
    ]
    assert [row.arm for row in tables[0].rows] == ["B", "C"] * 3
    assert tables[0].rows[4].interval == "−∞ to 0.800"
    assert (tables[0].rows[5].interval, tables[0].rows[5].std_error) == ("none", "none")
    assert tables[1].rows[0].method == "difference_done (difference)"


def test_rows_say_how_each_number_stands():
    (table,) = estimate_tables(made.lalonde())
    assert [(row.method, row.standing) for row in table.rows] == [
        ("difference", "naive"),
        ("regression", "plain"),
        ("ipw", "plain"),
        ("aipw", "headline"),
        ("randomised experiment", "benchmark"),
    ]
    assert [row.value for row in table.rows] == ["−635", "1,548", "1,214", "1,214", "1,794"]
    assert table.rows[-1].interval == "554 to 3,035"


def test_findings_are_worst_first_and_sorted_by_whom_they_concern():
    own, others = finding_rows(made.vetoed())
    assert [row.grade for row in own] == [
        Grade.VETO,
        Grade.WARN,
        Grade.NOTE,
        Grade.NOT_RUN,
        Grade.PASS,
        Grade.PASS,
    ]
    assert {row.about for row in others} == {"ipw"}


def test_options_are_flattened_to_words():
    pairs = plain_pairs({"clip": 0.01, "learner": {"name": "boosting", "depth": 3}, "trim": None, "on": True, "x": []})
    assert pairs == (
        ("clip", "0.01"),
        ("learner: name", "boosting"),
        ("learner: depth", "3"),
        ("trim", "none"),
        ("on", "yes"),
        ("x", "none"),
    )


def test_the_report_is_written_and_its_path_returned(tmp_path):
    path = write_report(made.lalonde(), tmp_path / "report.html")
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == page_of(made.lalonde)
    assert path.stat().st_size < 200_000


def test_a_record_read_back_gives_the_same_page():
    record = made.experiment()
    again = type(record).from_dict(record.to_dict())
    assert html(again) == html(record)
