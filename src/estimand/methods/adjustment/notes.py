"""What learners had to say, as findings of the method that used them."""

from estimand.core.finding import Finding, Grade


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
