"""One page in Markdown: the answer, whether to believe it, the numbers, what could be wrong, and how."""

from estimand.core.display import NONE, markdown_table, markdown_text
from estimand.core.finding import Grade
from estimand.core.record import StudyRecord
from estimand.figures.numbers import format_count
from estimand.report.assumptions import assumptions
from estimand.report.counts import raw_counts
from estimand.report.reproduction import missing_pieces
from estimand.report.rows import EstimateTable, estimate_tables, finding_rows, method_name
from estimand.report.sizes import Size, effect_sizes
from estimand.report.varying_words import about_gains, gains
from estimand.report.words import answer_sentence, design_sentence, estimand_sentence, histories

MOST_FINDINGS = 6


def memo(record: StudyRecord) -> str:
    """Return the memo of a record."""
    parts = [
        f"# {markdown_text(record.question.text or record.data)}",
        f"**{markdown_text(answer_sentence(record))}**",
        f"Verdict: **{record.verdict.grade}**. {markdown_text(record.verdict.summary)}",
        *_decided(record),
        "## Numbers",
        *(markdown_text(_told(size)) for size in effect_sizes(record)),
        *(_table(table) for table in estimate_tables(record)),
        _counts(record),
        *_gains(record),
        "## What could be wrong",
        _doubts(record),
        "## How",
        *_how(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decided(record: StudyRecord) -> list[str]:
    """What the rules set beforehand say, where there are any."""
    return [] if record.decision is None else [f"Decision: **{markdown_text(record.decision.summary)}**"]


def _told(size: Size) -> str:
    unit = f" {size.unit}" if size.unit else ""
    interval = f" ({size.interval})" if size.interval else ""
    value = "" if size.value == NONE else f"{size.value}{unit}{interval}"
    return f"{size.label}: {value}{'; ' if value and size.note else ''}{size.note}"


def _table(table: EstimateTable) -> str:
    unit = f" ({table.unit})" if table.unit else ""
    header = ["Method", "Target", f"{table.what} {table.outcome}{unit}", "Std. error", table.interval, "n", "Note"]
    rows = [
        [
            f"{row.method} {row.arm}".strip(),
            row.target,
            row.value.strip(),
            row.std_error.strip(),
            row.interval,
            row.n,
            row.note,
        ]
        for row in table.rows
    ]
    made = markdown_table(header, rows)
    if not table.timed:
        return made
    return f"{made}\n\n{len(table.timed)} effects by time since treatment, cohort or period are in the report."


def _counts(record: StudyRecord) -> str:
    counts = raw_counts(record)
    table = markdown_table(counts.header, counts.rows)
    return f"{table}\n\n{markdown_text(counts.note)}" if counts.note else table


def _gains(record: StudyRecord) -> list[str]:
    """For whom the effect is large, where an estimate has effects that vary."""
    found = gains(record)
    if found is None:
        return []
    tables = (
        f"{markdown_text(table.caption)}:\n\n{markdown_table(table.header, table.rows)}" for table in found.tables
    )
    return [
        "## For whom the effect is large",
        *(markdown_text(text) for text in (found.lead, *found.sentences)),
        *tables,
    ]


def _doubts(record: StudyRecord) -> str:
    fired = [row for row in finding_rows(record)[0] if row.grade != Grade.PASS and not about_gains(row)]
    lines = [f"* {row.word}: {markdown_text(row.message)} {markdown_text(row.remedy or '')}".rstrip() for row in fired]
    if len(fired) > MOST_FINDINGS:
        lines = [*lines[:MOST_FINDINGS], f"* {len(fired) - MOST_FINDINGS} more in the report."]
    lines += [
        f"* {item.standing}: {markdown_text(item.name)}. {markdown_text(item.words)}"
        for item in assumptions(record)
        if item.status != "tested"
    ]
    return "\n".join(lines) or "The checks that ran found nothing wrong with this answer."


def _how(record: StudyRecord) -> list[str]:
    flow = record.sample
    names = ", ".join(method_name(estimate) for estimate in record.estimates) or NONE
    covariates = ", ".join(dict.fromkeys((*record.design.covariates, *histories(record)))) or NONE
    again = missing_pieces(record) or "Run it again with: python reproduce.py."
    return [
        markdown_text(f"Estimand. {estimand_sentence(record)}"),
        markdown_text(f"Design. {design_sentence(record)} Covariates: {covariates}."),
        markdown_text(
            f"Data. {record.data}: {format_count(flow.rows_used)} of {format_count(flow.rows_read)} rows used; "
            f"fingerprint {flow.fingerprint[:12]}."
        ),
        markdown_text(f"Methods. {names}; seed {record.seed}; digest {record.digest()[:12]}. {again}"),
    ]
