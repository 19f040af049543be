"""Fitted models as plain JSON and arrays, and back: nothing in a file is ever run."""

from dataclasses import fields
from typing import Any

import lightgbm
import numpy as np

from estimand.core.jsonable import Json
from estimand.errors import Code, DataError, UnsupportedError
from estimand.models.boosting import BoostedTrees
from estimand.models.effects.answers import Blended, Differences, Direct, Switched
from estimand.models.predictors import Level, Line, Mixture
from estimand.stats.arrays import AnyArray

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Level, Line, Mixture, BoostedTrees, Switched, Differences, Direct, Blended)
}


def written(model: object, arrays: dict[str, AnyArray]) -> Json:
    """Write a model as JSON; arrays are put beside it by name.

    Raises
    ------
    UnsupportedError
        If it holds a model of another package, which has no form but a pickle.
    """
    if isinstance(model, np.ndarray):
        name = f"array {len(arrays)}"
        arrays[name] = model
        return {"array": name}
    if isinstance(model, lightgbm.Booster):
        return {"trees": model.model_to_string()}
    if isinstance(model, tuple):
        return [written(part, arrays) for part in model]
    if isinstance(model, bool | int | float):
        return model
    if type(model).__name__ in KINDS and isinstance(model, KINDS[type(model).__name__]):
        held = {
            field.name: written(getattr(model, field.name), arrays) for field in fields(KINDS[type(model).__name__])
        }
        return {"kind": type(model).__name__, **held}
    raise UnsupportedError(
        "A model of another package cannot be written to a file.",
        remedy="Use a learner of the catalog, such as 'boosting', 'linear' or 'auto'.",
    )


def read(data: Json, arrays: dict[str, AnyArray]) -> Any:
    """Read what :func:`written` wrote.

    Raises
    ------
    DataError
        If it is of a kind that is not known.
    """
    if isinstance(data, list):
        return tuple(read(part, arrays) for part in data)
    if not isinstance(data, dict):
        return data
    if "array" in data:
        return arrays[data["array"]]
    if "trees" in data:
        return lightgbm.Booster(model_str=data["trees"])
    if data.get("kind") not in KINDS:
        raise DataError(
            "The file holds a model of a kind that is not known.",
            remedy="Give a file that save wrote, with a version of the package that knows it.",
            code=Code.UNREADABLE_FILE,
            found=data.get("kind"),
        )
    return KINDS[data["kind"]](**{name: read(part, arrays) for name, part in data.items() if name != "kind"})
