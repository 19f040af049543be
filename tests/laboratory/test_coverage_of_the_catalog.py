"""Nothing of the catalog is left out: every method has its cells, every check says what it looks for."""

import pytest

from estimand.core.calibration import measured_checks, measured_methods
from estimand.core.catalog import keys, resolve
from estimand.core.panel import Panel
from estimand.laboratory.cells import SAME_AVERAGE, VARIANTS, WITNESSED, Setting, settings, settings_of
from estimand.laboratory.judge import CONSERVATIVE, KNOWN
from estimand.laboratory.repetition import trials
from estimand.laboratory.troubles import TROUBLES, UNDECLARED, trouble
from estimand.laboratory.worlds.catalog import WORLDS
from estimand.laboratory.worlds.panel import Rollout

EVERYWHERE = [key for key in keys("methods") if not resolve("methods", key).spec.needs_metrics]


@pytest.mark.parametrize("key", EVERYWHERE)
def test_every_method_is_run_in_every_world_of_its_designs_with_its_defaults(key: str) -> None:
    designs = resolve("methods", key).spec.designs
    taken = [world for world in WORLDS.values() if isinstance(world.declared(), designs)]
    assert len(taken) >= 15
    if key in SAME_AVERAGE:
        taken = [WORLDS[name] for name in WITNESSED]
        assert SAME_AVERAGE[key] not in SAME_AVERAGE
    for world in taken:
        assert settings_of(world, (key,))[0].key == key


@pytest.mark.parametrize("key", SAME_AVERAGE)
def test_a_method_run_in_a_few_worlds_only_has_the_very_average_of_another(key: str) -> None:
    world = WORLDS["well_specified"]
    one, other = trials(0, world, 0, (Setting(key, key), Setting(SAME_AVERAGE[key], SAME_AVERAGE[key])))
    assert (one.value, one.std_error) == pytest.approx((other.value, other.std_error), rel=1e-12)


def test_no_method_is_run_on_a_design_that_it_does_not_take() -> None:
    panels = {key for key in keys("methods") if Panel in resolve("methods", key).spec.designs}
    assert panels
    for world in WORLDS.values():
        run = {setting.method for setting in settings_of(world)}
        arms = set(EVERYWHERE) - panels - (set() if world.key in WITNESSED else set(SAME_AVERAGE))
        assert run == (panels if isinstance(world, Rollout) else arms)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.worlds], ids=lambda v: v.key)
def test_a_variant_for_some_worlds_names_worlds_whose_design_it_takes(variant: Setting) -> None:
    for key in variant.worlds:
        assert variant in settings_of(WORLDS[key])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.key)
def test_every_variant_is_one_its_method_takes(variant: object) -> None:
    made = resolve("methods", variant.method)(**variant.options)
    assert variant.key.startswith(variant.method)
    assert {name: made.options()[name] for name in variant.options} == dict(variant.options)


@pytest.mark.parametrize("check", [*keys("checks"), *keys("audits")])
def test_every_check_is_declared_with_what_it_looks_for(check: str) -> None:
    assert check in TROUBLES, f"say in laboratory/troubles.py which worlds hold the trouble that '{check}' looks for"


def test_a_check_of_another_package_is_published_as_not_declared() -> None:
    assert trouble("theirs.own") is UNDECLARED
    assert UNDECLARED.role("well_specified") == "descriptive"


@pytest.mark.parametrize("check", TROUBLES)
def test_what_is_declared_names_worlds_and_settings_that_there_are(check: str) -> None:
    held, known = TROUBLES[check], {setting.key for setting in settings()}
    assert set(held.present) | set(held.absent) <= set(WORLDS)
    assert not set(held.present) & set(held.absent)
    assert set(held.about) | set(held.carried) <= known
    assert held.alarm is not None or not held.present + held.absent


def test_what_is_known_beforehand_names_settings_and_worlds_that_there_are() -> None:
    known = {setting.key for setting in settings()}
    assert set(CONSERVATIVE) <= known
    assert {setting for setting, _ in KNOWN} <= known
    assert {world for _, world in KNOWN} <= set(WORLDS)


@pytest.mark.nightly
@pytest.mark.parametrize("key", EVERYWHERE)
def test_every_method_has_been_measured_in_every_world(key: str) -> None:
    """No cell of the published table is missing; a method that joined since is measured before a release."""
    found = {(cell.setting, cell.world) for cell in measured_methods()}
    wanted = {(s.key, w.key) for w in WORLDS.values() if not w.for_checks for s in settings_of(w, (key,))}
    assert not wanted - found


@pytest.mark.nightly
def test_every_check_that_can_speak_has_been_measured() -> None:
    # No world names metrics or a plan, which is what these are asked of.
    of_metrics = {key for key in keys("checks") if key.startswith("experiment.")}
    silent = {*keys("checks"), *keys("audits")} - {cell.check for cell in measured_checks()}
    assert silent <= {"inference.defined", *of_metrics}
