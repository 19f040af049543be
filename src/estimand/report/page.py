"""One self-contained page for one record: no network, no script, fit for paper."""

from pathlib import Path
from typing import Any

from estimand.core.calibration import card
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.experiment_rates import rate_of
from estimand.core.finding import Grade
from estimand.core.record import StudyRecord
from estimand.figures.standing import headline_of, vetoes
from estimand.report.assumptions import assumptions
from estimand.report.counts import raw_counts
from estimand.report.exhibits import exhibits
from estimand.report.panel_words import panel_of
from estimand.report.plates import rendered
from estimand.report.reproduction import missing_pieces
from estimand.report.rows import (
    GRADES,
    estimate_tables,
    finding_rows,
    method_name,
    plain_pairs,
)
from estimand.report.sizes import effect_sizes
from estimand.report.varying_words import about_gains, gains
from estimand.report.words import answer_parts, answer_sentence, design_sentence, estimand_sentence, histories

STRESS = ("stress.", "panel.honest_did", "panel.pretrend_power", "panel.placebo_date")
UNSTRESSED = "how strong a hidden cause would have to be"
SERIOUS = (Grade.VETO, Grade.WARN)


def html(record: StudyRecord) -> str:
    """Return the report of a record as one HTML page."""
    return rendered("report.html.j2", record=record, **_answer(record), **_doubts(record), **_account(record))


def write_report(record: StudyRecord, path: str | Path) -> Path:
    """Write the report of a record to a file, and return its path."""
    place = Path(path)
    place.write_text(html(record), encoding="utf-8")
    return place


def _answer(record: StudyRecord) -> dict[str, Any]:
    """What a reader sees first: whether to believe it, the answer, and how large it is."""
    headline = headline_of(record)
    own, _ = finding_rows(record)
    return {
        "answer": answer_parts(record),
        "sentence": answer_sentence(record),
        "doubted": headline is not None and bool(vetoes(record, headline)),
        "verdict": GRADES[record.verdict.grade],
        "worst": next((row for row in own if row.grade in SERIOUS), None),
        "sizes": effect_sizes(record),
        "estimand": estimand_sentence(record),
        "design": design_sentence(record),
    }


def _doubts(record: StudyRecord) -> dict[str, Any]:
    """What the checks found; those that ask how wrong it could be have a section of their own."""
    every, others = finding_rows(record)
    own = [row for row in every if not about_gains(row)]
    stress = [row for row in own if row.check.startswith(STRESS)]
    return {
        "open_findings": [
            row for row in own if row.grade in SERIOUS or (row not in stress and row.grade != Grade.PASS)
        ],
        "passed": [row for row in own if row.grade == Grade.PASS and row not in stress],
        "other_findings": others,
        "gain_findings": [row for row in every if about_gains(row)],
        "stress": stress,
        "unstressed": "how far trends would have to part" if panel_of(record) else UNSTRESSED,
        "assumptions": assumptions(record),
    }


def _account(record: StudyRecord) -> dict[str, Any]:
    """What was done: every number, the rows behind it, and how to do it again."""
    tables = estimate_tables(record)
    given = record.design.to_dict()
    given.pop("kind")
    roles = given.pop("roles", {})
    return {
        "tables": tables,
        "targets": {row.target: row.target_words for table in tables for row in table.rows if row.target},
        "exhibits": exhibits(record),
        "gains": gains(record),
        "counts": raw_counts(record),
        "covariates": [*record.design.covariates, *histories(record)],
        "columns": plain_pairs(given) + plain_pairs(roles),
        "methods": _methods(record),
        "run": plain_pairs(record.run),
        "gates": plain_pairs(record.plan.get("gates", {})),
        "missing_pieces": missing_pieces(record),
        "digest": record.digest(),
    }


def _methods(record: StudyRecord) -> list[tuple[Any, ...]]:
    """How each estimate was made; how well its method did in simulated worlds is told once."""
    told: set[tuple[str, str] | None] = set()
    found = []
    for estimate in record.estimates:
        measured = _measured(record, estimate)
        again = measured in told
        told.add(measured)
        named = (method_name(estimate), _inference(estimate), plain_pairs(estimate.options))
        found.append((*named, None if again else measured))
    return found


def _measured(record: StudyRecord, estimate: Estimate) -> tuple[str, str] | None:
    """Tell how well the method as run did in simulated worlds, and by which command that was measured."""
    design = record.design
    metric = design.metric(estimate.outcome) if isinstance(design, Experiment) else None
    if isinstance(design, Experiment) and metric is not None:
        situation = "clusters" if design.cluster is not None else "strata" if design.strata else "users"
        rate = rate_of(estimate.method, estimate.options, metric.kind, situation)
        return None if rate is None else (rate.words(), rate.command)
    found = card(estimate.method, estimate.options)
    return (found.words(), found.command) if found is not None and found.words() else None


def _inference(estimate: Estimate) -> str:
    """Name how uncertainty was worked out, and the covariance that was used in the end."""
    named = estimate.inference.replace("_", " ")
    used = getattr(estimate.uncertainty, "correction", "influence")
    return named if used in {named, "influence"} else f"{named}; covariance used {used}"
