"""Beside each method of a report stands how well it did where the truth is known."""

import estimand as es
from estimand.core.calibration import card
from estimand.report.page import html

DESIGN = {
    "kind": "observational",
    "treatment": "outreach",
    "outcome": "churn",
    "covariates": ["health_score", "prior_tickets"],
}


def test_a_report_says_how_each_method_did_as_it_was_run_and_by_which_command() -> None:
    data = es.datasets.generate("outreach", rows=300, seed=1)
    methods = ["regression", {"method": "ipw", "id": "treated", "target": "ATT"}]
    page = html(es.run({"data": data, "design": DESIGN, "methods": methods}))
    for found in (card("regression"), card("ipw", {"target": "ATT"})):
        assert "in the well-specified world" in found.words()
        assert found.words() in page
        assert f"<code>{found.command}</code>" in page
    assert card("ipw", {"target": "ATT"}).words() != card("ipw").words()
