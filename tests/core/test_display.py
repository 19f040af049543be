"""How results show themselves in a notebook: tables whose every text is escaped."""

import doctest
from html.parser import HTMLParser

import study_records as made

from estimand.core import display
from estimand.core.display import html_table, markdown_table, markdown_text


class Tags(HTMLParser):
    """Tags of a fragment, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += f" {data}"


def test_docstring_examples_run():
    assert doctest.testmod(display).failed == 0


def test_an_estimate_shows_its_numbers_and_what_they_are():
    shown = Tags(made.lalonde().estimate()._repr_html_()).text
    for said in ("average effect on those treated (ATT)", "n = 614", "1,214", "788", "−330 to 2,759", "95% interval"):
        assert said in shown
    naive = made.lalonde().estimate("difference")
    assert "naive: not adjusted" in naive._repr_markdown_()


def test_a_record_shows_every_estimate_how_it_stands_and_the_verdict():
    shown = Tags(made.vetoed()._repr_html_()).text
    for said in ("Did training raise", "difference", "naive", "vetoed, headline", "Verdict: veto."):
        assert said in shown
    lines = made.lalonde()._repr_markdown_().splitlines()
    assert lines[2].startswith("| estimate | outcome | target | term | value |")
    assert lines[3] == "|---|---|---|---:|---:|---:|---:|---|"
    assert len([line for line in lines if line.startswith("| ")]) == 5


def test_hostile_names_are_words():
    record = made.hostile()
    for shown in (record._repr_html_(), record.estimate()._repr_html_()):
        assert Tags(shown).tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
        assert made.HOSTILE in Tags(shown).text
    for shown in (record._repr_markdown_(), record.estimate()._repr_markdown_()):
        assert "<script" not in shown


def test_numbers_stand_flush_right_and_markdown_stays_one_row():
    assert html_table("c", ["name", "n"], [["a", "1"], ["b", "none"]]).count("text-align: right") == 3
    table = markdown_table(["a|b", "n"], [["x\ny", "−2"]])
    assert table == "| a\\|b | n |\n|---|---:|\n| x y | −2 |"
    assert markdown_text("*[a](b)*") == "\\*\\[a\\](b)\\*"
