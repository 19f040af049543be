"""Errors say what happened and what to do, travel between processes, and have a machine-readable form."""

import pytest
from made_by_hand import pickled

from estimand import errors
from estimand.errors import Code, DataError, DesignError, EstimandError

TREE = {
    "DataError": "INSUFFICIENT_DATA",
    "DesignError": "INVALID_MAPPING",
    "IdentificationError": "NOT_IDENTIFIED",
    "ConvergenceError": "NOT_CONVERGED",
    "UnsupportedError": "UNSUPPORTED",
    "MissingDependency": "MISSING_DEPENDENCY",
}


@pytest.mark.parametrize(("name", "code"), TREE.items())
def test_every_branch_is_an_estimand_error_a_value_error_and_has_its_code(name: str, code: str) -> None:
    made = getattr(errors, name)("It broke.", remedy="Mend it.")
    assert isinstance(made, EstimandError)
    assert isinstance(made, ValueError)
    assert made.code == code
    assert made.to_dict()["code"] == code


def test_an_error_survives_pickling_with_all_it_says() -> None:
    made = DesignError("It broke.", remedy="Mend it.", code=Code.UNSUPPORTED, found=("a", 1), expected=["b"])
    read = pickled(made)
    assert type(read) is DesignError
    assert str(read) == "It broke. Mend it."
    assert (read.message, read.remedy, read.code) == ("It broke.", "Mend it.", Code.UNSUPPORTED)
    assert (read.found, read.expected) == (("a", 1), ["b"])


def test_an_error_as_json_holds_only_text() -> None:
    made = DataError("Empty.", remedy="Fill it.", found=0, expected=range(3))
    assert made.to_dict() == {
        "code": "INSUFFICIENT_DATA",
        "message": "Empty.",
        "remedy": "Fill it.",
        "found": "0",
        "expected": "range(0, 3)",
    }
    assert DataError("Empty.", remedy="Fill it.").to_dict()["found"] is None


def test_a_foreign_exception_is_kept_by_its_first_line() -> None:
    made = DataError.because(OSError("no such file\nat line 3"), "Unreadable.", remedy="Check it.")
    assert made.found == "no such file"
    silent = DataError.because(KeyError(), "Unreadable.", remedy="Check it.", code=Code.UNREADABLE_FILE)
    assert silent.found == "KeyError"
    assert silent.code is Code.UNREADABLE_FILE


def test_a_remedy_is_not_optional() -> None:
    with pytest.raises(TypeError, match="remedy"):
        DataError("Empty.")
