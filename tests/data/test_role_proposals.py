"""Roles are proposed with reasons, and never taken."""

import numpy as np
import pandas as pd
import pytest

from estimand.data.profile import profile_columns
from estimand.data.roles import ORDER, SINGLE, propose_roles
from estimand.data.source import read_table

ROWS = 240


def table(**columns):
    rng = np.random.default_rng(5)
    filler = {"height": rng.standard_normal(ROWS), "band": rng.choice(["a", "b", "c"], ROWS)}
    return pd.DataFrame({**filler, **columns})


def proposals(frame):
    return {item.column: item for item in propose_roles(read_table(frame))}


NUMBERS = np.random.default_rng(1).standard_normal(ROWS)
BINARY = [0, 1] * (ROWS // 2)


@pytest.mark.parametrize(
    ("name", "values", "role", "confidence"),
    [
        ("treated", BINARY, "treatment", "high"),
        ("isTreated", [True, False] * (ROWS // 2), "treatment", "high"),
        ("opt_in_beta", BINARY, "treatment", "high"),
        ("group", ["control", "new"] * (ROWS // 2), "treatment", "high"),
        ("variant", list(range(4)) * (ROWS // 4), "treatment", "medium"),
        ("treatment_week", list(range(4)) * (ROWS // 4), "covariate", "low"),
        ("treatment_cost", NUMBERS, "covariate", "low"),
        ("churned", BINARY, "outcome", "high"),
        ("revenue", NUMBERS, "outcome", "high"),
        ("prior_revenue", NUMBERS, "covariate", "high"),
        ("post_engagement", NUMBERS, "post_treatment", "medium"),
        ("user_id", [f"u{n}" for n in range(ROWS)], "unit", "high"),
        ("customer", [f"u{n}" for n in range(ROWS)], "unit", "medium"),
        ("row", range(ROWS), "unit", "medium"),
        ("shop_id", [n % 30 for n in range(ROWS)], "cluster", "medium"),
        ("school", [f"s{n % 30}" for n in range(ROWS)], "cluster", "low"),
        ("seen", pd.date_range("2024-01-01", periods=ROWS), "timestamp", "high"),
        ("sampling_weight", np.abs(NUMBERS) + 0.1, "weights", "high"),
        ("weight", np.abs(NUMBERS) + 0.1, "weights", "medium"),
        ("weight", NUMBERS, "covariate", "low"),
        ("age", NUMBERS, "covariate", "low"),
        ("comment", [f"text {n % 200}" for n in range(ROWS)], "ignore", "medium"),
        ("constant", 7, "ignore", "high"),
        ("gone", None, "ignore", "high"),
        ("lists", [[1]] * ROWS, "ignore", "high"),
        ("選んだ", BINARY, "treatment", "low"),
    ],
)
def test_a_column_is_proposed_for_what_its_name_and_values_say(name, values, role, confidence):
    found = proposals(table(**{name: values}))[name]
    assert (found.role, found.confidence) == (role, confidence)
    assert found.reason


def test_one_column_at_most_plays_a_part_that_one_column_plays():
    many = dict.fromkeys(("treated", "exposed", "churned", "converted"), BINARY)
    ids = {name: [f"{name}{n}" for n in range(ROWS)] for name in ("user_id", "session_id")}
    found = proposals(table(**many, **ids))
    for role in SINGLE:
        assert sum(item.role == role for item in found.values()) <= 1
    assert (found["exposed"].role, found["exposed"].confidence) == ("covariate", "low")
    assert found["converted"].role == "post_treatment"
    assert "'churned' is likelier the outcome" in found["converted"].reason
    assert found["session_id"].role == "ignore"


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("outreach", {"outreach": "treatment", "churn": "outcome", "account_id": "unit", "prior_tickets": "covariate",
                      "post_outreach_engagement": "post_treatment", "health_score": "covariate"}),
        ("lalonde", {"treat": "treatment", "re78": "outcome", "re74": "covariate", "black": "covariate"}),
    ],
)  # fmt: skip
def test_the_bundled_datasets_are_proposed_as_their_cards_have_them(name, roles):
    found = {item.column: item.role for item in propose_roles(read_table(name))}
    assert {column: found[column] for column in roles} == roles


def test_every_column_gets_one_proposal_in_order():
    frame = table(treated=BINARY)
    found = propose_roles(read_table(frame))
    assert [item.column for item in found] == list(frame.columns)
    assert all(item.confidence in ORDER for item in found)
    assert found[0].to_dict().keys() == {"column", "role", "confidence", "reason"}


def test_a_profile_says_what_a_column_holds():
    frame = pd.DataFrame(
        {
            "n": [1.0, 2.0, None, 4.0],
            "half": [0.5, 1e300, 2.0, -np.inf],
            "yes": [True, False, None, True],
            "day": pd.to_datetime(["2024-02-01", "1969-12-31", None, "2024-03-01"]),
            "word": ["b", "a", "b", ""],
            "list": [[1], None, [2], [3]],
        }
    )
    found = {profile.column: profile for profile in profile_columns(read_table(frame))}
    assert [profile.kind for profile in found.values()] == ["number", "number", "boolean", "time", "text", "other"]
    assert [profile.missing for profile in found.values()] == [1, 0, 1, 1, 1, 1]
    assert [profile.distinct for profile in found.values()] == [3, 4, 2, 3, 2, 3]
    assert [profile.content for profile in found.values()] == [
        "1 to 4", "0.5 to 1e+300", "0 to 1", "1969-12-31 to 2024-03-01", "b, a", "",
    ]  # fmt: skip
    assert (found["n"].whole, found["half"].whole, found["n"].missing_share) == (True, False, 0.25)
    assert found["word"].to_dict()["top"] == [{"level": "b", "rows": 2}, {"level": "a", "rows": 1}]
