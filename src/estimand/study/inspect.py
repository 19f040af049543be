"""Look at a table before a study of it: what each column holds, and what it may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from estimand.core.finding import Finding
from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json, encode
from estimand.data.panel_roles import propose_panel
from estimand.data.profile import Profile, profile_columns
from estimand.data.roles import Role, RoleProposal, propose_from
from estimand.data.source import read_table

NOTICE = "# Proposed from names and values alone. Nothing was applied: check every line."


@dataclass(frozen=True, slots=True, eq=False)
class Inspection(Frozen):
    """A table at a glance.

    Attributes
    ----------
    data : str, mapping or None
        As a study file would name it; None for a table in memory.
    name : str
    rows : int
    columns : tuple of Profile
    proposals : tuple of RoleProposal
        One a column, in the same order.
    findings : tuple of Finding
        What had to be guessed to read it.
    """

    data: Any
    name: str
    rows: int
    columns: tuple[Profile, ...]
    proposals: tuple[RoleProposal, ...]
    findings: tuple[Finding, ...]

    def proposed(self, role: Role) -> tuple[RoleProposal, ...]:
        """Proposals of one role."""
        return tuple(proposal for proposal in self.proposals if proposal.role == role)

    def to_dict(self) -> dict[str, Json]:
        """Return the inspection as JSON."""
        return {
            "data": self.name,
            "rows": self.rows,
            "columns": [
                {**profile.to_dict(), "proposal": proposal.to_dict()}
                for profile, proposal in zip(self.columns, self.proposals, strict=True)
            ],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def study_yaml(self) -> str:
        """Draft a study file from the proposals, each with its reason as a comment."""
        lines = [
            NOTICE,
            "question: ''  # what is asked, in a sentence",
            f"data: {_scalar(self.data) if self.data is not None else 'data.csv  # path of the table'}",
            "design:",
            f"  kind: {self._kind()}",
            *_indented(self._design()),
            "methods: all",
            "seed: 0",
        ]
        return "\n".join(lines) + "\n"

    def _kind(self) -> str:
        if self.proposed("time"):
            return "panel  # one row for each unit and period"
        return "observational  # or: experiment, where chance assigned the treatment"

    def _design(self) -> Iterator[str]:
        arms = None if self.proposed("cohort") else "name the column that holds the arms"
        yield from self._single("treatment", arms)
        yield from self._single("outcome", "name the column to explain")
        yield from self._several("covariates", "covariate")
        for role in ("unit", "time", "cohort", "cluster", "weights"):
            yield from self._single(role)
        roles = [*self._several("post_treatment", "post_treatment"), *self._single("timestamp")]
        yield from ["roles:", *_indented(roles)] if roles else []
        for proposal in self.proposed("ignore"):
            yield f"# left out: {_scalar(proposal.column)} {_because(proposal)}"

    def _single(self, role: Role, otherwise: str | None = None) -> list[str]:
        found = self.proposed(role)
        if found:
            return [f"{role}: {_scalar(found[0].column)}  # {_because(found[0])}"]
        return [] if otherwise is None else [f"{role}:  # {otherwise}"]

    def _several(self, field: str, role: Role) -> list[str]:
        found = self.proposed(role)
        return [f"{field}:", *(f"  - {_scalar(item.column)}  # {_because(item)}" for item in found)] if found else []


def inspect(data: Any) -> Inspection:
    """Look at a table: what each column holds, and which role it may play in a study.

    Roles are proposals from names, kinds and values, with reasons; no study uses them unless they are written
    into its design.

    Parameters
    ----------
    data : str, Path, mapping or table
        As a study takes it.

    Raises
    ------
    DataError
        If it cannot be read.

    Examples
    --------
    >>> import estimand as es
    >>> es.inspect("outreach").proposed("treatment")[0].column
    'outreach'
    """
    source = read_table(data)
    columns = profile_columns(source)
    proposals = propose_panel(source, columns, propose_from(columns))
    return Inspection(_named(data), source.name, source.rows, columns, proposals, source.findings)


def _named(data: Any) -> str | dict[str, str] | None:
    if isinstance(data, Mapping):
        return {name: str(value) for name, value in data.items()}
    return str(data) if isinstance(data, str | Path) else None


def _because(proposal: RoleProposal) -> str:
    return _printable(f"{proposal.confidence}: {proposal.reason}")


def _printable(text: str) -> str:
    """Keep a comment on its line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _scalar(value: Any) -> str:
    """Write a value on one line of YAML."""
    text = yaml.safe_dump(encode(value), allow_unicode=True, default_flow_style=True, width=10**9)
    return text.removesuffix("...\n").strip()


def _indented(lines: Any) -> list[str]:
    return [f"  {line}" for line in lines]
