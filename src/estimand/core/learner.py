"""Which model predicts a nuisance: a name with parameters, or a Python estimator in process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode
from estimand.errors import DesignError


@dataclass(frozen=True, slots=True)
class Learner(Frozen):
    """A learner by name.

    Attributes
    ----------
    name : str
        Key of the learner catalog, or ``python:module.Class`` for an estimator object.
    params : mapping
        Its parameters; the learner's own defaults fill the rest.
    estimator : object or None
        A scikit-learn-style estimator, used in process only: it makes the record not reproducible from file.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=lambda: FrozenMap({}), hash=False)
    estimator: object | None = field(default=None, hash=False)

    @property
    def key(self) -> str:
        """Name and parameters as one string, for caches and seeds."""
        return f"{self.name}{encode(dict(sorted(self.params.items())))}"

    @property
    def reproducible(self) -> bool:
        """Whether the learner can be rebuilt from its JSON."""
        return self.estimator is None

    def to_dict(self) -> Json:
        """Return the bare name, or a mapping where there are parameters."""
        return self.name if not self.params else {"name": self.name, "params": encode(self.params)}


def as_learner(value: Any) -> Learner:
    """Read a learner from its name, a mapping, or an estimator object with ``fit`` and ``predict``."""
    if isinstance(value, Learner):
        return value
    if isinstance(value, str):
        return Learner(value)
    if isinstance(value, Mapping) and set(value) <= {"name", "params"} and isinstance(value.get("name"), str):
        params = value.get("params") or {}
        if isinstance(params, Mapping):
            return Learner(value["name"], FrozenMap(params))
    elif hasattr(value, "fit") and hasattr(value, "predict") and not isinstance(value, type):
        kind = type(value)
        params = value.get_params() if hasattr(value, "get_params") else {}
        plain = {
            name: item if isinstance(item, str | int | float | bool | None) else type(item).__qualname__
            for name, item in params.items()
        }
        return Learner(f"python:{kind.__module__}.{kind.__qualname__}", FrozenMap(plain), value)
    raise DesignError(
        f"A learner cannot be read from {value!r}.",
        remedy="Give a name such as 'boosting', {name: …, params: {…}}, or an object with fit and predict.",
        found=value,
    )


LearnerOption: TypeAlias = Annotated[
    Learner, BeforeValidator(as_learner), PlainSerializer(lambda learner: learner.to_dict())
]
