"""Estimand: from a question and a table of data to a causal answer someone can defend.

>>> import estimand as es
>>> record = es.run({"data": "outreach"})
>>> record.headline
'aipw'
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AuditRecord": "core.audit",
    "Benchmark": "core.question",
    "DesignError": "errors",
    "DataError": "errors",
    "ConvergenceError": "errors",
    "Estimate": "core.estimate",
    "EstimandError": "errors",
    "Experiment": "core.design",
    "Finding": "core.finding",
    "GatePolicy": "core.gates",
    "Grade": "core.finding",
    "IdentificationError": "errors",
    "Learner": "core.learner",
    "MissingDependency": "errors",
    "Moments": "core.moments",
    "Observational": "core.design",
    "Question": "core.question",
    "Resampling": "core.resampling",
    "Study": "study.study",
    "StudyRecord": "core.record",
    "Target": "core.question",
    "UnsupportedError": "errors",
    "aa": "study.aa",
    "adjusted_p_values": "core.multiplicity",
    "audit": "study.audit",
    "datasets": "data",
    "difference_between": "core.compare",
    "estimate": "study.single",
    "inspect": "study.inspect",
    "methods": "study.single",
    "plan": "study.pre_register",
    "power": "study.power",
    "run": "study.entry",
    "write_folder": "report.folder",
    "write_report": "report.page",
}

__all__ = [
    "AuditRecord",
    "Benchmark",
    "ConvergenceError",
    "DataError",
    "DesignError",
    "EstimandError",
    "Estimate",
    "Experiment",
    "Finding",
    "GatePolicy",
    "Grade",
    "IdentificationError",
    "Learner",
    "MissingDependency",
    "Moments",
    "Observational",
    "Question",
    "Resampling",
    "Study",
    "StudyRecord",
    "Target",
    "UnsupportedError",
    "__version__",
    "aa",
    "adjusted_p_values",
    "audit",
    "datasets",
    "difference_between",
    "estimate",
    "inspect",
    "methods",
    "plan",
    "power",
    "run",
    "write_folder",
    "write_report",
]

if TYPE_CHECKING:
    from estimand.core.audit import AuditRecord
    from estimand.core.compare import difference_between
    from estimand.core.design import Experiment, Observational
    from estimand.core.estimate import Estimate
    from estimand.core.finding import Finding, Grade
    from estimand.core.gates import GatePolicy
    from estimand.core.learner import Learner
    from estimand.core.moments import Moments
    from estimand.core.multiplicity import adjusted_p_values
    from estimand.core.question import Benchmark, Question, Target
    from estimand.core.record import StudyRecord
    from estimand.core.resampling import Resampling
    from estimand.data import datasets
    from estimand.errors import (
        ConvergenceError,
        DataError,
        DesignError,
        EstimandError,
        IdentificationError,
        MissingDependency,
        UnsupportedError,
    )
    from estimand.report.folder import write_folder
    from estimand.report.page import write_report
    from estimand.study.aa import aa
    from estimand.study.audit import audit
    from estimand.study.entry import run
    from estimand.study.inspect import inspect
    from estimand.study.power import power
    from estimand.study.pre_register import plan
    from estimand.study.single import estimate, methods
    from estimand.study.study import Study


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'estimand' has no attribute '{name}'")
    home = f"estimand.{_HOMES[name]}"
    value = import_module(f"{home}.{name}") if name == "datasets" else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
