"""What a reader should know of how an experiment was looked at."""

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.methods.experiments.looking import NEAR, TIGHT_AT, Looking
from estimand.methods.experiments.looking_skewness import skewness_finding
from estimand.methods.experiments.path import Look

# Below so many events in the smallest arm the normal of an early look is not to be trusted: docs/calibration.md.
FEWEST_EVENTS = 10.0


def looking_findings(key: str, case: Case, looking: Looking, looks: tuple[Look, ...]) -> tuple[Finding, ...]:
    """Read too early, later than planned, at another look than declared, or with what was to be declared left open."""
    said = _Said(key, case.outcome)
    found = said.always_valid(looking, looks) if looking.always_valid else said.group_sequential(looking, looks)
    found += said.few_events(case)
    found += skewness_finding(key, case, looking, looks[-1].units)
    share = looking.share(looks[-1].units)
    if looking.units is not None and share > 1.0 + NEAR:
        words = f"{looks[-1].units:,.0f} units are {share:.0%} of the {looking.units:,} planned"
        why = (
            "; the set holds, and is wider than it could be."
            if looking.always_valid
            else (": all the error is spent, which holds if this is the first look at the planned end or past it.")
        )
        found.append(
            said(
                Grade.NOTE if looking.always_valid else Grade.WARN,
                "information",
                words + why,
                "Read the experiment at its planned end.",
                (share, 1.0),
            )
        )
    return tuple(found)


class _Said:
    """Findings about one method and metric."""

    def __init__(self, key: str, subject: str) -> None:
        self.key, self.subject = key, subject

    def __call__(self, grade: Grade, what: str, message: str, remedy: str, held: tuple[float, float | None]) -> Finding:
        """Make one finding."""
        return Finding(
            check=f"{self.key}.{what}",
            about=self.key,
            grade=grade,
            subject=self.subject,
            statistic=held[0],
            threshold=held[1],
            message=message,
            remedy=remedy,
        )

    def always_valid(self, looking: Looking, looks: tuple[Look, ...]) -> list[Finding]:
        """Burn-in, and for how many units the set is tightest."""
        units, found = looks[-1].units, list[Finding]()
        if units < looking.burn_in:
            found.append(
                self(
                    Grade.VETO,
                    "burn_in",
                    f"{units:,.0f} units are fewer than the {looking.burn_in:,} of the declared burn-in, before which "
                    "the set is not known to hold.",
                    "Gather more units before reading it.",
                    (units, float(looking.burn_in)),
                )
            )
        elif not looking.burn_in:
            found.append(
                self(
                    Grade.NOTE,
                    "no_burn_in",
                    "No burn-in is declared: an always-valid set holds asymptotically, and not at its first units.",
                    "Add planned: {burn_in: 1000} to the design before looking.",
                    (units, None),
                )
            )
        if looking.units is None and looking.kind == "confidence_sequence":
            found.append(
                self(
                    Grade.NOTE,
                    "tuning",
                    f"No units are planned, so the set is tightest at {TIGHT_AT:,}; it holds at any number.",
                    "Add planned: {units: …} to the design before looking.",
                    (units, float(TIGHT_AT)),
                )
            )
        return found

    def group_sequential(self, looking: Looking, looks: tuple[Look, ...]) -> list[Finding]:
        """Whether this look was declared."""
        share = looking.share(looks[-1].units)
        if looking.declared(share):
            return []
        grid = ", ".join(f"{look:.0%}" for look in looking.grid)
        return [
            self(
                Grade.WARN,
                "look",
                f"This look is at {share:.0%} of the planned units, and those declared are at {grid}. Its error is "
                "spent by the share, which holds if what was seen before did not choose when to look.",
                "Look at the declared shares, or use kind: confidence_sequence.",
                (share, None),
            )
        ]

    def few_events(self, case: Case) -> list[Finding]:
        """Whether the smallest arm of a proportion holds events enough, or non-events."""
        if not case.binary:
            return []
        whole = case.metric_moments().pooled()
        share = float(np.average(np.nan_to_num(whole.mean("value")), weights=whole.units))
        expected = float(whole.units.min()) * min(share, 1.0 - share)
        if case.metric_moments().clustered or expected >= FEWEST_EVENTS:
            return []
        return [
            self(
                Grade.WARN,
                "few_events",
                f"At the common share of {share:.2%} the smallest arm has {expected:.1f} events to expect: too few for "
                "its mean to be normal, and looks as early as this err more often than they say.",
                "Wait for more units, or allocate arms alike.",
                (expected, FEWEST_EVENTS),
            )
        ]
