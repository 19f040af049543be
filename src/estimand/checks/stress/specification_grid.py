"""The specifications of a curve: declared choices of covariates, form and trimming, and how many are run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from estimand.checks.stress.altered import squared_features, with_squares, without
from estimand.checks.stress.leave_one_out import covariates
from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.run import Run

TRIMMED = 0.05
LINEAR, SQUARES = "linear", "squares"


@dataclass(frozen=True, slots=True)
class Specification:
    """One way to analyse the data.

    Attributes
    ----------
    method : str
        Id of the estimate whose method it runs.
    chosen : "all" | "none" | "without" | "only"
        Which covariates.
    covariate : str
        The one that is left out, or alone in; empty otherwise.
    form : "linear" | "squares"
    trim : float
        Propensities below it are trimmed; 0 trims none beyond what the method itself does.
    """

    method: str
    chosen: str = "all"
    covariate: str = ""
    form: str = LINEAR
    trim: float = 0.0

    @property
    def as_planned(self) -> bool:
        """Whether it is the study's own."""
        return self == Specification(self.method)

    def case(self, case: Case) -> Case:
        """The case with its covariates and form."""
        out = case
        if self.chosen != "all":
            names = covariates(case)
            left = {"none": names, "without": [self.covariate], "only": [n for n in names if n != self.covariate]}
            out = without(case, tuple(left[self.chosen]))
        if self.form == SQUARES:
            out = with_squares(out)
        return replace(out, run=Run(case.run.seed, cancelled=case.run.cancelled))

    def estimate(self, estimate: Estimate) -> Estimate:
        """The estimate with the options it is to be run with."""
        if not self.trim:
            return estimate
        return replace(estimate, options=FrozenMap({**estimate.options, "trim": self.trim}))


def grid(case: Case, estimates: list[Estimate], most: int, *, alone: bool) -> list[Specification]:
    """Specifications in the order in which they are kept, at most ``most``.

    Every method with all covariates; with squares; trimmed, and both; with none; without each in turn; and, where
    ``alone``, with each as the only one. Choices are crossed with the method, and form and trimming with each
    other: a full cross would drown the reasonable specifications in ones that differ twice or thrice.
    """
    return list(islice(_specifications(case, estimates, alone), most))


def _specifications(case: Case, estimates: list[Estimate], alone: bool) -> Iterator[Specification]:
    ids = [estimate.id for estimate in estimates]
    trimming = [estimate.id for estimate in estimates if "trim" in estimate.options and not estimate.options["trim"]]
    bends = bool(squared_features(case.sample()))
    names = covariates(case)
    yield from (Specification(name) for name in ids)
    if bends:
        yield from (Specification(name, form=SQUARES) for name in ids)
    yield from (Specification(name, trim=TRIMMED) for name in trimming)
    if bends:
        yield from (Specification(name, form=SQUARES, trim=TRIMMED) for name in trimming)
    yield from (Specification(name, "none") for name in ids)
    if len(names) > 1:
        yield from (Specification(name, "without", left) for left in names for name in ids)
        if alone:
            yield from (Specification(name, "only", kept) for kept in names for name in ids)


def size(case: Case, estimates: list[Estimate], *, alone: bool) -> int:
    """How many specifications the grid holds before any bound."""
    return sum(1 for _ in _specifications(case, estimates, alone))
