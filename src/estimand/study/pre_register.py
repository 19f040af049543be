"""Plan an experiment, and write the study file that is registered before its data come."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import yaml
from pydantic import BeforeValidator, Field

from estimand.core.declared import Declared
from estimand.core.design import Experiment, as_design
from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json, encode
from estimand.core.metric import Metric
from estimand.core.planned import Planned
from estimand.errors import DesignError
from estimand.study.power import power
from estimand.study.powering.answer import PowerAnalysis
from estimand.study.registered import plan_digest
from estimand.study.study import Study

WIDTH = 100
EMPTY: tuple[Any, ...] = ((), [], {})


class PlanDraft(Declared):
    """An experiment that is to be planned.

    Parameters
    ----------
    design : mapping or Experiment
        With metrics, and what of the plan is settled: arms and shares, error, power, looks, correction, rules.
    question : str
    data : str
        Where the experiment's data will be, from the study file's folder.
    mde : float or mapping of str to float, optional
        Effect that is to be found on each primary metric, above 0: one for all, or one a metric. Without it the plan's
        units, or days times ``daily``, say what can be found.
    relative : bool
        Whether it is a share of the metric's level.
    daily : float, optional
        Units that arrive in a day, over all arms.
    known : mapping of str to mapping
        Without a history: for each metric ``baseline``, ``sd`` and other numbers of a power question.
    methods : list, optional
        By default ``sequential`` where the plan looks early, else ``cuped`` where metrics have covariates;
        ``difference`` for those that have none, and ``quantile`` for quantiles.
    headline : str, optional
        By default the first method.
    seed : int
    """

    noun: ClassVar[str] = "The draft of the plan"
    design: Annotated[Experiment, BeforeValidator(as_design)]
    question: str = Field(min_length=1)
    data: str = "experiment.parquet"
    mde: float | Mapping[str, float] | None = None
    relative: bool = False
    daily: float | None = Field(default=None, gt=0)
    known: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    methods: tuple[str, ...] | list[str] = ()
    headline: str | None = None
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredPlan(Frozen):
    """A study file that is ready to be registered.

    Attributes
    ----------
    study : mapping
        What it says.
    text : str
        The file, with comments.
    digest : str
        Hash of question, design, plan and analysis: note it where the file is not.
    power : tuple of PowerAnalysis
        Of each primary metric, and each guardrail with a margin, at the planned size.
    """

    study: Mapping[str, Any]
    text: str
    digest: str
    power: tuple[PowerAnalysis, ...]

    def write(self, path: str | Path) -> Path:
        """Write the file, and return its path."""
        place = Path(path)
        place.write_text(self.text, encoding="utf-8")
        return place

    def to_dict(self) -> dict[str, Json]:
        """Return the plan as JSON."""
        powers: list[Json] = [dict(item.to_dict()) for item in self.power]
        return {"digest": self.digest, "study": encode(self.study), "text": self.text, "power": powers}


def plan(history: Any = None, **draft: Any) -> RegisteredPlan:
    """Plan an experiment: its size from every primary metric and guardrail, and the study file to register.

    Parameters
    ----------
    history : str, Path, mapping or table, optional
        A table of the past, one row a unit.
    **draft
        Fields of :class:`PlanDraft`.

    Raises
    ------
    EstimandError
        If the draft or the history cannot be used; the message says what to do.
    """
    given = PlanDraft(**draft)
    metrics = _planned_for(given)
    plan = given.design.planned or Planned()
    sized = plan.units is not None or (given.daily is not None and plan.days is not None)
    asked = [_asked(given, metric, plan) for metric in metrics]
    if not sized:
        first = [power(history, **question) for question in asked]
        plan = _with_size(plan, max(sum(item.arms.values()) for item in first), given.daily)
    elif plan.units is None:
        plan = plan.model_copy(update={"units": round((given.daily or 0.0) * (plan.days or 0.0))})
    powers = tuple(power(history, **question | {"planned": plan}) for question in asked)
    design = given.design.model_copy(update={"planned": plan})
    content = _content(given, design)
    parts = Study(**content).registration()
    content["registered"] = parts
    return RegisteredPlan(content, _text(content, powers, given), plan_digest(parts), powers)


def _planned_for(given: PlanDraft) -> list[Metric]:
    """The metrics whose power counts."""
    found = [m for m in given.design.metrics if m.role == "primary" or (m.role == "guardrail" and m.margin)]
    if not any(metric.role == "primary" for metric in found):
        raise DesignError(
            "The experiment has no primary metric, so there is nothing to plan for.",
            remedy="Give the design metrics: [{name: …, column: …, role: primary}].",
        )
    return found


def _asked(given: PlanDraft, metric: Metric, plan: Planned) -> dict[str, Any]:
    """The power question of one metric."""
    mde = given.mde.get(metric.name) if isinstance(given.mde, Mapping) else given.mde
    effect = {} if metric.role == "guardrail" or mde is None else {"mde": mde, "relative": given.relative}
    primaries = sum(item.role == "primary" for item in given.design.metrics)
    # Of the past, exposure is asked for where retention is counted from it alone.
    exposed = given.design.exposed if metric.kind == "retention" else None
    place = {"cluster": given.design.cluster, "exposed": exposed}
    alone = {"planned": plan if metric.role == "primary" else plan.model_copy(update={"correction": "none"})}
    return (
        {"metric": metric, "daily": given.daily, "primaries": primaries}
        | place
        | alone
        | effect
        | dict(given.known.get(metric.name, {}))
    )


def _with_size(plan: Planned, units: int, daily: float | None) -> Planned:
    """The plan with its size, and whole days where arrivals are known."""
    days = {} if daily is None or plan.days is not None else {"days": float(np.ceil(units / daily))}
    return plan.model_copy(update={"units": units} | days)


def _content(given: PlanDraft, design: Experiment) -> dict[str, Any]:
    """The study file as data; the rules of decision are written out."""
    plan = design.planned or Planned()
    drawn = design.model_copy(update={"planned": plan}).to_dict()
    rules = plan.decision.model_dump(mode="json")
    written = {**plan.model_dump(mode="json", exclude_defaults=True, exclude_none=True)}
    fixed = {"alpha": plan.alpha, "power": plan.power, "correction": plan.correction, "decision": rules}
    drawn["planned"] = _plain(written | fixed)
    drawn = {"kind": drawn.pop("kind")} | drawn
    methods = list(given.methods) or _default_methods(design, plan)
    return {
        "question": given.question,
        "data": given.data,
        "design": _plain(drawn),
        "methods": methods,
        "headline": given.headline or methods[0],
        "level": 1.0 - plan.alpha,
        "seed": given.seed,
    }


def _default_methods(design: Experiment, plan: Planned) -> list[str]:
    """Methods that between them serve every metric, the one for the first metric first."""
    by_metric = [_method_for(metric, plan) for metric in design.metrics]
    return list(dict.fromkeys(by_metric))


def _method_for(metric: Metric, plan: Planned) -> str:
    if metric.kind == "quantile":
        return "quantile"
    return "sequential" if plan.sequential != "none" else "cuped" if metric.covariate else "difference"


def _plain(value: Any) -> Any:
    """Lists and dictionaries, as YAML writes them; what is not set is left out."""
    if isinstance(value, Mapping):
        return {
            str(name): _plain(part) for name, part in value.items() if part is not None and part not in ((), [], {})
        }
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _text(content: Mapping[str, Any], powers: tuple[PowerAnalysis, ...], given: PlanDraft) -> str:
    """The study file, every section under a comment that says what was assumed."""
    sizes = [f"{item.sentence()}" for item in powers]
    assumed = dict.fromkeys(line for item in powers for line in item.assumptions)
    arriving = [] if given.daily is None else [f"{given.daily:,g} units arrive in a day."]
    sections = (
        (["Registered before the experiment's data came. Note the digest where this file is not:",
          plan_digest(content["registered"])], ("question", "data")),
        (["What each metric can show at the planned size:", *sizes, "What was assumed:", *assumed, *arriving],
         ("design",)),
        (["How it will be read. The decision follows from planned.decision and nothing else."],
         ("methods", "headline", "level", "seed")),
        (["Hashes of the parts above; a run says which were changed. planned.finished may be set when it ends."],
         ("registered",)),
    )  # fmt: skip
    return "\n".join(
        "".join(f"# {line}\n" for line in lines)
        + yaml.safe_dump({name: content[name] for name in names}, sort_keys=False, allow_unicode=True, width=WIDTH)
        for lines, names in sections
    )
