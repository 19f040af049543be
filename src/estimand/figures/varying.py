"""Which estimate of a record tells whose effect is large, and what it and the checks of it say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Tone
from estimand.figures.numbers import format_count, format_number, format_p, spoken_unit
from estimand.figures.standing import headline_of, leading_outcome, unit_of, vetoes

Floats: TypeAlias = NDArray[np.float64]
EFFECTS, ERRORS = "effects", "effect_std_error"
ARM_TONES = (Tone.FIRST, Tone.SECOND, Tone.THIRD, Tone.FOURTH)


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """An estimate of effects that vary, in the words of the record's question.

    Attributes
    ----------
    estimate : Estimate
    outcome : str
        As the question calls it.
    label : str
        Of an axis of effects, with the unit.
    factor, unit : float, str
        What a sentence multiplies a number by, and says after it.
    vetoed : bool
    arms : tuple of str
        Of the effects, in their order.
    """

    estimate: Estimate
    outcome: str
    label: str
    factor: float
    unit: str
    vetoed: bool
    arms: tuple[str, ...]

    def said(self, value: float) -> str:
        """Write a number as a sentence does, without its unit."""
        return format_number(self.factor * value)

    def told(self, value: float) -> str:
        """Write a number as a sentence does, with its unit."""
        return self.said(value) + self.unit

    def claim(self, text: str) -> str:
        """A title, with its doubt."""
        return f"{text}; not to be relied on" if self.vetoed else text

    def named(self, j: int) -> str:
        """Name an arm where there are several."""
        return self.arms[j] if len(self.arms) > 1 else ""

    def tone(self, j: int = 0) -> Tone:
        """Colour of an arm."""
        return Tone.VETOED if self.vetoed else ARM_TONES[j % len(ARM_TONES)]

    def source(self) -> str:
        """Say by which estimate and on how many rows."""
        return f"By {self.estimate.id}; n = {format_count(self.estimate.n_obs)} rows."


def varying_of(record: StudyRecord) -> Varying | None:
    """The headline where it has an effect for every row, else the first estimate of its outcome that has; or None."""
    lead, headline = leading_outcome(record), headline_of(record)
    fitting = [e for e in record.estimates if e.outcome == lead and EFFECTS in e.details and e.scale == "identity"]
    chosen = next((e for e in fitting if e is headline), next(iter(fitting), None))
    if chosen is None:
        return None
    unit = unit_of(record, chosen)
    outcome = record.question.called(chosen.outcome)
    factor, spoken = spoken_unit(unit)
    label = f"Effect on {outcome}" + (f" ({unit})" if unit else "")
    arms = tuple(term.label for term in chosen.terms)
    return Varying(chosen, outcome, label, factor, spoken, bool(vetoes(record, chosen)), arms)


def needed(record: StudyRecord) -> Varying:
    """What :func:`varying_of` finds.

    Raises
    ------
    UnsupportedError
        If no estimate has an effect for every row.
    """
    varying = varying_of(record)
    if varying is None:
        raise UnsupportedError(
            "The record has no effects that vary to draw.",
            remedy="Run method 'causal_forest', or one of the learners of effects.",
        )
    return varying


def row_effects(varying: Varying, name: str = EFFECTS) -> Floats | None:
    """Effects of rows, or their standard errors, shape (n, arms); None where the record was read without them."""
    held = varying.estimate.details.get(name)
    if not isinstance(held, np.ndarray):
        return None
    return np.asarray(held, dtype=np.float64).reshape(held.shape[0], -1)


def detail_rows(varying: Varying, name: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a detail that is a table; none where it is not there, or lacks a column, or was read without."""
    detail = varying.estimate.details.get(name)
    held = detail.columns if isinstance(detail, Table) else detail
    if not isinstance(held, Mapping) or any(not isinstance(held.get(c), Sequence | np.ndarray) for c in columns):
        return []
    return list(Table({column: held[column] for column in columns}).rows())


def tables_of(record: StudyRecord, varying: Varying, check: str, columns: Sequence[str]) -> list[tuple[int, Table]]:
    """What a check found of each arm's effects, by the arm's position; arms of which it could not say are left out."""
    own = {
        finding.subject: finding.evidence
        for finding in record.findings
        if finding.check == check
        and finding.about == varying.estimate.id
        and finding.evidence is not None
        and len(finding.evidence)
        and all(column in finding.evidence.columns for column in columns)
    }
    places = enumerate(term.label for term in varying.estimate.terms)
    return [(j, Table({c: own[label][c] for c in columns})) for j, label in places if label in own]


def holds_tables(record: StudyRecord, check: str, columns: Sequence[str]) -> bool:
    """Whether a check found something of some arm's effects."""
    varying = varying_of(record)
    return varying is not None and bool(tables_of(record, varying, check, columns))


def needed_tables(
    record: StudyRecord, check: str, columns: Sequence[str], missing: str
) -> tuple[Varying, list[tuple[int, Table]]]:
    """What :func:`varying_of` and :func:`tables_of` find.

    Raises
    ------
    UnsupportedError
        If no estimate has an effect for every row, or the check found nothing: then with ``missing`` as message.
    """
    varying = needed(record)
    tables = tables_of(record, varying, check, columns)
    if not tables:
        raise UnsupportedError(missing, remedy=f"Run check '{check}'.")
    return varying, tables


def merged(tables: Sequence[tuple[str, Table]]) -> Table:
    """Tables of several arms as one, with the arm in front."""
    names = tuple(tables[0][1].columns)
    arms = [arm for arm, table in tables for _ in range(len(table))]
    return Table({"arm": arms} | {name: [x for _, table in tables for x in table[name]] for name in names})


def spoken_p(value: float | None) -> str:
    """Write a p-value as a sentence does.

    Examples
    --------
    >>> spoken_p(0.0412), spoken_p(1e-9)
    ('p = 0.041', 'p < 0.001')
    """
    text = format_p(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
