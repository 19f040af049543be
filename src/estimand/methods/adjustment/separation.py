"""Refuse to compare arms that the covariates tell apart completely."""

from estimand.core.case import Case
from estimand.core.nuisances import Apart
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError


def refuse_separated(case: Case) -> None:
    """Refuse an observational case where a hyperplane through the covariates has an arm and control on its two sides.

    Nobody like the rows of one arm is then in the other, and any number would rest on the model alone. What chance
    would separate as well is not refused (``models/apart.py``). After randomisation nothing is refused: the assignment
    identifies the effect.

    Raises
    ------
    IdentificationError
        Naming the arm, and the covariate where one alone separates it.
    """
    if case.randomised:
        return
    found = case.fitted().apart()
    if found is not None:
        raise _refusal(case.sample(), found)


def _refusal(sample: Sample, found: Apart) -> IdentificationError:
    alone = found.covariate
    told = f"Covariate '{alone}' tells" if alone is not None else "The covariates together tell"
    pair = f"arm '{sample.arms[found.arm]}' and control '{sample.arms[0]}'"
    which = "the arms" if len(sample.arms) == 2 else pair
    return IdentificationError(
        f"{told} {which} apart perfectly: no row of one is like any row of the other, so nothing can be compared.",
        remedy="Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur.",
        code=Code.INSUFFICIENT_OVERLAP,
        found=alone,
    )
