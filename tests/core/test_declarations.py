"""Designs, questions and options refuse what they cannot take, in the product's words."""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError

from estimand.core.declared import Declared
from estimand.core.design import Experiment, Observational, Roles, Weights, as_design, design_fields
from estimand.core.gates import GatePolicy
from estimand.core.nearest import did_you_mean
from estimand.core.question import Benchmark, Question, Target
from estimand.errors import Code, DesignError, EstimandError

BASE = {"treatment": "t", "outcome": "y"}


def constructors() -> dict[str, Any]:
    return {
        "class": Observational,
        "mapping": lambda **fields: as_design({"kind": "observational", **fields}),
    }


@pytest.mark.parametrize("way", ["class", "mapping"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"covariate": ["a"]}, "The design has no field 'covariate'. Did you mean 'covariates'?"),
        ({"roles": {"post_treatmnt": ["a"]}}, "no field 'post_treatmnt'. Did you mean 'post_treatment'?"),
        ({"weights": {"column": "w", "sort": "x"}}, "no field 'sort'. Known: column, kind."),
        ({"missing": "drop"}, "'missing'. Use 'complete_case' or 'impute+indicator'."),
        ({"weights": {"column": "w", "kind": "probability"}}, "Use 'sampling', 'frequency' or 'precision'."),
        ({"weights": {}}, "needs 'column'"),
        ({"outcome": []}, "'outcome'"),
        ({"covariates": 3}, "'covariates'"),
        ({"roles": 3}, "'roles'"),
        ({"covariates": ["a", "a"]}, "'a' is listed twice in covariates. List it once."),
        ({"outcome": ["y", "y"]}, "'y' is listed twice in outcome."),
        ({"covariates": ["t"]}, "'t' cannot be both treatment and a covariate."),
        ({"covariates": ["y"]}, "'y' cannot be both outcome and a covariate."),
        ({"treatment": "y"}, "'y' cannot be both treatment and outcome."),
    ],
)
def test_a_design_that_cannot_be_is_refused_in_plain_words(way: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignError) as caught:
        constructors()[way](**(BASE | fields))
    assert said in str(caught.value)
    assert not isinstance(caught.value, ValidationError)
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["treatment", "outcome"])
@pytest.mark.parametrize("way", ["class", "mapping"])
def test_a_design_without_treatment_or_outcome_says_which_it_needs(way: str, missing: str) -> None:
    fields = {name: value for name, value in BASE.items() if name != missing}
    with pytest.raises(DesignError, match=f"The design needs '{missing}'"):
        constructors()[way](**fields)


def test_a_wrong_choice_has_the_code_of_what_is_not_offered() -> None:
    with pytest.raises(DesignError) as caught:
        Observational(**BASE, missing="drop")
    assert caught.value.code is Code.UNSUPPORTED
    assert caught.value.found == "drop"


class Counted(Declared):
    noun: ClassVar[str] = "The count"
    folds: Annotated[int, Field(ge=2)] | tuple[int, ...] = 5
    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    name: str = ""
    parts: tuple[str, ...] = ()
    share: float = 0.5
    loud: bool = False


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"folds": 1}, "The count does not take 1 for 'folds'. Give a number greater than or equal to 2."),
        ({"folds": 2.5}, "The count does not take 2.5 for 'folds'. Give a whole number."),
        ({"folds": True}, "The count does not take true for 'folds'. Give a number."),
        ({"share": False}, "The count does not take false for 'share'. Give a number."),
        ({"share": "much"}, "The count does not take 'much' for 'share'. Give a number."),
        ({"parts": 3}, "The count does not take 3 for 'parts'. Give a list, such as [a, b]."),
        ({"parts": ["a", 3]}, "The count does not take 3 for 'parts', entry 2. Give text."),
        ({"name": date(2024, 1, 1)}, "The count does not take the date 2024-01-01 for 'name'. Give text."),
        ({"name": None}, "The count does not take an empty value for 'name'. Give text."),
        ({"target": "LATE"}, "The count does not take 'LATE' for 'target'. Use 'ATE' or 'ATT'."),
        ({"loud": "x"}, "The count does not take 'x' for 'loud'. Write true or false."),
    ],
)
def test_a_wrong_value_is_refused_without_the_words_of_the_validator(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignError) as caught:
        Counted(**fields)
    assert str(caught.value) == said


def test_true_and_false_stay_what_they_are_where_they_belong() -> None:
    assert Counted(loud=True).loud is True


