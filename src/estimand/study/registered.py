"""What of a study was set before its data came, hashed part by part, and whether it is still so."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from estimand.core.design import Design
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.jsonable import canonical
from estimand.core.question import Question
from estimand.study.plan import Planned

SHOWN = 16
# Said when the experiment ends, so no part of what was set before.
LATER = ("finished",)


def registration(
    question: Question, design: Design, planned: Sequence[Planned], analysis: Mapping[str, Any]
) -> dict[str, str]:
    """Hash the question, the design, the experiment's plan and the analysis, each alone.

    Parameters
    ----------
    question : Question
    design : Design
    planned : sequence of Planned
        Methods, whose options count where they are not the default.
    analysis : mapping
        Headline, level, gates, correction and seed.
    """
    drawn = dict(design.to_dict())
    plan = drawn.pop("planned", None) or {}
    parts = {
        "question": question.model_dump(mode="json"),
        "design": drawn,
        "planned": {name: value for name, value in plan.items() if name not in LATER and value is not None},
        "analysis": {**analysis, "methods": [_set(item) for item in planned]},
    }
    return {name: hashlib.sha256(canonical(part).encode()).hexdigest()[:SHOWN] for name, part in parts.items()}


def _set(item: Planned) -> dict[str, Any]:
    """What was said of a method; an option that later versions add is not, and changes no hash."""
    scheme = {} if item.resample is None else {"resample": item.resample.declared()}
    options = item.method.model_dump(mode="json", exclude_defaults=True)
    return {"method": item.method.spec.key, "id": item.id} | options | scheme


def plan_digest(parts: Mapping[str, str]) -> str:
    """One hash of all parts, to be noted where the study file is not."""
    return hashlib.sha256(canonical(dict(parts)).encode()).hexdigest()[:SHOWN]


def registered_findings(registered: Mapping[str, str] | None, now: Mapping[str, str]) -> tuple[Finding, ...]:
    """Say whether the study is the one that was registered; nothing where none was."""
    if registered is None:
        return ()
    changed = [name for name in sorted({*registered, *now}) if registered.get(name) != now.get(name)]
    if not changed:
        return (
            Finding(
                check="plan.registered",
                about=STUDY,
                grade=Grade.PASS,
                subject=plan_digest(now),
                message=f"The study is as it was registered: plan {plan_digest(now)}.",
            ),
        )
    return (
        Finding(
            check="plan.changed",
            about=STUDY,
            grade=Grade.WARN,
            subject=", ".join(changed),
            message=f"The study was changed after it was registered, in its {', '.join(changed)}: it was plan "
            f"{plan_digest(registered)} and is {plan_digest(now)}.",
            remedy="Run the file as registered, or report what was changed, when and why.",
        ),
    )
