"""A design and a table become a sample: arms, outcomes, covariates, rows dropped, and what is said of them."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import plain_table, sample_of

from estimand.core.finding import Grade
from estimand.errors import Code, DataError, DesignError

NAN = float("nan")


def refusal(data, kind=DataError, **fields):
    with pytest.raises(kind) as caught:
        sample_of(data, **fields)
    assert caught.value.remedy
    return caught.value


def finding_of(sample, check):
    found = [finding for finding in sample.findings if finding.check == check]
    assert len(found) <= 1
    return found[0] if found else None


# Arms


@pytest.mark.parametrize(
    ("values", "arms", "noticed"),
    [
        ([0, 1], ("0", "1"), False),
        ([1.0, 0.0], ("0", "1"), False),
        ([True, False], ("False", "True"), False),
        (["1", "0"], ("0", "1"), False),
        (["true", "false"], ("false", "true"), False),
        ([-1, 0, 1, 1], ("0", "-1", "1"), False),
        ([10, 9], ("9", "10"), True),
        ([0.5, 1.5], ("0.5", "1.5"), True),
        (["new", "old"], ("new", "old"), True),
        (["b10", "b9", "a", "c"], ("a", "b10", "b9", "c"), True),
    ],
)
def test_arms_are_ordered_with_the_control_first(values, arms, noticed):
    sample = sample_of(plain_table(treated=values * (20 // len(values))))
    assert sample.arms == arms
    finding = finding_of(sample, "sample.control")
    assert (finding is not None) == noticed
    if finding is not None:
        assert (finding.grade, finding.about, finding.subject) == (Grade.NOTE, "study", "treated")
        assert f"'{arms[0]}' was taken as the control arm" in finding.message
        assert "control:" in finding.remedy


@pytest.mark.parametrize(
    ("values", "control", "arms"),
    [
        (["new", "old"], "old", ("old", "new")),
        ([0, 1], "1", ("1", "0")),
        ([0, 1], 0.0, ("0", "1")),
        ([True, False], True, ("True", "False")),
        ([True, False], "false", ("False", "True")),
        ([True, False], 0, ("False", "True")),
        (["a", "b", "c", "c"], "b", ("b", "a", "c")),
    ],
)
def test_a_named_control_comes_first_without_a_finding(values, control, arms):
    sample = sample_of(plain_table(treated=values * (20 // len(values))), control=control)
    assert sample.arms == arms
    assert sample.findings == ()
    assert [sample.arms[code] for code in sample.arm[:2]] == [str(value) for value in values[:2]]


def test_an_unknown_control_names_the_nearest():
    error = refusal(plain_table(treated=["new", "old"] * 10), DesignError, control="odl")
    assert (error.code, error.remedy) == (Code.INVALID_MAPPING, "Did you mean 'old'?")


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ([1] * 20, Code.INSUFFICIENT_DATA, "holds one value only, '1'"),
        ([None] * 20, Code.INSUFFICIENT_DATA, "is missing in every row"),
        (list(range(21)), Code.INVALID_MAPPING, "holds 21 distinct values"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)] * 10, Code.INVALID_MAPPING, "2 distinct times"),
        ([0, np.inf] * 10, Code.INVALID_MAPPING, "holds an infinite number, first in row 2"),
        ([0] * 19 + [1], Code.INSUFFICIENT_DATA, "Arm '1' has 1 row; an arm needs at least 2"),
    ],
)
def test_a_treatment_that_is_not_arms_is_refused(values, code, words):
    frame = pd.DataFrame({"treated": values, "sales": np.arange(len(values)), "age": 1})
    error = refusal(frame)
    assert error.code is code
    assert words in error.message


def test_an_arm_lost_to_missing_covariates_is_refused():
    error = refusal(plain_table(age=[1.0, None] * 10))
    assert error.code is Code.INSUFFICIENT_DATA
    assert "Arm '1' has no rows after 10 rows with missing values were left out" in error.message


def test_twenty_arms_are_allowed():
    frame = pd.DataFrame({"treated": list(range(20)) * 2, "sales": np.arange(40), "age": 1})
    assert len(sample_of(frame).arms) == 20


# Outcomes


def test_missing_outcomes_stay_and_are_marked():
    sample = sample_of(
        plain_table(sales=[NAN, 2, None, *range(17)], bought=[True, False] * 10), outcome=["sales", "bought"]
    )
    assert (sample.n, sample.drops) == (20, ())
    assert np.flatnonzero(~sample.present["sales"]).tolist() == [0, 2]
    assert np.isnan(sample.outcomes["sales"][[0, 2]]).all()
    assert sample.present["bought"].all()
    assert sample.outcomes["bought"][:2].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        (["1"] * 5 + ["n.d."] * 15, Code.INVALID_MAPPING, "row 6 holds 'n.d.'"),
        ([None, "yes"] + ["no"] * 18, Code.INVALID_MAPPING, "row 2 holds 'yes'"),
        (["1.5", "2"] * 10, Code.INVALID_MAPPING, "row 1 holds '1.5'"),
        ([1, "a"] * 10, Code.INVALID_MAPPING, "row 2 holds 'a'"),
        ([0.0] * 7 + [-np.inf] * 13, Code.INVALID_MAPPING, "infinite number, first in row 8 (13 in all)"),
        ([pd.Timestamp("2024-01-01")] * 20, Code.INVALID_MAPPING, "holds dates or times"),
        ([3] * 20, Code.INSUFFICIENT_DATA, "is 3 in every row"),
        ([3, None] * 10, Code.INSUFFICIENT_DATA, "is 3 in every row"),
        ([None] * 20, Code.INSUFFICIENT_DATA, "is missing in every row"),
        ([[1]] * 20, Code.INVALID_MAPPING, "values of type list"),
    ],
)
def test_an_outcome_that_is_no_varying_number_is_refused(values, code, words):
    error = refusal(plain_table(sales=values))
    assert error.code is code
    assert words in error.message
    assert "'sales'" in error.message


# Covariates


def test_covariates_are_encoded_by_their_kind():
    frame = plain_table(
        member=[True, False] * 10,
        joined=[dt.date(1970, 1, 3)] * 20,
        seen=pd.Timestamp("1969-12-31 12:00"),
        size=pd.Categorical([10, 9] * 10),
        cost=[Decimal("1.10")] * 20,
        waited=pd.Timedelta(hours=6),
    )
    covariates = ["age", "member", "joined", "seen", "size", "cost", "waited", "region"]
    sample = sample_of(frame, covariates=covariates)
    assert sample.features.values[0].tolist() == [30, 1, 2, -0.5, 0, 1, 1.1, 0.25, 0, 1, 0, 0]
    assert sample.features.names[4:6] == ("size = 9", "size = 10")
    north = sample.features.features[9]
    assert (north.name, north.source, north.level) == ("region = north", "region", "north")
    assert [feature.level for feature in sample.features.features[8:]] == ["east", "north", "south", "west"]
    assert sample.features.features[0].level is None


def test_levels_that_no_row_has_are_left_out():
    kept = pd.Categorical(["b", "a"] * 10, categories=["z", "b", "a"])
    assert sample_of(plain_table(kind=kept), covariates=["kind"]).features.names == ("kind = a", "kind = b")
    dropped = sample_of(
        plain_table(region=["rare", *["a", "b"] * 9, "a"], age=[None, *range(19)]), covariates=["age", "region"]
    )
    assert dropped.features.names == ("age", "region = a", "region = b")


def test_intervals_and_mixed_objects_are_categories():
    frame = plain_table(mixed=[1, "a"] * 10)
    frame["band"] = pd.cut(frame["age"], [0, 32, 99])
    names = sample_of(frame, covariates=["mixed", "band"]).features.names
    assert names == ("mixed = 1", "mixed = a", "band = (0, 32]", "band = (32, 99]")


def test_a_covariate_that_does_not_vary_is_kept():
    assert sample_of(plain_table(age=7)).features.values.tolist() == [[7.0]] * 20


def test_no_covariates_give_no_features():
    assert sample_of(plain_table(), covariates=[]).features.values.shape == (20, 0)


@pytest.mark.parametrize("missing", ["complete_case", "impute+indicator"])
@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ([None] * 20, Code.INSUFFICIENT_DATA, "Covariate 'age' of pandas.DataFrame is missing in every row"),
        ([np.inf] + [1.0] * 19, Code.INVALID_MAPPING, "infinite number, first in row 1"),
        ([{"a": 1}] * 20, Code.INVALID_MAPPING, "values of type struct"),
        ([b"\xff"] * 20, Code.INVALID_MAPPING, "values of type binary"),
    ],
)
def test_a_covariate_that_cannot_be_encoded_is_refused(values, code, words, missing):
    error = refusal(plain_table(age=values), missing=missing)
    assert error.code is code
    assert words in error.message


def test_a_hundred_categories_are_encoded_and_more_refused():
    frame = pd.DataFrame({"treated": [0, 1] * 101, "sales": np.arange(202), "who": np.arange(202).astype(str)})
    assert sample_of(frame.head(100), covariates=["who"]).features.values.shape == (100, 100)
    error = refusal(frame, covariates=["who"])
    assert (error.code, error.found, error.expected) == (Code.INVALID_MAPPING, 202, 100)
    assert "an identifier is no covariate" in error.remedy


@given(st.lists(st.sampled_from(["a", "b", "ç", "d e", "0"]), min_size=20, max_size=20))
def test_one_hot_features_sum_to_one(levels):
    features = sample_of(plain_table(kind=levels), covariates=["kind"]).features
    assert features.values.sum(axis=1).tolist() == [1.0] * 20
    assert [feature.level for feature in features.features] == sorted(set(levels))


# Rows


def test_each_dropped_row_counts_once_by_its_first_reason():
    frame = plain_table(
        treated=[None, *[0, 1] * 9, 0],
        shop=[None, None, *range(18)],
        who=[None, None, None, *range(17)],
        age=[NAN] * 4 + list(range(16)),
        region=[None] * 5 + ["a"] * 15,
    )
    sample = sample_of(frame, covariates=["region", "age"], unit="who", cluster="shop")
    assert [drop.to_dict() for drop in sample.drops] == [
        {"reason": "treatment missing", "column": "treated", "rows": 1},
        {"reason": "cluster missing", "column": "shop", "rows": 1},
        {"reason": "unit missing", "column": "who", "rows": 1},
        {"reason": "covariate missing", "column": "region", "rows": 2},
    ]
    assert (sample.rows_read, sample.n) == (20, 15)
    finding = finding_of(sample, "sample.dropped")
    assert (finding.grade, finding.statistic, finding.threshold, finding.subject) == (Grade.WARN, 0.25, 0.05, "region")
    assert finding.message.startswith("5 of 20 rows (25.0%) were left out: 1 with treatment missing (treated),")
    assert "complete cases" in finding.message
    assert "impute+indicator" in finding.remedy
    assert finding.evidence.to_dict()["rows"] == [1, 1, 1, 2]


def test_few_dropped_rows_are_a_note():
    finding = finding_of(sample_of(plain_table(age=[None, *range(19)])), "sample.dropped")
    assert (finding.grade, finding.statistic) == (Grade.NOTE, 0.05)
    only_cluster = finding_of(sample_of(plain_table(shop=[None, *range(19)]), cluster="shop"), "sample.dropped")
    assert only_cluster.remedy == "Say why they are missing, or fill in the column."


def test_a_complete_table_says_nothing():
    sample = sample_of(plain_table())
    assert (sample.drops, sample.findings) == ((), ())


GAP = st.one_of(st.none(), st.integers(min_value=0, max_value=2))


@given(st.lists(st.tuples(GAP, GAP, GAP), min_size=12, max_size=30))
def test_drops_add_up_to_the_rows_not_used(rows):
    whole = [(0, 1, 1), (1, 2, 2)] * 3
    treated, age, shop = zip(*whole, *rows, strict=True)
    frame = pd.DataFrame({"treated": treated, "age": age, "shop": shop}, dtype="Int64")
    frame["treated"] = frame["treated"].clip(upper=1)
    sample = sample_of(frame.assign(sales=np.arange(len(frame))), cluster="shop")
    assert sample.rows_read == len(frame)
    assert sum(drop.rows for drop in sample.drops) == len(frame) - sample.n
    assert sample.n == len(frame.dropna())
    assert not np.isnan(sample.features.values).any()


def test_too_few_rows_are_refused():
    few = refusal(plain_table().head(3))
    assert (few.code, few.found, few.expected) == (Code.INSUFFICIENT_DATA, 3, 4)
    gone = refusal(plain_table(age=[None] * 18 + [1, 2]))
    assert gone.message.startswith("2 rows of pandas.DataFrame are left after 18 with covariate missing (age)")


def test_rows_lost_to_many_columns_are_summed_up():
    gaps = {f"c{number}": [None if row == number else 1.0 for row in range(20)] for number in range(18)}
    error = refusal(plain_table(**gaps), covariates=list(gaps))
    assert error.message.startswith("2 rows of pandas.DataFrame are left after 1 with covariate missing (c0), ")
    assert "13 for other columns" in error.message


# Filling in


@pytest.mark.parametrize(("kind", "grade"), [("experiment", Grade.NOTE), ("observational", Grade.WARN)])
def test_filling_in_keeps_the_row_and_marks_it(kind, grade):
    frame = plain_table(age=[None, *range(19)], region=["north", None, "", *["south"] * 17])
    sample = sample_of(frame, covariates=["age", "region"], missing="impute+indicator", kind=kind)
    assert (sample.n, sample.drops) == (20, ())
    assert sample.features.names == ("age", "age is missing", "region = north", "region = south", "region = (missing)")
    assert sample.features.values[0].tolist() == [9.0, 1.0, 1.0, 0.0, 0.0]
    assert sample.features.values[1].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert sample.features.values[2].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]
    mark = sample.features.features[1]
    assert (mark.source, mark.level) == ("age", None)
    finding = finding_of(sample, "sample.imputed")
    assert (finding.grade, finding.about, finding.subject) == (grade, "study", "region")
    assert "age in 1, region in 2 of 20 rows" in finding.message
    assert finding.evidence.to_dict() == {"column": ["age", "region"], "rows": [1, 2]}


def test_filling_in_a_complete_table_changes_nothing():
    filled, complete = sample_of(plain_table(), missing="impute+indicator"), sample_of(plain_table())
    assert filled.fingerprint == complete.fingerprint
    assert filled.findings == ()


def test_a_finding_about_many_filled_columns_stays_short():
    gaps = {f"c{number}": [None, *range(19)] for number in range(8)}
    sample = sample_of(plain_table(**gaps), covariates=list(gaps), missing="impute+indicator")
    assert "and 3 more of 20 rows" in finding_of(sample, "sample.imputed").message


def test_a_covariate_missing_in_all_rows_used_is_refused():
    frame = plain_table(treated=[None] * 4 + [0, 1] * 8, age=[1.0] * 4 + [None] * 16)
    assert "missing in every row used" in refusal(frame, missing="impute+indicator").message


# Other roles


def test_post_treatment_columns_are_encoded_and_cost_no_rows():
    frame = plain_table(clicks=[None, *range(19)], page=["home", None, *["cart"] * 18])
    sample = sample_of(frame, roles={"post_treatment": ["clicks", "page"]})
    encoded = sample.roles["post_treatment"]
    assert sample.n == 20
    assert encoded.names == ("clicks", "page = cart", "page = home")
    np.testing.assert_array_equal(encoded.values[:3], [[NAN, 0, 1], [0, NAN, NAN], [1, 1, 0]])
    assert sample.findings == ()


def test_a_column_may_be_covariate_and_post_treatment():
    sample = sample_of(plain_table(), roles={"post_treatment": ["age"]})
    np.testing.assert_array_equal(sample.roles["post_treatment"].values, sample.features.values)


def test_a_sample_cannot_be_written_to():
    sample = sample_of(plain_table(), cluster="region", roles={"post_treatment": ["age"]})
    arrays = (sample.arm, sample.ids, sample.cluster, sample.index, sample.features.values, sample.outcomes["sales"])
    assert not any(array.flags.writeable for array in (*arrays, sample.present["sales"]))
    assert (sample.root, sample.index.tolist()) == (sample.fingerprint, list(range(20)))


def test_the_table_is_left_as_it_was():
    frame = plain_table(age=[None, *range(19)])
    before = frame.copy(deep=True)
    sample_of(frame, missing="impute+indicator")
    pd.testing.assert_frame_equal(frame, before)
