"""Cases that a method for varying effects takes, and whom its average is about."""

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision
from estimand.core.sample import Sample
from estimand.errors import Code, DataError, IdentificationError, UnsupportedError
from estimand.stats.arrays import Floats

_WHO = {Target.ATT: "the treated", Target.ATO: "those common to both arms"}


def admitted(key: str, case: Case) -> Sample:
    """Return the rows, or refuse those whose effects cannot be told apart.

    Raises
    ------
    UnsupportedError
        If the weights are precisions, or stand for missing outcomes.
    DataError
        If there are no covariates.
    IdentificationError
        If the covariates tell an arm from control perfectly, and nothing was randomised.
    """
    sample = case.sample()
    refuse_precision(key, sample)
    if case.observation is not None:
        raise UnsupportedError(
            f"The variance of method '{key}' cannot carry the model of who has the outcome.",
            remedy="Use 'aipw', whose variance can; or say missing_outcome: complete_case.",
        )
    if not sample.features.features:
        raise DataError(
            f"Method '{key}' tells people apart by covariates, and the design names none.",
            remedy="Name covariates, or use 'difference'.",
        )
    found = None if case.randomised else case.fitted().apart()
    if found is not None:
        pair = "the arms" if len(sample.arms) == 2 else f"arm '{sample.arms[found.arm]}' and control"
        raise IdentificationError(
            f"The covariates tell {pair} apart perfectly: no row of one is like any row of the other.",
            remedy="Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur.",
            code=Code.INSUFFICIENT_OVERLAP,
            found=found.covariate,
        )
    return sample


def refuse_certainty(propensity: Floats, sample: Sample) -> None:
    """Refuse where a propensity that a score divides by is zero.

    Raises
    ------
    IdentificationError
    """
    for a, column in enumerate(propensity.T):
        nought = int((column <= 0.0).sum())
        if nought:
            raise IdentificationError(
                f"{nought} rows have a propensity of zero for arm '{sample.arms[a]}': nobody like them could be there.",
                remedy="Leave those rows out, or drop the covariate that decides the arm.",
                code=Code.INSUFFICIENT_OVERLAP,
            )


def population(case: Case, target: Target) -> Population:
    """Name and count whom the average is about."""
    sample = case.sample()
    rule = None if sample.n == sample.rows_read else "complete cases"
    who = _WHO.get(target, "everyone")
    used = int((sample.arm > 0).sum()) if target is Target.ATT else sample.n
    return Population(who if rule is None else f"{who} ({rule})", used, used / sample.rows_read, rule)


def share_by_covariate(sample: Sample, importance: Floats) -> dict[str, float]:
    """Add up the shares of columns made from one covariate."""
    out: dict[str, float] = {}
    for feature, share in zip(sample.features.features, importance, strict=True):
        out[feature.source] = out.get(feature.source, 0.0) + float(share)
    return out


def learner_notes(about: str, notes: tuple[str, ...]) -> tuple[Finding, ...]:
    """Report each note of a fit once."""
    return tuple(
        Finding(f"{about}.learner", about, Grade.NOTE, "learner", note, "Name one learner to be sure.")
        for note in dict.fromkeys(notes)
    )
