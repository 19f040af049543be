"""Weighted rows that a method cannot take."""

from estimand.core.case import Case
from estimand.errors import UnsupportedError


def refuse_observation(key: str, case: Case) -> None:
    """Refuse weights that stand for rows without the outcome, where the variance cannot carry their model.

    Raises
    ------
    UnsupportedError
        If the design says ``missing_outcome: weight`` and some outcomes are missing.
    """
    if case.observation is not None:
        raise UnsupportedError(
            f"The variance of method '{key}' cannot carry the model of who has the outcome.",
            remedy="Use 'regression', 'ipw' or 'aipw', whose variance can; or say missing_outcome: complete_case.",
        )


def refuse_fixed_rows(key: str, case: Case) -> None:
    """Refuse to take weighted rows for all there is.

    Raises
    ------
    UnsupportedError
        If rows with the outcome are weighted to stand for those without it.
    """
    if case.observation is not None:
        raise UnsupportedError(
            f"Method '{key}' cannot hold the population fixed where rows stand for others without the outcome.",
            remedy="Leave out `population`, or say missing_outcome: complete_case.",
        )
