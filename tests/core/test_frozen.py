"""Results cannot be changed: arrays are copied and locked when made, and locked again on unpickling."""

import copy
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from made_by_hand import estimate, pickled, sample

from estimand.core.estimate import Baseline, Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap, freeze, locked
from estimand.core.influence import Influence
from estimand.core.moments import Moments
from estimand.core.nuisances import Fit, Score
from estimand.core.table import Table
from estimand.core.uncertainty import Draws, Normal, Regions


def arrays_in(value: object) -> list[np.ndarray]:
    """Every array that a noun holds, however deep."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Influence):
        return [value.psi, value.units]
    if isinstance(value, FrozenMap):
        return [array for item in value.values() for array in arrays_in(item)]
    if isinstance(value, tuple):
        return [array for item in value for array in arrays_in(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [array for field in fields(value) for array in arrays_in(getattr(value, field.name))]
    return []


def full_estimate() -> Estimate:
    return estimate(
        "full",
        [1.0, 2.0],
        uncertainty=Normal(np.eye(2), np.array([4.0, 9.0])),
        baseline=Baseline(np.array([5.0, 6.0]), np.eye(2), np.zeros((2, 2))),
        influence=Influence(np.ones((4, 2)), np.arange(4), 4, "a" * 64),
        details={"effects": np.arange(3.0), "deep": {"list": [np.zeros(2)]}},
        options={"folds": [1, 2]},
    )


def nouns() -> dict[str, object]:
    values, arm = np.random.default_rng(0).normal(size=(6, 2)), np.array([0, 1] * 3)
    made = sample(values, arm, cluster=np.arange(6) // 2)
    score = Score(np.ones((6, 2)), np.zeros(6), np.eye(2), np.zeros(2))
    return {
        "Estimate": full_estimate(),
        "Sample": made,
        "Sample.take": made.take(np.array([0, 2, 2])),
        "Sample.take by mask": made.take(np.arange(6) < 3),
        "Sample.take by slice": made.take(slice(1, 4)),
        "Sample.with_treatment": made.with_treatment(1 - arm),
        "Sample.without": made.without("x0"),
        "Moments": Moments.from_sample(made),
        "Draws": Draws(np.ones((5, 1)), "bootstrap"),
        "Regions": Regions({"0.95": (((0.0, 1.0),),)}, "Fieller", np.array([0.5])),
        "Fit": Fit(np.ones((6, 2)), {"arm": 0.3}, {"arm": 1.0}, score),
    }


@pytest.mark.parametrize("name", list(nouns()))
@pytest.mark.parametrize("travelled", ["made", "pickled", "copied", "deep-copied"])
def test_every_array_of_every_noun_is_locked(name: str, travelled: str) -> None:
    way = {"made": lambda x: x, "pickled": pickled, "copied": copy.copy, "deep-copied": copy.deepcopy}
    noun = way[travelled](nouns()[name])
    found = arrays_in(noun)
    assert found or name == "Regions"
    for array in found:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_nouns_hold_copies_of_the_arrays_they_are_given() -> None:
    value, vcov, detail, level = np.array([1.0]), np.eye(1), np.arange(3.0), np.array([2.0])
    made = estimate(
        "one",
        value,
        uncertainty=Normal(vcov),
        details={"effects": detail},
        baseline=Baseline(level, np.eye(1), np.eye(1)),
    )
    for array in (value, vcov, detail, level):
        array[...] = 77.0
        assert array.flags.writeable
    assert made.value.tolist() == [1.0]
    assert made.std_error.tolist() == [1.0]
    assert made.details["effects"].tolist() == [0.0, 1.0, 2.0]
    assert made.baseline.value.tolist() == [2.0]


def test_a_locked_view_of_a_writeable_array_is_copied() -> None:
    owner = np.arange(4.0)
    view = owner[:]
    view.setflags(write=False)
    made = locked(view)
    owner[0] = 9.0
    assert made[0] == 0.0
    assert locked(made) is made
    assert locked(made[1:]).base is made


def test_fields_cannot_be_assigned() -> None:
    for noun in (full_estimate(), Table({"a": [1]}), Finding("c", "study", Grade.PASS, "s", "m")):
        name = fields(noun)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(noun, name, None)


def test_mappings_are_copied_read_only_and_frozen_throughout() -> None:
    inner = {"array": np.zeros(2), "list": [1, [2]]}
    made = freeze({"inner": inner})
    inner["array"][0] = 5.0
    inner["more"] = 1
    assert dict(made["inner"]).keys() == {"array", "list"}
    assert made["inner"]["array"].tolist() == [0.0, 0.0]
    assert made["inner"]["list"] == (1, (2,))
    with pytest.raises(TypeError):
        made["inner"] = {}


def test_a_frozen_map_made_directly_freezes_what_it_holds() -> None:
    made = FrozenMap({"a": np.zeros(2), "b": {"c": [np.zeros(1)]}})
    assert not made["a"].flags.writeable
    assert isinstance(made["b"], FrozenMap)
    assert not made["b"]["c"][0].flags.writeable
    assert not pickled(made)["a"].flags.writeable


def test_equal_frozen_maps_are_equal_and_hash_alike() -> None:
    one, two = FrozenMap({"a": 1, "b": 2}), FrozenMap({"b": 2, "a": 1})
    assert one == two == {"a": 1, "b": 2}
    assert hash(one) == hash(two)
    assert repr(one) == "{'a': 1, 'b': 2}"
    assert list(one) == ["a", "b"]


def test_a_sample_given_a_writeable_array_does_not_follow_it() -> None:
    values, arm = np.ones((4, 1)), np.array([0, 1, 0, 1])
    made = sample(values, arm)
    values[...] = 5.0
    arm[...] = 0
    assert made.outcomes["y0"].tolist() == [1.0] * 4
    assert made.features.values.tolist() == [[1.0]] * 4
    assert made.arm.tolist() == [0, 1, 0, 1]
