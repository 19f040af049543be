"""Numbers among which there are a few texts: refused where they must be numbers, said where they become categories."""

import numpy as np
import pandas as pd
import pytest
from tables import plain_table, sample_of

from estimand.core.finding import Grade
from estimand.errors import Code, DataError


def finding_of(sample):
    found = [finding for finding in sample.findings if finding.check == "sample.mixed"]
    return found[0] if found else None


def test_a_covariate_of_numbers_and_a_few_texts_becomes_categories_and_says_so():
    frame = plain_table(dose=["1", "2", "n.d.", "2", None] * 4)
    sample = sample_of(frame, covariates=["dose"])
    assert sample.features.names == ("dose = 1", "dose = 2", "dose = n.d.")
    finding = finding_of(sample)
    assert (finding.grade, finding.subject, finding.statistic) == (Grade.WARN, "dose", 0.25)
    assert "text in 4 rows: row 3 holds 'n.d.'" in finding.message
    assert "make them missing" in finding.remedy


@pytest.mark.parametrize(
    "values", [["a", "b"] * 10, ["1", "2"] * 10, ["a", "b", "c", "4"] * 5, [1, 2] * 10, [None] * 19 + ["a"]]
)
def test_other_covariates_say_nothing(values):
    frame = plain_table(dose=values)
    assert finding_of(sample_of(frame, covariates=["dose"], missing="impute+indicator")) is None


def test_a_csv_file_with_one_text_among_many_numbers_names_its_row(tmp_path):
    rows = [f"{row % 2},{row},{row * 1.5}" for row in range(300)]
    rows[41] = "1,41,unknown"
    (tmp_path / "t.csv").write_text("\n".join(["treated,sales,age", *rows]), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        sample_of(tmp_path / "t.csv")
    assert caught.value.code is Code.INVALID_MAPPING
    assert "holds numbers, and text in 1 rows: row 42 holds 'unknown'" in caught.value.message
    with pytest.raises(DataError) as caught:
        sample_of(tmp_path / "t.csv", outcome="age", covariates=[])
    assert "row 42 holds 'unknown'" in caught.value.message


def test_many_numbers_written_as_text_ask_for_a_conversion():
    values = np.linspace(0, 1, 200).astype(str)
    frame = pd.DataFrame({"treated": [0, 1] * 100, "sales": np.arange(200), "age": values})
    with pytest.raises(DataError) as caught:
        sample_of(frame)
    assert "holds numbers as text, such as '0.0'" in caught.value.message
    assert "numeric type" in caught.value.remedy


def test_a_treatment_of_0_1_and_a_text_is_refused():
    with pytest.raises(DataError) as caught:
        sample_of(plain_table(treated=["0", "1", "1", "0", "unknown"] * 4))
    assert "row 5 holds 'unknown'" in caught.value.message
    assert sample_of(plain_table(treated=["10", "20", "20", "10", "placebo"] * 4)).arms == ("10", "20", "placebo")


def test_an_answer_in_words_is_a_covariate_and_never_an_outcome():
    frame = plain_table(member=["yes", "no"] * 10)
    assert sample_of(frame, covariates=["member"]).features.names == ("member = no", "member = yes")
    with pytest.raises(DataError) as caught:
        sample_of(frame, outcome="member")
    assert "code a yes as 1" in caught.value.remedy
    sample = sample_of(frame, treatment="member", covariates=["age"])
    assert sample.arms == ("no", "yes")
    assert sample.findings[0].check == "sample.control"
