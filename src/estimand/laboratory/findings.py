"""What a user would be told: the findings of a study that lists every setting, on a world's first tables."""

from dataclasses import dataclass

from estimand.core.finding import Finding
from estimand.errors import EstimandError
from estimand.laboratory.cells import settings_of
from estimand.laboratory.repetition import drawn_case, estimated
from estimand.laboratory.worlds.world import World
from estimand.study.case import missing_outcome
from estimand.study.examine import examine

TABLES = 40


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


def told(seed: int, world: World, repetition: int) -> tuple[Told, ...]:
    """Run every setting on one table, examine the estimates, and keep each distinct finding."""
    try:
        _, case = drawn_case(seed, world, repetition)
    except EstimandError:
        return ()
    made = tuple(estimated(case, settings_of(world)))
    estimates = tuple(estimate for _, estimate in made)
    planned = {item.id: item for item, _ in made}
    sample = case.sample()
    _, noticed = missing_outcome(sample, case.outcome, case.design.missing_outcome == "weight")
    own = [finding for estimate in estimates for finding in estimate.findings]
    every = (*sample.findings, *noticed, *own, *examine(case, estimates, planned))
    return tuple(dict.fromkeys(Told.of(finding) for finding in every))