def test_a_mapping_of_roles_agrees_with_its_verb() -> None:
    with pytest.raises(DesignError, match=r"The mapping of roles has no field 'x'"):
        Roles(x=1)


class Inner(Declared):
    noun: ClassVar[str] = "The inner part"
    choice: Literal["a", "b"] = "a"


class Outer(Declared):
    noun: ClassVar[str] = "The outer part"
    inner: Inner = Inner()
    parts: tuple[Inner, ...] = ()


def test_a_refusal_deep_inside_is_still_an_estimand_error_about_the_inner_part() -> None:
    for fields in ({"inner": {"choise": "a"}}, {"parts": [{}, {"choise": "a"}]}):
        with pytest.raises(EstimandError, match=r"The inner part has no field 'choise'\. Did you mean 'choice'"):
            Outer(**fields)
    with pytest.raises(EstimandError, match=r"does not take 'c' for 'choice'\. Use 'a' or 'b'"):
        Outer(inner={"choice": "c"})


def test_declarations_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Observational(**BASE).treatment = "u"


def test_a_variant_is_a_treatment() -> None:
    design = Experiment(variant="arm", outcome="y")
    assert design.treatment == "arm"
    assert design.to_dict() == {"kind": "experiment", "treatment": "arm", "outcome": ["y"]}
    with pytest.raises(DesignError, match="variant"):
        Experiment(variant="arm", treatment="t", outcome="y")


def test_one_name_stands_for_a_list_of_one() -> None:
    design = as_design({**BASE, "covariates": "a", "weights": "w", "control": 0, "roles": {"segments": "s"}})
    assert isinstance(design, Observational)
    assert design.outcome == ("y",)
    assert design.covariates == ("a",)
    assert design.weights == Weights(column="w", kind="sampling")
    assert design.control == "0"
    assert design.roles == Roles(segments=("s",))


def test_columns_are_each_named_once_in_a_fixed_order() -> None:
    design = Observational(treatment="t", outcome=("y", "z"), covariates=("b", "a"), unit="u", cluster="u", weights="w")
    assert design.columns() == ("y", "z", "b", "a", "t", "u", "w")


@pytest.mark.parametrize("kind", ["observational", "experiment"])
def test_a_design_survives_its_json(kind: str) -> None:
    design = as_design({"kind": kind, **BASE, "covariates": ["a", "b"], "weights": {"column": "w"}})
    again = as_design(design.to_dict())
    assert again == design
    assert again.to_dict() == design.to_dict()
    assert as_design(design) is design


def test_an_unknown_kind_and_a_design_that_is_no_mapping_are_refused() -> None:
    with pytest.raises(DesignError, match=r"no design of kind 'experimnt'\. Did you mean 'experiment'"):
        as_design({"kind": "experimnt", **BASE})
    with pytest.raises(DesignError, match="not list"):
        as_design(["t", "y"])
    assert "covariates" in design_fields("experiment")


def test_a_class_of_one_kind_does_not_take_another() -> None:
    with pytest.raises(DesignError, match="Use 'observational'"):
        Observational(kind="experiment", **BASE)


def test_the_nearest_name_ignores_case_and_a_far_one_lists_all() -> None:
    assert did_you_mean("ATe", ["ATE", "ATT"]) == "Did you mean 'ATE'?"
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("zzz", [f"name{j:02}" for j in range(30)]).endswith("name19 ….")


def test_a_question_refuses_targets_it_does_not_know_and_benchmarks_that_are_no_numbers() -> None:
    with pytest.raises(DesignError, match=r"The question does not take 'ATX' for 'target'.*'ATE'"):
        Question(target="ATX")
    for value in (float("nan"), float("inf")):
        with pytest.raises(DesignError, match="A benchmark does not take"):
            Question(benchmarks=[{"label": "truth", "value": value}])
    with pytest.raises(DesignError, match="std_error"):
        Benchmark(label="trial", value=1.0, std_error=-2.0)


def test_every_target_has_words() -> None:
    assert all(target.words for target in Target)
    assert Target.ATT.words == "average effect on those treated"


def test_gates_refuse_thresholds_that_make_no_sense() -> None:
    assert GatePolicy().smd_warn == 0.25
    for name, value in (("smd_note", 0.0), ("overlap_edge", 0.5), ("overlap_share", 1.1), ("clusters", 1)):
        with pytest.raises(DesignError, match=name):
            GatePolicy(**{name: value})
