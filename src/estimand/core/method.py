"""What a method is: a small frozen model whose fields are its options, and a card that describes it."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from estimand.core.case import Case
from estimand.core.declared import Declared
from estimand.core.design import DesignFields
from estimand.core.estimate import Estimate
from estimand.core.metric import MEANS, Kind
from estimand.core.resampling import Replicator, ResamplingKind
from estimand.stats.arrays import Floats, Ints
from estimand.stats.cluster import Block

Inference: TypeAlias = Literal["influence", "small_sample", "matching", "set", "resampling", "permutation"]
Invariance: TypeAlias = Literal[
    "row_order",
    "column_order",
    "covariate_scale",
    "outcome_scale",
    "outcome_shift",
    "arm_swap",
    "duplicated_rows",
    "unit_labels",
    "unit_shift",
    "period_shift",
]
# Every change of a table of rows and arms; the other three are of panels.
IN_EVERY_WAY: tuple[Invariance, ...] = (
    "row_order",
    "column_order",
    "covariate_scale",
    "outcome_scale",
    "outcome_shift",
    "arm_swap",
    "duplicated_rows",
)


@dataclass(frozen=True, slots=True)
class Detail:
    """One declared detail of a method's estimates: its name, shape and unit."""

    name: str
    shape: str
    unit: str


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """The card of a method.

    Attributes
    ----------
    key : str
    designs : tuple of type
        Designs it takes.
    references : tuple of str
    inference : str
        Its inference class; the contract suite tests what it implies.
    invariances : tuple of str
        Changes of the data that leave the estimate as it is to 1e-8 (or map it as they should);
        the suite proves these, and shows that the others fail.
    adjusts : bool
        Whether it uses covariates.
    reads_moments : bool
        Whether it can do without rows.
    metrics : tuple of str
        Kinds of metric it serves; by default those whose level is the mean of one number per row.
    needs_metrics : bool
        Whether it reads metrics and nothing else, so that a design without any has nothing for it.
    needs : tuple of str
        Fields of the design without which it has nothing to read.
    variance_factor : float
        For "small_sample": how far, as a factor, the variance may be from Σψψ'/n².
    details : tuple of Detail
    resampling : tuple of str
        Kinds of resampling that are right for it.
    why_not : str
        Why the others are not, and what to do instead: the remedy of the refusal.
    """

    key: str
    designs: tuple[type[DesignFields], ...]
    references: tuple[str, ...]
    inference: Inference
    invariances: tuple[Invariance, ...]
    adjusts: bool = True
    reads_moments: bool = False
    metrics: tuple[Kind, ...] = MEANS
    needs_metrics: bool = False
    needs: tuple[str, ...] = ()
    variance_factor: float = 1.0
    details: tuple[Detail, ...] = ()
    resampling: tuple[ResamplingKind, ...] = ()
    why_not: str = ""


def takes(spec: MethodSpec, design: DesignFields) -> bool:
    """Whether a method has something to read under a design."""
    measured = bool(getattr(design, "metrics", ()))
    named = all(getattr(design, field, None) for field in spec.needs)
    return isinstance(design, spec.designs) and (measured or not spec.needs_metrics) and named


class Method(Declared):
    """Root of the methods; a subclass's fields are its options and its docstring its manual."""

    spec: ClassVar[MethodSpec]
    # Whether moments are to hold the skewness of the metric, which takes a pass of its own.
    reads_skewness: ClassVar[bool] = False

    @abstractmethod
    def estimate(self, case: Case) -> Estimate:
        """Estimate the target for one outcome."""

    def options(self) -> dict[str, Any]:
        """Return every option as JSON."""
        return self.model_dump(mode="json")


@runtime_checkable
class Replicating(Protocol):
    """A method with a quick way to refit itself under many weights of its units."""

    def replicator(self, case: Case, units: Ints) -> Replicator | None:
        """Prepare refits of a case whose rows belong to ``units`` (n,); None where there is no quick way."""
        ...


@runtime_checkable
class LeastSquaresBased(Protocol):
    """A method whose values are linear functionals of least-squares fits."""

    def blocks(self, case: Case) -> tuple[Block, ...]:
        """Fits behind the values, and the functionals; covariates are held fixed."""
        ...


@runtime_checkable
class ArmLines(Protocol):
    """A method that fits a line in each arm and compares both at everyone's average covariates."""

    def arm_basis(self, case: Case) -> Floats:
        """Columns of the lines, an intercept first, shape (n, q)."""
        ...


M = TypeVar("M", bound=Method)


def method(key: str, **card: Any) -> Callable[[type[M]], type[M]]:
    """Give a method its card; see :class:`MethodSpec` for the fields."""

    def dress(cls: type[M]) -> type[M]:
        cls.spec = MethodSpec(key=key, **card)
        cls.noun = f"Method '{key}'"
        return cls

    return dress
