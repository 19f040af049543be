"""A table of units over time is seen to be one, and a table that is none is left alone."""

import numpy as np
import pandas as pd
import pytest
import yaml

import estimand as es
from estimand.data import datasets


def panel(**columns: object) -> pd.DataFrame:
    """Twelve shops over eight months."""
    shop, month = np.repeat(np.arange(12), 8), np.tile(np.arange(8), 12)
    frame = pd.DataFrame(
        {
            "shop": [f"s{number}" for number in shop],
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(31 * month, unit="D"),
            "first_open": pd.Series([None, "2024-03-03"])[shop % 2].to_numpy(),
            "sales": np.arange(96) % 11 + 0.5,
        }
    )
    return frame.assign(**columns)


def roles(data: object) -> dict[str, str]:
    return {proposal.column: proposal.role for proposal in es.inspect(data).proposals}


def test_two_columns_that_tell_rows_apart_are_unit_and_time() -> None:
    assert roles(panel()) == {"shop": "unit", "date": "time", "first_open": "cohort", "sales": "outcome"}
    draft = yaml.safe_load(es.inspect(panel()).study_yaml())
    assert draft["design"] == {
        "kind": "panel", "outcome": "sales", "unit": "shop", "time": "date", "cohort": "first_open"
    }  # fmt: skip


def test_a_draft_of_a_panel_is_a_study_that_reads() -> None:
    frame = datasets.generate("tutoring", rows=600, seed=2)
    draft = yaml.safe_load(es.inspect(frame).study_yaml())["design"]
    assert (draft["unit"], draft["time"], draft["cohort"]) == ("school", "term", "first_term")
    design = draft | {"outcome": "score", "covariates": ["free_meals"]}
    assert es.audit(frame, design).of("panel.cohorts")


@pytest.mark.parametrize(
    "changed",
    [
        panel(date=pd.Timestamp("2024-01-01")),
        panel().iloc[[*range(96), 5]],
        panel(shop=lambda frame: frame["shop"].where(frame.index > 3)),
        panel(shop_id=range(96)),
    ],
    ids=["one date", "a row twice", "units missing", "a row has a name of its own"],
)
def test_what_does_not_tell_rows_apart_is_no_panel(changed: pd.DataFrame) -> None:
    assert not {"time", "cohort"} & set(roles(changed).values())


def test_what_changes_within_a_unit_or_is_not_named_so_is_no_cohort() -> None:
    moving = panel(first_open=range(96))
    assert "cohort" not in roles(moving).values()
    assert "cohort" not in roles(panel().rename(columns={"first_open": "opening"})).values()
    assert roles(panel(first_open="soon"))["first_open"] != "cohort"


@pytest.mark.parametrize("name", ["outreach", "llm_logs"])
def test_one_row_a_unit_stays_as_it_was(name: str) -> None:
    assert not {"time", "cohort"} & set(roles(name).values())
