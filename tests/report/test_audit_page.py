"""The page of an audit: complete, self-contained, closed to what users write; its figure of missing values."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.missingness import missingness_figure
from estimand.report.audit_page import answer, audit_html, write_audit

HOSTILE = "<script>alert('x')</script>"


def record(hostile: bool = False, **changed: Any) -> es.AuditRecord:
    rng = np.random.default_rng(2)
    d = rng.integers(0, 2, 900)
    frame = pd.DataFrame({"d": d, "y": rng.normal(size=900) + d, "x": rng.normal(size=900) + 0.8 * d})
    frame["group"] = rng.choice(["a", HOSTILE if hostile else "b"], 900)
    frame = frame.assign(**changed)
    frame.loc[(frame["d"] == 1) & (rng.random(900) < 0.4), "x"] = None
    name = f"{HOSTILE}\x07" if hostile else "x"
    design = {"treatment": "d", "outcome": "y", "covariates": [name, "group"]}
    return es.audit(frame.rename(columns={"x": name}), design)


class Page(HTMLParser):
    """Tags and ids of a page, and whether its tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids.update(str(value) for name, value in attrs if name == "id")
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids.update(str(value) for name, value in attrs if name == "id")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("hostile", [False, True])
def test_the_page_nests_needs_nothing_from_elsewhere_and_escapes_everything(hostile: bool) -> None:
    text = audit_html(record(hostile))
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "iframe", "img", "object", "form"} & set(page.tags)
    assert max(page.ids.values()) == 1
    assert "http://" not in text
    assert "https://" not in text
    assert "\x07" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}


def test_the_page_leads_with_the_answer_then_findings_then_figures() -> None:
    audited = record()
    text = audit_html(audited)
    assert answer(audited) == "Mend or explain 2 things before estimating what d did to y"
    assert text.index("<h1>") < text.index("What was found") < text.index("The evidence") < text.index("How it was")
    for key in ("sample", "missing", "overlap", "balance"):
        assert f'<figure id="{key}">' in text
    for finding in audited.findings:
        assert finding.check in text


def test_the_answer_knows_vetoes_and_nothing_wrong() -> None:
    rng = np.random.default_rng(3)
    assert answer(record(group=lambda f: f["d"])).startswith("These data cannot show")
    frame = pd.DataFrame({"d": rng.integers(0, 2, 900), "y": rng.normal(size=900)})
    assert answer(es.audit(frame, {"treatment": "d", "outcome": "y"})).startswith("Nothing found")


def test_the_page_is_written_where_asked(tmp_path: Any) -> None:
    assert write_audit(record(), tmp_path / "audit.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def missing(rows: int) -> Finding:
    table = Table(
        {
            "column": [f"c{j}" for j in range(rows)],
            "missing": [j / 100 for j in range(rows)],
            "arm 0": [j / 50 for j in range(rows)],
            "arm 1": [None, *[0.0] * (rows - 1)],
        }
    )
    return Finding(check="audit.missing", about="study", grade=Grade.NOTE, subject="c1", message="…", evidence=table)


def test_the_figure_of_missing_values_is_worst_first_and_complete_in_its_table() -> None:
    chart = missingness_figure(missing(40))
    assert chart.title == "39 of 40 columns lack values; 'c39' most, 39.0%"
    assert [row.label for row in chart.panels[0].rows][:2] == ["c39", "c38"]
    assert len(chart.panels[0].rows) == 25
    assert len(chart.table) == 39
    assert chart.table["arm 0"][0] == pytest.approx(0.78)
    assert "c39: arm 0 78.0%, arm 1 0%" in chart.alt


def test_the_figure_says_so_where_nothing_is_missing_and_refuses_other_evidence() -> None:
    chart = missingness_figure(missing(1))
    assert chart.title == "No value is missing in any of 1 columns"
    assert not chart.panels
    with pytest.raises(UnsupportedError):
        missingness_figure(Finding(check="x", about="y", grade=Grade.PASS, subject="z", message=""))
