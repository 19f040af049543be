"""The treatment column as arms: labels in a stated order, the control first."""

from dataclasses import dataclass

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.nearest import did_you_mean
from estimand.data.column import Kind, Labels, Numbers, as_labels, is_number_text, read_column, refuse_infinite
from estimand.data.mixed import mixture_of
from estimand.data.source import Source
from estimand.errors import Code, DataError, DesignError
from estimand.stats.arrays import Ints
from estimand.stats.levels import tallied

MOST_ARMS = 20
FEWEST_ROWS, FEWEST_ARMS = 2, 2
# Beside the empty text, "nan" and others that readers of files take for missing.
BLANKS = frozenset({"none", "null", "nil", "n/a", "#n/a", "undefined", "nat", "nan", "missing"})
NONE_WORDS = frozenset({"0", "false"})


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """The arm of every row read.

    Attributes
    ----------
    labels : tuple of str
        The control first.
    codes : ndarray of shape (n,)
        Positions in ``labels``; -1 where the treatment is missing.
    findings : tuple of Finding
        Says which arm was taken as control where nobody named it.
    """

    labels: tuple[str, ...]
    codes: Ints
    findings: tuple[Finding, ...]


def read_arms(source: Source, treatment: str, control: str | None) -> Arms:
    """Read the treatment column.

    Parameters
    ----------
    source : Source
    treatment : str
    control : str or None
        Label of the control arm. By default 0 or False, else the first label in order, with a finding.

    Raises
    ------
    DataError
        If the column has fewer than two values, too many to be arms, or 0, 1 and text.
    DesignError
        If no arm has the label of the control.
    """
    column = read_column(source, treatment)
    if isinstance(column, Numbers):
        refuse_infinite(column, source)
    labels = as_labels(column)
    _refuse_mixture(labels, source)
    _check_count(labels, source, is_time=isinstance(column, Numbers) and column.kind is Kind.TIME)
    first, findings = _choose_control(labels, control)
    findings = (*findings, *_told_of_blanks(labels, first, source))
    order = (first, *(code for code in range(len(labels.levels)) if code != first))
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[list(order)] = np.arange(len(order))
    place[-1] = -1
    codes = labels.codes if first == 0 else place[labels.codes]
    return Arms(tuple(labels.levels[code] for code in order), codes, findings)


def _check_count(labels: Labels, source: Source, *, is_time: bool) -> None:
    count = len(labels.levels)
    where = f"The treatment column '{labels.name}' of {source.name}"
    if count == 0:
        raise DataError(f"{where} is missing in every row.", remedy="Name the column that holds the arms.")
    if count == 1:
        raise DataError(
            f"{where} holds one value only, '{labels.levels[0]}'.",
            remedy="Add the rows of the other arm: an effect compares at least two.",
            found=labels.levels[0],
        )
    if count > MOST_ARMS or is_time:
        raise DataError(
            f"{where} holds {count:,} distinct {'times' if is_time else 'values'}, which are not arms.",
            remedy=f"Name a column with 2 to {MOST_ARMS} arms, or cut this one into groups.",
            code=Code.INVALID_MAPPING,
            found=count,
        )


def _told_of_blanks(labels: Labels, control: int, source: Source) -> tuple[Finding, ...]:
    """Ask about arms beside two others whose name is how programs write that there is no value."""
    blank = [level for code, level in enumerate(labels.levels) if code != control and level.casefold() in BLANKS]
    if not blank or len(labels.levels) - len(blank) < FEWEST_ARMS:
        return ()
    named = "', '".join(blank)
    rows = int(np.isin(labels.codes, [labels.levels.index(level) for level in blank]).sum())
    return (
        Finding(
            check="sample.arm_named_blank",
            about=STUDY,
            grade=Grade.WARN,
            subject=labels.name,
            statistic=float(rows),
            message=f"{rows:,} rows of '{labels.name}' in {source.name} are read as arm '{named}', which is "
            "how programs write that there is no value.",
            remedy="If they have no arm, leave that column empty there, or drop the rows; find out why first.",
        ),
    )


def _refuse_mixture(labels: Labels, source: Source) -> None:
    """Refuse 0, 1 and a few texts, which are two arms and a mistake rather than more arms."""
    mixture = mixture_of(labels)
    if mixture is not None and {level for level in labels.levels if is_number_text(level)} <= {"0", "1", "0.0", "1.0"}:
        raise DataError(
            f"The treatment column '{labels.name}' of {source.name} holds {mixture.words}.",
            remedy="Correct those rows, make them missing, or write every arm as text.",
            code=Code.INVALID_MAPPING,
            found=mixture.text,
        )


def _choose_control(labels: Labels, control: str | None) -> tuple[int, tuple[Finding, ...]]:
    if control is not None:
        return _named_control(labels, control), ()
    for code, level in enumerate(labels.levels):
        if level.casefold() in NONE_WORDS:
            return code, ()
    first = labels.levels[0]
    finding = Finding(
        check="sample.control",
        about=STUDY,
        grade=Grade.NOTE,
        subject=labels.name,
        message=f"'{first}' was taken as the control arm: it is the first label of '{labels.name}' in order.",
        remedy=f"Name the control arm in the design, such as control: {labels.levels[-1]}, if it is another.",
    )
    return 0, (finding,)


def _named_control(labels: Labels, control: str) -> int:
    spellings = {level: code for code, level in enumerate(labels.levels)}
    by_value = {_value(level): code for level, code in spellings.items()}
    code = spellings.get(control, by_value.get(_value(control)))
    if code is None:
        raise DesignError(
            f"No arm of '{labels.name}' is labelled '{control}', which the design names as control.",
            remedy=did_you_mean(control, labels.levels),
            found=control,
            expected=list(labels.levels),
        )
    return code


def _value(label: str) -> float | str:
    """Read a label's value, so that 0, 0.0 and False name one arm."""
    folded = label.casefold()
    if folded in {"true", "false"}:
        return float(folded == "true")
    try:
        return float(label)
    except ValueError:
        return label


def check_arm_sizes(arms: Arms, codes: Ints, dropped: int) -> None:
    """Refuse a sample in which an arm is all but gone.

    Parameters
    ----------
    arms : Arms
    codes : ndarray of shape (n,)
        Arms of the rows that are left.
    dropped : int
        Rows that were left out.

    Raises
    ------
    DataError
    """
    for label, count in zip(arms.labels, tallied(codes, len(arms.labels)), strict=True):
        if count < FEWEST_ROWS:
            after = f" after {dropped:,} rows with missing values were left out" if dropped else ""
            raise DataError(
                f"Arm '{label}' has {'1 row' if count == 1 else 'no rows'}{after}; an arm needs at least "
                f"{FEWEST_ROWS}.",
                remedy="Add rows, leave that arm out" + (", or fill in the missing values." if dropped else "."),
                found=count,
                expected=FEWEST_ROWS,
            )
