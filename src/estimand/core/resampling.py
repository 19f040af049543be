"""How an estimate's uncertainty is to be found by drawing again: a declaration, and what a method offers to it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import BeforeValidator, Field, model_validator

from estimand.core.declared import Declared
from estimand.errors import DesignError
from estimand.stats.arrays import Floats
from estimand.stats.resampling import Multiplier

ResamplingKind: TypeAlias = Literal["pairs", "cluster", "bayesian", "multiplier", "wild_cluster", "randomisation"]
KINDS: tuple[ResamplingKind, ...] = get_args(ResamplingKind)
REFITTED: tuple[ResamplingKind, ...] = ("pairs", "cluster", "bayesian")
# Values (b, k) of b replicates whose units have the weights (b, units); not-a-number where it declines one.
Replicator: TypeAlias = Callable[[Floats], Floats]

_OWN: Mapping[str, tuple[ResamplingKind, ...]] = {
    "weights": ("multiplier", "wild_cluster"),
    "interval": REFITTED,
    "tolerated": REFITTED,
    "null": ("wild_cluster",),
    "statistic": ("randomisation",),
}


class Resampling(Declared):
    """A resampling scheme.

    Parameters
    ----------
    kind : str
        ``pairs``: rows drawn with replacement, everything refitted. ``cluster``: whole clusters likewise.
        ``bayesian``: exponential weights on rows (or clusters), everything refitted. ``multiplier``: random multiples
        of the influence function, nothing refitted; for simultaneous bands. ``wild_cluster``: residuals of least
        squares multiplied by cluster, a test and the set it does not reject. ``randomisation``: treatment assigned
        anew as it was in the experiment, a test of the sharp null and its set.
    draws : int
    weights : "rademacher" | "mammen" | "webb" | "normal", optional
        Of ``multiplier`` and ``wild_cluster``. Default: Rademacher; Webb's six points below 12 clusters.
    interval : "percentile" | "basic" | "bca"
        Of the refitting kinds.
    null : "restricted" | "unrestricted"
        Whether ``wild_cluster`` imposes the null on the residuals.
    statistic : "studentised" | "difference"
        What ``randomisation`` compares.
    tolerated : float
        Share of draws that may fail; they are counted and reported, and more is an error.

    References
    ----------
    Efron & Tibshirani 1993, doi:10.1007/978-1-4899-4541-9; Rubin 1981, doi:10.1214/aos/1176345338;
    Cameron, Gelbach & Miller 2008, doi:10.1162/rest.90.3.414; Webb 2023, doi:10.1111/caje.12661.
    """

    noun: ClassVar[str] = "The resampling"
    kind: ResamplingKind
    draws: int = Field(default=1000, ge=100, le=1_000_000)
    weights: Multiplier | None = None
    interval: Literal["percentile", "basic", "bca"] = "percentile"
    null: Literal["restricted", "unrestricted"] = "restricted"
    statistic: Literal["studentised", "difference"] = "studentised"
    tolerated: float = Field(default=0.05, ge=0, lt=0.5)

    @model_validator(mode="after")
    def _fields_belong_to_the_kind(self) -> Self:
        for name, kinds in _OWN.items():
            if name in self.model_fields_set and self.kind not in kinds and getattr(self, name) is not None:
                raise DesignError(
                    f"Resampling of kind '{self.kind}' has no '{name}'.",
                    remedy=f"Leave it out, or use one of: {', '.join(kinds)}.",
                    found=name,
                )
        return self

    def declared(self) -> dict[str, Any]:
        """Return the kind, the draws and what belongs to the kind, as JSON."""
        own = [name for name, kinds in _OWN.items() if self.kind in kinds]
        return self.model_dump(mode="json", include={"kind", "draws", *own})


def as_resampling(value: Any) -> Any:
    """Read a scheme from its kind alone."""
    return {"kind": value} if isinstance(value, str) else value


ResamplingOption: TypeAlias = Annotated[Resampling | None, BeforeValidator(as_resampling)]
