"""What a method has to say of how it went, as findings."""

from estimand.core.finding import Finding, Grade
from estimand.core.question import Target


def learner_notes(about: str, notes: tuple[str, ...]) -> tuple[Finding, ...]:
    """Report each note once."""
    return tuple(
        Finding(
            check=f"{about}.learner",
            about=about,
            grade=Grade.NOTE,
            subject="learner",
            message=note,
            remedy="Nothing to do where the other learner suffices; name one learner to be sure.",
        )
        for note in dict.fromkeys(notes)
    )


def relabelled(about: str, asked: Target | None, estimated: Target, instead: str) -> tuple[Finding, ...]:
    """Say that the options given estimate another target than the one asked for."""
    if asked is None or asked is estimated:
        return ()
    return (
        Finding(
            check=f"{about}.target",
            about=about,
            grade=Grade.WARN,
            subject=str(estimated),
            message=f"{asked} was asked for, and these options estimate {estimated}: {estimated.words}.",
            remedy=f"Use {instead} for {asked}.",
        ),
    )
