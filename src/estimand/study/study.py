"""A study: what is asked, of which data, under which design, by which methods."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, ClassVar, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from estimand.core.case import Stress
from estimand.core.declared import Declared, field_names, refuse_unnamed
from estimand.core.design import Design, Panel, as_design
from estimand.core.gates import GatePolicy
from estimand.core.multiplicity import Multiplicity
from estimand.core.nearest import did_you_mean
from estimand.core.question import Question, Target
from estimand.core.record import StudyRecord
from estimand.core.resampling import ResamplingOption
from estimand.data import datasets
from estimand.data.source import refuse_unknown_word
from estimand.errors import Code, DataError, DesignError
from estimand.study.conduct import Conduct
from estimand.study.opening import beside
from estimand.study.plan import ALL, Planned, plan_methods, refuse_unanswerable, targets_offered


def _as_question(value: Any) -> Any:
    return Question(text=value) if isinstance(value, str) else value


def _as_design(value: Any) -> Any:
    return value if value is None else as_design(value)


def _as_target(value: Any, info: ValidationInfo) -> Any:
    """Refuse a word that is no target, naming those that the listed methods offer."""
    if value is None or isinstance(value, Target) or value in list(Target):
        return value
    offered = targets_offered(info.data.get("methods", ALL)) or tuple(Target)
    raise DesignError(
        f"There is no target {shorten(repr(value), 60)}.",
        remedy=did_you_mean(str(value), map(str, offered)),
        code=Code.UNSUPPORTED,
        found=value,
        expected=[str(target) for target in offered],
    )


def _as_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Study(Declared):
    """A study, as a study file has it.

    Parameters
    ----------
    data : str, Path, mapping or table
        A path; the name of a bundled dataset; a query of a DuckDB database, as ``{sql: SELECT …, database: path}``
        or ``duckdb://path?table=name``; a pandas, polars or pyarrow table; or a DuckDB relation.
    question : str or Question
        A bundled dataset brings its own.
    design : mapping or Design
        A bundled dataset brings its own.
    methods : list or "all"
        Keys, or mappings ``{method, id, …options}``.
    options : mapping
        Options by method key.
    target : Target, optional
        What would answer the question; replaces the question's.
    resample : Resampling, optional
        How to find uncertainty by drawing again, for the methods whose card allows it: a kind, or
        ``{kind: pairs, draws: 1000}``. An entry of ``methods`` may have its own.
    headline : str, optional
        Id of the estimate to lead with; by default the first whose target is the question's.
    seed : int
    level : float
        Confidence level.
    gates : GatePolicy
        Lines the checks hold estimates to.
    multiplicity : "bonferroni" | "holm" | "BH" | "BY" | "romano_wolf", optional
        How to adjust the p-values of the headline's terms, over all its outcomes, as one family.
    stress : "quick" | "full"
        Whether stress tests that fit again keep within a cost, and say so where they cannot, or run whatever they
        cost.
    registered : mapping of str to str, optional
        Hashes of question, design, plan and analysis as they were set before, which ``estimand plan`` writes; the
        record says which of them were changed since.
    """

    noun: ClassVar[str] = "The study"
    data: Any
    question: Annotated[Question | None, BeforeValidator(_as_question)] = None
    design: Annotated[Design | None, BeforeValidator(lambda v: v if v is None else as_design(v))] = None
    methods: Annotated[tuple[Any, ...] | str, BeforeValidator(_as_list)] = "all"
    options: Mapping[str, Any] = Field(default_factory=dict)
    target: Annotated[Target | None, BeforeValidator(_as_target)] = None
    resample: ResamplingOption = None
    headline: str | None = None
    seed: int = Field(default=0, ge=0)
    level: float = Field(default=0.95, gt=0, lt=1)
    gates: GatePolicy = GatePolicy()
    stress: Stress = "quick"
    multiplicity: Multiplicity | None = None
    registered: Mapping[str, str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_is_left_out(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: part for name, part in value.items() if part is not None or name == "data"}

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a study file (YAML); a relative data path is taken from the file's folder.

        Raises
        ------
        DataError
            If the file cannot be read.
        DesignError
            If it does not describe a study.
        """
        place = Path(path)
        content = _parsed(place)
        unknown = [name for name in content if name not in field_names(cls)]
        if unknown:
            raise DesignError(
                f"The study file has an unknown field '{unknown[0]}'.",
                remedy=did_you_mean(str(unknown[0]), field_names(cls)),
                found=unknown[0],
            )
        if "data" in content:
            content["data"] = beside(content["data"], place.parent)
        return cls(**content)

    def run(self, *, threads: int | None = None, report: Callable[[str, int, int], None] | None = None) -> StudyRecord:
        """Run the study.

        Parameters
        ----------
        threads : int, optional
            Batches side by side; all processors by default. The record does not depend on it.
        report : callable (label, done, total), optional
            Hears of progress.
        """
        design = self._design()
        question = self._question(design)
        planned = self._planned(design, question)
        if self.target is not None:
            refuse_unanswerable(planned, self.target)
        lines = (self.level, self.gates, self.stress, self.multiplicity, self.registered)
        conduct = Conduct(self.data, design, question, planned, self.headline, self.seed, *lines)
        return conduct.record(threads, report)

    def registration(self) -> dict[str, str]:
        """Hashes of question, design, plan and analysis as they stand, for ``registered``."""
        design = self._design()
        question = self._question(design)
        planned = self._planned(design, question)
        lines = (self.level, self.gates, self.stress, self.multiplicity)
        return Conduct(self.data, design, question, planned, self.headline, self.seed, *lines).registration()

    def _planned(self, design: Design, question: Question) -> tuple[Planned, ...]:
        return plan_methods(self.methods, self.options, question.target, design, self.resample)

    def _design(self) -> Design:
        if self.design is not None:
            return self.design
        own = datasets.describe(self.data).design if self._bundled() else {}
        if own:
            return as_design(dict(own))
        if isinstance(self.data, str):
            refuse_unknown_word(self.data)
        raise DesignError(
            "The study needs 'design'.",
            remedy="Say how treatment arose: {kind: observational, treatment: …, outcome: …, covariates: […]}.",
        )

    def _question(self, design: Design) -> Question:
        question = self.question
        if question is None:
            question = Question(**datasets.describe(self.data).question) if self._bundled() else Question()
        if self.target is not None:
            return question.model_copy(update={"target": self.target})
        asks_of_the_treated = isinstance(design, Panel) and "target" not in question.model_fields_set
        return question.model_copy(update={"target": Target.ATT}) if asks_of_the_treated else question

    def _bundled(self) -> bool:
        return isinstance(self.data, str) and self.data in datasets.names()


def as_study(value: Study | Mapping[str, Any] | str | Path) -> Study:
    """Read a study from a mapping or a file, or return the one given."""
    if isinstance(value, Study):
        return value
    if isinstance(value, Mapping):
        refuse_unnamed(value, Study.noun)
        return Study(**value)
    return Study.from_file(value)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        named = path.resolve().name or str(path)
        raise DataError(
            f"The study file '{named}' cannot be read: it is a folder.",
            remedy="Name the study file in it, such as study.yaml.",
            code=Code.UNREADABLE_FILE,
            found=named,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError.because(
            error,
            f"The study file '{path.name or path}' cannot be read.",
            remedy="Check that it exists and is UTF-8 text.",
            code=Code.UNREADABLE_FILE,
        ) from None
    try:
        content = yaml.safe_load(text)
    except Exception as error:
        # Besides its own errors the parser raises whatever a scalar's constructor does, as for the date 2024-02-30.
        raise DesignError.because(
            error,
            f"The study file '{path.name}' is not YAML.",
            remedy="Check its indentation, colons, dates and numbers.",
        ) from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise DesignError(
            f"The study file '{path.name}' does not describe a study.",
            remedy="Write data, design and methods as 'name: value' lines.",
        )
    return content
