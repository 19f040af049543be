"""What a user would be told: the findings of a study that lists every setting, and of an audit before it."""

from dataclasses import dataclass

import pandas as pd

from estimand.core.finding import Finding
from estimand.errors import EstimandError
from estimand.laboratory.cells import settings_of
from estimand.laboratory.repetition import drawn_case, estimated, stream
from estimand.laboratory.worlds.place import Place
from estimand.study.audit import audit
from estimand.study.case import missing_outcome
from estimand.study.examine import examine

TABLES = 40
AUDIT = "audit."


@dataclass(frozen=True, slots=True)
class Told:
    """One finding without its words."""

    check: str
    about: str
    grade: str

    @classmethod
    def of(cls, finding: Finding) -> "Told":
        """Keep who said what of whom."""
        return cls(finding.check, finding.about, str(finding.grade))


def told(seed: int, world: Place, repetition: int) -> tuple[Told, ...]:
    """Run every setting on one table, examine the estimates, and keep each distinct finding."""
    before = audited(seed, world, repetition)
    try:
        _, case = drawn_case(seed, world, repetition)
    except EstimandError:
        return before
    made = tuple(estimated(case, settings_of(world)))
    estimates = tuple(estimate for _, estimate in made)
    planned = {item.id: item for item, _ in made}
    sample = case.sample()
    _, noticed = missing_outcome(sample, case.outcome, case.design.missing_outcome == "weight")
    own = [finding for estimate in estimates for finding in estimate.findings]
    every = (*sample.findings, *noticed, *own, *examine(case, estimates, planned))
    return tuple(dict.fromkeys((*before, *(Told.of(finding) for finding in every))))


def audited(seed: int, world: Place, repetition: int) -> tuple[Told, ...]:
    """Audit one table before any estimate, and keep what the catalog of audits found."""
    table = pd.DataFrame(world.draw(stream(seed, world, repetition)).table)
    try:
        record = audit(table, world.mapping())
    except EstimandError:
        return ()
    return tuple(Told.of(finding) for finding in record.findings if finding.check.startswith(AUDIT))
